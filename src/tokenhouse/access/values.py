"""The nouns of access. Times are unix milliseconds UTC; None in a limit means no limit."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import msgspec


class Limits(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What an account may ask for: per minute, and at once. ``queue_depth``: how many over that may
    wait for their turn, each ``queue_wait_s`` seconds at most."""

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    concurrent_requests: int | None = None
    queue_depth: int | None = None
    queue_wait_s: float = 30.0


@dataclass(frozen=True, slots=True)
class Key:
    """A key as it is kept: ``digest`` is the SHA-256 of its secret; ``hint`` its last four letters."""

    id: str
    account: str
    name: str
    digest: bytes
    hint: str
    created_ms: int
    revoked_ms: int | None = None
    expires_ms: int | None = None


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key just made; ``secret`` is shown this once."""

    key: Key
    secret: str = field(repr=False)


class Caller(msgspec.Struct, frozen=True, gc=False):
    """Key + account + plan, as identified."""

    key: str
    account: str
    account_name: str
    account_state: Literal["open", "suspended", "closed"]
    plan: str
    key_name: str = ""
    expires_ms: int | None = None
