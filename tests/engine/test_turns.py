"""The queue before an engine is fair between shares."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenhouse.engine import EngineBusy, Pool
from tokenhouse.engine.turns import REMEMBERED, Queue, Waiter

ARRIVALS = st.lists(st.integers(0, 4), min_size=1, max_size=60)


async def served(pool: Pool, shares: list[int]) -> list[tuple[int, int]]:
    """(share, number of arrival) in the order in which they were let in, one at a time."""
    order: list[tuple[int, int]] = []

    async def visit(share: int, number: int) -> None:
        async with pool.reserve(1, 0, share) as room:
            order.append((share, number))
            room.finished()

    pool.pause()
    async with asyncio.TaskGroup() as group:
        for number, share in enumerate(shares):
            group.create_task(visit(share, number))
            await asyncio.sleep(0)
        pool.resume()
    return order


@settings(max_examples=150, deadline=None)
@given(shares=ARRIVALS)
async def test_while_a_share_waits_no_other_is_served_twice_and_within_one_order_is_kept(
    shares: list[int],
) -> None:
    order = await served(Pool(10, 1), shares)
    assert sorted(order) == sorted((share, number) for number, share in enumerate(shares))
    for share in set(shares):
        mine = [number for other, number in order if other == share]
        assert mine == sorted(mine)
        places = [place for place, (other, _) in enumerate(order) if other == share]
        for earlier, later in zip([-1, *places], places, strict=False):
            between = [other for other, _ in order[earlier + 1 : later]]
            assert len(between) == len(set(between)), "one was served twice before its turn came"


async def test_one_share_that_floods_delays_another_by_one_of_its_own_at_most() -> None:
    order = await served(Pool(10, 1), [1] * 50 + [2])
    assert order.index((2, 50)) == 1
    pool = Pool(10, 1)
    assert (await served(pool, [1] * 3))[0] == (1, 0)
    assert (await served(pool, [1, 1, 2]))[0] == (2, 2), "who was served longest ago comes first"


async def test_a_full_queue_takes_the_place_of_the_share_that_waits_most() -> None:
    pool = Pool(10, 1, queue_limit=3)
    pool.pause()

    async def visit(share: int) -> int:
        async with pool.reserve(1, 0, share) as room:
            room.finished()
        return share

    flood = [asyncio.create_task(visit(1)) for _ in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(EngineBusy, match="3 requests already wait"):
        await visit(1)  # its own line is the longest
    quiet = asyncio.create_task(visit(2))
    await asyncio.sleep(0)
    with pytest.raises(EngineBusy):
        await flood[2]
    another = asyncio.create_task(visit(3))  # 1 waits once now, 2 once, 3 once
    await asyncio.sleep(0)
    with pytest.raises(EngineBusy):
        await flood[1]
    with pytest.raises(EngineBusy):
        await visit(4)
    pool.resume()
    assert await asyncio.gather(flood[0], quiet, another) == [1, 2, 3]
    assert (pool.queued, pool.running, pool.reserved) == (0, 0, 0)


async def test_shares_are_forgotten_in_an_order_that_changes_nobodys_turn() -> None:
    queue = Queue()
    for share in range(REMEMBERED + 10):
        queue.served(share)
    for share in (REMEMBERED + 5, 20, 0):
        queue.add(Waiter(1, share))
    order: list[int] = []
    while (head := queue.first()) is not None:
        order.append(head.share)
        queue.remove(head)
    assert order == [0, 20, REMEMBERED + 5]


async def test_who_was_pushed_out_and_left_unheard_leaves_nothing_behind() -> None:
    pool = Pool(10, 1, queue_limit=1)
    pool.pause()

    async def visit(share: int) -> None:
        async with pool.reserve(1, 0, share):
            raise AssertionError("it must not get in")

    task = asyncio.create_task(visit(1))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert pool.queued == 0
