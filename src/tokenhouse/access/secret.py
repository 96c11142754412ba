"""Secrets: made here, shown once, kept only as their SHA-256.

A plain hash is enough, and no salt is needed: a secret is 288 random bits, nobody can guess it and
no two are alike. (Passwords, which people choose, are another matter and another function.)
"""

from __future__ import annotations

import hashlib
import secrets

from tokenhouse import ids
from tokenhouse.access.values import NO_KEY_LIMITS, Key, KeyLimits, NewKey, Rotation

HINT_LETTERS = 4
SESSION = "ths_"
MAIL_CODE = "thc_"
ACCESS_TOKEN = "thp_"


def hash_secret(secret: str | bytes) -> bytes:
    """The 32 bytes under which a secret is kept and looked up."""
    octets = secret.encode("utf-8", "surrogatepass") if isinstance(secret, str) else secret
    return hashlib.sha256(octets).digest()


def new_secret(prefix: str) -> str:
    """A fresh secret that is no key: ``prefix`` tells what it is for, 256 random bits follow."""
    return prefix + secrets.token_urlsafe(32)


def new_key(
    account: str,
    name: str,
    *,
    now_ms: int,
    expires_ms: int | None = None,
    limits: KeyLimits | None = None,
    id: str | None = None,
) -> NewKey:
    """A fresh key for ``account`` (an id), not yet stored, under ``id`` or an id of its own. Times are
    unix milliseconds."""
    secret = ids.new_secret()
    key = Key(
        id=ids.new(ids.KEY, now_ms) if id is None else id,
        account=account,
        name=name,
        digest=hash_secret(secret),
        hint=secret[-HINT_LETTERS:],
        created_ms=now_ms,
        expires_ms=expires_ms,
        limits=NO_KEY_LIMITS if limits is None else limits,
    )
    return NewKey(key, secret)


def new_rotation(
    key: str, *, now_ms: int, overlap_ms: int, from_hint: str | None = None
) -> tuple[Rotation, str]:
    """A fresh secret for the key of this id, not yet stored. → (what to store, the secret)"""
    secret = ids.new_secret()
    hint = secret[-HINT_LETTERS:]
    until_ms = now_ms + overlap_ms
    return Rotation(key, hash_secret(secret), hint, now_ms, until_ms, from_hint), secret
