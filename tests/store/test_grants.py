"""What a grant costs the requests of its month, and what a new file of books makes of older ones."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from tests.store.requests import NOW, account_with, admission, receipt, sound

from tokenhouse.ledger import GrantDue
from tokenhouse.relay import Admitted
from tokenhouse.store import SqliteStore
from tokenhouse.store.schema import connect, migrate
from tokenhouse.store.sql import migrations

GRANT = GrantDue("2026-11", 10**9, NOW + 10**6)


async def test_a_grant_that_was_given_costs_later_requests_no_statement(
    store: SqliteStore,
) -> None:
    account = await account_with(store, 0)
    assert isinstance(await store.admit(admission(1, account, grant=GRANT)), Admitted)
    said: list[str] = []
    running = store._running  # pyright: ignore[reportPrivateUsage]
    assert running is not None
    written = running.connections[0]
    written.set_trace_callback(said.append)
    assert isinstance(await store.admit(admission(2, account, grant=GRANT)), Admitted)
    written.set_trace_callback(None)
    words = [sql for sql in said if not sql.startswith(("BEGIN", "COMMIT", "PRAGMA"))]
    assert any("INTO hold" in sql for sql in words)
    assert not [sql for sql in words if "grant " in sql or "free_day" in sql or "price" in sql]
    for number in (1, 2):
        await store.close(receipt(number, account, 5), tokens=0)
    await sound(store)


async def test_a_grant_raised_by_another_process_is_not_given_again(
    store: SqliteStore, path: Path
) -> None:
    account = await account_with(store, 0)
    await store.admit(admission(1, account, grant=GRANT))
    with closing(sqlite3.connect(path)) as beside:
        beside.execute("UPDATE account_grant SET amount = amount + 5, rest = rest + 5")
        beside.execute("UPDATE account SET balance = balance + 5 WHERE id <> 'house'")
        beside.execute("UPDATE account SET balance = balance - 5 WHERE id = 'house'")
        beside.execute(
            "INSERT INTO transfer (account, at_ms, id, kind, amount, reason)"
            " VALUES (?, ?, 'more', 'grant', 5, '2026-11')",
            (account, NOW),
        )
        beside.commit()
    more = GrantDue(GRANT.period, GRANT.amount + 5, GRANT.ends_ms)
    await store.admit(admission(2, account, grant=more))
    assert (await store.balance(account)).balance == GRANT.amount + 5
    for number in (1, 2):
        await store.close(receipt(number, account, 0), tokens=0)
    await sound(store)


@pytest.mark.parametrize("granted", [True, False])
def test_books_of_the_first_schema_keep_their_grants(path: Path, granted: bool) -> None:
    first = migrations()[0]
    with closing(connect(path)) as db:
        db.executescript(first.sql)
        db.execute("INSERT INTO account (id, name, plan, created_ms) VALUES ('a', 'a', 'free', 0)")
        if granted:
            db.execute("INSERT INTO account_grant VALUES ('a', '2026-11', 50, 20, 99)")
            db.execute("UPDATE account SET granted = '2026-11', grants_open = 1 WHERE id = 'a'")
        db.execute(f"PRAGMA application_id = {0x546F6B48}")
        db.execute("PRAGMA user_version = 1")
        assert migrate(db, path) == len(migrations()) - 1
        rows = db.execute("SELECT period, amount, rest FROM account_grant").fetchall()
        assert rows == ([("2026-11", 50, 20)] if granted else [])
