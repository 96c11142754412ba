"""The line of requests over their account's concurrency, against a store that is a number."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass

import pytest

from tokenhouse.access import Caller, Limits
from tokenhouse.errors import HouseError
from tokenhouse.relay import Admitted, Refused
from tokenhouse.relay.waiting import Asked, Waiting


@dataclass(frozen=True, slots=True)
class Plan:
    """As much of a plan as a line reads."""

    id: str
    caller: Caller
    limits: Limits


class Slots:
    """Lets ``most`` requests in at once; remembers who came in, in which order, and how many there
    ever were at once."""

    def __init__(self, waiting: Waiting, most: int) -> None:
        self.waiting = waiting
        self.most = most
        self.inside: set[str] = set()
        self.entered: list[str] = []
        self.refused: set[str] = set()
        self.asked = 0

    async def ask(self, plan: Plan) -> Asked[Plan]:
        self.asked += 1
        fits = len(self.inside) < self.most
        if fits:
            self.inside.add(plan.id)
            self.entered.append(plan.id)
            assert len(self.inside) <= self.most
        else:
            self.refused.add(plan.id)
        await asyncio.sleep(0)  # the answer is decided before it arrives, as the store's is
        return plan, Admitted(0) if fits else Refused("concurrency", limit=self.most)

    def leave(self, id: str) -> None:
        self.inside.discard(id)
        self.waiting.ended("acc")


def plan(id: str, *, depth: int = 100, wait_s: float = 600.0) -> Plan:
    limits = Limits(concurrent_requests=1, queue_depth=depth, queue_wait_s=wait_s)
    return Plan(id, Caller("key", "acc", "ada", "open", "team"), limits)


async def settled() -> None:
    """Let every task run until all of them wait."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_who_came_first_is_let_in_first_and_no_slot_stays_empty() -> None:
    waiting = Waiting()
    slots = Slots(waiting, 2)
    tasks = [asyncio.ensure_future(waiting.admit(plan(str(n)), slots.ask)) for n in range(6)]
    await settled()
    assert slots.entered == ["0", "1"]
    assert len(waiting) == 4
    slots.leave("0")
    slots.leave("1")
    await settled()
    assert slots.entered == ["0", "1", "2", "3"]
    late = asyncio.ensure_future(waiting.admit(plan("late"), slots.ask))
    await settled()
    for id in ("3", "2", "4"):
        slots.leave(id)
        await settled()
    assert slots.entered == ["0", "1", "2", "3", "4", "5", "late"]
    assert len(waiting) == 0
    for asked in await asyncio.gather(*tasks, late):
        assert isinstance(asked[1], Admitted)


async def test_a_full_line_refuses_at_once_and_without_asking() -> None:
    waiting = Waiting()
    slots = Slots(waiting, 0)
    task = asyncio.ensure_future(waiting.admit(plan("0", depth=1), slots.ask))
    await settled()
    asked = slots.asked
    _, refused = await waiting.admit(plan("1", depth=1), slots.ask)
    assert isinstance(refused, Refused)
    assert (refused.reason, refused.limit, slots.asked) == ("queue", 1, asked)
    task.cancel()
    await asyncio.wait([task])
    assert len(waiting) == 0


async def test_a_wait_that_takes_too_long_ends_and_lets_the_next_one_ask() -> None:
    waiting = Waiting()
    slots = Slots(waiting, 0)
    hasty = asyncio.ensure_future(waiting.admit(plan("hasty", wait_s=0.05), slots.ask))
    await settled()
    patient = asyncio.ensure_future(waiting.admit(plan("patient"), slots.ask))
    _, refused = await hasty
    assert isinstance(refused, Refused)
    assert refused.reason == "queue_wait"
    slots.most = 1
    waiting.ended("acc")
    assert isinstance((await patient)[1], Admitted)


async def test_a_refusal_of_another_kind_goes_to_its_client_and_the_line_moves_on() -> None:
    waiting = Waiting()
    slots = Slots(waiting, 1)
    await waiting.admit(plan("0"), slots.ask)

    async def poor(plan: Plan) -> Asked[Plan]:
        return plan, Refused("concurrency" if slots.inside else "credit")

    first = asyncio.ensure_future(waiting.admit(plan("poor"), poor))
    await settled()
    second = asyncio.ensure_future(waiting.admit(plan("next"), slots.ask))
    await settled()
    slots.leave("0")
    _, refused = await first
    assert isinstance(refused, Refused)
    assert refused.reason == "credit"
    assert isinstance((await second)[1], Admitted)


async def test_a_house_that_shuts_down_refuses_the_line_and_whoever_would_join_it() -> None:
    waiting = Waiting()
    slots = Slots(waiting, 0)
    tasks = [asyncio.ensure_future(waiting.admit(plan(str(n)), slots.ask)) for n in range(3)]
    await settled()
    waiting.close()
    for task in tasks:
        with pytest.raises(HouseError, match="shutting down"):
            await task
    with pytest.raises(HouseError, match="shutting down"):
        await waiting.admit(plan("late"), slots.ask)
    assert len(waiting) == 0


@pytest.mark.parametrize("seed", range(30))
async def test_whatever_ends_or_leaves_nobody_is_forgotten_or_overtaken(seed: int) -> None:
    rng = random.Random(seed)
    waiting = Waiting()
    slots = Slots(waiting, rng.randint(1, 4))
    tasks: dict[str, asyncio.Task[Asked[Plan]]] = {}
    left: set[str] = set()
    waited: set[str] = set()
    for number in range(120):
        id = f"{number:03d}"
        if len(waiting):
            waited.add(id)
        tasks[id] = asyncio.ensure_future(waiting.admit(plan(id, depth=1000), slots.ask))
        for _ in range(rng.randint(0, 3)):
            await asyncio.sleep(0)
        if slots.inside and rng.random() < 0.6:
            slots.leave(rng.choice(sorted(slots.inside)))
        if rng.random() < 0.3:
            gone = rng.choice(sorted(tasks))
            if not tasks[gone].done():
                tasks[gone].cancel()
                left.add(gone)
                await asyncio.wait([tasks[gone]])
                if gone in slots.inside:
                    slots.leave(gone)  # as the relay closes a hold that may have been made
    for _ in range(1000):
        if len(slots.entered) == 0 or all(task.done() for task in tasks.values()):
            break
        for id in sorted(slots.inside):
            slots.leave(id)
        await settled()
    assert all(task.done() for task in tasks.values())
    assert len(waiting) == 0
    assert set(slots.entered) - left == set(tasks) - left
    line = [id for id in slots.entered if id in waited | slots.refused]
    assert line == sorted(line)
