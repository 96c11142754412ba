"""What the operators' routes give. Amounts are whole nanodollars, rates picodollars; ``…_at`` are
moments in RFC 3339."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

AccountState = Literal["open", "suspended", "closed"]


class Me(msgspec.Struct, frozen=True, kw_only=True):
    """The operator who asks."""

    id: str
    email: str
    name: str


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """Who pays."""

    id: str
    name: str
    plan: str
    state: AccountState
    balance: int
    held: int
    created_at: str


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """A key without its secret."""

    id: str
    account: str
    name: str
    hint: str
    limits: Any
    created_at: str
    expires_at: str | None
    revoked_at: str | None


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """A person of an account."""

    id: str
    email: str
    name: str
    role: str
    since: str


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """Credit given, with an end."""

    id: str
    period: str
    amount: int
    rest: int
    ends_at: str


class AccountDetail(msgspec.Struct, frozen=True, kw_only=True):
    """One account with what hangs on it."""

    id: str
    name: str
    plan: str
    state: AccountState
    balance: int
    held: int
    used: int
    created_at: str
    live: int
    grants: list[Grant]
    keys: list[Key]
    members: list[Member]


class Changed(msgspec.Struct, frozen=True, kw_only=True):
    """An account after a change; ``ended`` of its running requests were ended, and settled."""

    account: Account
    ended: int


class Credited(msgspec.Struct, frozen=True, kw_only=True):
    """A transfer; by its ``id`` it can be reversed. ``replayed``: it was there before."""

    id: str
    account: str
    amount: int
    balance: int
    replayed: bool


class Posting(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the ledger."""

    id: str
    transfer: str
    account: str
    amount: int
    kind: str
    at: str
    reason: str


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """What requests sum to; what was not asked apart is ""."""

    day: str
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


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Limits and the free grant; null is no limit."""

    name: str
    monthly_grant: int
    requests_per_minute: int | None
    tokens_per_minute: int | None
    concurrent_requests: int | None
    queue_depth: int | None
    free_requests_per_day: int | None


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """Rates in picodollars per token; ``parts`` say in words what stands beside them."""

    version: str
    model: str
    from_at: str | None
    free: bool
    input: int
    output: int
    parts: list[str]


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """A model as it is offered now."""

    id: str
    name: str
    price: Price | None
    routes: list[str]
    ready: bool


class RouteHealth(msgspec.Struct, frozen=True, kw_only=True):
    """How a route stands and how its latest attempts went."""

    model: str
    provider: str
    upstream_model: str
    priority: int
    weight: int
    ready: bool
    why_not: str | None
    breaker: Literal["closed", "resting", "probing"]
    failures_in_row: int
    rests_s: float | None
    attempts: int
    failed: int
    latency_ms: int | None
    last_error: str | None
    last_failed_at: str | None


class Reset(msgspec.Struct, frozen=True, kw_only=True):
    """The route that may be tried again."""

    provider: str
    model: str


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """What one request came to."""

    id: str
    account: str
    key: str
    model: str
    outcome: str
    error: str | None
    provider: str | None
    cost: int
    lost: int
    prompt_tokens: int
    answer_tokens: int
    attempts: list[Any]
    created_at: str
    ended_at: str
    latency_ms: int | None
    total_ms: int | None


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """Is everything true of the money that must be?"""

    ok: bool
    open_holds: int
    errors: list[str]


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """Money held now; ``owed`` is its last note."""

    id: str
    account: str
    amount: int
    owed: int
    lease: str
    at: str
    key: str | None
    model: str | None


class Lease(msgspec.Struct, frozen=True, kw_only=True):
    """A process's claim on its holds."""

    id: str
    counter: int
    holds: int
    started_at: str


class Books(msgspec.Struct, frozen=True, kw_only=True):
    """Open holds (the oldest), leases, the rollups, and this process."""

    holds: list[Hold]
    leases: list[Lease]
    receipts_unfolded: int
    folded_at: str | None
    fold_error: str | None
    version: str
    lease: str
    started_at: str


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the audit log."""

    seq: int
    at: str
    actor: str
    act: str
    subject: str
    account: str | None
    reason: str
    before: Any
    after: Any


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """Who signs in."""

    id: str
    email: str
    name: str
    verified: bool
    operator: bool
    state: str
    created_at: str


class Invitation(msgspec.Struct, frozen=True, kw_only=True):
    """An invitation on its way; ``link`` is for who hands it over themselves, shown this once."""

    email: str
    account: str | None
    role: str | None
    operator: bool
    link: str
