"""Folding, pruning and paging, one case at a time."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from msgspec import structs
from tests.store.requests import NOW, account_with, admission, receipt, request_id, sound

from tokenhouse.billing import DAY_MS, HOUR_MS, Keep, PageAsked, Upkeep, UsageRow
from tokenhouse.clock import ManualClock
from tokenhouse.errors import CallerError
from tokenhouse.store import SqliteStore
from tokenhouse.store.sql import statements

FOREVER = 2**62


async def use(store: SqliteStore, account: str, numbers: range, *, at_ms: int = NOW) -> None:
    for number in numbers:
        await store.admit(structs.replace(admission(number, account), at_ms=at_ms))
        await store.close(receipt(number, account, 7), tokens=0)


async def used(store: SqliteStore, *, hourly: bool = False) -> tuple[UsageRow, ...]:
    return await store.usage(None, since_ms=0, until_ms=FOREVER, hourly=hourly)


async def test_usage_is_the_same_before_and_after_a_fold_and_a_prune(store: SqliteStore) -> None:
    account = await account_with(store, 1000)
    await use(store, account, range(9))
    days, hours = await used(store), await used(store, hourly=True)
    assert [(row.requests, row.cost, row.input) for row in days] == [(9, 63, 63)]
    for limit in (1, 4, 100, 100):
        await store.fold(limit=limit)
        assert (await used(store), await used(store, hourly=True)) == (days, hours)
    assert await store.fold(limit=100) == 0
    while await store.prune_receipts(NOW + 1, limit=3):
        await sound(store)
    assert len(await store.receipts(account, since_ms=0, until_ms=FOREVER, limit=99)) == 1
    assert (await used(store), await used(store, hourly=True)) == (days, hours)
    while await store.prune_hours(NOW + 1, limit=1):
        await sound(store)
    assert await used(store) == days
    assert await used(store, hourly=True) == ()
    assert len(await store.postings(account)) == 10
    await sound(store)


async def test_a_late_receipt_moves_its_tokens_into_rollups_that_have_it_already(
    path: Path, store: SqliteStore, clock: ManualClock
) -> None:
    account = await account_with(store, 1000)
    for number in (1, 2):
        await store.admit(admission(number, account))
    await store.stop()
    again = SqliteStore(path, clock=clock)
    await again.start(serve=True)
    try:
        assert await again.fold(limit=1) == 1
        (before,) = await used(again)
        assert (before.requests, before.failed, before.input) == (2, 2, 0)
        for number in (1, 2):
            assert (await again.close(receipt(number, account, 7), tokens=0)).late
        (after,) = await used(again)
        assert (after.requests, after.failed, after.input, after.cost) == (2, 0, 14, 0)
        await again.fold(limit=9)
        assert await used(again) == (after,)
        await sound(again)
    finally:
        await again.stop()


async def test_what_is_not_folded_is_never_pruned(store: SqliteStore) -> None:
    account = await account_with(store, 1000)
    await use(store, account, range(4))
    assert await store.prune_receipts(FOREVER, limit=100) == 0
    await store.fold(limit=2)
    assert await store.prune_receipts(FOREVER, limit=100) == 2
    (row,) = await used(store)
    assert row.requests == 4
    await sound(store)


async def test_upkeep_keeps_what_it_is_told_and_looks_once_a_minute(
    store: SqliteStore, clock: ManualClock
) -> None:
    account = await account_with(store, 10_000)
    await use(store, account, range(300))
    upkeep = Upkeep(store, clock, Keep(receipts_days=2, hours_days=3))
    await upkeep.turn()
    assert len((await store.receipts_page(account, PageAsked(limit=1000))).rows) == 300
    clock.advance(2.5 * 24 * 3600)
    await use(store, account, range(300, 302), at_ms=clock.now_ms())
    await upkeep.turn()
    kept = (await store.receipts_page(account, PageAsked(limit=1000))).rows
    assert {row.id for row in kept} == {request_id(300), request_id(301)}
    clock.advance(24 * 3600)
    await upkeep.turn()
    assert [row.start_ms for row in await used(store, hourly=True)] == [
        NOW + 2 * DAY_MS + 12 * HOUR_MS
    ]
    assert sum(row.requests for row in await used(store)) == 302
    await sound(store)


async def test_nothing_is_pruned_when_it_is_kept_for_ever(
    store: SqliteStore, clock: ManualClock
) -> None:
    account = await account_with(store, 1000)
    await use(store, account, range(3))
    clock.advance(10**9)
    await Upkeep(store, clock, Keep(receipts_days=0, hours_days=0)).turn()
    assert len(await store.receipts(account, since_ms=0, until_ms=FOREVER, limit=9)) == 3
    assert len(await used(store, hourly=True)) == 1


async def test_requests_go_on_while_old_receipts_are_folded_and_pruned(
    store: SqliteStore, clock: ManualClock
) -> None:
    """Row 61: what was spent is never dropped, however the writes meet."""
    account = await account_with(store, 10**6)

    async def ask(first: int) -> None:
        for number in range(first, 400, 8):
            await store.admit(admission(number, account))
            await store.close(receipt(number, account, 7), tokens=0)

    async def keep() -> None:
        for _ in range(60):
            await store.fold(limit=7)
            await store.prune_receipts(NOW + 1, limit=5)

    await asyncio.gather(*(ask(first) for first in range(8)), keep(), keep())
    (row,) = await used(store)
    assert (row.requests, row.cost) == (400, 2800)
    balance = await store.balance(account)
    assert balance.balance == 10**6 - 2800
    await sound(store)


async def test_a_prune_touches_no_more_than_a_few_rows_at_a_time(store: SqliteStore) -> None:
    """Row 62: cleaning up needs no more memory, and no more of the writer, than one small batch."""
    account = await account_with(store, 10_000)
    await use(store, account, range(50))
    while await store.fold(limit=20):
        pass
    pruned = [await store.prune_receipts(FOREVER, limit=20) for _ in range(4)]
    assert pruned == [20, 20, 9, 0]


def plan(db: sqlite3.Connection, name: str) -> str:
    sql = statements()[name]
    unbound: list[None] = [None] * 20
    while True:
        try:
            return "\n".join(row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {sql}", unbound))
        except sqlite3.ProgrammingError:
            unbound.pop()


@pytest.mark.parametrize(
    "name", ["usage_days", "usage_days_of", "usage_hours", "usage_hours_of", "spent_by_key"]
)
async def test_usage_reads_rollups_and_only_the_receipts_not_yet_in_them(
    path: Path, store: SqliteStore, name: str
) -> None:
    """Row 63: opening a page of usage costs what the rollups cost, not what the log has grown to."""
    assert store.path == path
    with closing(sqlite3.connect(path)) as db:
        found = plan(db, name)
    assert "SEARCH receipt USING INTEGER PRIMARY KEY (rowid>?)" in found
    assert "SEARCH usage_" in found
    assert "SCAN usage_" not in found
    assert "SCAN receipt" not in found


@pytest.mark.parametrize(
    "name",
    [
        "receipts_down",
        "receipts_up",
        "receipts_written",
        "receipts_written_of",
        "postings_down",
        "postings_up",
    ],
)
async def test_a_page_is_found_by_its_key_and_read_in_order(
    path: Path, store: SqliteStore, name: str
) -> None:
    """Row 63: the thousandth page costs what the first does; nothing is counted off or sorted."""
    assert store.path == path
    with closing(sqlite3.connect(path)) as db:
        found = plan(db, name)
    assert found.startswith("SEARCH")
    assert "TEMP B-TREE" not in found
    assert "OFFSET" not in statements()[name].upper()


async def every(
    store: SqliteStore, account: str | None, asked: Callable[[str | None], PageAsked]
) -> list[str]:
    found: list[str] = []
    after: str | None = None
    while True:
        page = await store.receipts_page(account, asked(after))
        found += [row.id for row in page.rows]
        after = page.next
        if after is None:
            return found


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
async def test_pages_hold_every_row_of_the_range_once_in_either_order(
    store: SqliteStore, limit: int
) -> None:
    account, other = await account_with(store, 1000), await account_with(store, 1000, "forge")
    for number in range(8):
        whose = other if number in (3, 6) else account
        await use(store, whose, range(number, number + 1), at_ms=NOW + number // 3 * HOUR_MS)
    ids = [request_id(number) for number in (0, 1, 2, 4, 5, 7)]

    def down(after: str | None) -> PageAsked:
        return PageAsked(limit=limit, after=after)

    def up(after: str | None) -> PageAsked:
        return PageAsked(limit=limit, after=after, oldest_first=True)

    def second_hour(after: str | None) -> PageAsked:
        return PageAsked(
            limit=limit, after=after, since_ms=NOW + HOUR_MS, until_ms=NOW + 2 * HOUR_MS
        )

    assert await every(store, account, down) == ids[::-1]
    assert await every(store, account, up) == ids
    assert await every(store, None, down) == [request_id(number) for number in range(8)]
    assert await every(store, account, second_hour) == [request_id(5), request_id(4)]
    assert await every(store, None, second_hour) == [request_id(number) for number in (3, 4, 5)]


async def test_whoever_comes_back_with_the_last_place_misses_no_request_that_began_before_it(
    store: SqliteStore,
) -> None:
    account, other = await account_with(store, 1000), await account_with(store, 1000, "forge")
    await store.admit(admission(1, account))
    await use(store, account, range(2, 4), at_ms=NOW + HOUR_MS)
    await use(store, other, range(4, 5), at_ms=NOW + HOUR_MS)
    first = await store.receipts_page(account, PageAsked(as_written=True))
    assert [row.id for row in first.rows] == [request_id(2), request_id(3)]
    await store.close(receipt(1, account, 7), tokens=0)
    later = await store.receipts_page(account, PageAsked(as_written=True, after=first.last))
    assert [row.id for row in later.rows] == [request_id(1)]
    assert (first.next, later.next) == (None, None)


async def test_pages_of_postings_hold_every_line_once(store: SqliteStore) -> None:
    account = await account_with(store, 1000)
    await use(store, account, range(7))
    everything = [posting.id for posting in await store.postings(account)]
    for oldest_first in (False, True):
        found: list[str] = []
        after: str | None = None
        while True:
            page = await store.postings_page(
                account, PageAsked(limit=3, after=after, oldest_first=oldest_first)
            )
            found += [posting.id for posting in page.rows]
            after = page.next
            if after is None:
                break
        assert sorted(found) == sorted(everything)
        assert len(set(found)) == 8


@pytest.mark.parametrize("place", ["x", "1.x", "-1.5", "1" * 30, "²", "5"])
async def test_a_place_that_is_none_is_refused(store: SqliteStore, place: str) -> None:
    account = await account_with(store, 0)
    with pytest.raises(CallerError, match="no place"):
        await store.postings_page(account, PageAsked(after=place))
    with pytest.raises(CallerError, match="no place"):
        await store.receipts_page(account, PageAsked(after=place))


async def test_verify_finds_rollups_that_are_not_what_was_spent(
    path: Path, store: SqliteStore
) -> None:
    account = await account_with(store, 1000)
    await use(store, account, range(3))
    await store.fold(limit=9)
    await sound(store)
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        for table, words in (
            ("usage_hour", "requests = requests + 1"),
            ("usage_hour", "requests = requests - 1, output = output + 1"),
            ("usage_day", "cost = cost - 1"),
        ):
            db.execute(f"UPDATE {table} SET {words}")
            assert not (await store.verify()).ok
