"""What several routes say alike: a person, a wallet, a plan; and moments and amounts as they are written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from msgspec import UnsetType

from tokenhouse import money
from tokenhouse.access import Person
from tokenhouse.api.control import gives, takes
from tokenhouse.api.generation import usd
from tokenhouse.billing import Funds, UsageRow, export
from tokenhouse.catalogue import Plan, plan_parts
from tokenhouse.errors import CallerError

_LASTS: Final = {"1_week": 7, "1_month": 30, "3_months": 91}
"""Days that an access token works."""


def moment(ms: int | None) -> str | None:
    """Unix milliseconds as RFC 3339."""
    return None if ms is None else export.utc(ms)


def user(person: Person) -> gives.User:
    return gives.User(id=person.id, name=person.name, email=person.email, verified=person.verified)


def wallet(funds: Funds) -> gives.Wallet:
    return gives.Wallet(balance=usd(funds.balance), held=usd(funds.held), available=usd(funds.free))


def funded(funds: Funds) -> gives.Funded:
    return gives.Funded(
        balance=usd(funds.balance),
        held=usd(funds.held),
        available=usd(funds.free),
        total_credited=usd(funds.balance + funds.used),
        amount_used=usd(funds.used),
    )


def limits(plan: Plan) -> gives.Limits:
    return gives.Limits(
        requests_per_minute=plan.requests_per_minute,
        tokens_per_minute=plan.tokens_per_minute,
        concurrent_requests=plan.concurrent_requests,
    )


def plan(found: Plan) -> gives.Plan:
    features = list(plan_parts(found))
    return gives.Plan(
        id=found.name,
        name=found.name,
        description="; ".join(features) or "No limits and no grant.",
        monthly_grant=usd(found.monthly_grant),
        limits=limits(found),
        rate_limit=found.requests_per_minute,
        features=features,
    )


def product(row: UsageRow) -> gives.Product:
    return gives.Product(
        product=row.model,
        requests=row.requests,
        cost=usd(row.cost),
        total_tokens=row.prompt_tokens + row.answer_tokens,
    )


def ends_ms(expiry: takes.Expiry, now_ms: int) -> int | None:
    """When a token made now ends; None for never."""
    days = _LASTS.get(expiry)
    return None if days is None else now_ms + days * 86_400_000


def when_ms(text: str | UnsetType | None, param: str, *, whole_day: bool = False) -> int | None:
    """A UTC day or a moment in RFC 3339 → unix milliseconds; ``whole_day``: a day means its end.

    CallerError 400 naming ``param``."""
    if text is None or isinstance(text, UnsetType):
        return None
    try:
        if text[4:5] != "-":
            raise ValueError(text)
        found = datetime.fromisoformat(text)
        if found.tzinfo is None:
            found = found.replace(tzinfo=UTC)
        if whole_day and len(text) == len("2026-11-22"):
            found += timedelta(days=1)
        return max(0, round(found.timestamp() * 1000))
    except (ValueError, OverflowError):
        raise CallerError(
            f"'{param}' must be a day like 2026-11-22 or a moment like 2026-11-22T14:00:00Z.",
            param=param,
        ) from None


def amount(dollars: float | str | None, param: str) -> int | None:
    """US dollars, as a number or as text → nanodollars, exact. CallerError 400 naming ``param``."""
    if dollars is None:
        return None
    text = dollars if isinstance(dollars, str) else f"{dollars:.18f}".rstrip("0").rstrip(".")
    if isinstance(dollars, float):
        text = repr(dollars) if "e" not in repr(dollars) else text
        text = text.removesuffix(".0")
    try:
        return money.amount_from_usd(text)
    except money.MoneyError as error:
        raise CallerError(f"'{param}': {error}", param=param) from None
