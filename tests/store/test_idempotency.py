"""Idempotency keys in the store: taken with the hold, finished with it, forgotten after a day."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from msgspec import structs
from tests.store.requests import NOW, account_with, admission, receipt, request_id, seen, sound

from tokenhouse.access import Limits
from tokenhouse.clock import ManualClock
from tokenhouse.ledger import Conflict
from tokenhouse.relay import Admission, Admitted, Keep, Kept, KeyAsked, Outcome, Receipt, Refused
from tokenhouse.store import SqliteStore

T = TypeVar("T")

DAY_S = 24 * 60 * 60
ASKED = KeyAsked("k", b"a" * 32)


def keyed(number: int, account: str, asked: KeyAsked = ASKED, amount: int = 10) -> Admission:
    return structs.replace(admission(number, account, amount), idempotency=asked)


def keep(answer: bytes | None) -> Keep:
    return lambda charged: None if answer is None else answer + b" %d" % charged


async def test_a_key_is_taken_with_the_hold_and_keeps_the_answer_with_the_charge(
    store: SqliteStore, clock: ManualClock
) -> None:
    account = await account_with(store, 100)
    assert await store.kept(account, "k") is None
    assert isinstance(await store.admit(keyed(1, account)), Admitted)
    assert await store.kept(account, "k") == Kept(request_id(1), b"a" * 32, "running")
    await store.close(receipt(1, account, 7), tokens=0, keep=keep(b"cost"))
    kept = Kept(request_id(1), b"a" * 32, "kept", b"cost 7")
    assert await store.kept(account, "k") == kept
    refused = await store.admit(keyed(2, account))
    assert isinstance(refused, Refused)
    assert refused.reason == "taken"
    clock.advance(DAY_S - 1)
    assert await store.kept(account, "k") == kept
    clock.advance(1)
    assert await store.kept(account, "k") is None
    assert isinstance(await store.admit(keyed(2, account)), Admitted)
    await store.close(receipt(2, account, 0), tokens=0, keep=keep(b"cost"))
    await sound(store)


async def test_the_answer_is_told_what_was_really_charged(store: SqliteStore) -> None:
    account = await account_with(store, 10)
    await store.admit(keyed(1, account, amount=4))
    closed = await store.close(receipt(1, account, 25), tokens=0, keep=keep(b"cost"))
    assert (closed.charged, closed.lost, closed.over) == (10, 15, True)
    kept = await store.kept(account, "k")
    assert kept is not None
    assert kept.answer == b"cost 10"


@pytest.mark.parametrize(
    ("outcome", "owed", "answer", "state"),
    [
        ("finished", 7, b"x", "kept"),
        ("finished", 0, b"x", "kept"),
        ("finished", 7, None, "too_large"),
        ("failed", 7, b"x", "kept"),
        ("failed", 7, None, "cut"),
        ("cancelled", 7, None, "cut"),
        ("failed", 0, b"x", None),
        ("failed", 0, None, None),
        ("cancelled", 0, None, None),
    ],
)
async def test_how_a_request_ended_decides_what_its_key_keeps(
    store: SqliteStore, outcome: Outcome, owed: int, answer: bytes | None, state: str | None
) -> None:
    account = await account_with(store, 100)
    await store.admit(keyed(1, account))
    said = receipt(1, account, owed, outcome=outcome)
    await store.close(said, tokens=0, keep=keep(answer))
    kept = await store.kept(account, "k")
    assert (None if kept is None else kept.state) == state
    # said again, as after a COMMIT that nobody heard of: recognised, and nothing changes
    await store.close(said, tokens=0, keep=keep(answer))
    assert await store.kept(account, "k") == kept
    await sound(store)


async def test_a_refused_request_takes_no_key(store: SqliteStore) -> None:
    account = await account_with(store, 5)
    poor = await store.admit(keyed(1, account))
    assert isinstance(poor, Refused)
    assert await store.kept(account, "k") is None
    limited = structs.replace(keyed(2, account, amount=1), limits=Limits(concurrent_requests=0))
    assert isinstance(await store.admit(limited), Refused)
    assert await store.kept(account, "k") is None
    assert isinstance(await store.admit(keyed(3, account, amount=1)), Admitted)
    assert isinstance(await store.admit(keyed(4, account, amount=1)), Refused)
    await store.close(receipt(3, account, 1), tokens=0, keep=keep(b"x"))
    await sound(store)


async def test_of_two_requests_said_at_once_one_takes_the_key(store: SqliteStore) -> None:
    account = await account_with(store, 1000)
    said = [store.admit(keyed(n, account)) for n in range(20)]
    answers = [await each for each in said]
    assert [type(answer) for answer in answers] == [Admitted, *[Refused] * 19]
    await store.close(receipt(0, account, 3), tokens=0, keep=keep(b"x"))
    assert await seen(store, account) == (997, 0)
    await sound(store)


@pytest.mark.parametrize(("noted", "state"), [(4, "cut"), (0, None)])
async def test_after_a_crash_a_key_says_cut_where_it_was_charged_and_is_free_where_not(
    path: Path, clock: ManualClock, noted: int, state: str | None
) -> None:
    first = SqliteStore(path, clock=clock)
    await first.start(serve=True)
    account = await account_with(first, 100)
    await first.admit(keyed(1, account))
    if noted:
        await first.note(request_id(1), noted)
    await first.stop()
    second = SqliteStore(path, clock=clock)
    await second.start(serve=True)
    try:
        kept = await second.kept(account, "k")
        assert (None if kept is None else kept.state) == state
        assert await seen(second, account) == (100 - noted, 0)
        # the request that was taken for dead comes to its end after all: late, nothing more is posted
        late = await second.close(receipt(1, account, 9), tokens=0, keep=keep(b"cost"))
        assert (late.charged, late.late) == (noted, True)
        kept = await second.kept(account, "k")
        assert (None if kept is None else kept.answer) == (b"cost 4" if noted else None)
        await sound(second)
    finally:
        await second.stop()


async def test_keys_whose_day_is_over_are_pruned_as_the_store_beats(
    store: SqliteStore, clock: ManualClock
) -> None:
    account = await account_with(store, 1000)
    for number in range(5):
        await store.admit(keyed(number, account, KeyAsked(f"k{number}", b"a")))
        await store.close(receipt(number, account, 1), tokens=0, keep=keep(b"x"))
    await store.admit(keyed(9, account, KeyAsked("runs", b"a")))
    clock.advance(DAY_S)
    for number in range(2):  # the thread's: the beat rides on it
        await store.credit(account, 1, reason="", id=f"c{number}", at_ms=NOW)
    left = await store.writer.say(
        lambda batch: batch.cursor.execute("SELECT name FROM idempotency").fetchall()
    )
    assert left == [("runs",)]
    await store.close(receipt(9, account, 1), tokens=0, keep=keep(b"x"))
    await sound(store)


class Keys(RuleBasedStateMachine):
    """Requests with three keys and two bodies, ended in every way, with crashes and days between.

    Whatever happens: an answer that is kept was charged once, what is given again is what was kept,
    and the books are right.
    """

    path: Path
    numbers: Iterator[int]

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.clock = ManualClock(NOW)
        self.number = 0
        self.open: dict[int, str] = {}
        self.noted: dict[int, int] = {}
        self.model: dict[str, tuple[str, bytes | None, int]] = {}
        """Key → (state, answer, when it ends)."""
        self.file = self.path / f"{next(self.numbers)}" / "tokenhouse.db"
        self.store = SqliteStore(self.file, clock=self.clock)
        self.run(self.store.start(serve=True))
        self.account: str = self.run(account_with(self.store, 10**9))
        self.balance = 10**9

    def run(self, said: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(said)

    @rule(key=st.sampled_from("abc"))
    def ask(self, key: str) -> None:
        self._forget_old(key)
        self.number += 1
        asked = KeyAsked(key, b"d")
        answer = self.run(_wait(self.store, keyed(self.number, self.account, asked)))
        assert isinstance(answer, Refused if key in self.model else Admitted)
        if isinstance(answer, Admitted):
            self.open[self.number] = key
            self.model[key] = ("running", None, 2**62)

    @rule(
        outcome=st.sampled_from(["finished", "failed", "cancelled"]),
        owed=st.integers(0, 10),
        answer=st.sampled_from([None, b"x"]),
        which=st.integers(0, 2),
    )
    def end(self, outcome: Outcome, owed: int, answer: bytes | None, which: int) -> None:
        if not self.open:
            return
        number = sorted(self.open)[which % len(self.open)]
        key = self.open.pop(number)
        said = receipt(number, self.account, owed, outcome=outcome)
        self.run(_close(self.store, said, keep(answer)))
        self.balance -= owed
        self._ended(key, outcome, owed, None if answer is None else answer + b" %d" % owed)

    @rule(owed=st.integers(0, 10))
    def note(self, owed: int) -> None:
        for number in self.open:
            self.noted[number] = owed
            self.run(_note(self.store, request_id(number), owed))

    @rule()
    def crash(self) -> None:
        self.run(self.store.stop())
        self.run(self.store.start(serve=True))
        for number, key in self.open.items():
            owed = self.noted.get(number, 0)
            self.balance -= owed
            self._ended(key, "crashed", owed, None)
        self.open.clear()

    @rule(hours=st.integers(1, 30))
    def wait(self, hours: int) -> None:
        self.clock.advance(hours * 3600)

    @invariant()
    def every_key_is_what_the_model_says(self) -> None:
        for key in "abc":
            self._forget_old(key)
            kept = self.run(_kept(self.store, self.account, key))
            expected = self.model.get(key)
            found = None if kept is None else (kept.state, kept.answer)
            assert found == (None if expected is None else expected[:2])
        assert self.run(seen(self.store, self.account)) == (self.balance, 10 * len(self.open))
        self.run(sound(self.store, len(self.open)))

    def teardown(self) -> None:
        self.run(self.store.stop())
        self.runner.close()

    def _ended(self, key: str, outcome: str, charged: int, answer: bytes | None) -> None:
        ends = self.clock.now_ms() + DAY_S * 1000
        if outcome != "finished" and not charged:
            del self.model[key]
        elif answer is not None:
            self.model[key] = ("kept", answer, ends)
        else:
            self.model[key] = ("too_large" if outcome == "finished" else "cut", None, ends)

    def _forget_old(self, key: str) -> None:
        if key in self.model and self.model[key][2] <= self.clock.now_ms():
            del self.model[key]


async def _wait(store: SqliteStore, asked: Admission) -> Admitted | Refused:
    return await store.admit(asked)


async def _close(store: SqliteStore, said: Receipt, keeps: Keep) -> None:
    await store.close(said, tokens=0, keep=keeps)


async def _note(store: SqliteStore, hold: str, owed: int) -> None:
    await store.note(hold, owed)


async def _kept(store: SqliteStore, account: str, key: str) -> Kept | None:
    return await store.kept(account, key)


def test_whatever_happens_a_key_tells_the_truth_about_its_request(tmp_path: Path) -> None:
    machine = type("KeysHere", (Keys,), {"path": tmp_path, "numbers": count()})
    run_state_machine_as_test(machine, settings=settings(max_examples=25, stateful_step_count=25))


@pytest.mark.long
def test_whatever_happens_a_key_tells_the_truth_many_times(tmp_path: Path) -> None:
    machine = type("KeysHere", (Keys,), {"path": tmp_path, "numbers": count()})
    run_state_machine_as_test(machine, settings=settings(max_examples=500, stateful_step_count=60))


async def test_a_contradicting_close_changes_no_key(store: SqliteStore) -> None:
    account = await account_with(store, 100)
    await store.admit(keyed(1, account))
    await store.close(receipt(1, account, 7), tokens=0, keep=keep(b"first"))
    with pytest.raises(Conflict):
        await store.close(receipt(1, account, 8), tokens=0, keep=keep(b"second"))
    kept = await store.kept(account, "k")
    assert kept is not None
    assert kept.answer == b"first 7"
