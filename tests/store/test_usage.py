"""Usage is the sum of every receipt ever written, whatever is folded, pruned, late or cut off by a crash."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import Awaitable
from pathlib import Path
from typing import TypeVar

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from msgspec import structs
from tests.store.requests import NOW, account_with, admission, receipt, request_id

from tokenhouse.billing import DAY_MS, HOUR_MS, Keep, PageAsked, Upkeep
from tokenhouse.chat import Usage
from tokenhouse.clock import ManualClock
from tokenhouse.ledger import HoldAsked
from tokenhouse.relay import Receipt
from tokenhouse.store import SqliteStore

T = TypeVar("T")
FOREVER = 2**62
KEYS = st.sampled_from(["key_1", "key_2"])
MODELS = st.sampled_from(["acme/echo", "acme/loud"])
TOKENS = st.integers(0, 9)

Place = tuple[int, str, str, str]
Counts = Counter[str]


class Usages(RuleBasedStateMachine):
    """Two accounts, requests that end in every way, folds and prunes of every size, crashes."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = ManualClock(NOW)
        self.loop = asyncio.new_event_loop()
        self.directories: list[tempfile.TemporaryDirectory[str]] = []
        self.store = self.opened(self.directory() / "first.db")
        self.accounts = [
            self.say(account_with(self.store, 10**9, name)) for name in ("mill", "forge")
        ]
        self.number = 0
        self.running: dict[int, tuple[str, str, str, int]] = {}
        self.crashed: dict[int, tuple[str, str, str, int]] = {}
        self.used: dict[Place, Counts] = {}
        self.written: list[str] = []
        self.pruned = 0

    def directory(self) -> Path:
        self.directories.append(tempfile.TemporaryDirectory())
        return Path(self.directories[-1].name)

    def opened(self, path: Path) -> SqliteStore:
        store = SqliteStore(path, clock=self.clock)
        self.say(store.start(serve=True))
        return store

    def say(self, sentence: Awaitable[T]) -> T:
        async def said() -> T:
            return await sentence

        return self.loop.run_until_complete(said())

    @rule(which=st.integers(0, 1), key=KEYS, model=MODELS)
    def begin(self, which: int, key: str, model: str) -> None:
        self.number += 1
        account, at_ms = self.accounts[which], self.clock.now_ms()
        asked = structs.replace(
            admission(self.number, account, 20), key=key, model=model, at_ms=at_ms
        )
        self.say(self.store.admit(asked))
        self.running[self.number] = (account, key, model, at_ms)

    @precondition(lambda self: self.running)
    @rule(data=st.data(), owed=st.integers(0, 30), tokens=TOKENS, failed=st.booleans())
    def end(self, data: st.DataObject, owed: int, tokens: int, failed: bool) -> None:
        number = data.draw(st.sampled_from(sorted(self.running)))
        request = self.running.pop(number)
        closing = self.closing(number, request[0], owed, tokens, failed=failed)
        closed = self.say(self.store.close(closing, tokens=0))
        self.count(request, closed.charged, tokens, failed=failed)
        self.written.append(request_id(number))

    @precondition(lambda self: self.crashed)
    @rule(data=st.data(), owed=st.integers(0, 30), tokens=TOKENS)
    def end_late(self, data: st.DataObject, owed: int, tokens: int) -> None:
        number = data.draw(st.sampled_from(sorted(self.crashed)))
        request = self.crashed.pop(number)
        there = self.say(self.store.receipt(request_id(number))) is not None
        closing = self.closing(number, request[0], owed, tokens, failed=False)
        self.say(self.store.close(closing, tokens=0))
        if there:
            self.add(request, Counter(failed=-1, input=tokens, output=2 * tokens))

    @rule(which=st.integers(0, 1), owed=st.integers(0, 5))
    def settle_what_was_no_request(self, which: int, owed: int) -> None:
        self.number += 1
        id, account = f"hold-{self.number}", self.accounts[which]
        at_ms = self.clock.now_ms()
        self.say(
            self.store.hold(
                HoldAsked(id=id, account=account, amount=5, lease=self.store.lease, at_ms=at_ms)
            )
        )
        self.say(self.store.settle(id, owed, at_ms=at_ms))

    @rule(limit=st.integers(1, 5))
    def fold(self, limit: int) -> None:
        assert 0 <= self.say(self.store.fold(limit=limit)) <= limit

    @rule(limit=st.integers(1, 5), hours=st.integers(0, 50))
    def prune(self, limit: int, hours: int) -> None:
        before = self.clock.now_ms() - hours * HOUR_MS
        assert 0 <= self.say(self.store.prune_receipts(before, limit=limit)) <= limit

    @rule(limit=st.integers(1, 5), hours=st.integers(24, 50))
    def prune_hours(self, limit: int, hours: int) -> None:
        before = self.clock.now_ms() - hours * HOUR_MS
        assert 0 <= self.say(self.store.prune_hours(before, limit=limit)) <= limit

    @rule(hours=st.integers(-24, 30))
    def let_time_pass(self, hours: int) -> None:
        self.clock.set_wall(self.clock.now_ms() + hours * HOUR_MS)

    @rule()
    def crash(self) -> None:
        """What is committed is there, what was held expires, and a new process goes on."""
        path = self.directory() / "after.db"
        self.say(self.store.backup(path))
        self.say(self.store.stop())
        self.store = self.opened(path)
        for number in sorted(self.running, key=request_id):
            request = self.running.pop(number)
            self.count(request, 0, 0, failed=True)
            self.crashed[number] = request
            self.written.append(request_id(number))

    @invariant()
    def the_days_are_the_sum_of_all_receipts(self) -> None:
        rows = self.say(self.store.usage(None, since_ms=0, until_ms=FOREVER))
        assert {
            (row.start_ms, row.account, row.key, row.model): Counter(
                requests=row.requests,
                failed=row.failed,
                input=row.input,
                output=row.output,
                cost=row.cost,
            )
            for row in rows
        } == self.used

    @invariant()
    def a_key_has_spent_what_its_receipts_cost(self) -> None:
        for account in self.accounts:
            spent = self.say(
                self.store.spending(account, "key_1", day_ms=0, week_ms=0, month_ms=FOREVER)
            )
            total = sum(
                counts["cost"]
                for (_, whose, key, _), counts in self.used.items()
                if (whose, key) == (account, "key_1")
            )
            assert (spent.total, spent.day, spent.month) == (total, total, 0)

    @invariant()
    def the_money_verifies(self) -> None:
        verification = self.say(self.store.verify())
        assert verification.errors == ()
        assert verification.open_holds == len(self.running)

    @invariant()
    def pages_hold_what_is_not_pruned_in_the_order_of_its_writing(self) -> None:
        found: list[str] = []
        asked = PageAsked(limit=3)
        while True:
            page = self.say(self.store.receipts_page(None, asked))
            found += [row.id for row in page.rows]
            if page.next is None:
                break
            asked = PageAsked(limit=3, after=page.next)
        there = iter(self.written)
        assert all(id in there for id in found)

    def count(
        self, request: tuple[str, str, str, int], cost: int, tokens: int, *, failed: bool
    ) -> None:
        counts = Counter(requests=1, failed=int(failed), input=tokens, output=2 * tokens, cost=cost)
        self.add(request, counts)

    def add(self, request: tuple[str, str, str, int], counts: Counts) -> None:
        account, key, model, at_ms = request
        place = (at_ms - at_ms % DAY_MS, account, key, model)
        self.used.setdefault(place, Counter()).update(counts)

    def closing(
        self, number: int, account: str, owed: int, tokens: int, *, failed: bool
    ) -> Receipt:
        said = receipt(number, account, owed, outcome="failed" if failed else "finished")
        return structs.replace(said, usage=Usage(input=tokens, output=2 * tokens))

    def teardown(self) -> None:
        upkeep = Upkeep(self.store, self.clock, Keep(receipts_days=1, hours_days=1))
        self.clock.set_wall(self.clock.now_ms() + 100 * DAY_MS)
        self.say(upkeep.turn())
        self.the_days_are_the_sum_of_all_receipts()
        self.the_money_verifies()
        assert len(self.say(self.store.receipts_page(None, PageAsked(limit=100))).rows) <= 1
        self.say(self.store.stop())
        self.loop.close()
        for directory in self.directories:
            directory.cleanup()


Usages.TestCase.settings = settings(
    max_examples=15,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
TestUsageIsTheSumOfReceipts = Usages.TestCase
