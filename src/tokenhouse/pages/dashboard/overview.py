"""The first page: what there is to spend, what was spent, what is allowed, and what to do first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tokenhouse.billing import (
    DAY_MS,
    Pace,
    PageAsked,
    ReceiptRow,
    UsageRow,
    month_of,
    month_range,
)
from tokenhouse.catalogue import Plan
from tokenhouse.pages.charts import columns
from tokenhouse.pages.dashboard.clerk import Clerk, Looking, day, page
from tokenhouse.pages.dashboard.usage import most_of
from tokenhouse.pages.shown import Shown, Words
from tokenhouse.pages.snippets import KEY, quick_lines

DAYS = 30
ERRORS = 5
ERROR_DAYS = 7


@dataclass(frozen=True, slots=True)
class Limit:
    """Something that the plan bounds: ``used`` of ``most`` now; ``most`` None is no limit."""

    name: str
    used: int
    most: int | None
    unit: str

    @property
    def full(self) -> bool:
        return self.most is not None and self.used >= self.most


async def overview(clerk: Clerk, looking: Looking) -> Shown:
    """Everything at a glance; for a newcomer the first three steps."""
    billing, account = clerk.billing, looking.account
    now_ms = clerk.clock.now_ms()
    today_ms = now_ms // DAY_MS * DAY_MS
    month_ms, next_ms = month_range(month_of(now_ms))
    first_ms = min(month_ms, today_ms - (DAYS - 1) * DAY_MS)
    funds = await billing.funds(account)
    rows = await billing.usage(account, since_ms=first_ms, by=("day",))
    grants = await billing.grants(account)
    keys = await billing.keys(account)
    plan = clerk.catalogue().plan(looking.plan)
    given = sum(grant.amount for grant in grants if grant.period == month_of(now_ms))
    model = clerk.first_model()
    words: Words = {
        "funds": funds,
        "today": _sum(row for row in rows if row.start_ms == today_ms),
        "month": _sum(row for row in rows if row.start_ms is not None and row.start_ms >= month_ms),
        "chart": _chart(rows, today_ms),
        "errors": await _errors(clerk, account, rows, today_ms),
        "plan": plan,
        "limits": _limits(plan, await billing.pace(account)),
        "grant_due": max(0, plan.monthly_grant - given),
        "next_grant_ms": next_ms,
        "ending": [grant for grant in grants if grant.rest > 0 and grant.ends_ms > now_ms],
        "live_keys": sum(key.state(now_ms) == "live" for key in keys),
        "begun": funds.used > 0 or any(row.requests for row in rows),
        "model": model,
        "curl": None if model is None else quick_lines(model, clerk.site, KEY)[0],
    }
    return page("overview", "overview", words)


async def _errors(
    clerk: Clerk, account: str, rows: Sequence[UsageRow], today_ms: int
) -> tuple[ReceiptRow, ...]:
    """The last requests of the week that failed. The sums of its days say where to look, so that an
    account with many requests and no failure is not searched."""
    found: list[ReceiptRow] = []
    for row in reversed(rows):
        start_ms = row.start_ms
        if start_ms is None or start_ms <= today_ms - ERROR_DAYS * DAY_MS or len(found) == ERRORS:
            break
        if row.failed:
            asked = PageAsked(
                since_ms=start_ms,
                until_ms=start_ms + DAY_MS,
                outcomes=("failed", "crashed"),
                limit=ERRORS - len(found),
            )
            found += (await clerk.billing.receipts_page(account, asked)).rows
    return tuple(found)


def _limits(plan: Plan, pace: Pace) -> tuple[Limit, ...]:
    return (
        Limit("Requests", pace.requests, plan.requests_per_minute, "in the last minute"),
        Limit("Tokens", pace.tokens, plan.tokens_per_minute, "in the last minute"),
        Limit("At the same time", pace.running, plan.concurrent_requests, "requests"),
    )


def _sum(rows: Iterable[UsageRow]) -> tuple[int, int]:
    """→ (requests, cost)"""
    found = tuple(rows)
    return sum(row.requests for row in found), sum(row.cost for row in found)


def _chart(rows: tuple[UsageRow, ...], today_ms: int) -> Words:
    """What each of the last days cost; what was free is counted in requests."""
    by_day = {row.start_ms: row for row in rows}
    days = [today_ms - at * DAY_MS for at in reversed(range(DAYS))]
    found = [by_day.get(at) for at in days]
    costs = [0 if row is None else row.cost for row in found]
    requests = [0 if row is None else row.requests for row in found]
    by_cost, names = any(costs), list(map(day, days))
    shown = costs if by_cost else requests
    return {
        "drawn": columns(shown, height=80),
        "most": most_of(names, shown, by_cost=by_cost),
        "rows": list(zip(names, costs, requests, strict=True)),
        "any": any(requests),
    }
