"""A database from before usage was folded keeps every receipt, in the order of their writing."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from tests.store.requests import MODEL, NOW, request_id, sound

from tokenhouse.clock import ManualClock
from tokenhouse.store import SqliteStore, schema
from tokenhouse.store.schema import connect, migrate
from tokenhouse.store.sql import migrations


async def test_receipts_of_the_first_schema_are_kept_numbered_and_summed(
    path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch, closing(connect(path)) as db:
        patch.setattr(schema, "migrations", lambda: migrations()[:1])
        assert migrate(db, path) == 1
        db.execute(
            "INSERT INTO account (id, name, plan, balance, created_ms)"
            " VALUES ('acc_1', 'mill', 'free', -30, ?)",
            (NOW,),
        )
        db.execute("UPDATE account SET balance = 30 WHERE id = 'house'")
        for number in (3, 1, 2):
            tokens = 2**63 - 1 if number == 1 else number
            db.execute(
                "INSERT INTO receipt (id, account, held, state, owed, cost, lost, ended_ms, terms,"
                " created_ms, key, model, outcome, input)"
                " VALUES (?, 'acc_1', 10, 'settled', 10, 10, 0, ?, '[\"7\",\"openai_chat\",true]',"
                " ?, 'key_1', ?, 'finished', ?)",
                (request_id(number), NOW, NOW, MODEL, tokens),
            )
            db.execute(
                "INSERT INTO transfer (account, at_ms, id, kind, amount, reason)"
                " VALUES ('acc_1', ?, ?, 'settle', -10, '')",
                (NOW, request_id(number)),
            )
        db.execute(
            "INSERT INTO transfer (account, at_ms, id, kind, amount, reason)"
            " VALUES ('acc_1', ?, 'taken', 'reverse', 0 - 1, '')",
            (NOW,),
        )
        db.execute("UPDATE account SET balance = balance - 1 WHERE id = 'acc_1'")
        db.execute("UPDATE account SET balance = balance + 1 WHERE id = 'house'")
    store = SqliteStore(path, clock=clock)
    await store.start(serve=True)
    try:
        for _ in range(2):
            (row,) = await store.usage(None, since_ms=0, until_ms=2**62)
            assert (row.requests, row.cost, row.input) == (3, 30, 2**40 + 5)
            await sound(store)
            await store.fold(limit=10)
        latest = await store.latest(since_ms=0, limit=2)
        assert [row.id for row in latest] == [request_id(2), request_id(1)]
    finally:
        await store.stop()
