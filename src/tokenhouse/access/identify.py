"""From the headers of a request to its caller. Runs for every request: no await, a few microseconds.

A key is looked for in one fixed order: ``x-api-key``, ``Authorization: Bearer``, a header named
``key``, the body's ``key``, the query's ``key``. The first that is *there* is the one that counts:
if it is wrong or empty, the others are not tried.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import TypeVar

from tokenhouse.access.failures import Failures
from tokenhouse.access.port import KeyStore
from tokenhouse.access.secret import ACCESS_TOKEN
from tokenhouse.access.values import Caller
from tokenhouse.clock import Clock
from tokenhouse.errors import AccountError

EPOCH_EVERY_S = 1.0
MAX_CACHED = 16_384
MAX_SECRET = 512
"""Longer than any key of ours, in bytes; what is longer is wrong without being hashed."""

_BEARER = b"bearer"
_TOKEN = ACCESS_TOKEN.encode()
_V = TypeVar("_V")


def header_key(headers: Iterable[tuple[bytes, bytes]]) -> bytes | None:
    """The key that the headers carry: None when there is none, ``b""`` when it is there but empty.

    ``headers`` as ASGI gives them: names in lower case, in the order sent. An Authorization of
    another scheme than Bearer (in any case, RFC 9110 §11.1) carries no key.
    """
    bearer: bytes | None = None
    plain: bytes | None = None
    for name, value in headers:
        if name == b"x-api-key":
            return value.strip()
        if name == b"authorization":
            if bearer is None and value[:6].lower() == _BEARER and value[6:7] in (b" ", b"\t", b""):
                bearer = value[6:].strip()
        elif name == b"key" and plain is None:
            plain = value.strip()
    return plain if bearer is None else bearer


class Access:
    """Who is asking. Callers are cached until ``keys.epoch()`` moves, which is read once a second:
    a key revoked by any process is refused here within a second or so."""

    __slots__ = (
        "_callers",
        "_clock",
        "_epoch",
        "_epoch_at",
        "_failures",
        "_keys",
        "_keys_page",
        "_once_right",
    )

    def __init__(
        self,
        keys: KeyStore,
        *,
        clock: Clock,
        failed_keys_per_minute: int = 30,
        keys_page: str = "/dashboard/api-keys",
    ) -> None:
        """``keys_page``: where error messages send a caller who has no key."""
        self._keys = keys
        self._clock = clock
        self._keys_page = keys_page
        self._failures = Failures(failed_keys_per_minute)
        self._callers: dict[bytes, Caller] = {}
        self._once_right: dict[bytes, None] = {}
        self._epoch: int | None = None
        self._epoch_at = 0.0

    def identify(
        self,
        headers: Iterable[tuple[bytes, bytes]],
        *,
        body_key: str | None = None,
        query_key: str | None = None,
        address: str = "",
    ) -> Caller:
        """The caller behind the first key that is there (``query_key``: pass it for GET only).

        AccountError: 401 ``missing_api_key`` | ``invalid_api_key``, 403 ``account_suspended`` |
        ``account_closed``, 429 ``too_many_failed_keys`` with ``retry_after_s``. ``address`` is the
        client's, as text. A key that was right before is never refused by that 429.
        """
        secret = header_key(headers)
        if secret is None:
            secret = self._other_key(body_key, query_key)
        now = self._clock.monotonic()
        if self._epoch is None or now - self._epoch_at >= EPOCH_EVERY_S:
            self._read_epoch(now)
        if not secret or len(secret) > MAX_SECRET:
            raise self._unusable(secret, address, now)
        digest = hashlib.sha256(secret).digest()
        caller = self._callers.get(digest)
        if caller is None:
            if secret.startswith(_TOKEN):
                raise self._token()
            caller = self._look_up(digest, address, now)
        if caller.expires_ms is not None and caller.expires_ms <= self._clock.now_ms():
            raise self._wrong("This API key has expired.", address, now)
        if caller.account_state != "open":
            raise _not_open(caller)
        return caller

    def look_again(self) -> None:
        """Something was just changed in this process: the next request asks whether it still holds."""
        self._epoch_at = float("-inf")

    def _other_key(self, body_key: str | None, query_key: str | None) -> bytes:
        given = query_key if body_key is None else body_key
        if given is None:
            raise AccountError(
                "No API key given. Send it as `Authorization: Bearer YOUR_API_KEY` or in an "
                f"`x-api-key` header. {self._where()}",
                code="missing_api_key",
            )
        return given.strip().encode("utf-8", "surrogatepass")

    def _read_epoch(self, now: float) -> None:
        epoch = self._keys.epoch()
        self._epoch_at = now
        if epoch != self._epoch:
            self._epoch = epoch
            self._callers.clear()

    def _look_up(self, digest: bytes, address: str, now: float) -> Caller:
        if digest not in self._once_right:
            self._failures.check(
                address,
                now,
                message="Too many wrong API keys from this address in the last minute. "
                f"Wait, and check the key. {self._where()}",
                code="too_many_failed_keys",
            )
        caller = self._keys.find_caller(digest)
        if caller is None:
            self._once_right.pop(digest, None)
            raise self._wrong("Incorrect API key, or one that was revoked.", address, now)
        _put(self._callers, digest, caller)
        _put(self._once_right, digest, None)
        return caller

    def _unusable(self, secret: bytes, address: str, now: float) -> AccountError:
        if not secret:
            return AccountError(
                f"The API key given is empty; no other place was looked at. {self._where()}"
            )
        return self._wrong("Incorrect API key: it is longer than any key here.", address, now)

    def _token(self) -> AccountError:
        return AccountError(
            "This is an access token, which is for the control plane (/api/agents/v1). Here an API key "
            f"is wanted, sk-th-…. {self._where()}",
            code="access_token_not_a_key",
        )

    def _wrong(self, sentence: str, address: str, now: float) -> AccountError:
        self._failures.add(address, now)
        return AccountError(f"{sentence} {self._where()}")

    def _where(self) -> str:
        return f"Find or make a key at {self._keys_page}."


def _put(cache: dict[bytes, _V], digest: bytes, value: _V) -> None:
    if len(cache) >= MAX_CACHED:
        del cache[next(iter(cache))]
    cache[digest] = value


def _not_open(caller: Caller) -> AccountError:
    mend = (
        "ask the operator to open it again"
        if caller.account_state == "suspended"
        else "use a key of another account"
    )
    return AccountError(
        f"The account {caller.account_name!r} of this API key is {caller.account_state}; {mend}.",
        status=403,
        code=f"account_{caller.account_state}",
    )
