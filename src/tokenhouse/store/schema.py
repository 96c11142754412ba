"""The database file: opening it as ours, bringing it up to date, refusing what we don't know."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from tokenhouse.errors import HouseError
from tokenhouse.store.sql import Migration, migrations

Durability = Literal["process", "power"]
Connect = Callable[[Path, Durability], sqlite3.Connection]

APPLICATION_ID = 0x546F6B48
"""Marks a file as ours (``TokH``), so that no other program's database is ever migrated."""

BUSY_TIMEOUT_MS = 5_000
_OLDEST_SQLITE = (3, 37, 0)


def connect(path: Path, durability: Durability = "process") -> sqlite3.Connection:
    """A connection in our settings: WAL, autocommit, no checkpoint on commit, patient when busy.

    ``process`` survives kill -9 (synchronous NORMAL), ``power`` also power loss: FULL syncs the log with
    every commit, and ``fullfsync`` makes that reach the disk where a sync alone does not (macOS).
    """
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        raise HouseError(
            f"SQLite {sqlite3.sqlite_version} is too old: 3.37 or newer is needed",
            code="store_unavailable",
        )
    try:
        db = sqlite3.connect(
            path, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        db.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute(f"PRAGMA synchronous = {'NORMAL' if durability == 'process' else 'FULL'}")
        if durability == "power":
            db.execute("PRAGMA fullfsync = 1")
            db.execute("PRAGMA checkpoint_fullfsync = 1")
        db.execute("PRAGMA wal_autocheckpoint = 0")
        db.execute("PRAGMA cache_size = -16000")
    except sqlite3.Error as error:
        raise HouseError(f"can't open the database {path}: {error}", status=503) from error
    return db


def connect_reader(path: Path) -> sqlite3.Connection:
    """A connection that can't write."""
    db = connect(path)
    db.execute("PRAGMA query_only = 1")
    return db


def migrate(db: sqlite3.Connection, path: Path) -> int:
    """Bring the schema up to date in one transaction. → how many steps were taken.

    HouseError when the file is another program's, or was written by a newer Tokenhouse.
    """
    steps = migrations()
    try:
        if _version(db, path, newest=len(steps)) == len(steps):
            return 0
    except sqlite3.Error as error:
        raise HouseError(f"can't read the database {path}: {error}", status=503) from error
    db.execute("BEGIN IMMEDIATE")
    try:
        version = _version(db, path, newest=len(steps))
        for step in steps[version:]:
            _take(db, step)
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
    return len(steps) - version


def _version(db: sqlite3.Connection, path: Path, *, newest: int) -> int:
    (version,) = db.execute("PRAGMA user_version").fetchone()
    (application,) = db.execute("PRAGMA application_id").fetchone()
    (tables,) = db.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if application != APPLICATION_ID and (application or tables or version):
        raise HouseError(
            f"{path} is a database of another program; give another --data directory",
            code="store_foreign",
        )
    if version > newest:
        raise HouseError(
            f"{path} was written by a newer Tokenhouse (schema {version}, this one knows {newest});"
            " upgrade Tokenhouse, or use another --data directory",
            code="store_newer",
        )
    return version


def _take(db: sqlite3.Connection, step: Migration) -> None:
    statement = ""
    for line in step.sql.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            db.execute(statement)
            statement = ""
    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    db.execute(f"PRAGMA user_version = {step.number}")
