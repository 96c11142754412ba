"""What one request cost and why. Written once, in the operation that ends its hold."""

from __future__ import annotations

from typing import Literal

import msgspec

from tokenhouse.chat import Usage

Outcome = Literal["finished", "cancelled", "failed", "crashed"]


class Attempted(msgspec.Struct, frozen=True, gc=False):
    """One try at one route; ``error`` is the stable code it failed with, None when it answered."""

    provider: str
    upstream_model: str
    latency_ms: int
    status: int | None = None
    error: str | None = None


class Receipt(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """``id`` is the request's. Amounts in nanodollars, times in milliseconds. Never prompt text.

    ``cost`` is what was charged, ``owed`` what the usage came to; they differ where the house bears
    the rest (``lost``) or the hold had expired (``late``). ``queue_ms``: arrival to admission,
    ``latency_ms``: arrival to first content, ``generation_ms``: from there to the end, ``total_ms``:
    arrival to the end.
    """

    id: str
    account: str
    key: str
    model: str
    price_version: str
    dialect: str
    streamed: bool
    created_ms: int
    outcome: Outcome
    usage: Usage
    cost: int = 0
    owed: int = 0
    lost: int = 0
    late: bool = False
    over: bool = False
    finish_reason: str | None = None
    provider: str | None = None
    upstream_id: str | None = None
    attempts: tuple[Attempted, ...] = ()
    latency_ms: int | None = None
    generation_ms: int | None = None
    queue_ms: int | None = None
    total_ms: int | None = None
    error: str | None = None
