"""The nouns of billing. Amounts are nanodollars, times unix milliseconds UTC, tokens are tokens."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from tokenhouse.money import AMOUNT_MAX

T = TypeVar("T")

FOREVER_MS = AMOUNT_MAX
"""The end of a range without an end."""

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS

Dimension = Literal["day", "hour", "account", "key", "model"]
Outcome = Literal["finished", "cancelled", "failed", "crashed"]
VoucherState = Literal["open", "redeemed", "revoked", "expired"]


@dataclass(frozen=True, slots=True)
class By:
    """Who does it, and why: what the audit log says of an act.

    ``actor``: ``cli:NAME`` (a login on this machine), ``key:ID`` (a key through the API), ``person:ID``
    (somebody signed in) or ``house``.
    """

    actor: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Once:
    """An Idempotency-Key of an account: ``digest`` stands for the act that took it. The same again is
    not done again; another act is refused."""

    name: str
    digest: bytes


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """One try at one route; ``error`` is the code it failed with, None when it answered."""

    provider: str
    upstream_model: str
    latency_ms: int
    status: int | None = None
    error: str | None = None

    @property
    def outcome(self) -> Literal["answered", "failed"]:
        return "answered" if self.error is None else "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptRow:
    """What one request cost and why, as it is kept. Never what was said.

    ``prompt_source`` and ``answer_source`` are None where nobody could count (a crashed request:
    its buckets are 0, its cost is its last note). ``queue_ms``: arrival to admission; ``latency_ms``:
    arrival to first content; ``generation_ms``: from there to the end; ``total_ms``: arrival to the
    end. ``ended_ms``: when its hold ended.
    """

    id: str
    account: str
    key: str
    model: str
    price_version: str
    dialect: str
    streamed: bool
    created_ms: int
    ended_ms: int
    outcome: Outcome
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
    queue_ms: int | None = None
    latency_ms: int | None = None
    generation_ms: int | None = None
    total_ms: int | None = None
    error: str | None = None

    @property
    def prompt_tokens(self) -> int:
        """All tokens of the prompt, cached ones included."""
        return self.input + self.cache_read + self.cache_write

    @property
    def answer_tokens(self) -> int:
        """All tokens of the answer, reasoning included."""
        return self.output + self.reasoning


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageRow:
    """What requests that began in one UTC hour or day sum to. ``failed`` of ``requests`` failed or
    crashed. What was not asked apart is "" (or None): then the row is the sum over all of it."""

    start_ms: int | None
    account: str
    key: str
    model: str
    requests: int
    failed: int
    input: int
    cache_read: int
    cache_write: int
    output: int
    reasoning: int
    images: int
    cost: int

    @classmethod
    def of(
        cls, start_ms: int | None, account: str, key: str, model: str, counts: Sequence[int]
    ) -> UsageRow:
        """``counts``: requests, failed, input, … cost, in the order of the fields."""
        requests, failed, input, cache_read, cache_write, output, reasoning, images, cost = counts
        return cls(
            start_ms=start_ms,
            account=account,
            key=key,
            model=model,
            requests=requests,
            failed=failed,
            input=input,
            cache_read=cache_read,
            cache_write=cache_write,
            output=output,
            reasoning=reasoning,
            images=images,
            cost=cost,
        )

    @property
    def counts(self) -> tuple[int, ...]:
        """What ``of`` takes."""
        return (
            self.requests,
            self.failed,
            self.input,
            self.cache_read,
            self.cache_write,
            self.output,
            self.reasoning,
            self.images,
            self.cost,
        )

    @property
    def prompt_tokens(self) -> int:
        """All tokens of the prompts, cached ones included."""
        return self.input + self.cache_read + self.cache_write

    @property
    def answer_tokens(self) -> int:
        """All tokens of the answers, reasoning included."""
        return self.output + self.reasoning

    @property
    def day(self) -> str:
        """The UTC day, ``2026-11-22``; "" when days are summed."""
        return "" if self.start_ms is None else _utc(self.start_ms).strftime("%Y-%m-%d")

    @property
    def hour(self) -> str:
        """The UTC hour, ``2026-11-22T14:00Z``; "" when hours are summed."""
        return "" if self.start_ms is None else _utc(self.start_ms).strftime("%Y-%m-%dT%H:00Z")


@dataclass(frozen=True, slots=True)
class Spending:
    """What one key has spent: in all, and since the UTC day, week (Monday) and month began."""

    total: int
    day: int
    week: int
    month: int


@dataclass(frozen=True, slots=True)
class KeyUse:
    """What a key has been used for: requests ever, what they cost, and when the last one began (the
    day only, where its receipt was pruned)."""

    requests: int
    spending: Spending
    last_ms: int


@dataclass(frozen=True, slots=True)
class Pace:
    """What counts against an account's limits now: requests and tokens of the last sixty seconds, and
    requests under way. Windows are one process's own (decision 0008)."""

    requests: int
    tokens: int
    running: int


@dataclass(frozen=True, slots=True)
class Funds:
    """One account at one moment: ``used`` is all that it was ever charged; ``paid``: was money ever
    put in (a grant is not)?"""

    balance: int
    held: int
    used: int
    paid: bool

    @property
    def free(self) -> int:
        return self.balance - self.held


@dataclass(frozen=True, slots=True, kw_only=True)
class PageAsked:
    """Some rows of a long list: those of [since, until) behind ``after``, the place that the page
    before ended with. A place stays good while rows come and go.

    ``model``, ``key`` (an id) and ``outcomes`` narrow receipts; without them all are meant."""

    since_ms: int = 0
    until_ms: int = FOREVER_MS
    after: str | None = None
    limit: int = 100
    oldest_first: bool = False
    as_written: bool = False
    model: str | None = None
    key: str | None = None
    outcomes: tuple[Outcome, ...] = ()


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """``next``: the place to go on from; None when there was no more when it was read.

    ``last``: the place behind the last row, for whoever comes back for what is written later."""

    rows: tuple[T, ...]
    next: str | None = None
    last: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Voucher:
    """A code worth ``amount``, by all but the code; ``hint`` is its last four letters. Those made
    together share a ``lot``. ``account`` redeemed it."""

    id: str
    lot: str
    hint: str
    amount: int
    reason: str
    created_ms: int
    expires_ms: int | None = None
    revoked_ms: int | None = None
    redeemed_ms: int | None = None
    account: str | None = None

    def state(self, now_ms: int) -> VoucherState:
        """What can be done with it now: only an open one can be redeemed."""
        if self.redeemed_ms is not None:
            return "redeemed"
        if self.revoked_ms is not None:
            return "revoked"
        if self.expires_ms is not None and self.expires_ms <= now_ms:
            return "expired"
        return "open"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """One act: what was done to ``subject`` (an id), by whom, and what was true before and after."""

    seq: int
    at_ms: int
    actor: str
    act: str
    subject: str
    account: str | None
    reason: str
    before: Mapping[str, object] | None
    after: Mapping[str, object] | None


def _utc(ms: int) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(ms / 1000, datetime.UTC)
