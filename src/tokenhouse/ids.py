"""Ids: a prefix that tells the kind, then 27 hex digits that sort by time.

``req_…`` a request (its hold and receipt have the same id) · ``acc_…`` an account · ``key_…`` a key ·
``pst_…`` a posting · ``lse_…`` a lease · ``vch_…`` a voucher · ``lot_…`` vouchers made together ·
``per_…`` a person · ``tok_…`` an access token. The answer's own id on the wire is the request's with
another prefix (``chatcmpl-``, ``msg_``, ``resp_``, ``cmpl-``), so either finds the receipt.
"""

from __future__ import annotations

import random
import secrets
from typing import Final

REQUEST: Final = "req_"
ACCOUNT: Final = "acc_"
KEY: Final = "key_"
POSTING: Final = "pst_"
LEASE: Final = "lse_"
VOUCHER: Final = "vch_"
LOT: Final = "lot_"
PERSON: Final = "per_"
TOKEN: Final = "tok_"

_KINDS: Final = (REQUEST, ACCOUNT, KEY, POSTING, LEASE, VOUCHER, LOT, PERSON, TOKEN)
_BODY_LENGTH: Final = 27
_HEX: Final = frozenset("0123456789abcdef")
_ANSWER_PREFIXES: Final = ("chatcmpl-", "cmpl-", "msg_", "resp_", "gen-", REQUEST)


def new(prefix: str, now_ms: int) -> str:
    """A fresh id: ``prefix``, 11 hex digits of unix milliseconds, 16 random hex digits.

    Ids are unique, not secret, so they come from the process's own generator: asking the system for
    eight bytes gives up the interpreter lock, which cost a request more than all else that names it.
    """
    return f"{prefix}{now_ms:011x}{random.getrandbits(64):016x}"


def answer_id(prefix: str, request_id: str) -> str:
    """The id under which an answer goes out: the request's body behind the dialect's prefix."""
    return prefix + request_id[len(REQUEST) :]


def request_id_of(text: str) -> str | None:
    """The request id behind a request's or an answer's id, or None when ``text`` is neither."""
    for prefix in _ANSWER_PREFIXES:
        if text.startswith(prefix):
            body = text[len(prefix) :]
            if len(body) == _BODY_LENGTH and _HEX.issuperset(body):
                return REQUEST + body
    return None


def begins_with_id(text: str) -> bool:
    """Is ``text`` an id of this house, or something derived from one (``acc_…:grant:2026-11``)?"""
    for prefix in _KINDS:
        if text.startswith(prefix):
            body = text[len(prefix) : len(prefix) + _BODY_LENGTH]
            return len(body) == _BODY_LENGTH and _HEX.issuperset(body)
    return False


def is_id(prefix: str, text: str) -> bool:
    """Is ``text`` an id of that kind?"""
    body = text.removeprefix(prefix)
    return text.startswith(prefix) and len(body) == _BODY_LENGTH and _HEX.issuperset(body)


def new_secret() -> str:
    """A fresh key secret: ``sk-th-`` and 48 characters, 256 random bits and more."""
    return "sk-th-" + secrets.token_urlsafe(36)
