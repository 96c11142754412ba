"""The nouns of access. Times are unix milliseconds UTC; None in a limit means no limit."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

T = TypeVar("T")


class Limits(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What an account may ask for: per minute, and at once. ``queue_depth``: how many over that may
    wait for their turn, each ``queue_wait_s`` seconds at most."""

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    concurrent_requests: int | None = None
    queue_depth: int | None = None
    queue_wait_s: float = 30.0


class KeyLimits(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What a key may do beside what its account may: None is no limit of its own.

    ``models``: ids that it may ask. ``day_cap``, ``month_cap``: nanodollars that its requests may
    cost in a UTC day and month, by when they began.
    """

    models: tuple[str, ...] | None = None
    day_cap: int | None = None
    month_cap: int | None = None
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    concurrent_requests: int | None = None


NO_KEY_LIMITS = KeyLimits()


@dataclass(frozen=True, slots=True)
class Key:
    """A key as it is kept: ``digest`` is the SHA-256 of its secret; ``hint`` its last four letters.

    ``old_until_ms``: until then the secret from before the last rotation works too. ``created_by``: who
    made it, as the audit log names them; "" where nobody noted it.
    """

    id: str
    account: str
    name: str
    digest: bytes
    hint: str
    created_ms: int
    revoked_ms: int | None = None
    expires_ms: int | None = None
    limits: KeyLimits = NO_KEY_LIMITS
    old_until_ms: int | None = None
    created_by: str = ""

    def state(self, now_ms: int) -> Literal["live", "revoked", "expired"]:
        """Does it work now? (Its account may be suspended all the same.)"""
        if self.revoked_ms is not None:
            return "revoked"
        return "expired" if self.expires_ms is not None and self.expires_ms <= now_ms else "live"


class KeyChange(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be other about a key; what is UNSET stays, None takes a limit or an end away."""

    name: str | UnsetType = UNSET
    expires_ms: int | UnsetType | None = UNSET
    models: tuple[str, ...] | UnsetType | None = UNSET
    day_cap: int | UnsetType | None = UNSET
    month_cap: int | UnsetType | None = UNSET
    requests_per_minute: int | UnsetType | None = UNSET
    tokens_per_minute: int | UnsetType | None = UNSET
    concurrent_requests: int | UnsetType | None = UNSET

    def applied(self, key: Key) -> Key:
        """``key`` as it is after the change."""
        old = key.limits
        return replace(
            key,
            name=_or(self.name, key.name),
            expires_ms=_or(self.expires_ms, key.expires_ms),
            limits=KeyLimits(
                models=_or(self.models, old.models),
                day_cap=_or(self.day_cap, old.day_cap),
                month_cap=_or(self.month_cap, old.month_cap),
                requests_per_minute=_or(self.requests_per_minute, old.requests_per_minute),
                tokens_per_minute=_or(self.tokens_per_minute, old.tokens_per_minute),
                concurrent_requests=_or(self.concurrent_requests, old.concurrent_requests),
            ),
        )


@dataclass(frozen=True, slots=True)
class Rotation:
    """A new secret for the key ``key`` (an id), by its digest and hint; until ``old_until_ms`` the one
    before works beside it. With ``from_hint`` only where the secret of now has that hint: said twice,
    it happens once."""

    key: str
    digest: bytes
    hint: str
    at_ms: int
    old_until_ms: int
    from_hint: str | None = None


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key just made, or given a new secret; ``secret`` is shown this once."""

    key: Key
    secret: str = field(repr=False)


class Caller(msgspec.Struct, frozen=True, gc=False):
    """Key + account + plan, as identified. ``models``: ids that the key may ask, None for all."""

    key: str
    account: str
    account_name: str
    account_state: Literal["open", "suspended", "closed"]
    plan: str
    key_name: str = ""
    expires_ms: int | None = None
    models: tuple[str, ...] | None = None

    def may_ask(self, model: str) -> bool:
        """May this key use the model of this id?"""
        return self.models is None or model in self.models


def _or(change: T | UnsetType, old: T) -> T:
    return old if isinstance(change, UnsetType) else change
