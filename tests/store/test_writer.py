"""The writer: batches, failures that stay alone, a disk that is full and then is not."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
from tests.store.requests import (
    NOW,
    account_with,
    admission,
    receipt,
    request_id,
    seen,
    sound,
)

from tokenhouse.access import Limits
from tokenhouse.clock import ManualClock
from tokenhouse.errors import HouseError
from tokenhouse.ledger import Conflict
from tokenhouse.relay import Admitted, Refused
from tokenhouse.store import SqliteStore
from tokenhouse.store.batch import Batch
from tokenhouse.store.schema import Durability
from tokenhouse.store.transactions import Transactions
from tokenhouse.store.writer import MOST_PER_TURN


async def test_what_is_said_together_shares_transactions(store: SqliteStore) -> None:
    account = await account_with(store, 100_000)
    with closing(sqlite3.connect(store.path, isolation_level=None)) as beside:
        beside.execute("BEGIN IMMEDIATE")
        first = store.admit(admission(0, account))
        before = store.writer.batches
        said = [store.admit(admission(n, account)) for n in range(1, 200)]
        beside.execute("ROLLBACK")
    for each in (first, *said):
        assert isinstance(await each, Admitted)
    assert store.writer.batches - before <= 200 / MOST_PER_TURN + 1
    await sound(store, open_holds=200)


async def test_what_the_loop_does_itself_never_overtakes_what_the_thread_was_given(
    store: SqliteStore,
) -> None:
    account = (await store.create_account("cay", "free", NOW)).id
    said: list[asyncio.Future[Admitted | Refused]] = []
    for n in range(100):
        store.credit(account, 10, reason="", id=f"c{n}", at_ms=NOW)
        said.append(store.admit(admission(n, account)))  # affordable only behind that credit
        if n % 3 == 0:
            await said[-1]
    for each in said:
        assert isinstance(await each, Admitted)
    await sound(store, open_holds=100)


async def test_the_loop_goes_on_while_another_process_writes(store: SqliteStore) -> None:
    account = await account_with(store, 100_000)
    assert isinstance(await store.admit(admission(0, account)), Admitted)
    with closing(sqlite3.connect(store.path, isolation_level=None)) as beside:
        beside.execute("BEGIN IMMEDIATE")
        said = [store.admit(admission(n, account)) for n in range(1, 5)]
        for _ in range(20):
            await asyncio.sleep(0)  # would stand still for the whole busy timeout, then be refused
        assert not any(each.done() for each in said)
        beside.execute("ROLLBACK")
    for each in said:
        assert isinstance(await each, Admitted)
    await sound(store, open_holds=5)


@pytest.mark.parametrize("durability", ["process", "power"])
async def test_only_where_a_commit_waits_for_no_disk_the_loop_commits(
    path: Path, durability: Durability, monkeypatch: pytest.MonkeyPatch
) -> None:
    where: list[str] = []
    finish = Transactions.finish

    def watched(self: Transactions, batch: Batch) -> None:
        where.append(threading.current_thread().name)
        finish(self, batch)

    store = SqliteStore(path, clock=ManualClock(NOW), durability=durability)
    await store.start(serve=True)
    try:
        account = await account_with(store, 100_000)
        monkeypatch.setattr(Transactions, "finish", watched)
        await store.admit(admission(0, account))
        await store.close(receipt(0, account, 1), tokens=0)
    finally:
        await store.stop()
    here = threading.current_thread().name
    assert set(where[:2]) == ({here} if durability == "process" else {"tokenhouse-writer"})


async def test_an_operation_that_is_refused_or_breaks_fails_alone(store: SqliteStore) -> None:
    account = await account_with(store, 100)
    limits = Limits(requests_per_minute=3)
    await store.admit(admission(0, account))
    await store.close(receipt(0, account, 1), tokens=0)
    good = store.admit(admission(1, account, limits=limits))
    conflict = store.close(receipt(0, account, 2), tokens=0)
    closed = store.close(receipt(1, account, 1), tokens=0)
    surrogate = store.create_account("\ud800", "free", NOW)
    also_good = store.admit(admission(3, account, limits=limits))
    assert isinstance(await good, Admitted)
    assert (await closed).charged == 1
    with pytest.raises(Conflict):
        await conflict
    with pytest.raises(HouseError, match="the store failed"):
        await surrogate
    admitted = await also_good
    assert isinstance(admitted, Admitted)
    assert admitted.remaining.requests == 1
    assert await seen(store, account) == (98, 10)
    await sound(store, open_holds=1)


async def test_a_full_disk_answers_503_and_loses_nothing_and_recovers(store: SqliteStore) -> None:
    account = await account_with(store, 1_000_000)
    db = await store.writer.say(connection)
    (pages,) = db.execute("PRAGMA page_count").fetchone()
    db.execute(f"PRAGMA max_page_count = {pages}")
    admitted, error = 0, None
    while error is None:
        try:
            await store.admit(admission(admitted, account))
            admitted += 1
        except HouseError as refused:
            error = refused
    assert (error.status, error.code) == (503, "store_unavailable")
    assert await seen(store, account) == (1_000_000, 10 * admitted)

    db.execute("PRAGMA max_page_count = 1000000")
    assert isinstance(await store.admit(admission(admitted, account)), Admitted)
    assert (await store.close(receipt(admitted, account, 3), tokens=0)).charged == 3
    await sound(store, open_holds=admitted)


async def test_a_close_that_could_not_be_written_is_written_once_that_is_possible(
    store: SqliteStore,
) -> None:
    account = await account_with(store, 1000)
    await store.admit(admission(1, account, 500))
    db = await store.writer.say(connection)
    db.execute("PRAGMA query_only = 1")
    with pytest.raises(HouseError) as caught:
        await store.close(receipt(1, account, 123), tokens=0)
    assert caught.value.status == 503
    with pytest.raises(HouseError):
        await store.credit(account, 5, reason="", id="c2", at_ms=NOW)
    db.execute("PRAGMA query_only = 0")
    assert await seen(store, account) == (877, 0)
    assert (await store.close(receipt(1, account, 123), tokens=0)).charged == 123
    row = await store.receipt(request_id(1))
    assert row is not None
    assert row.cost == 123
    await sound(store)


async def test_what_could_not_be_written_is_tried_once_more_when_the_store_stops(
    store: SqliteStore, clock: ManualClock
) -> None:
    account = await account_with(store, 1000)
    await store.admit(admission(1, account, 500))
    db = await store.writer.say(connection)
    db.execute("PRAGMA query_only = 1")
    with pytest.raises(HouseError):
        await store.close(receipt(1, account, 123), tokens=0)
    db.execute("PRAGMA query_only = 0")
    await store.stop()
    await store.start(serve=True)
    assert await seen(store, account) == (877, 0)
    row = await store.receipt(request_id(1))
    assert row is not None
    assert row.outcome == "finished"


def connection(batch: Batch) -> sqlite3.Connection:
    """The writer's own connection, to limit what it may do."""
    return batch.cursor.connection
