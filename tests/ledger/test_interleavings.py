"""Whatever is said in whatever order, the money stays right: every ledger against a plain model."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable
from pathlib import Path
from typing import TypeVar

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tokenhouse.clock import ManualClock
from tokenhouse.ledger import (
    HOUSE,
    Conflict,
    GrantDue,
    Held,
    HoldAsked,
    Ledger,
    LedgerError,
    MemoryLedger,
    NotEnough,
)
from tokenhouse.store import SqliteStore

T = TypeVar("T")

AMOUNTS = st.integers(0, 60)
HOLDS = st.integers(0, 11)
NAMES = ("mill", "forge")


class Model:
    """One account as a child would keep it: money in, money out, what is held, what ends when.

    ``grants``: period → what is left of it, and its end. ``given``: period → what was given in all."""

    def __init__(self) -> None:
        self.balance = 0
        self.grants: dict[str, list[int]] = {}
        self.given: dict[str, int] = {}
        self.open: dict[str, int] = {}
        self.credits: dict[str, int] = {}
        self.reversed: set[str] = set()

    @property
    def free(self) -> int:
        return self.balance - sum(self.open.values())

    def charge(self, amount: int) -> None:
        self.balance -= amount
        for grant in sorted(self.grants.values(), key=lambda grant: grant[1]):
            part = min(grant[0], amount)
            grant[0] -= part
            amount -= part

    def end_grants(self, now: int) -> None:
        for grant in sorted(self.grants.values(), key=lambda grant: grant[1]):
            if grant[1] <= now:
                self.balance -= max(0, min(grant[0], self.free))
                grant[0] = 0


class Interleavings(RuleBasedStateMachine):
    """Two accounts, a dozen holds, two leases, plans that change, a clock that jumps; replays and
    nonsense included."""

    ledger: Ledger
    loop: asyncio.AbstractEventLoop

    def __init__(self) -> None:
        super().__init__()
        self.clock = ManualClock()
        self.loop = asyncio.new_event_loop()
        self.open_ledger()
        self.models: dict[str, Model] = {}
        self.ids: list[str] = []
        for name in NAMES:
            account = self.say(self.ledger.create_account(name, "free", self.now))
            self.ids.append(account.id)
            self.models[account.id] = Model()
        self.holds: dict[str, tuple[str, str, int]] = {}
        self.ended: dict[str, str] = {}
        self.noted: dict[str, int] = {}
        self.months = 0
        self.ends: dict[str, int] = {}

    def open_ledger(self) -> None:
        raise NotImplementedError

    @property
    def now(self) -> int:
        return self.clock.now_ms()

    def say(self, sentence: Awaitable[T]) -> T:
        async def said() -> T:
            return await sentence

        return self.loop.run_until_complete(said())

    @rule(which=st.integers(0, 1), amount=st.integers(1, 100), number=st.integers(0, 9))
    def credit(self, which: int, amount: int, number: int) -> None:
        account, id = self.ids[which], f"credit-{number}"
        known = {id: owner for owner in self.ids for id in self.models[owner].credits}
        try:
            credited = self.say(
                self.ledger.credit(account, amount, reason="r", id=id, at_ms=self.now)
            )
        except Conflict:
            assert id in known
            assert (known[id], self.models[known[id]].credits[id]) != (account, amount)
            return
        assert credited.replayed == (id in known)
        if not credited.replayed:
            self.models[account].credits[id] = amount
            self.models[account].balance += amount

    @rule(number=st.integers(0, 9))
    def reverse(self, number: int) -> None:
        id = f"credit-{number}"
        owner = next((o for o in self.ids if id in self.models[o].credits), None)
        try:
            reversed_ = self.say(self.ledger.reverse(id, reason="r", at_ms=self.now))
        except LedgerError:
            assert owner is None
            return
        assert owner is not None
        model = self.models[owner]
        assert reversed_.replayed == (id in model.reversed)
        if not reversed_.replayed:
            model.reversed.add(id)
            model.balance -= model.credits[id]

    @rule(
        number=HOLDS,
        which=st.integers(0, 1),
        amount=AMOUNTS,
        lease=st.sampled_from("xy"),
        right=st.sampled_from((20, 40, 60)),
    )
    def hold(self, number: int, which: int, amount: int, lease: str, right: int) -> None:
        id, account = f"hold-{number}", self.ids[which]
        model = self.models[account]
        period = f"m{self.months}"
        grant = GrantDue(period, right, self.ends[period]) if self.months else None
        asked = HoldAsked(
            id=id, account=account, amount=amount, lease=lease, at_ms=self.now, grant=grant
        )
        before = self.holds.get(id)
        try:
            answer = self.say(self.ledger.hold(asked))
        except Conflict:
            assert before is not None
            assert before[:1] + before[2:] != (account, amount)
            return
        if before is not None:
            assert isinstance(answer, Held)
            assert answer.replayed
            return
        model.end_grants(self.now)
        due = 0
        if grant is not None and grant.ends_ms > self.now:
            due = max(0, right - model.given.get(period, 0))
        if amount > model.free + due:
            assert answer == NotEnough(model.free + due)
            return
        if grant and due:
            model.grants.setdefault(period, [0, grant.ends_ms])[0] += due
            model.given[period] = right
            model.balance += due
        model.open[id] = amount
        self.holds[id] = (account, lease, amount)
        assert answer == Held(model.free)
        assert model.free >= 0

    @rule(number=HOLDS, owed=st.integers(0, 90))
    def settle(self, number: int, owed: int) -> None:
        id = f"hold-{number}"
        try:
            settled = self.say(self.ledger.settle(id, owed, at_ms=self.now))
        except LedgerError:
            ended = self.ended.get(id, "never")
            assert id not in self.holds or ended == "released" or ended.startswith("settled")
            assert ended != f"settled {owed}"
            return
        account, _, amount = self.holds[id]
        if id in self.ended:
            assert settled.late == (self.ended[id] == "expired")
            assert settled.replayed == (self.ended[id] == f"settled {owed}")
            return
        model = self.models[account]
        charged = min(owed, amount) + min(max(owed - amount, 0), max(model.free, 0))
        assert (settled.charged, settled.lost) == (charged, owed - charged)
        assert settled.over == (owed > amount)
        self._end(id, f"settled {owed}", charged)

    @rule(number=HOLDS)
    def release(self, number: int) -> None:
        id = f"hold-{number}"
        try:
            released = self.say(self.ledger.release(id, at_ms=self.now))
        except Conflict:
            assert self.ended[id].startswith("settled")
            return
        assert released.found == (id in self.holds)
        if id in self.holds and id not in self.ended:
            self._end(id, "released", 0)

    @rule(number=HOLDS, owed=AMOUNTS)
    def note(self, number: int, owed: int) -> None:
        id = f"hold-{number}"
        self.say(self.ledger.note(id, owed))
        if id in self.holds and id not in self.ended:
            self.noted[id] = owed

    @rule(lease=st.sampled_from("xy"))
    def expire(self, lease: str) -> None:
        dead = sorted(id for id, hold in self.holds.items() if hold[1] == lease)
        dead = [id for id in dead if id not in self.ended]
        assert self.say(self.ledger.expire(lease, at_ms=self.now)) == len(dead)
        for id in dead:
            self._end(id, "expired", min(self.noted.get(id, 0), self.holds[id][2]))

    @rule(seconds=st.integers(1, 8))
    def pass_time(self, seconds: int) -> None:
        self.clock.advance(seconds)

    @rule(seconds=st.integers(1, 12))
    def set_the_clock_back(self, seconds: int) -> None:
        self.clock.set_wall(self.now - 1000 * seconds)

    @precondition(lambda self: self.months < 4)
    @rule()
    def begin_month(self) -> None:
        self.months += 1
        self.ends[f"m{self.months}"] = self.now + 10_000

    @invariant()
    def the_books_agree_with_the_model(self) -> None:
        total = self.say(self.ledger.balance(HOUSE)).balance
        for account, model in self.models.items():
            model.end_grants(self.now)
            seen = self.say(self.ledger.balance(account))
            assert (seen.balance, seen.held) == (model.balance, sum(model.open.values()))
            if not model.reversed:
                assert model.free >= 0
        total = self.say(self.ledger.balance(HOUSE)).balance
        for account in self.models:
            postings = self.say(self.ledger.postings(account, limit=10_000))
            balance = self.models[account].balance
            assert sum(posting.amount for posting in postings) == balance
            total += balance
        assert total == 0
        assert self.say(self.ledger.verify()).errors == ()

    def _end(self, id: str, how: str, charged: int) -> None:
        account = self.holds[id][0]
        model = self.models[account]
        del model.open[id]
        self.ended[id] = how
        model.charge(charged)
        model.end_grants(self.now)


class MemoryInterleavings(Interleavings):
    def open_ledger(self) -> None:
        self.ledger = MemoryLedger(self.clock)

    def teardown(self) -> None:
        self.loop.close()


class SqliteInterleavings(Interleavings):
    def open_ledger(self) -> None:
        self.directory = tempfile.TemporaryDirectory()
        self.store = SqliteStore(Path(self.directory.name) / "ledger.db", clock=self.clock)
        self.loop.run_until_complete(self.store.start(serve=True))
        self.ledger = self.store

    @rule(which=st.integers(0, 1), amount=st.integers(1, 100), number=st.integers(0, 9))
    def credit_from_another_process(self, which: int, amount: int, number: int) -> None:
        own, beside = self.ledger, SqliteStore(self.store.path, clock=self.clock)
        self.loop.run_until_complete(beside.start(serve=False))
        self.ledger = beside
        self.credit(which, amount, number)
        self.ledger = own
        self.loop.run_until_complete(beside.stop())

    @rule()
    def restart(self) -> None:
        for id in sorted(set(self.holds) - set(self.ended)):
            self._end(id, "expired", min(self.noted.get(id, 0), self.holds[id][2]))
        self.loop.run_until_complete(self.store.stop())
        self.loop.run_until_complete(self.store.start(serve=True))

    def teardown(self) -> None:
        self.loop.run_until_complete(self.store.stop())
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()
        self.directory.cleanup()


MemoryInterleavings.TestCase.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None
)
SqliteInterleavings.TestCase.settings = settings(
    max_examples=12,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)


class TestMemoryInterleavings(MemoryInterleavings.TestCase):
    pass


class TestSqliteInterleavings(SqliteInterleavings.TestCase):
    pass
