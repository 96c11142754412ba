"""Every sentence of the store is good SQL on the schema, is said somewhere, and uses its indexes."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tokenhouse.store.schema import connect, migrate
from tokenhouse.store.sql import migrations, statements

NAMES = sorted(statements())
STORE = Path(__file__).parents[2] / "src" / "tokenhouse" / "store"

HOT = (
    *("account_get", "account_put", "caller_find", "ended_get", "epoch_get", "grant_known"),
    *("free_day_get", "free_day_take", "grant_raise", "price_get", "price_last", "price_list_of"),
    *("grants_open", "hold_end", "hold_new", "hold_note", "hold_words", "house_add", "lease_beat"),
    *(
        "key_list_of",
        "postings_of",
        "receipt_get",
        "receipt_late",
        "receipts_down",
        "transfer_find",
    ),
    *("audit_new", "fold_count", "fold_days", "fold_end", "fold_hours", "funds_of", "meta_get"),
    *("meta_raise", "postings_down", "postings_up", "prune_hours", "prune_receipts", "receipts_up"),
    *(
        "receipts_written",
        "receipts_written_of",
        "refold_day",
        "refold_hour",
        "spent_by_key",
        "usage_days_of",
    ),
    *("account_seek", "audit_seek", "receipts_failed", "transfer_account"),
    *("usage_hours", "usage_hours_of", "voucher_by_digest", "voucher_redeem", "vouchers_named"),
)


@pytest.fixture
def db(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(connect(path)) as db:
        migrate(db, path)
        yield db


def plan(db: sqlite3.Connection, sql: str) -> list[str]:
    unbound = [None] * max(sql.count("?"), 20)
    while True:
        try:
            return [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {sql}", unbound)]
        except sqlite3.ProgrammingError:
            unbound.pop()


@pytest.mark.parametrize("name", NAMES)
def test_a_statement_is_good_sql(db: sqlite3.Connection, name: str) -> None:
    plan(db, statements()[name])


@pytest.mark.parametrize("name", HOT)
def test_what_runs_while_requests_run_reads_no_whole_table(
    db: sqlite3.Connection, name: str
) -> None:
    scans = [
        line
        for line in plan(db, statements()[name])
        if re.match(r"SCAN (?!CONSTANT|used_by_)", line)
    ]
    assert scans == []


def test_failed_requests_are_found_without_reading_the_others(db: sqlite3.Connection) -> None:
    (line,) = plan(db, statements()["receipts_failed"])
    assert "USING INDEX receipt_failed" in line


def test_every_statement_is_said_and_none_is_missing() -> None:
    text = "\n".join(path.read_text() for path in STORE.glob("*.py"))
    unsaid = [name for name in NAMES if f'"{name}"' not in text]
    assert unsaid == []


def test_migrations_are_taken_once(path: Path) -> None:
    with closing(connect(path)) as db:
        assert migrate(db, path) == len(migrations())
        assert migrate(db, path) == 0
