"""The store on SQLite: one file, one writing thread, and everybody's ports."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import ParamSpec, TypeVar

from tokenhouse import ids
from tokenhouse.access import Caller, Key, KeyChange, Rotation
from tokenhouse.billing import By, Pace, PriceVersion
from tokenhouse.catalogue import Price
from tokenhouse.clock import Clock
from tokenhouse.errors import HouseError
from tokenhouse.ledger import (
    Account,
    AccountState,
    Balance,
    Credited,
    Grant,
    Held,
    HoldAsked,
    NotEnough,
    Posting,
    Released,
    Settled,
    Verification,
)
from tokenhouse.relay import Admission, Admitted, Closed, Keep, Kept, Receipt, Refused
from tokenhouse.store import acts, book, keys, leases, money, prices, schema
from tokenhouse.store.backup import backup
from tokenhouse.store.batch import Batch
from tokenhouse.store.checkpoint import Checkpointer
from tokenhouse.store.limits import Windows
from tokenhouse.store.lists import Lists
from tokenhouse.store.lock import DirectoryLock
from tokenhouse.store.office import Office
from tokenhouse.store.people_rows import PeopleReads
from tokenhouse.store.reader import Reader
from tokenhouse.store.reads import Reads
from tokenhouse.store.receipts import ReceiptCodec
from tokenhouse.store.registry import Registry
from tokenhouse.store.sql import statements
from tokenhouse.store.writer import Writer, WriterPulse

T = TypeVar("T")
P = ParamSpec("P")


class SqliteStore(Office, Registry):
    """``ledger.Ledger``, ``relay.Book``, ``access.KeyStore``, ``access.PeopleStore``,
    ``billing.Office`` and ``billing.PriceBook`` on one file.

    Verbs are queued when they are called, from the event loop that started the store, and answered
    when they are durable (``process``: survives kill -9; ``power``: also power loss). They raise
    LedgerError for what makes no sense, HouseError 503 when nothing could be written.
    """

    def __init__(
        self,
        path: Path,
        *,
        clock: Clock,
        durability: schema.Durability = "process",
        connect: schema.Connect = schema.connect,
    ) -> None:
        """``connect`` opens the connections that write."""
        self.path = path
        self.lease = ""
        """This process's lease; empty when it does not serve."""
        self._clock = clock
        self._connect = partial(connect, path, durability)
        self._inline = durability == "process"
        self._lock = DirectoryLock(path.resolve().parent)
        self._windows = Windows()
        self._codec = ReceiptCodec()
        self._running: _Running | None = None

    async def start(self, *, serve: bool) -> None:
        """Open the file, bring its schema up to date, begin to work.

        ``serve`` takes the directory's lock and a lease, and expires what older leases left behind,
        before it returns. Without it (the command line beside a running server) nothing is locked and
        nothing can be admitted. HouseError: served already, a newer or a foreign database.
        """
        if self._running is not None:
            raise RuntimeError("the store is started already")
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.path.touch(mode=0o600)
        except OSError as error:
            raise HouseError(f"can't write in the data directory: {error}") from error
        try:
            self._running = await self._open(serve)
        except BaseException:
            self._lock.drop()
            self.lease = ""
            raise

    async def stop(self) -> None:
        """Finish what was said, end the lease, the threads and the lock. Idempotent."""
        running, self._running = self._running, None
        if running is None:
            return
        await running.writer.stop()
        await running.stop_reading()
        await asyncio.to_thread(running.checkpointer.stop)
        try:
            if self.lease:
                running.writer.run_now(leases.end, self.lease)
        except sqlite3.Error:
            pass  # the file can't be written: the next start finds the lease dead
        finally:
            for db in running.connections:
                db.close()
            self.lease = ""
            self._lock.drop()

    @property
    def writer(self) -> Writer:
        """The writing thread; HouseError when the store is not started."""
        return self._now.writer

    @property
    def pulse(self) -> WriterPulse | None:
        """How the writer does; None when the store is not started."""
        return None if self._running is None else self._running.writer.pulse

    def holds_open(self) -> asyncio.Future[tuple[int, int | None]]:
        """→ (how many holds are open, unix milliseconds of the earliest; None without any)."""
        return self._read(self._now.reads.holds_open)

    # ledger.Ledger

    def create_account(
        self, name: str, plan: str, at_ms: int, *, by: By | None = None
    ) -> asyncio.Future[Account]:
        return self.writer.say(acts.create_account, name, plan, at_ms, by)

    def change_account(
        self,
        account: str,
        *,
        plan: str | None = None,
        state: AccountState | None = None,
        by: By | None = None,
    ) -> asyncio.Future[Account]:
        return self.writer.say(acts.change_account, account, plan, state, by)

    def find_account(self, name_or_id: str) -> asyncio.Future[Account | None]:
        return self.writer.say(money.find_account, name_or_id)

    def accounts(self) -> asyncio.Future[tuple[Account, ...]]:
        return self._read(self._now.reads.accounts)

    def balance(self, account: str) -> asyncio.Future[Balance]:
        return self.writer.say(money.balance, account)

    def credit(
        self, account: str, amount: int, *, reason: str, id: str, at_ms: int, by: By | None = None
    ) -> asyncio.Future[Credited]:
        words = (account, amount)
        return self.writer.say(acts.credit, words, reason=reason, id=id, at_ms=at_ms, by=by)

    def reverse(
        self, transfer: str, *, reason: str, at_ms: int, by: By | None = None
    ) -> asyncio.Future[Credited]:
        return self.writer.say(acts.reverse, transfer, reason=reason, at_ms=at_ms, by=by)

    def hold(self, asked: HoldAsked) -> asyncio.Future[Held | NotEnough]:
        return self.writer.say(money.hold, asked)

    def settle(self, hold: str, owed: int, *, at_ms: int) -> asyncio.Future[Settled]:
        return self.writer.insist(money.settle, hold, owed, at_ms=at_ms)

    def release(self, hold: str, *, at_ms: int) -> asyncio.Future[Released]:
        return self.writer.insist(money.release, hold, at_ms=at_ms)

    def note(self, hold: str, owed: int) -> asyncio.Future[None]:
        return self.writer.briefly(money.note, hold, owed)

    def expire(self, lease: str, *, at_ms: int) -> asyncio.Future[int]:
        return self.writer.say(money.expire, lease, at_ms=at_ms)

    def grants(self, account: str) -> asyncio.Future[tuple[Grant, ...]]:
        return self._read(self._now.reads.grants, account)

    def postings(self, account: str, *, limit: int = 100) -> asyncio.Future[tuple[Posting, ...]]:
        return self._read(self._now.reads.postings, account, limit)

    def verify(self) -> asyncio.Future[Verification]:
        """Read beside all else: it walks every table, and nobody else's read waits for it."""
        running = self._now
        reader, reads = running.beside()
        return running.writer.then(reader.put, reads.verify)

    # relay.Book (note is the ledger's)

    def admit(self, admission: Admission) -> asyncio.Future[Admitted | Refused]:
        if not self.lease:
            raise HouseError("this process does not serve", status=503, code="not_serving")
        terms = self._codec.terms(admission)
        return self.writer.briefly(book.admit, self._windows, self.lease, admission, terms)

    def close(
        self, receipt: Receipt, *, tokens: int, keep: Keep | None = None
    ) -> asyncio.Future[Closed]:
        detail = self._codec.detail(receipt)
        end = self.writer.briefly_insist if keep is None else self.writer.insist
        return end(book.close, receipt, detail, tokens, keep)

    def pace(self, account: str) -> asyncio.Future[Pace]:
        return self.writer.say(book.pace, self._windows, account)

    def kept(self, account: str, name: str) -> asyncio.Future[Kept | None]:
        return self._read(self._now.reads.kept, account, name, self._clock.now_ms())

    # access.KeyStore

    def find_caller(self, digest: bytes) -> Caller | None:
        return self._now.callers.find(digest)

    def epoch(self) -> int:
        return self._now.callers.epoch()

    def add_key(self, key: Key, *, by: By | None = None) -> asyncio.Future[None]:
        return self.writer.say(acts.add_key, key, by)

    def keys(self, account: str | None = None) -> asyncio.Future[tuple[Key, ...]]:
        return self._read(self._now.reads.keys, account)

    def revoke_key(
        self, key_id: str, at_ms: int, *, by: By | None = None
    ) -> asyncio.Future[Key | None]:
        return self.writer.say(acts.revoke_key, key_id, at_ms, by)

    def change_key(
        self, key_id: str, change: KeyChange, *, by: By | None = None
    ) -> asyncio.Future[Key | None]:
        return self.writer.say(acts.change_key, key_id, change, by)

    def rotate_key(self, rotation: Rotation, *, by: By | None = None) -> asyncio.Future[Key | None]:
        return self.writer.say(acts.rotate_key, rotation, by)

    # billing.PriceBook

    def put_prices(
        self, offered: Sequence[tuple[str, Price]], at_ms: int
    ) -> asyncio.Future[tuple[PriceVersion, ...]]:
        return self.writer.insist(prices.put, offered, at_ms)

    def price_version(self, version: str) -> asyncio.Future[PriceVersion | None]:
        return self._read(self._now.reads.price_version, version)

    def price_versions(self, model: str | None) -> asyncio.Future[tuple[PriceVersion, ...]]:
        return self._read(self._now.reads.price_versions, model)

    async def backup(self, target: Path) -> None:
        """Copy the database to the new file ``target`` while it is written to."""
        await asyncio.to_thread(backup, self.path, target)

    @property
    def _now(self) -> _Running:
        if self._running is None:
            raise HouseError("the store is not started", status=503, code="store_stopped")
        return self._running

    @property
    def _reads(self) -> Reads:
        return self._now.reads

    @property
    def _lists(self) -> Lists:
        return self._now.lists

    @property
    def _people(self) -> PeopleReads:
        return self._now.people

    def _read(self, read: Callable[P, T], *words: P.args, **named: P.kwargs) -> asyncio.Future[T]:
        running = self._now
        return running.writer.then(running.reader.put, read, *words, **named)

    async def _open(self, serve: bool) -> _Running:
        if serve:
            self._lock.take()
        running = _Running(
            self.path, self._connect, self._clock, windows=self._windows, inline=self._inline
        )
        try:
            await asyncio.to_thread(schema.migrate, running.connections[0], self.path)
            beat: Callable[[Batch], object] | None = None
            if serve:
                self.lease = ids.new(ids.LEASE, self._clock.now_ms())
                await asyncio.to_thread(running.writer.run_now, leases.begin, self.lease)
                watch = leases.LeaseWatch()
                beat = partial(leases.beat, watch=watch, lease=self.lease)
            running.writer.start(beat, leases.BEAT_S)
            running.reader.start()
            running.checkpointer.start()
        except BaseException:
            for db in running.connections:
                db.close()
            raise
        return running


class _Running:
    """What exists between start and stop."""

    def __init__(
        self,
        path: Path,
        connect: Callable[[], sqlite3.Connection],
        clock: Clock,
        *,
        windows: Windows,
        inline: bool,
    ) -> None:
        sql = statements()
        written = connect()
        read, called = schema.connect_reader(path), schema.connect_reader(path)
        self.connections = [written, read, called]
        self.checkpointer = Checkpointer(connect, written)
        self.writer = Writer(
            written,
            sql,
            clock,
            windows=windows,
            wal=self.checkpointer,
            inline=inline,
        )
        self._loop = asyncio.get_running_loop()
        self.reader = Reader(self._loop)
        self.reads = Reads(read, sql)
        self.lists = Lists(read, sql)
        self.people = PeopleReads(read, sql)
        self.callers = keys.CallerReader(called, sql)
        self._path = path
        self._sql = sql
        self._beside: tuple[Reader, Reads] | None = None

    def beside(self) -> tuple[Reader, Reads]:
        """A reader of its own for what takes long, made when it is first wanted."""
        if self._beside is None:
            db = schema.connect_reader(self._path)
            self.connections.append(db)
            self._beside = (Reader(self._loop), Reads(db, self._sql))
            self._beside[0].start()
        return self._beside

    async def stop_reading(self) -> None:
        """Finish what is to be read, then end the reading threads."""
        await self.reader.stop()
        if self._beside is not None:
            await self._beside[0].stop()
