"""When the disk or a commit fails: nothing is lost, nothing happens twice, and it heals by itself."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs
from tests.store.requests import (
    NOW,
    account_with,
    admission,
    receipt,
    request_id,
    seen,
    sound,
)
from tests.store.test_idempotency import keep, keyed
from tests.support.faulty_disk import Disk

from tokenhouse.access import Limits
from tokenhouse.clock import ManualClock
from tokenhouse.errors import HouseError
from tokenhouse.ledger import GrantDue
from tokenhouse.relay import Admitted, Closed
from tokenhouse.store import Durability, SqliteStore
from tokenhouse.store.schema import connect


@asynccontextmanager
async def on(
    path: Path, clock: ManualClock, durability: Durability = "process"
) -> AsyncGenerator[SqliteStore]:
    store = SqliteStore(path, clock=clock, durability=durability)
    await store.start(serve=True)
    try:
        yield store
    finally:
        await store.stop()


@pytest.mark.parametrize("fault", ["full", "read_only"])
async def test_a_disk_that_cant_be_written_takes_no_new_work_loses_nothing_and_heals(
    path: Path, clock: ManualClock, fault: str
) -> None:
    with Disk() as disk:
        async with on(path, clock) as store:
            account = await account_with(store, 1000)
            await store.admit(keyed(1, account, amount=500))
            setattr(disk, fault, True)
            for refused in (
                store.admit(admission(2, account)),
                store.credit(account, 5, reason="", id="c2", at_ms=NOW),
                store.close(receipt(1, account, 123), tokens=0, keep=keep(b"cost")),
            ):
                with pytest.raises(HouseError) as caught:
                    await refused
                assert (caught.value.status, caught.value.code) == (503, "store_unavailable")
                assert caught.value.retry_after_s is not None
            # reading goes on
            kept = await store.kept(account, "k")
            assert kept is not None
            assert kept.state == "running"
            setattr(disk, fault, False)
            # what ended the hold was kept, and is written before anything that comes now
            assert await seen(store, account) == (877, 0)
            kept = await store.kept(account, "k")
            assert kept is not None
            assert kept.answer == b"cost 123"
            assert (await store.close(receipt(1, account, 123), tokens=0)).charged == 123
            assert isinstance(await store.admit(admission(3, account)), Admitted)
            assert await store.close(receipt(2, account, 0), tokens=0) == Closed(0)
            await store.close(receipt(3, account, 1), tokens=0)
            await sound(store)


async def test_a_disk_that_stays_full_until_the_end_leaves_the_hold_to_the_next_start(
    path: Path, clock: ManualClock
) -> None:
    with Disk() as disk:
        store = SqliteStore(path, clock=clock)
        await store.start(serve=True)
        account = await account_with(store, 1000)
        await store.admit(admission(1, account, 500))
        await store.note(request_id(1), 7)
        disk.full = True
        with pytest.raises(HouseError):
            await store.close(receipt(1, account, 123), tokens=0)
        await store.stop()
        disk.full = False
        async with on(path, clock) as store:
            assert await seen(store, account) == (993, 0)
            row = await store.receipt(request_id(1))
            assert row is not None
            assert row.outcome == "crashed"
            await sound(store)


@pytest.mark.parametrize("durability", ["process", "power"])
async def test_with_power_every_commit_is_synced_before_its_answer_and_with_process_none_is(
    path: Path, clock: ManualClock, durability: Durability
) -> None:
    with Disk() as disk:
        async with on(path, clock, durability) as store:
            account = await account_with(store, 1000)
            for number in range(5):
                before = disk.syncs
                await store.admit(admission(number, account))
                assert (disk.syncs > before) == (durability == "power")
                before = disk.syncs
                await store.close(receipt(number, account, 3), tokens=0)
                assert (disk.syncs > before) == (durability == "power")
            await sound(store)


async def test_the_settings_of_power_are_those_that_reach_the_disk(path: Path) -> None:
    def settings(durability: Durability) -> list[int]:
        with closing(connect(path, durability)) as db:
            names = ("synchronous", "fullfsync", "checkpoint_fullfsync", "wal_autocheckpoint")
            return [db.execute(f"PRAGMA {name}").fetchone()[0] for name in names]

    assert settings("power") == [2, 1, 1, 0]
    assert settings("process") == [1, 0, 0, 0]


async def test_a_commit_whose_sync_fails_is_said_to_have_failed_and_is_repeated_once(
    path: Path, clock: ManualClock
) -> None:
    with Disk() as disk:
        async with on(path, clock, "power") as store:
            account = await account_with(store, 1000)
            disk.failing_syncs = 1
            with pytest.raises(HouseError) as caught:
                await store.admit(admission(1, account, 10))
            assert caught.value.status == 503
            assert await seen(store, account) == (1000, 0)
            await store.admit(admission(2, account, 10))
            disk.failing_syncs = 1
            with pytest.raises(HouseError):
                await store.close(receipt(2, account, 7), tokens=0)
            assert await seen(store, account) == (993, 0)
            postings = await store.postings(account)
            assert [posting.amount for posting in postings if posting.kind == "settle"] == [-7]
            await sound(store)


class Cursor(sqlite3.Cursor):
    """Says that a COMMIT failed, though it was made (``lost``) or was not (``undone``)."""

    fault = ""
    blind_then = False
    blind = False

    def execute(self, sql: str, parameters: Any = (), /) -> Any:
        if sql == "COMMIT" and self.fault:
            fault, self.fault = self.fault, ""
            super().execute("COMMIT" if fault == "lost" else "ROLLBACK")
            self.blind, self.blind_then = self.blind_then, False
            raise _ioerr("disk I/O error")
        if self.blind and sql.startswith("SELECT"):
            self.blind = False
            raise _ioerr("disk I/O error")
        return super().execute(sql, parameters)


def _ioerr(words: str) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError(words)
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR
    return error


class Connection(sqlite3.Connection):
    """The writer's connection, whose one cursor is ours."""

    last: Cursor

    def cursor(self, factory: Any = None) -> Any:
        del factory
        self.last = super().cursor(Cursor)
        return self.last


def faulty(path: Path, durability: Durability, *, made: list[Connection]) -> sqlite3.Connection:
    connect(path, durability).close()  # its settings that stay with the file
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, factory=Connection)
    db.execute("PRAGMA synchronous = NORMAL")
    made.append(db)
    return db


@asynccontextmanager
async def unsure(path: Path, clock: ManualClock) -> AsyncGenerator[tuple[SqliteStore, Cursor]]:
    """A store whose commits can fail in a way that tells nothing of what became of them."""
    made: list[Connection] = []
    store = SqliteStore(path, clock=clock, connect=partial(faulty, made=made))
    await store.start(serve=True)
    try:
        yield store, made[0].last
    finally:
        await store.stop()


@pytest.mark.parametrize("fault", ["lost", "undone"])
async def test_a_commit_of_unknown_outcome_is_looked_up_by_its_holds_before_anything_is_repeated(
    path: Path, clock: ManualClock, fault: str
) -> None:
    async with unsure(path, clock) as (store, cursor):
        account = await account_with(store, 1000)
        limits = Limits(requests_per_minute=2)
        cursor.fault = fault
        asked = store.admit(admission(1, account, 10, limits=limits))
        if fault == "lost":
            assert isinstance(await asked, Admitted)
            held = 10
        else:
            with pytest.raises(HouseError):
                await asked
            held = 0
        assert await seen(store, account) == (1000, held)
        # the limit knows as well what became of it
        again = await store.admit(admission(2, account, 10, limits=limits))
        assert isinstance(again, Admitted)
        assert again.remaining.requests == (0 if fault == "lost" else 1)
        cursor.fault = fault
        closing_ = store.close(receipt(2, account, 7), tokens=0)
        if fault == "lost":
            assert (await closing_).charged == 7
        else:
            with pytest.raises(HouseError):
                await closing_
        assert await seen(store, account) == (993, held)
        await store.close(receipt(1, account, 0), tokens=0)
        postings = await store.postings(account)
        assert [posting.amount for posting in postings if posting.kind == "settle"] == [-7]
        await sound(store)


async def test_what_cant_even_be_looked_up_is_released_once_it_can_be(
    path: Path, clock: ManualClock
) -> None:
    async with unsure(path, clock) as (store, cursor):
        account = await account_with(store, 1000)
        cursor.fault, cursor.blind_then = "lost", True
        with pytest.raises(HouseError):
            await store.admit(keyed(1, account, amount=10))
        await store.note("any", 0)
        assert await seen(store, account) == (1000, 0)
        row = await store.receipt(request_id(1))
        assert row is not None
        assert (row.outcome, row.cost) == ("cancelled", 0)
        assert await store.kept(account, "k") is None
        await sound(store)


async def test_a_process_that_stood_still_until_it_was_taken_for_dead_settles_late_and_once(
    store: SqliteStore, path: Path, clock: ManualClock
) -> None:
    account = await account_with(store, 100)
    await store.admit(keyed(1, account, amount=30))
    await store.admit(admission(2, account, 30))
    await store.note(request_id(1), 12)
    await store.note(request_id(2), 5)
    # meanwhile another process sees this one's lease stand still and ends what it held
    beside = SqliteStore(path, clock=clock)
    await beside.start(serve=False)
    try:
        assert await beside.expire(store.lease, at_ms=NOW) == 2
    finally:
        await beside.stop()
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("DELETE FROM lease")
    clock.advance(15)
    late = await store.close(receipt(1, account, 20), tokens=0, keep=keep(b"cost"))
    assert late == Closed(12, lost=8, late=True)
    assert await store.close(receipt(1, account, 20), tokens=0, keep=keep(b"cost")) == late
    assert await seen(store, account) == (83, 0)
    row = await store.receipt(request_id(1))
    assert row is not None
    assert (row.late, row.cost, row.outcome) == (True, 12, "finished")
    kept = await store.kept(account, "k")
    assert kept is not None
    assert kept.answer == b"cost 12"
    # it is alive: what it holds from now on has a lease again
    assert isinstance(await store.admit(admission(3, account, 30)), Admitted)
    await sound(store, open_holds=1)
    await store.close(receipt(3, account, 1), tokens=0)
    await sound(store)


async def test_five_hundred_holds_queued_when_their_clients_leave_are_all_released(
    store: SqliteStore,
) -> None:
    account = await account_with(store, 10_000)

    async def ask(number: int) -> None:
        try:
            await store.admit(admission(number, account))
        except asyncio.CancelledError:
            store.close(receipt(number, account, 0, outcome="cancelled"), tokens=0)
            raise

    with closing(sqlite3.connect(store.path, isolation_level=None)) as beside:
        beside.execute("BEGIN IMMEDIATE")
        tasks = [asyncio.create_task(ask(number)) for number in range(500)]
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        beside.execute("ROLLBACK")
    assert await seen(store, account) == (10_000, 0)
    rows = await store.receipts(account, since_ms=0, until_ms=2**62, limit=1000)
    assert [row.outcome for row in rows] == ["cancelled"] * 500
    await sound(store)


async def test_a_clock_set_back_a_day_gives_and_takes_nothing_twice(
    store: SqliteStore, clock: ManualClock
) -> None:
    account = await account_with(store, 100)
    grant = GrantDue("2026-11", 50, NOW + 30 * 86_400_000)
    limits = Limits(requests_per_minute=3)

    def asked(number: int) -> Any:
        words = admission(number, account, 10, limits=limits, grant=grant)
        return structs.replace(words, at_ms=clock.now_ms())

    await store.admit(asked(1))
    await store.admit(keyed(2, account))
    clock.set_wall(NOW - 86_400_000)
    assert (await store.close(receipt(1, account, 7), tokens=0)).charged == 7
    await store.close(receipt(2, account, 3), tokens=0, keep=keep(b"cost"))
    again = await store.admit(asked(3))
    assert isinstance(again, Admitted)
    assert again.remaining.requests == 1  # minutes are counted by a clock that nobody sets
    await store.close(receipt(3, account, 1), tokens=0)
    assert await seen(store, account) == (139, 0)
    assert len(await store.grants(account)) == 1
    kept = await store.kept(account, "k")
    assert kept is not None
    assert kept.answer == b"cost 3"
    for _ in range(6):
        clock.advance(2.0)
        await store.note("any", 0)
    await sound(store)
