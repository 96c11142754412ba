"""The one writer of a process: a connection, a queue, a transaction per batch, and a thread.

Operations are queued in the order in which they are said. Whatever has arrived is run in one
``BEGIN IMMEDIATE … COMMIT``. Where a commit waits for no disk, the few short operations that every
request needs (``briefly``) are run by the event loop itself at its next turn: two wake-ups of another
thread cost more than they do. All the rest, and those as well while the thread has work, another
process writes, the file is out of order or the log starts over, is the thread's; it hands all answers
of a batch back with a single wake-up of the event loop.

What could not be written and must be (the end of a hold) is tried again with the batches that follow:
what was said about money is not lost while the process lives.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, Concatenate, Final, ParamSpec, Protocol, TypeVar

from tokenhouse.clock import Clock
from tokenhouse.errors import HouseError
from tokenhouse.store.batch import Batch
from tokenhouse.store.limits import Windows
from tokenhouse.store.transactions import Answer, Entry, Kind, Transactions, Words, deliver

T = TypeVar("T")
P = ParamSpec("P")

HandOn = Callable[[Callable[..., Any], Words, asyncio.Future[Any]], None]

MOST_PER_BATCH = 512
MOST_PER_TURN = 64
"""Brief operations in one turn of the event loop: about a millisecond."""

RETRY_S = 0.5

_log = logging.getLogger("tokenhouse.store")


class Log(Protocol):
    """The database's log, as far as a writer must know of it."""

    @property
    def waits(self) -> bool:
        """May the next commit wait for the disk? Then it is the thread's."""
        ...

    def committed(self, *, patient: bool) -> None:
        """A batch was committed; ``patient``: it may be tended now."""
        ...


@dataclass(frozen=True, slots=True)
class WriterPulse:
    """``unwritten``: operations that must be written and could not be; ``queued``: those that wait for
    their turn; ``beaten``: monotonic seconds of the last beat that was committed, None before it."""

    batches: int
    operations: int
    unwritten: int
    queued: int
    beaten: float | None


class Writer:
    """Queue and thread; all its methods are called in the event loop that made it.

    ``inline``: a commit waits for no disk, so that brief operations need no thread.
    """

    def __init__(
        self,
        db: sqlite3.Connection,
        sql: Mapping[str, str],
        clock: Clock,
        *,
        windows: Windows,
        wal: Log,
        inline: bool = False,
    ) -> None:
        self._transactions = Transactions(db, sql, clock, windows)
        self._clock = clock
        self._windows = windows
        self._wal = wal
        self._inline = inline
        self._soon: list[Entry] = []
        self._handed = 0
        self._using = threading.Lock()
        self._loop = asyncio.get_running_loop()
        self._queue: SimpleQueue[Entry | None] = SimpleQueue()
        self._beat: Callable[[Batch], object] | None = None
        self._beat_s = 0.0
        self._next_beat = 0.0
        self._beaten: float | None = None
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="tokenhouse-writer", daemon=True)

    @property
    def batches(self) -> int:
        """Transactions committed so far."""
        return self._transactions.batches

    @property
    def pulse(self) -> WriterPulse:
        """How it does; read from the event loop, while the thread may be at work."""
        transactions = self._transactions
        return WriterPulse(
            batches=transactions.batches,
            operations=transactions.operations,
            unwritten=len(transactions.kept),
            queued=self._handed + len(self._soon),
            beaten=self._beaten,
        )

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

    def briefly(
        self, act: Callable[Concatenate[Batch, P], T], *words: P.args, **named: P.kwargs
    ) -> asyncio.Future[T]:
        """``say`` for what takes microseconds: admitting a request, noting what it owes."""
        return self._queued(act, (words, named), "say", brief=True)

    def briefly_insist(
        self, act: Callable[Concatenate[Batch, P], T], *words: P.args, **named: P.kwargs
    ) -> asyncio.Future[T]:
        """``insist`` for what takes microseconds: ending a hold."""
        return self._queued(act, (words, named), "insist", brief=True)

    def then(
        self, hand_on: HandOn, read: Callable[P, T], *words: P.args, **named: P.kwargs
    ) -> asyncio.Future[T]:
        """Hand ``read(*words)`` on once everything queued so far is committed."""
        if self._stopping:
            raise _stopped()
        future: asyncio.Future[T] = self._loop.create_future()
        self._hand([(hand_on, ((read, (words, named), future), {}), None, "then")])
        return future

    async def stop(self) -> None:
        """Finish what is queued, then end the thread. Idempotent."""
        if not self._stopping:
            self._stopping = True
            self._hand([])
            self._queue.put(None)
        if self._thread.ident is not None:
            await asyncio.to_thread(self._thread.join)

    def run_now(
        self, act: Callable[Concatenate[Batch, P], T], *words: P.args, **named: P.kwargs
    ) -> T:
        """One transaction in the calling thread; only while the writer's own does not run."""
        assert not self._thread.is_alive()
        transactions = self._transactions
        batch = transactions.begin()
        try:
            answer = act(batch, *words, **named)
            transactions.finish(batch)
        except BaseException:
            transactions.undo(batch)
            raise
        return answer

    def _queued(
        self, act: Callable[..., T], words: Words, kind: Kind, *, brief: bool = False
    ) -> asyncio.Future[T]:
        if self._stopping:
            raise _stopped()
        future: asyncio.Future[T] = self._loop.create_future()
        entry: Entry = (act, words, future, kind)
        if not (brief and self._inline) or self._handed:
            self._hand([entry])
        else:
            if not self._soon:
                self._loop.call_soon(self._flush)
            self._soon.append(entry)
        return future

    def _hand(self, entries: list[Entry]) -> None:
        """Give all that waits, and then ``entries``, to the thread."""
        if self._soon:
            entries = [*self._soon, *entries]
            self._soon.clear()
        self._handed += len(entries)
        for entry in entries:
            self._queue.put(entry)

    def _flush(self) -> None:
        """Do here what waits, if nothing can make it wait; else the thread does."""
        if not self._soon:
            return
        if self._handed or self._transactions.kept or self._wal.waits:
            self._hand([])
        elif self._using.acquire(blocking=False):
            try:
                self._here()
            finally:
                self._using.release()
        else:
            self._hand([])

    def _here(self) -> None:
        entries = self._soon[:MOST_PER_TURN]
        try:
            self._transactions.be_patient(False)
            batch = self._transactions.begin()
        except sqlite3.Error:  # another process writes, or worse: the thread can wait, and knows
            self._hand([])
            return
        del self._soon[:MOST_PER_TURN]
        deliver(self._transactions.run(entries, batch))
        self._wal.committed(patient=False)
        if self._transactions.kept:
            self._hand([_LOOK])
        elif self._soon:
            self._loop.call_soon(self._flush)

    def _run(self) -> None:
        try:
            running = True
            while running:
                running = self._turn()
            while self._transactions.kept and self._drained():
                pass
        finally:
            self._stopping = True
            self._turn_away()

    def _turn(self) -> bool:
        """Wait, and do what has arrived. → whether more may come."""
        entries, running = self._arrived()
        riding = 0
        if self._beat is not None and self._clock.monotonic() >= self._next_beat:
            self._next_beat = self._clock.monotonic() + self._beat_s
            entries.append((self._beat, ((), {}), None, "say"))
            riding = 1
        if entries or self._transactions.kept:
            with self._using:
                if riding:
                    self._windows.forget_idle(self._clock.monotonic())
                self._transactions.be_patient(True)
                batches = self._transactions.batches
                answers = self._work(entries)
                if riding and self._transactions.batches > batches:
                    self._beaten = self._clock.monotonic()
            self._deliver(answers, len(entries) - riding)
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
        if self._transactions.kept:
            return RETRY_S
        if self._beat is None:
            return None
        return max(0.0, self._next_beat - self._clock.monotonic())

    def _work(self, entries: list[Entry]) -> list[Answer]:
        acts = [entry for entry in entries if entry[3] != "then"]
        answers = self._commit(acts) if acts or self._transactions.kept else []
        if len(acts) < len(entries):
            for hand_on, (words, _), _, kind in entries:
                if kind == "then":
                    hand_on(*words)
        return answers

    def _commit(self, entries: list[Entry]) -> list[Answer]:
        transactions = self._transactions
        if transactions.kept:
            entries = transactions.kept + entries
            transactions.kept = []
        answers = transactions.run(entries)
        self._wal.committed(patient=True)
        return answers

    def _drained(self) -> bool:
        """Try once more, at the end, what could not be written. → whether that got anywhere."""
        left = len(self._transactions.kept)
        self._deliver(self._commit([]))
        return len(self._transactions.kept) < left

    def _deliver(self, answers: list[Answer], handed: int = 0) -> None:
        """Hand answers back, and with them that so many entries are done with."""
        if not answers and not (handed and self._inline):
            return
        try:
            self._loop.call_soon_threadsafe(self._delivered, answers, handed)
        except RuntimeError:
            _log.warning("the event loop is gone; %d answers had nobody to go to", len(answers))

    def _delivered(self, answers: list[Answer], handed: int) -> None:
        self._handed -= handed
        deliver(answers)


def _nothing(batch: Batch) -> None:
    del batch


_LOOK: Final[Entry] = (_nothing, ((), {}), None, "say")
"""Wakes the thread, to look at what is kept."""


def _stopped() -> HouseError:
    return HouseError("the store is stopped", status=503, code="store_stopped")
