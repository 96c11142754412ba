"""Holds what clients saw against what the books say, life by life, with SQL and fractions of its own."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.simulation.life import NOW, PRICE_EVERY
from tests.simulation.world import World
from tokenhouse.clock import ManualClock
from tokenhouse.ledger import Verification
from tokenhouse.store import SqliteStore

ROOT = Path(__file__).resolve().parents[2]


class Violation(AssertionError):
    """An invariant of the books does not hold."""


@dataclass(slots=True)
class Seen:
    """What one request's client saw, and what its upstream knows. Nanodollars."""

    admitted: bool = False
    refused: bool = False
    sent: tuple[int, int] | None = None
    owed: int | None = None
    epoch: int = 0
    noted: int = 0
    again: int | None = None
    guessed: bool = False


@dataclass(slots=True)
class Report:
    """What a run went through."""

    requests: int = 0
    lives: int = 0
    killed: int = 0
    refused: int = 0
    sent: int = 0
    cut: int = 0


@dataclass(slots=True)
class Entry:
    """A receipt, as it stands in the database."""

    state: str
    owed: int
    cost: int
    lost: int
    late: int
    held: int


@dataclass(slots=True)
class Bookkeeper:
    """``lives``: how many requests each life would serve; every other life is killed."""

    directory: Path
    seed: int
    mutant: str = ""
    report: Report = field(default_factory=Report)
    _seq: int = 0
    _world: World = field(init=False)

    def run(self, requests: int, per_life: int) -> Report:
        """Serve that many requests. Violation names the seed and what does not hold."""
        world = self._world = World(self.seed)
        draw = Random(f"{self.seed} deaths")
        first = 0
        while first < requests:
            count = min(per_life, requests - first)
            dies_at = draw.randint(1, count * 3) if self.report.lives % 2 else -1
            seen, killed = self._life(world, first, count, dies_at)
            self._check(seen, killed)
            self.report.lives += 1
            self.report.killed += killed
            self.report.requests += len(seen)
            first += count
        return self.report

    def _life(
        self, world: World, first: int, count: int, dies_at: int
    ) -> tuple[dict[str, Seen], bool]:
        epoch = len([n for n in range(first) if n % PRICE_EVERY == 0])
        words = (self.directory, world.seed, first, count, epoch, dies_at, self.mutant)
        command = [sys.executable, "-m", "tests.simulation.life", *map(str, words)]
        seen: dict[str, Seen] = {}
        ended = False
        path = {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", "PATH": "/usr/bin:/bin"}
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, env=path) as process:
            assert process.stdout is not None
            for line in process.stdout:
                ended = _take(seen, line.decode().split()) or ended
        killed = process.returncode == -9
        if not (ended or killed):
            raise Violation(f"seed {self.seed}: a life ended with {process.returncode}")
        return seen, killed

    def _check(self, seen: dict[str, Seen], killed: bool) -> None:
        self._hold(self._faults(seen, killed))

    def _faults(self, seen: dict[str, Seen], killed: bool) -> Iterator[str]:
        path = self.directory / "tokenhouse.db"
        verification = asyncio.run(_next_start(path, serve=killed))
        yield from verification.errors
        if verification.open_holds:
            yield f"{verification.open_holds} holds are left open"
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
            entries = self._entries(db)
            yield from _sums(db)
        for id, one in seen.items():
            for fault in self._one(id, one, entries.pop(id, None)):
                yield f"{id}: {fault} ({one})"
        for id, entry in entries.items():
            # one whose hold was made in the last moment, before anybody could be told
            if not killed or (entry.state, entry.owed) != ("expired", 0):
                yield f"{id}: a receipt for what nobody asked: {entry}"

    def _entries(self, db: sqlite3.Connection) -> dict[str, Entry]:
        rows = db.execute(
            "SELECT seq, id, state, owed, cost, lost, late, held FROM receipt WHERE seq > ?",
            (self._seq,),
        ).fetchall()
        self._seq = max((row[0] for row in rows), default=self._seq)
        return {row[1]: Entry(*row[2:]) for row in rows}

    def _one(self, id: str, seen: Seen, entry: Entry | None) -> Iterator[str]:
        if seen.refused:
            self.report.refused += 1
            if entry is not None:
                yield "refused, and has a receipt"
        elif entry is None:
            if seen.sent is not None or (seen.owed is not None and seen.admitted):
                yield "its end was said, and the books don't know it"
        else:
            self.report.sent += seen.sent is not None
            self.report.cut += entry.state == "expired"
            yield from _against(seen, entry)
            if seen.owed is None and (seen.guessed or entry.state == "expired"):
                at_most = self._world.at_most(int(id[-19:], 16), seen.epoch)
                if not seen.noted <= entry.owed <= at_most or (seen.guessed and not entry.owed):
                    yield f"is billed for something else than it can have used: {entry}"

    def _hold(self, faults: Iterator[str]) -> None:
        first = next(faults, None)
        if first is not None:
            more = sum(1 for _ in faults)
            raise Violation(f"seed {self.seed}: {first}; and {more} more")


def _against(seen: Seen, entry: Entry) -> Iterator[str]:
    """What is wrong with a receipt, for all that was seen of its request."""
    if entry.cost + entry.lost != entry.owed:
        yield f"cost and loss are not what was owed: {entry}"
    if entry.lost and entry.owed <= entry.held:
        yield f"the house bears what the hold had covered: {entry}"
    if seen.sent is not None and (
        entry.state == "expired" or seen.sent != (entry.cost, entry.lost)
    ):
        yield f"its closing frame was sent, and the books say otherwise: {entry}"
    if seen.again is not None and seen.again != entry.cost:
        yield f"said twice, charged otherwise: {entry}"
    if seen.owed is not None and entry.owed != seen.owed:
        yield f"owes otherwise than it used: {entry}"


def _take(seen: dict[str, Seen], words: list[str]) -> bool:
    """Take one line of what was seen. → whether the life says that it ended."""
    match words:
        case ["ended"]:
            return True
        case [verb, id, *numbers]:
            one = seen.setdefault(id, Seen())
            _note(one, verb, list(map(int, numbers)))
        case _:
            raise AssertionError(f"a life said {words}")
    return False


def _note(one: Seen, verb: str, numbers: list[int]) -> None:
    match verb, numbers:
        case "admitted", [free, epoch]:
            one.admitted = True
            one.epoch = epoch
            if free < 0:
                raise Violation(f"admitted {-free} below zero")
        case "refused", []:
            one.refused = True
        case "noted", [owed]:
            one.noted = max(one.noted, owed)
        case "sent", [charged, lost]:
            one.sent = (charged, lost)
        case "ended", [owed]:
            one.owed = owed
        case "guessed", []:
            one.guessed = True
        case "again", [charged]:
            one.again = charged
        case _:
            raise AssertionError(f"a life said {verb} {numbers}")


def _sums(db: sqlite3.Connection) -> Iterator[str]:
    """What must be so whatever happened, read from the postings."""
    (total,) = db.execute("SELECT coalesce(sum(amount), 0) FROM posting").fetchone()
    if total:
        yield f"the postings sum to {total}"
    for id, balance, held in db.execute(
        "SELECT id, balance, held FROM account WHERE id <> 'house'"
    ):
        if balance < 0 or held:
            yield f"account {id} has {balance} and {held} held"
    charged = (
        "SELECT account, -sum(amount) FROM transfer WHERE kind IN ('settle', 'expire') GROUP BY 1"
    )
    billed = "SELECT account, sum(cost) FROM receipt GROUP BY account HAVING sum(cost) > 0"
    if dict(db.execute(charged).fetchall()) != dict(db.execute(billed).fetchall()):
        yield "the receipts do not sum to what was charged"


async def _next_start(path: Path, *, serve: bool) -> Verification:
    """What the next start finds: it ends the holds of the one that was killed."""
    store = SqliteStore(path, clock=ManualClock(NOW))
    await store.start(serve=serve)
    try:
        return await store.verify()
    finally:
        await store.stop()
