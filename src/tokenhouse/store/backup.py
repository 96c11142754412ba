"""Backups: a copy of the database as it was at one moment, made while it is written to."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from tokenhouse.errors import HouseError
from tokenhouse.store.schema import connect_reader


def backup(source: Path, target: Path) -> None:
    """Copy ``source`` to the new file ``target``: whole and checked, or not at all.

    One step of SQLite's online backup, so it sees one snapshot and makes no writer wait. HouseError when
    ``target`` exists or can't be written.
    """
    if target.exists():
        raise HouseError(f"{target} is there already; give the name of a new file")
    unfinished = target.with_name(target.name + ".part")
    try:
        unfinished.touch(mode=0o600)
        with closing(connect_reader(source)) as db, closing(sqlite3.connect(unfinished)) as copy:
            db.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")
            (verdict,) = copy.execute("PRAGMA quick_check").fetchone()
        if verdict != "ok":
            raise HouseError(f"the copy of {source} is damaged: {verdict}")
        os.replace(unfinished, target)
    except (sqlite3.Error, OSError) as error:
        raise HouseError(f"can't write the backup {target}: {error}") from error
    finally:
        unfinished.unlink(missing_ok=True)
