"""Checkpoints outside the commit path: a thread that moves the log's pages into the database.

Passive checkpoints never wait for anybody and nobody waits for them. Under unbroken load they never
quite catch up, and the log can't start over; when it has grown too long the writer is asked to make
one restarting checkpoint between two batches, which has little left to move.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable

from tokenhouse.store.schema import BUSY_TIMEOUT_MS

WORTH_IT = 250
"""Commits after which a checkpoint is made at the next look."""

OVERGROWN_PAGES = 16_384
"""64 MiB of log."""

LOOK_S = 1.0
LOOKS_WHEN_QUIET = 30

_log = logging.getLogger("tokenhouse.store")


class Checkpointer:
    """A thread that looks once a second whether there is something to move."""

    def __init__(
        self, connect: Callable[[], sqlite3.Connection], written: sqlite3.Connection
    ) -> None:
        self._connect = connect
        self._written = written
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="tokenhouse-checkpoint", daemon=True)
        self._commits = 0
        self._moved = 0
        self._looks = 0
        self._overgrown = False
        self._turns = False

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End the thread; waits for a checkpoint that is under way."""
        self._end.set()
        if self._thread.ident is not None:
            self._thread.join()

    @property
    def waits(self) -> bool:
        """Will the next commit, or what is due after it, wait for the disk? SQLite syncs the head of
        a log that starts over, and a restarting checkpoint syncs the database."""
        return self._turns or self._overgrown

    def committed(self, *, patient: bool) -> None:
        """The writer has committed a batch, and is between two; ``patient``: it may take its time."""
        self._commits += 1
        if patient:
            self._turns = False
            if self._overgrown:
                self._overgrown = False
                self._restart(self._written)

    def look(self, db: sqlite3.Connection) -> None:
        """Make a checkpoint when it is worth one, or something has been waiting for a while."""
        commits, self._looks = self._commits, self._looks + 1
        new = commits - self._moved
        if new < WORTH_IT and not (new and self._looks >= LOOKS_WHEN_QUIET):
            return
        try:
            _, pages, moved = db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        except sqlite3.Error as error:
            _log.warning("no checkpoint could be made, the log keeps growing: %s", error)
            return
        self._moved, self._looks = commits, 0
        self._overgrown = pages > OVERGROWN_PAGES
        self._turns = pages == moved

    def _restart(self, db: sqlite3.Connection) -> None:
        db.execute("PRAGMA busy_timeout = 0")  # a long read must not make requests wait
        try:
            db.execute("PRAGMA wal_checkpoint(RESTART)").fetchall()
        except sqlite3.Error as error:
            _log.warning("the log could not be started over: %s", error)
        finally:
            db.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")

    def _run(self) -> None:
        db = self._connect()
        try:
            while not self._end.wait(LOOK_S):
                self.look(db)
        finally:
            db.close()
