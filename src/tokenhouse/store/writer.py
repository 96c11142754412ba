"""The one writer of a process: a thread, a connection, a queue, and a transaction per batch.

Operations are queued in the order in which they are said. The thread takes whatever has arrived, runs
it in one ``BEGIN IMMEDIATE … COMMIT`` and hands all answers back with a single wake-up of the event
loop. An operation that is refused (LedgerError, a house error) changes nothing and disturbs nobody.
One that breaks unexpectedly undoes the batch, and each operation is then run in a transaction of its
own, so that only the broken one fails.

When the database itself can't be written (disk full, read-only, locked for longer than the busy
timeout) the batch's callers get a 503. Operations that end holds are kept and tried again with the
batches that follow: what was said about money is not lost while the process lives.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
from collections.abc import Callable, Mapping
from queue import Empty, SimpleQueue
from typing import Any, Concatenate, Literal, ParamSpec, TypeVar

from tokenhouse.clock import Clock
from tokenhouse.errors import HouseError, TokenhouseError
from tokenhouse.ledger import LedgerError
from tokenhouse.store import book
from tokenhouse.store.batch import AccountRow, Batch
from tokenhouse.store.limits import Windows
from tokenhouse.store.spending import KeyRow

T = TypeVar("T")
P = ParamSpec("P")

Answer = tuple[asyncio.Future[Any], Any, BaseException | None]
Kind = Literal["say", "insist", "then"]
Words = tuple[tuple[Any, ...], dict[str, Any]]
Entry = tuple[Callable[..., Any], Words, asyncio.Future[Any] | None, Kind]
"""What to do, with what, who waits for it, and how it was said."""
HandOn = Callable[[Callable[..., Any], Words, asyncio.Future[Any]], None]

MOST_PER_BATCH = 512
MOST_ACCOUNTS_KEPT = 20_000
RETRY_S = 0.5
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


class Writer:
    """Queue and thread; all its methods are called in the event loop that made it."""

    def __init__(
        self,
        db: sqlite3.Connection,
        sql: Mapping[str, str],
        clock: Clock,
        *,
        windows: Windows,
        after_commit: Callable[[], None],
    ) -> None:
        self._db = db
        self._cursor = db.cursor()
        self._sql = sql
        self._clock = clock
        self._windows = windows
        self._after_commit = after_commit
        self._loop = asyncio.get_running_loop()
        self._queue: SimpleQueue[Entry | None] = SimpleQueue()
        self._kept: list[Entry] = []
        self._accounts: dict[str, AccountRow] = {}
        self._keys: dict[str, KeyRow | None] = {}
        self._version = -1
        self._beat: Callable[[Batch], object] | None = None
        self._beat_s = 0.0
        self._next_beat = 0.0
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="tokenhouse-writer", daemon=True)
        self.batches = 0
        """Transactions committed so far."""

    def start(self, beat: Callable[[Batch], object] | None, beat_s: float) -> None:
        """Begin to work; ``beat`` rides on the batches."""
        self._beat, self._beat_s = beat, beat_s
        self._next_beat = self._clock.monotonic() + beat_s
        self._thread.start()

    def say(
        self, act: Callable[Concatenate[Batch, P], T], *words: P.args, **named: P.kwargs
    ) -> asyncio.Future[T]:
        """Queue ``act(batch, *words)``; the future carries its answer once that is durable."""
        return self._queued(act, (words, named), "say")

    def insist(
        self, act: Callable[Concatenate[Batch, P], T], *words: P.args, **named: P.kwargs
    ) -> asyncio.Future[T]:
        """The same for what must happen: kept and tried again while the database can't be written."""
        return self._queued(act, (words, named), "insist")

    def then(
        self, hand_on: HandOn, read: Callable[P, T], *words: P.args, **named: P.kwargs
    ) -> asyncio.Future[T]:
        """Hand ``read(*words)`` on once everything queued so far is committed."""
        if self._stopping:
            raise _stopped()
        future: asyncio.Future[T] = self._loop.create_future()
        self._queue.put((hand_on, ((read, (words, named), future), {}), None, "then"))
        return future

    async def stop(self) -> None:
        """Finish what is queued, then end the thread. Idempotent."""
        if not self._stopping:
            self._stopping = True
            self._queue.put(None)
        if self._thread.ident is not None:
            await asyncio.to_thread(self._thread.join)

    def run_now(
        self, act: Callable[Concatenate[Batch, P], T], *words: P.args, **named: P.kwargs
    ) -> T:
        """One transaction in the calling thread; only while the writer's own does not run."""
        assert not self._thread.is_alive()
        batch = self._begin()
        try:
            answer = act(batch, *words, **named)
            self._finish(batch)
        except BaseException:
            self._undo(batch)
            raise
        return answer

    def _queued(self, act: Callable[..., T], words: Words, kind: Kind) -> asyncio.Future[T]:
        if self._stopping:
            raise _stopped()
        future: asyncio.Future[T] = self._loop.create_future()
        self._queue.put((act, words, future, kind))
        return future

    def _run(self) -> None:
        try:
            running = True
            while running:
                running = self._turn()
            while self._kept and self._drained():
                pass
        finally:
            self._stopping = True
            self._turn_away()

    def _turn(self) -> bool:
        """Wait, and do what has arrived. → whether more may come."""
        entries, running = self._arrived()
        if self._beat is not None and self._clock.monotonic() >= self._next_beat:
            self._next_beat = self._clock.monotonic() + self._beat_s
            entries.append((self._beat, ((), {}), None, "say"))
            self._windows.forget_idle(self._clock.monotonic())
        if entries or self._kept:
            self._work(entries)
        return running

    def _turn_away(self) -> None:
        """Whoever spoke while the thread was ending is told so."""
        while not self._queue.empty():
            entry = self._queue.get()
            if entry is None:
                continue
            future = entry[1][0][2] if entry[3] == "then" else entry[2]
            if future is not None:
                self._deliver([(future, None, _stopped())])

    def _arrived(self) -> tuple[list[Entry], bool]:
        """→ (what has arrived, whether more may come)."""
        entries: list[Entry] = []
        try:
            entry = self._queue.get(timeout=self._patience())
            while entry is not None and len(entries) < MOST_PER_BATCH:
                entries.append(entry)
                entry = self._queue.get_nowait()
            if entry is not None:
                entries.append(entry)
                return entries, True
        except Empty:
            return entries, True
        return entries, False

    def _patience(self) -> float | None:
        if self._kept:
            return RETRY_S
        if self._beat is None:
            return None
        return max(0.0, self._next_beat - self._clock.monotonic())

    def _work(self, entries: list[Entry]) -> None:
        acts = [entry for entry in entries if entry[3] != "then"]
        if acts or self._kept:
            self._commit(acts)
        if len(acts) < len(entries):
            for hand_on, (words, _), _, kind in entries:
                if kind == "then":
                    hand_on(*words)

    def _commit(self, entries: list[Entry]) -> None:
        if self._kept:
            entries = self._kept + entries
            self._kept = []
        try:
            answers = self._attempt(entries)
        except BREAKS as error:
            if isinstance(error, sqlite3.Error) and _unavailable(error):
                answers = self._refuse(entries, error)
            else:
                answers = self._one_by_one(entries)
        self._deliver(answers)
        self._after_commit()

    def _attempt(self, entries: list[Entry]) -> list[Answer]:
        answers: list[Answer] = []
        batch = self._begin()
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
            self._finish(batch)
        except BaseException:
            self._undo(batch)
            raise
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
                self._kept.append((act, words, None, "insist"))
        return answers

    def _drained(self) -> bool:
        """Try once more, at the end, what could not be written. → whether that got anywhere."""
        left = len(self._kept)
        self._commit([])
        return len(self._kept) < left

    def _begin(self) -> Batch:
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

    def _finish(self, batch: Batch) -> None:
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
            self._kept += forgotten
            return False

    def _forget(self) -> None:
        self._accounts.clear()
        self._keys.clear()

    def _undo(self, batch: Batch) -> None:
        self._forget()
        for taken in batch.taken:
            self._windows.give_back(taken)
        if self._db.in_transaction:
            self._cursor.execute("ROLLBACK")

    def _deliver(self, answers: list[Answer]) -> None:
        if not answers:
            return
        try:
            self._loop.call_soon_threadsafe(deliver, answers)
        except RuntimeError:
            _log.warning("the event loop is gone; %d answers had nobody to go to", len(answers))


def deliver(answers: list[Answer]) -> None:
    """Hand answers to those who still wait for them; runs in the event loop."""
    for future, answer, error in answers:
        if future.done():
            continue
        if error is None:
            future.set_result(answer)
        else:
            future.set_exception(error)


def _stopped() -> HouseError:
    return HouseError("the store is stopped", status=503, code="store_stopped")


def _unavailable(error: sqlite3.Error) -> bool:
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in _UNAVAILABLE
