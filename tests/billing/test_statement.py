"""An account's book: balances after each line, months that meet, sums that are the ledger's own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec import structs
from tests.store.requests import MODEL, NOW, admission, receipt

from tokenhouse.billing import DAY_MS, Billing, PageAsked, month_of, month_range
from tokenhouse.clock import ManualClock
from tokenhouse.errors import CallerError
from tokenhouse.ledger import GrantDue
from tokenhouse.relay import Outcome
from tokenhouse.store import SqliteStore

MONTH_END = month_range("2026-12")[0]


class Book:
    """A store whose clock the test turns, and requests on one account."""

    def __init__(self, path: Path) -> None:
        self.clock = ManualClock(NOW)
        self.store = SqliteStore(path, clock=self.clock)
        self.billing = Billing(self.store, self.store, self.store, self.clock)
        self.account = ""
        self.number = 0

    async def spend(
        self,
        cost: int,
        *,
        key: str = "key_1",
        model: str = MODEL,
        outcome: Outcome = "finished",
        grant: GrantDue | None = None,
        until_ms: int | None = None,
    ) -> None:
        """A request that begins now and ends now, or at ``until_ms``."""
        self.number += 1
        asked = admission(self.number, self.account, 1000, grant=grant)
        asked = structs.replace(asked, key=key, model=model, at_ms=self.clock.now_ms())
        await self.store.admit(asked)
        if until_ms is not None:
            self.turn_to(until_ms)
        await self.store.close(receipt(self.number, self.account, cost, outcome=outcome), tokens=0)

    def turn_to(self, at_ms: int) -> None:
        self.clock.advance((at_ms - self.clock.now_ms()) / 1000)


@pytest.fixture
async def book(tmp_path: Path) -> AsyncIterator[Book]:
    book = Book(tmp_path / "tokenhouse.db")
    await book.store.start(serve=True)
    book.account = (await book.billing.create_account("mill", "free")).id
    yield book
    await book.store.stop()


async def test_a_statement_s_balances_are_the_ledger_s_and_months_meet(book: Book) -> None:
    billing, mill = book.billing, book.account
    first = await billing.credit(mill, 10_000, reason="paid")
    grant = GrantDue("2026-11", 500, MONTH_END)
    await book.spend(70, grant=grant)
    await book.spend(30, model="acme/other")
    await billing.reverse(first.id, reason="bounced")
    await billing.credit(mill, 2_000, reason="paid again")
    book.turn_to(MONTH_END - 1000)
    await book.spend(45, until_ms=MONTH_END + 1000)  # begun in November, charged in December
    await book.spend(5)
    november = await billing.statement("mill", "2026-11")
    december = await billing.statement("mill", "2026-12")
    assert november.opening == 0
    assert november.closing == december.opening == 2_000 + 500 - 100
    assert december.closing == (await billing.balance("mill")).balance
    assert {row.model: row.cost for row in november.usage} == {MODEL: 70 + 45, "acme/other": 30}
    assert (november.charged, november.across) == (100, -45)
    assert (december.charged, december.across) == (50, 45)
    assert sorted(line.kind for line in november.lines) == ["credit", "credit", "grant", "reverse"]
    assert december.lines[0].kind == "grant_end"
    for sheet in (november, december):
        named = sum(line.amount for line in sheet.lines)
        assert sheet.opening + named - sheet.charged == sheet.closing
        assert (sheet.unnamed.count, sheet.unnamed.amount) == (0, 0)
        used = sum(row.cost for row in sheet.usage)
        assert used + sheet.across == sheet.charged
    assert await billing.months("mill") == ("2026-12", "2026-11")


async def test_a_statement_is_of_a_month_that_the_account_was_there_in(book: Book) -> None:
    for month in ("2026-10", "2027-01", "2026-13", "26-11", "2026-11-01", "", "٢٠٢٦-١١"):
        with pytest.raises(CallerError) as missing:
            await book.billing.statement("mill", month)
        assert missing.value.status == 404
    with pytest.raises(CallerError):
        await book.billing.statement("forge", "2026-11")
    assert month_of(month_range("2026-12")[1]) == "2027-01"


async def test_every_line_says_what_was_left_after_it_on_every_page_both_ways(book: Book) -> None:
    billing, mill = book.billing, book.account
    await billing.credit(mill, 1_000, reason="paid")
    for cost in range(1, 12):
        book.clock.advance(60)
        await book.spend(cost)
    balance, told = 0, list[tuple[str, int]]()
    for posting in reversed(await billing.postings(mill)):
        balance += posting.amount
        told.append((posting.transfer, balance))
    for oldest_first in (True, False):
        found: list[tuple[str, int]] = []
        after: str | None = None
        while True:
            asked = PageAsked(after=after, limit=5, oldest_first=oldest_first)
            page = await billing.lines_page("mill", asked)
            found += [(line.posting.transfer, line.balance) for line in page.rows]
            after = page.next
            if after is None:
                break
        assert found == (told if oldest_first else told[::-1])
    assert (await billing.lines_page("mill", PageAsked(until_ms=1))).rows == ()


async def test_receipts_are_narrowed_by_model_key_and_outcome_on_every_page(book: Book) -> None:
    billing = book.billing
    await billing.credit(book.account, 10**6)
    outcomes: tuple[Outcome, ...] = ("finished", "failed", "cancelled", "failed", "crashed")
    for at, outcome in enumerate(outcomes * 3):
        book.clock.advance(1)
        await book.spend(
            at, outcome=outcome, key=f"key_{at % 2}", model=f"acme/{'ab'[at % 3 == 0]}"
        )
    every = (await billing.receipts_page("mill", PageAsked())).rows
    for asked in (
        PageAsked(limit=2, model="acme/b"),
        PageAsked(limit=2, key="key_1", oldest_first=True),
        PageAsked(limit=2, outcomes=("failed", "crashed")),
        PageAsked(limit=2, outcomes=("failed",), key="key_0", model="acme/a", as_written=True),
        PageAsked(limit=2, model="acme/none"),
    ):
        wanted = [
            row.id
            for row in every
            if asked.model in (None, row.model)
            and asked.key in (None, row.key)
            and row.outcome in (asked.outcomes or outcomes)
        ]
        found = [
            row.id async for page in billing.receipts_pages("mill", asked) for row in page.rows
        ]
        upwards = asked.oldest_first or asked.as_written
        assert found == (wanted[::-1] if upwards else wanted)


async def test_a_key_s_use_is_what_its_receipts_sum_to(book: Book) -> None:
    billing = book.billing
    await billing.credit(book.account, 10**6)
    await book.spend(7)
    await book.spend(11, key="key_2")
    first_ms = book.clock.now_ms()
    book.clock.advance(DAY_MS / 1000)
    await book.spend(13)
    await book.store.fold(limit=2)
    uses = await billing.key_uses("mill")
    assert set(uses) == {"key_1", "key_2"}
    one = uses["key_1"]
    assert one.spending == await billing.spending(book.account, "key_1")
    assert (one.requests, one.spending.total, one.spending.day) == (2, 20, 13)
    assert (one.last_ms, uses["key_2"].last_ms) == (book.clock.now_ms(), first_ms)
    by_model = await billing.usage("mill", by=("model",), key="key_2")
    assert [row.cost for row in by_model] == [11]
    assert await billing.usage("mill", by=("model",), model="acme/none") == ()


async def test_the_pace_is_what_the_limits_count(book: Book) -> None:
    await book.billing.credit(book.account, 10**6)
    assert await book.billing.pace("mill") == await book.billing.pace(book.account)
    asked = structs.replace(
        admission(99, book.account, 10, tokens=50),
        limits=structs.replace(admission(99, "").limits, requests_per_minute=5),
    )
    await book.store.admit(asked)
    pace = await book.billing.pace("mill")
    assert (pace.requests, pace.tokens, pace.running) == (1, 50, 1)
    await book.store.close(receipt(99, book.account, 1), tokens=12)
    book.clock.advance(1)
    pace = await book.billing.pace("mill")
    assert (pace.requests, pace.tokens, pace.running) == (1, 12, 0)
    book.clock.advance(60)
    assert (await book.billing.pace("mill")).requests == 0
