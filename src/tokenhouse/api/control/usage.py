"""``usage``: what the account used and what it cost: in sums, and request by request with the receipts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final, cast

from msgspec import UnsetType

from tokenhouse.api.control import gives, said, takes
from tokenhouse.api.control.route import Act, Answer, Asking
from tokenhouse.api.generation import receipt_json, usd
from tokenhouse.billing import (
    DAY_MS,
    FOREVER_MS,
    Billing,
    Dimension,
    PageAsked,
    ReceiptRow,
    UsageRow,
)
from tokenhouse.catalogue import Catalogue
from tokenhouse.clock import Clock

DAYS: Final = 30
"""What is summed when nothing is said, in UTC days, today included."""


class Usage:
    """Sums are kept for ever, receipts as long as the house keeps them."""

    def __init__(
        self, billing: Billing, catalogue: Callable[[], Catalogue], *, clock: Clock
    ) -> None:
        self._billing = billing
        self._catalogue = catalogue
        self._clock = clock

    @property
    def acts(self) -> Mapping[str, Act]:
        """What answers each route, by its name."""
        return {
            "usage": self.usage,
            "usage.summary": self.summary,
            "usage.products": self.products,
            "usage.history": self.history,
            "usage.receipt": self.receipt,
        }

    async def usage(self, asking: Asking, given: takes.UsageAsked) -> Answer:
        by = cast("tuple[Dimension, ...]", tuple(dict.fromkeys(given.by.split(","))))
        since_ms, until_ms = self._range(given)
        rows = await self._billing.usage(
            asking.account, since_ms=since_ms, until_ms=until_ms, by=by
        )
        return Answer([_usage(row, by) for row in rows], {"total": len(rows)})

    async def summary(self, asking: Asking, given: takes.Range) -> Answer:
        """Since the UTC month began, or in the range."""
        account = await self._billing.account(asking.account)
        funds = await self._billing.funds(account.id)
        since_ms, until_ms = self._range(given, self._month_begins())
        rows = await self._billing.usage(account.id, since_ms=since_ms, until_ms=until_ms, by=())
        row = rows[0] if rows else UsageRow.of(None, "", "", "", (0,) * 9)
        plan = self._catalogue().plan(account.plan)
        told = gives.Summary(
            since=said.moment(since_ms) or "",
            until=said.moment(min(until_ms, self._clock.now_ms() + 1)) or "",
            requests=row.requests,
            failed=row.failed,
            prompt_tokens=row.prompt_tokens,
            completion_tokens=row.answer_tokens,
            total_tokens=row.prompt_tokens + row.answer_tokens,
            cost=usd(row.cost),
            wallet=said.wallet(funds),
            plan=said.plan(plan),
            limits=said.limits(plan),
        )
        return Answer(told)

    async def products(self, asking: Asking, given: takes.Range) -> Answer:
        since_ms, until_ms = self._range(given)
        rows = await self._billing.usage(
            asking.account, since_ms=since_ms, until_ms=until_ms, by=("model",)
        )
        told = [said.product(row) for row in rows]
        return Answer(told, {"total": len(told)})

    async def history(self, asking: Asking, given: takes.HistoryAsked) -> Answer:
        """Newest first; ``meta.next`` is where the next page begins, whatever comes in meanwhile."""
        model = self._catalogue().resolve(given.model).id if given.model else None
        asked = PageAsked(
            since_ms=said.when_ms(given.from_, "from") or 0,
            until_ms=_end(given.to, FOREVER_MS),
            after=None if isinstance(given.after, UnsetType) else given.after,
            limit=given.limit,
            model=model,
            key=given.key or None,
            outcomes=() if isinstance(given.status, UnsetType) else (given.status,),
        )
        page = await self._billing.receipts_page(asking.account, asked)
        return Answer([_request(row) for row in page.rows], {"next": page.next})

    async def receipt(self, asking: Asking, given: takes.Nothing) -> Answer:
        del given
        row = await self._billing.receipt(asking.ids["id"], account=asking.account)
        return Answer(receipt_json(row))

    def _range(self, given: takes.Range, since_ms: int | None = None) -> tuple[int, int]:
        """[since, until) in unix milliseconds; the last days where nothing is said."""
        now_ms = self._clock.now_ms()
        first = (now_ms // DAY_MS - DAYS + 1) * DAY_MS if since_ms is None else since_ms
        start = said.when_ms(given.from_, "from")
        return first if start is None else start, _end(given.to, now_ms + 1)

    def _month_begins(self) -> int:
        now = datetime.fromtimestamp(self._clock.now_ms() / 1000, UTC)
        return round(datetime(now.year, now.month, 1, tzinfo=UTC).timestamp() * 1000)


def _end(text: str | UnsetType, otherwise: int) -> int:
    found = said.when_ms(text, "to", whole_day=True)
    return otherwise if found is None else found


def _usage(row: UsageRow, by: tuple[Dimension, ...]) -> gives.Usage:
    return gives.Usage(
        day=row.day if "day" in by and "hour" not in by else None,
        hour=row.hour if "hour" in by else None,
        model=row.model if "model" in by else None,
        key=row.key if "key" in by else None,
        requests=row.requests,
        failed=row.failed,
        prompt_tokens=row.prompt_tokens,
        completion_tokens=row.answer_tokens,
        reasoning_tokens=row.reasoning,
        cache_read_tokens=row.cache_read,
        cache_write_tokens=row.cache_write,
        images=row.images,
        cost=usd(row.cost),
    )


def _request(row: ReceiptRow) -> gives.Request:
    return gives.Request(
        id=row.id,
        type=row.dialect,
        status=row.outcome,
        cost=usd(row.cost),
        created_at=said.moment(row.created_ms) or "",
        model=row.model,
        key=row.key,
        tokens_prompt=row.prompt_tokens,
        tokens_completion=row.answer_tokens,
        streamed=row.streamed,
        finish_reason=row.finish_reason,
    )
