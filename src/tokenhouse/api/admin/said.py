"""What the rooms say → what the operators' routes give."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from tokenhouse import access, billing, catalogue
from tokenhouse.api.admin import gives
from tokenhouse.billing import export


class AccountRow(Protocol):
    """An account as billing tells it."""

    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def plan(self) -> str: ...
    @property
    def state(self) -> gives.AccountState: ...
    @property
    def balance(self) -> int: ...
    @property
    def held(self) -> int: ...
    @property
    def created_ms(self) -> int: ...


class CreditedRow(Protocol):
    """A transfer as billing tells it."""

    @property
    def id(self) -> str: ...
    @property
    def account(self) -> str: ...
    @property
    def amount(self) -> int: ...
    @property
    def balance(self) -> int: ...
    @property
    def replayed(self) -> bool: ...


class GrantRow(Protocol):
    """A grant as billing tells it."""

    @property
    def id(self) -> str: ...
    @property
    def period(self) -> str: ...
    @property
    def amount(self) -> int: ...
    @property
    def rest(self) -> int: ...
    @property
    def ends_ms(self) -> int: ...


def moment(ms: int | None) -> str | None:
    return None if ms is None else export.utc(ms)


def account(row: AccountRow) -> gives.Account:
    return gives.Account(
        id=row.id,
        name=row.name,
        plan=row.plan,
        state=row.state,
        balance=row.balance,
        held=row.held,
        created_at=export.utc(row.created_ms),
    )


def credited(row: CreditedRow) -> gives.Credited:
    return gives.Credited(
        id=row.id,
        account=row.account,
        amount=row.amount,
        balance=row.balance,
        replayed=row.replayed,
    )


def grant(row: GrantRow) -> gives.Grant:
    return gives.Grant(
        id=row.id,
        period=row.period,
        amount=row.amount,
        rest=row.rest,
        ends_at=export.utc(row.ends_ms),
    )


def posting(fields: Mapping[str, Any]) -> gives.Posting:
    """``fields``: as ``export.posting_fields`` tells them."""
    return gives.Posting(**fields)


def key(row: access.Key) -> gives.Key:
    return gives.Key(
        id=row.id,
        account=row.account,
        name=row.name,
        hint=row.hint,
        limits=row.limits,
        created_at=export.utc(row.created_ms),
        expires_at=moment(row.expires_ms),
        revoked_at=moment(row.revoked_ms),
    )


def member(row: access.Member) -> gives.Member:
    return gives.Member(
        id=row.person.id,
        email=row.person.email,
        name=row.person.name,
        role=row.role,
        since=export.utc(row.since_ms),
    )


def person(row: access.Person) -> gives.Person:
    return gives.Person(
        id=row.id,
        email=row.email,
        name=row.name,
        verified=row.verified,
        operator=row.operator,
        state=row.state,
        created_at=export.utc(row.created_ms),
    )


def usage(row: billing.UsageRow) -> gives.Usage:
    return gives.Usage(
        day=row.day,
        account=row.account,
        key=row.key,
        model=row.model,
        requests=row.requests,
        failed=row.failed,
        input=row.input,
        cache_read=row.cache_read,
        cache_write=row.cache_write,
        output=row.output,
        reasoning=row.reasoning,
        images=row.images,
        cost=row.cost,
    )


def plan(row: catalogue.Plan) -> gives.Plan:
    return gives.Plan(
        name=row.name,
        monthly_grant=row.monthly_grant,
        requests_per_minute=row.requests_per_minute,
        tokens_per_minute=row.tokens_per_minute,
        concurrent_requests=row.concurrent_requests,
        queue_depth=row.queue_depth,
        free_requests_per_day=row.free_requests_per_day,
    )


def price(found: catalogue.Price, model: str, from_ms: int | None = None) -> gives.Price:
    return gives.Price(
        version=found.version,
        model=model,
        from_at=moment(from_ms),
        free=found.free,
        input=found.input,
        output=found.output,
        parts=list(catalogue.price_parts(found)),
    )


def model(row: catalogue.Model, *, ready: bool) -> gives.Model:
    return gives.Model(
        id=row.id,
        name=row.name,
        price=None if row.price is None else price(row.price, row.id),
        routes=[f"{route.provider}: {route.model}" for route in row.routes],
        ready=ready,
    )


def route(row: billing.RouteRow, figures: billing.RouteFigures | None) -> gives.RouteHealth:
    return gives.RouteHealth(
        model=row.model,
        provider=row.provider,
        upstream_model=row.upstream_model,
        priority=row.priority,
        weight=row.weight,
        ready=row.ready,
        why_not=row.why_not,
        breaker=row.breaker,
        failures_in_row=row.in_row,
        rests_s=row.rests_s,
        attempts=0 if figures is None else figures.attempts,
        failed=0 if figures is None else figures.failed,
        latency_ms=None if figures is None else figures.latency_ms,
        last_error=None if figures is None else figures.last_error,
        last_failed_at=None if figures is None else moment(figures.last_failed_ms),
    )


def receipt(row: billing.ReceiptRow) -> gives.Receipt:
    return gives.Receipt(
        id=row.id,
        account=row.account,
        key=row.key,
        model=row.model,
        outcome=row.outcome,
        error=row.error,
        provider=row.provider,
        cost=row.cost,
        lost=row.lost,
        prompt_tokens=row.prompt_tokens,
        answer_tokens=row.answer_tokens,
        attempts=list(row.attempts),
        created_at=export.utc(row.created_ms),
        ended_at=export.utc(row.ended_ms),
        latency_ms=row.latency_ms,
        total_ms=row.total_ms,
    )


def hold(row: billing.OpenHold) -> gives.Hold:
    return gives.Hold(
        id=row.id,
        account=row.account,
        amount=row.amount,
        owed=row.owed,
        lease=row.lease,
        at=export.utc(row.at_ms),
        key=row.key,
        model=row.model,
    )


def lease(row: billing.LeaseRow) -> gives.Lease:
    return gives.Lease(
        id=row.id, counter=row.counter, holds=row.holds, started_at=export.utc(row.started_ms)
    )


def act(row: billing.AuditRow) -> gives.Act:
    return gives.Act(**export.audit_fields(row))
