"""Billing's questions: receipts, postings, usage and funds. They change nothing."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Iterable, Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import TypeVar

from tokenhouse import ids
from tokenhouse.billing.figures import ModelFigures, figures
from tokenhouse.billing.port import Records
from tokenhouse.billing.statement import STATEMENT_LINES, Line, Statement, month_range, months
from tokenhouse.billing.values import (
    DAY_MS,
    FOREVER_MS,
    AuditRow,
    Dimension,
    Funds,
    KeyUse,
    Pace,
    Page,
    PageAsked,
    ReceiptRow,
    Spending,
    UsageRow,
)
from tokenhouse.clock import Clock
from tokenhouse.errors import CallerError
from tokenhouse.ledger import (
    Account,
    Balance,
    Conflict,
    Grant,
    Ledger,
    LedgerError,
    Posting,
    Unknown,
    Verification,
)

T = TypeVar("T")

BY_DAY: tuple[Dimension, ...] = ("day", "account", "model")
PAGE_MAX = 1000
SUMMED_HERE = 500


class Reading:
    """What may be asked about money and usage. ``account`` is a name or an id wherever it is asked for.

    CallerError (404, 400) says what was wrong with the question; HouseError 503 that nothing could
    be read.
    """

    def __init__(self, ledger: Ledger, records: Records, clock: Clock) -> None:
        self._ledger = ledger
        self._records = records
        self._clock = clock

    async def account(self, account: str) -> Account:
        """One account; 404 when there is none."""
        found = await said(self._ledger.find_account(account))
        if found is None:
            raise CallerError(
                f"there is no account {account!r}", status=404, code="account_not_found"
            )
        return found

    async def accounts(self) -> tuple[Account, ...]:
        """Every account, oldest first."""
        return await said(self._ledger.accounts())

    async def balance(self, account: str) -> Balance:
        return await said(self._ledger.balance((await self.account(account)).id))

    async def funds(self, account: str) -> Funds:
        """Balance, what is held of it and what was ever charged, at one moment; grants that have
        ended are gone from it. ``account`` is an id."""
        await said(self._ledger.balance(account))
        funds = await self._records.funds(account)
        if funds is None:
            raise CallerError(
                f"there is no account {account!r}", status=404, code="account_not_found"
            )
        return funds

    async def spending(self, account: str, key: str) -> Spending:
        """What a key (both are ids) has spent, in all and since day, week and month (UTC) began."""
        day_ms, week_ms, month_ms = _begins(self._clock.now_ms())
        return await self._records.spending(
            account, key, day_ms=day_ms, week_ms=week_ms, month_ms=month_ms
        )

    async def key_uses(self, account: str) -> Mapping[str, KeyUse]:
        """Key id → what it was used for, for every key of the account that ever was."""
        id = (await self.account(account)).id
        day_ms, week_ms, month_ms = _begins(self._clock.now_ms())
        return await self._records.key_uses(id, day_ms=day_ms, week_ms=week_ms, month_ms=month_ms)

    async def pace(self, account: str) -> Pace:
        """What counts against the account's limits now."""
        return await said(self._records.pace((await self.account(account)).id))

    async def grants(self, account: str) -> tuple[Grant, ...]:
        """Earliest end first."""
        return await said(self._ledger.grants((await self.account(account)).id))

    async def postings(self, account: str, *, limit: int = 100) -> tuple[Posting, ...]:
        """Newest first."""
        return await said(self._ledger.postings((await self.account(account)).id, limit=limit))

    async def postings_page(self, account: str, asked: PageAsked) -> Page[Posting]:
        """Some of an account's postings; 400 for a limit or a place that is none."""
        id = (await self.account(account)).id
        return await self._records.postings_page(id, _checked(asked))

    async def lines_page(self, account: str, asked: PageAsked) -> Page[Line]:
        """Some of an account's postings with the balance after each; 400 as for ``postings_page``."""
        id = (await self.account(account)).id
        return await self._records.lines_page(id, _checked(asked))

    async def months(self, account: str) -> tuple[str, ...]:
        """The months of which an account has a statement, the latest first: ``2026-11``."""
        return months((await self.account(account)).created_ms, self._clock.now_ms())

    async def statement(self, account: str, month: str) -> Statement:
        """A UTC month (``2026-11``) of an account; 404 for one that it was not there in."""
        found = await self.account(account)
        start_ms, end_ms = month_range(month)
        if end_ms <= found.created_ms or start_ms > self._clock.now_ms():
            raise CallerError(f"there is no statement of {month}", status=404, code="no_month")
        await said(self._ledger.balance(found.id))  # grants that have ended are taken away first
        return await self._records.statement(found.id, start_ms, end_ms, lines=STATEMENT_LINES)

    async def receipt(self, id: str, *, account: str | None = None) -> ReceiptRow:
        """By the request's id or its answer's; 404 too when it is not ``account``'s (an id)."""
        request = ids.request_id_of(id)
        row = None if request is None else await self._records.receipt(request)
        if row is None or (account is not None and row.account != account):
            raise CallerError(
                f"there is no receipt for {id!r}", status=404, code="receipt_not_found", param="id"
            )
        return row

    async def receipts(
        self,
        account: str,
        *,
        since_ms: int = 0,
        until_ms: int = FOREVER_MS,
        limit: int = 100,
    ) -> tuple[ReceiptRow, ...]:
        """Newest first."""
        id = (await self.account(account)).id
        return await self._records.receipts(id, since_ms=since_ms, until_ms=until_ms, limit=limit)

    async def receipts_page(self, account: str | None, asked: PageAsked) -> Page[ReceiptRow]:
        """Some receipts, of one account or of all; 400 for a limit or a place that is none."""
        id = None if account is None else (await self.account(account)).id
        return await self._records.receipts_page(id, _checked(asked))

    async def receipts_pages(
        self, account: str | None, asked: PageAsked
    ) -> AsyncGenerator[Page[ReceiptRow], None]:
        """All that was asked for, page by page: no more than one page is in memory at a time."""
        id = None if account is None else (await self.account(account)).id
        read = self._records.receipts_page
        async with aclosing(_every(lambda asked: read(id, asked), asked)) as pages:
            async for page in pages:
                yield page

    async def postings_pages(
        self, account: str, asked: PageAsked
    ) -> AsyncGenerator[Page[Posting], None]:
        """The same for an account's postings."""
        id = (await self.account(account)).id
        read = self._records.postings_page
        async with aclosing(_every(lambda asked: read(id, asked), asked)) as pages:
            async for page in pages:
                yield page

    async def usage(
        self,
        account: str | None = None,
        *,
        since_ms: int = 0,
        until_ms: int = FOREVER_MS,
        by: Collection[Dimension] = BY_DAY,
        model: str | None = None,
        key: str | None = None,
    ) -> tuple[UsageRow, ...]:
        """Requests, tokens and cost of the UTC days (or hours) that begin in the range (the first one
        whole), summed ``by`` what was asked apart, in its order; of one ``model``, of one ``key``."""
        id = None if account is None else (await self.account(account)).id
        rows = await self._records.usage(
            id, since_ms=since_ms, until_ms=until_ms, hourly="hour" in by
        )
        if model is not None or key is not None:
            rows = tuple(r for r in rows if model in (None, r.model) and key in (None, r.key))
        if len(rows) > SUMMED_HERE:  # requests go on meanwhile
            return await asyncio.to_thread(summed, rows, by)
        return summed(rows, by)

    async def figures(self, *, since_ms: int, limit: int = 2000) -> Mapping[str, ModelFigures]:
        """Model id → what its latest requests since then say; ``limit`` requests of the whole house."""
        rows = await self._records.latest(since_ms=since_ms, limit=limit)
        return figures(rows, since_ms=since_ms, until_ms=self._clock.now_ms() + 1)

    async def audit(
        self, account: str | None = None, *, before: int = FOREVER_MS, limit: int = 100
    ) -> tuple[AuditRow, ...]:
        """What operators did, newest first; ``before``: the seq of the last row already seen."""
        id = None if account is None else (await self.account(account)).id
        return await self._records.audit(id, before=before, limit=limit)

    async def verify(self) -> Verification:
        """Everything that must be true of the money."""
        return await said(self._ledger.verify())


def summed(rows: Iterable[UsageRow], by: Collection[Dimension]) -> tuple[UsageRow, ...]:
    """Rows with what ``by`` does not name summed over, sorted."""
    sums: dict[tuple[int, str, str, str], list[int]] = {}
    timed = "day" in by or "hour" in by
    for row in rows:
        place = (
            -1 if not timed or row.start_ms is None else row.start_ms,
            row.account if "account" in by else "",
            row.key if "key" in by else "",
            row.model if "model" in by else "",
        )
        found = sums.get(place)
        if found is None:
            sums[place] = list(row.counts)
        else:
            sums[place] = [old + new for old, new in zip(found, row.counts, strict=True)]
    return tuple(
        UsageRow.of(None if start_ms < 0 else start_ms, account, key, model, counts)
        for (start_ms, account, key, model), counts in sorted(sums.items())
    )


def _begins(now_ms: int) -> tuple[int, int, int]:
    """When the UTC day, week (Monday) and month of now began."""
    now = datetime.datetime.fromtimestamp(now_ms / 1000, datetime.UTC)
    day_ms = now_ms // DAY_MS * DAY_MS
    return day_ms, day_ms - now.weekday() * DAY_MS, day_ms - (now.day - 1) * DAY_MS


async def _every(
    read: Callable[[PageAsked], Awaitable[Page[T]]], asked: PageAsked
) -> AsyncGenerator[Page[T], None]:
    while True:
        page = await read(_checked(asked))
        yield page
        if page.next is None:
            return
        asked = replace(asked, after=page.next)


def _checked(asked: PageAsked) -> PageAsked:
    check_limit(asked.limit)
    return asked


def check_limit(limit: int) -> None:
    """CallerError 400 for a page of no rows, or of too many."""
    if not 1 <= limit <= PAGE_MAX:
        raise CallerError(f"'limit' must be 1 … {PAGE_MAX}, not {limit}.", param="limit")


async def said(sentence: Awaitable[T]) -> T:
    """The answer, or the ledger's refusal in the caller's words."""
    try:
        return await sentence
    except Conflict as error:
        raise CallerError(str(error), status=409, code="conflict") from error
    except Unknown as error:
        raise CallerError(str(error), status=404, code="not_found") from error
    except LedgerError as error:
        raise CallerError(str(error)) from error
