"""Operations in transactions: one for a batch, one for each when the batch breaks.

An operation that is refused (LedgerError, a house error) changes nothing and disturbs nobody. One that
breaks unexpectedly undoes the batch, and each operation is then run in a transaction of its own, so
that only the broken one fails. When the database itself can't be written (disk full, read-only, locked
for longer than we wait) the callers get a 503; what ends holds is kept, to be tried again.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Mapping
from typing import Any, Literal

from tokenhouse.clock import Clock
from tokenhouse.errors import HouseError, TokenhouseError
from tokenhouse.ledger import LedgerError
from tokenhouse.store import book
from tokenhouse.store.batch import AccountRow, Batch
from tokenhouse.store.limits import Windows
from tokenhouse.store.schema import BUSY_TIMEOUT_MS
from tokenhouse.store.spending import KeyRow

Answer = tuple[asyncio.Future[Any], Any, BaseException | None]
Kind = Literal["say", "insist", "then"]
Words = tuple[tuple[Any, ...], dict[str, Any]]
Entry = tuple[Callable[..., Any], Words, asyncio.Future[Any] | None, Kind]
"""What to do, with what, who waits for it, and how it was said."""
MOST_ACCOUNTS_KEPT = 20_000
RETRY_AFTER_S = 2.0

BREAKS = (
    sqlite3.Error,
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""How an operation may break: a fault of ours or of the file. Its caller is told, the thread lives."""

_UNAVAILABLE = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_NOMEM,
}

_log = logging.getLogger("tokenhouse.store")


class Transactions:
    """The connection that writes, and what outlives a transaction. One user at a time."""

    def __init__(
        self, db: sqlite3.Connection, sql: Mapping[str, str], clock: Clock, windows: Windows
    ) -> None:
        self.kept: list[Entry] = []
        """What could not be written and must be."""
        self.batches = 0
        """Transactions committed so far."""
        self.operations = 0
        """Operations that were in them."""
        self._db = db
        self._cursor = db.cursor()
        self._sql = sql
        self._clock = clock
        self._windows = windows
        self._accounts: dict[str, AccountRow] = {}
        self._keys: dict[str, KeyRow | None] = {}
        self._version = -1
        self._patient = True

    def be_patient(self, patient: bool) -> None:
        """Wait for another process that writes (up to ``BUSY_TIMEOUT_MS``), or not at all."""
        if patient is not self._patient:
            self._patient = patient
            self._cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS if patient else 0}")

    def run(self, entries: list[Entry], batch: Batch | None = None) -> list[Answer]:
        """Run ``entries`` in one transaction (``batch``: one that has begun), come what may."""
        try:
            return self._attempt(entries, batch)
        except BREAKS as error:
            if isinstance(error, sqlite3.Error) and _unavailable(error):
                return self._refuse(entries, error)
            return self._one_by_one(entries)

    def _attempt(self, entries: list[Entry], begun: Batch | None = None) -> list[Answer]:
        answers: list[Answer] = []
        batch = self.begin() if begun is None else begun
        try:
            for act, (words, named), future, _ in entries:
                try:
                    answer = act(batch, *words, **named)
                except (LedgerError, TokenhouseError) as error:
                    if future is not None:
                        answers.append((future, None, error))
                    else:
                        _log.warning("what was kept for later made no sense then: %s", error)
                else:
                    if future is not None:
                        answers.append((future, answer, None))
            self.finish(batch)
        except BaseException:
            self.undo(batch)
            raise
        self.operations += len(entries)
        return answers

    def _one_by_one(self, entries: list[Entry]) -> list[Answer]:
        answers: list[Answer] = []
        for entry in entries:
            try:
                answers += self._attempt([entry])
            except BREAKS as error:
                if isinstance(error, sqlite3.Error) and _unavailable(error):
                    answers += self._refuse([entry], error)
                    continue
                _log.error("an operation of the store failed", exc_info=error)
                if entry[2] is not None:
                    failed = HouseError("the store failed", code="store_failed")
                    failed.__cause__ = error
                    answers.append((entry[2], None, failed))
        return answers

    def _refuse(self, entries: list[Entry], error: sqlite3.Error) -> list[Answer]:
        _log.error("the database can't be written: %s", error)
        answers: list[Answer] = []
        for act, words, future, kind in entries:
            if future is not None:
                fate = "this is kept and written as soon as it can be"
                unavailable = HouseError(
                    f"The ledger can't be written at the moment ({error}); "
                    + (fate if kind == "insist" else "nothing was changed"),
                    status=503,
                    code="store_unavailable",
                    retry_after_s=RETRY_AFTER_S,
                )
                unavailable.__cause__ = error
                answers.append((future, None, unavailable))
            if kind == "insist":
                self.kept.append((act, words, None, "insist"))
        return answers

    def begin(self) -> Batch:
        """A batch in a transaction of its own. sqlite3.Error when there can be none now."""
        clock, cursor = self._clock, self._cursor
        if self._db.in_transaction:  # a ROLLBACK that failed: nothing can begin before it is done
            cursor.execute("ROLLBACK")
        cursor.execute("BEGIN IMMEDIATE")
        try:
            (version,) = cursor.execute("PRAGMA data_version").fetchone()
        except sqlite3.Error:
            cursor.execute("ROLLBACK")
            raise
        many = len(self._accounts) > MOST_ACCOUNTS_KEPT or len(self._keys) > MOST_ACCOUNTS_KEPT
        if version != self._version or many:
            self._version = version
            self._forget()
        return Batch(
            cursor,
            self._sql,
            self._accounts,
            self._keys,
            now_ms=clock.now_ms(),
            mono=clock.monotonic(),
        )

    def finish(self, batch: Batch) -> None:
        """Write the working set back and commit."""
        batch.flush()
        try:
            self._cursor.execute("COMMIT")
        except sqlite3.Error as error:
            if not self._stands(batch):
                raise
            _log.warning("a commit failed (%s), and stands all the same", error)
        self.batches += 1
        for id, tokens in batch.corrections:
            self._windows.correct(id, tokens)

    def undo(self, batch: Batch) -> None:
        """Forget the batch, and what of the database is remembered."""
        self._forget()
        for taken in batch.taken:
            self._windows.give_back(taken)
        if self._db.in_transaction:
            self._cursor.execute("ROLLBACK")

    def _stands(self, batch: Batch) -> bool:
        """After a COMMIT that failed: was it one all the same? Looked up before anything is repeated.

        Where even that can't be read, the holds which the batch made are released as soon as that can
        be written: their requests are told that nothing was held.
        """
        if self._db.in_transaction:
            return False
        try:
            return book.stands(batch)
        except sqlite3.Error:
            forgotten: list[Entry] = [
                (book.forget, ((id,), {}), None, "insist") for id in batch.made
            ]
            self.kept += forgotten
            return False

    def _forget(self) -> None:
        self._accounts.clear()
        self._keys.clear()


def deliver(answers: list[Answer]) -> None:
    """Hand answers to those who still wait for them; runs in the event loop."""
    for future, answer, error in answers:
        if future.done():
            continue
        if error is None:
            future.set_result(answer)
        else:
            future.set_exception(error)


def _unavailable(error: sqlite3.Error) -> bool:
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in _UNAVAILABLE
