"""One process serves a directory; others may write beside it; every start finds the books in order."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from tests.store.requests import NOW, account_with, admission, receipt, request_id, seen, sound

from tokenhouse.access import Key
from tokenhouse.clock import ManualClock
from tokenhouse.errors import HouseError
from tokenhouse.ledger import GrantDue
from tokenhouse.relay import Admitted, Closed
from tokenhouse.store import SqliteStore


def key(account: str, id: str = "key_1") -> Key:
    return Key(id, account, "laptop", id.encode().ljust(32, b"."), "abcd", NOW)


async def test_a_second_serve_of_a_directory_is_refused_by_name(
    store: SqliteStore, path: Path, clock: ManualClock
) -> None:
    second = SqliteStore(path, clock=clock)
    with pytest.raises(HouseError, match=str(path.parent)):
        await second.start(serve=True)
    await second.stop()
    await store.stop()
    await second.start(serve=True)
    await second.stop()


async def test_a_link_to_the_database_is_no_way_around_the_lock(
    store: SqliteStore, path: Path, clock: ManualClock
) -> None:
    link = path.parent / "elsewhere" / "tokenhouse.db"
    link.parent.mkdir()
    link.symlink_to(path)
    with pytest.raises(HouseError, match=str(path.parent)) as caught:
        await SqliteStore(link, clock=clock).start(serve=True)
    assert caught.value.code == "already_served"
    await sound(store)


async def test_the_command_line_sees_and_is_seen_but_admits_nothing(
    store: SqliteStore, path: Path, clock: ManualClock
) -> None:
    account = await account_with(store, 0)
    beside = SqliteStore(path, clock=clock)
    await beside.start(serve=False)
    try:
        await beside.credit(account, 10, reason="paid", id="c", at_ms=NOW)
        assert await store.admit(admission(1, account, 10)) == Admitted(0)
        assert await seen(beside, account) == (10, 10)
        with pytest.raises(HouseError, match="does not serve"):
            await beside.admit(admission(2, account))
    finally:
        await beside.stop()
    await sound(store, open_holds=1)


async def test_a_key_revoked_by_another_process_is_noticed_through_the_epoch(
    store: SqliteStore, path: Path, clock: ManualClock
) -> None:
    account = await account_with(store, 0)
    made = key(account)
    before = store.epoch()
    await store.add_key(made)
    assert store.epoch() > before
    caller = store.find_caller(made.digest)
    assert caller is not None
    assert (caller.key, caller.account, caller.plan, caller.account_name) == (
        "key_1",
        account,
        "free",
        "mill",
    )
    before = store.epoch()
    beside = SqliteStore(path, clock=clock)
    await beside.start(serve=False)
    try:
        revoked = await beside.revoke_key("key_1", NOW + 5)
        assert revoked is not None
        assert revoked.revoked_ms == NOW + 5
        assert await beside.revoke_key("key_1", NOW + 9) == revoked
        assert await beside.revoke_key("key_9", NOW) is None
    finally:
        await beside.stop()
    assert store.epoch() > before
    assert store.find_caller(made.digest) is None
    assert await store.keys(account) == (revoked,)


async def test_a_plan_or_state_that_changes_is_seen_by_the_next_caller(store: SqliteStore) -> None:
    account = await account_with(store, 0)
    await store.add_key(key(account))
    before = store.epoch()
    await store.change_account(account, plan="pro", state="closed")
    assert store.epoch() > before
    caller = store.find_caller(key(account).digest)
    assert caller is not None
    assert (caller.plan, caller.account_state) == ("pro", "closed")


async def test_a_newer_and_a_foreign_database_are_refused_and_left_alone(
    path: Path, clock: ManualClock
) -> None:
    store = SqliteStore(path, clock=clock)
    await store.start(serve=True)
    await store.stop()
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(HouseError, match="newer Tokenhouse"):
        await store.start(serve=True)
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (99,)
    foreign = path.with_name("foreign.db")
    with closing(sqlite3.connect(foreign)) as db:
        db.execute("CREATE TABLE t (x)")
    with pytest.raises(HouseError, match="another program"):
        await SqliteStore(foreign, clock=clock).start(serve=True)
    garbage = path.with_name("garbage.db")
    garbage.write_bytes(b"no database at all" * 100)
    with pytest.raises(HouseError, match="garbage"):
        await SqliteStore(garbage, clock=clock).start(serve=True)


async def test_a_directory_that_cant_be_written_in_is_told_by_name(
    path: Path, clock: ManualClock
) -> None:
    file = path.with_name("no-directory")
    file.write_bytes(b"")
    with pytest.raises(HouseError, match="no-directory"):
        await SqliteStore(file / "tokenhouse.db", clock=clock).start(serve=True)


async def test_nobody_else_may_read_the_books_or_their_copies(
    store: SqliteStore, path: Path
) -> None:
    copy = path.with_name("copy.db")
    await store.backup(copy)
    for file in (path, copy):
        assert file.stat().st_mode & 0o077 == 0


async def test_what_a_dead_process_held_is_expired_before_the_next_one_answers(
    path: Path, clock: ManualClock
) -> None:
    first = SqliteStore(path, clock=clock)
    await first.start(serve=True)
    account = await account_with(first, 100)
    await first.admit(admission(1, account, 30))
    await first.admit(admission(2, account, 30))
    await first.note(request_id(1), 12)
    await first.stop()

    second = SqliteStore(path, clock=clock)
    await second.start(serve=True)
    try:
        assert await seen(second, account) == (88, 0)
        crashed = await second.receipt(request_id(1))
        assert crashed is not None
        assert (crashed.outcome, crashed.cost, crashed.model) == (
            "crashed",
            12,
            admission(1, account).model,
        )
        assert (crashed.key, crashed.price_version, crashed.prompt_source) == ("key_1", "7", None)
        idle = await second.receipt(request_id(2))
        assert idle is not None
        assert (idle.outcome, idle.cost) == ("crashed", 0)
        late = await second.close(receipt(1, account, 20), tokens=0)
        assert late == Closed(12, lost=8, late=True)
        assert await second.close(receipt(1, account, 20), tokens=0) == late
        told = await second.receipt(request_id(1))
        assert told is not None
        assert (told.outcome, told.cost, told.owed, told.lost, told.late) == (
            "finished",
            12,
            20,
            8,
            True,
        )
        assert await seen(second, account) == (88, 0)
        await sound(second)
    finally:
        await second.stop()


async def test_a_lease_whose_counter_stands_still_for_ten_seconds_is_dead(
    store: SqliteStore, clock: ManualClock
) -> None:
    account = await account_with(store, 100)
    with closing(sqlite3.connect(store.path)) as db, db:
        db.execute("INSERT INTO lease (id, started_ms) VALUES ('lse_other', 0)")
    await store.admit(admission(1, account, 30))
    with closing(sqlite3.connect(store.path)) as db, db:
        db.execute("UPDATE hold SET lease = 'lse_other'")
    for _ in range(6):
        assert await seen(store, account) == (100, 30)
        clock.advance(2.0)
    await store.credit(
        account, 1, reason="", id="c", at_ms=NOW
    )  # the thread's: the beat rides on it
    assert await seen(store, account) == (101, 0)
    await sound(store)


async def test_a_stopped_store_says_so_and_can_be_started_again(
    path: Path, clock: ManualClock
) -> None:
    store = SqliteStore(path, clock=clock)
    with pytest.raises(HouseError, match="not started"):
        store.epoch()
    await store.start(serve=True)
    waiting = [store.create_account(f"a{n}", "free", NOW) for n in range(50)]
    await store.stop()
    assert [(await each).name for each in waiting] == [f"a{n}" for n in range(50)]
    with pytest.raises(HouseError, match="not started"):
        store.create_account("b", "free", NOW)
    await store.start(serve=False)
    assert len(await store.accounts()) == 50
    await store.stop()


async def test_a_grant_that_ended_while_nobody_served_has_ended_after_the_next_start(
    path: Path, clock: ManualClock
) -> None:
    store = SqliteStore(path, clock=clock)
    await store.start(serve=True)
    account = await account_with(store, 10)
    await store.admit(admission(1, account, 20, grant=GrantDue("2026-11", 50, NOW + 5000)))
    await store.close(receipt(1, account, 20), tokens=0)
    await store.stop()
    clock.advance(5.0)
    await store.start(serve=True)
    try:
        newest, *_ = await store.postings(account)
        assert (newest.amount, newest.kind) == (-30, "grant_end")
        assert [grant.rest for grant in await store.grants(account)] == [0]
        await sound(store)
    finally:
        await store.stop()


async def test_a_backup_under_load_is_one_moment_and_sound(
    store: SqliteStore, path: Path, clock: ManualClock
) -> None:
    account = await account_with(store, 10_000)
    said = [store.admit(admission(n, account)) for n in range(300)]
    said_too = [store.close(receipt(n, account, 7), tokens=0) for n in range(0, 300, 2)]
    target = path.with_name("backup.db")
    await store.backup(target)
    for each in (*said, *said_too):
        await each
    with pytest.raises(HouseError, match="there already"):
        await store.backup(target)
    copy_path = path.parent / "copy" / "tokenhouse.db"
    copy_path.parent.mkdir()
    target.rename(copy_path)
    copy = SqliteStore(copy_path, clock=clock)
    await copy.start(serve=False)
    try:
        verification = await copy.verify()
        assert verification.errors == ()
    finally:
        await copy.stop()
