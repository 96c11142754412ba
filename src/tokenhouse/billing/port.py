"""What billing asks of a store, beyond the ledger and the keys: receipts and usage to read."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Literal, Protocol


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """One try at one route; ``error`` is the code it failed with, None when it answered."""

    provider: str
    upstream_model: str
    latency_ms: int
    status: int | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptRow:
    """What one request cost and why, as it is kept. Amounts in nanodollars, times in milliseconds.

    ``prompt_source`` and ``answer_source`` are None where nobody could count (a crashed request:
    its buckets are 0, its cost is its last note).
    """

    id: str
    account: str
    key: str
    model: str
    price_version: str
    dialect: str
    streamed: bool
    created_ms: int
    outcome: Literal["finished", "cancelled", "failed", "crashed"]
    cost: int
    owed: int
    lost: int
    late: bool
    over: bool
    input: int
    cache_read: int
    cache_write: int
    output: int
    reasoning: int
    images: int
    prompt_source: Literal["reported", "counted", "estimated"] | None = None
    answer_source: Literal["reported", "counted", "estimated"] | None = None
    finish_reason: str | None = None
    provider: str | None = None
    upstream_id: str | None = None
    attempts: tuple[AttemptRow, ...] = ()
    latency_ms: int | None = None
    generation_ms: int | None = None
    error: str | None = None

    @property
    def prompt_tokens(self) -> int:
        """All tokens of the prompt, cached ones included."""
        return self.input + self.cache_read + self.cache_write

    @property
    def answer_tokens(self) -> int:
        """All tokens of the answer, reasoning included."""
        return self.output + self.reasoning


@dataclass(frozen=True, slots=True)
class UsageRow:
    """One account's use of one model on one UTC day (``2026-11-22``); ``cost`` in nanodollars."""

    day: str
    account: str
    model: str
    requests: int
    prompt_tokens: int
    answer_tokens: int
    images: int
    cost: int


class Records(Protocol):
    """Receipts and what they sum to. Ranges are unix milliseconds, the end excluded."""

    def receipt(self, request: str) -> Awaitable[ReceiptRow | None]: ...

    def receipts(
        self, account: str, *, since_ms: int, until_ms: int, limit: int
    ) -> Awaitable[tuple[ReceiptRow, ...]]:
        """Newest first."""
        ...

    def usage(
        self, account: str | None, *, since_ms: int, until_ms: int
    ) -> Awaitable[tuple[UsageRow, ...]]:
        """By day, account and model; every account's when ``account`` is None."""
        ...

    def latest(self, *, since_ms: int, limit: int) -> Awaitable[tuple[ReceiptRow, ...]]:
        """Of the last ``limit`` written in the house, those begun since then; in any order."""
        ...
