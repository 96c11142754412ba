from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenhouse.engine import ContextTooLong, EngineBusy, EngineDown, Pool, Reservation


async def test_a_request_larger_than_the_context_is_refused_at_once_with_its_numbers() -> None:
    with pytest.raises(ContextTooLong) as caught:
        Pool(100, 4).reserve(90, 11)
    assert (caught.value.prompt_tokens, caught.value.max_tokens, caught.value.n_ctx) == (
        90,
        11,
        100,
    )


class Guest:
    """A request that stays until it is let go."""

    def __init__(self, pool: Pool, tokens: int, served: list[Guest]) -> None:
        self.tokens = tokens
        self.leave = asyncio.Event()
        self.inside = False
        self.task = asyncio.create_task(self._visit(pool.reserve(tokens, 0), served))

    async def _visit(self, room: Reservation, served: list[Guest]) -> None:
        async with room:
            self.inside = True
            served.append(self)
            try:
                await self.leave.wait()
                room.finished()
            finally:
                self.inside = False


async def settled() -> None:
    """Until the loop has nothing more to do at once."""
    for _ in range(6):
        await asyncio.sleep(0)


Step = tuple[str, int]
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("come"), st.integers(1, 100)),
        st.tuples(st.just("leave"), st.integers(0, 50)),
        st.tuples(st.just("cancel"), st.integers(0, 50)),
        st.tuples(st.just("cancel at once"), st.integers(1, 100)),
        st.tuples(st.just("cancel as it is let in"), st.integers(0, 50)),
    ),
    max_size=60,
)


@settings(max_examples=200, deadline=None)
@given(steps=STEPS, slots=st.integers(1, 4))
async def test_whatever_comes_goes_and_is_cancelled_room_is_never_oversold_and_order_is_kept(
    steps: list[Step], slots: int
) -> None:
    pool = Pool(100, slots, linger_s=0)
    served: list[Guest] = []
    guests: list[Guest] = []
    for what, number in steps:
        await _step(pool, guests, served, what, number)
        inside = [g for g in guests if g.inside]
        assert pool.reserved == sum(g.tokens for g in inside) <= 100
        assert pool.running == len(inside) <= slots
        waiting = [g for g in guests if not g.task.done() and not g.inside]
        assert pool.queued == len(waiting)
        if waiting:  # first come, first served: only the head's own size may hold all back
            assert pool.running == slots or pool.reserved + waiting[0].tokens > 100
    assert served == [g for g in guests if g in served], "served in the order of arrival"
    for guest in guests:
        guest.task.cancel()
    await asyncio.gather(*(g.task for g in guests), return_exceptions=True)
    assert (pool.reserved, pool.running, pool.queued) == (0, 0, 0)


async def _step(
    pool: Pool, guests: list[Guest], served: list[Guest], what: str, number: int
) -> None:
    if what == "come":
        guests.append(Guest(pool, number, served))
    elif what == "cancel at once":
        guests.append(Guest(pool, number, served))
        guests[-1].task.cancel()
    elif guests:
        guest = guests[number % len(guests)]
        if what == "cancel":
            guest.task.cancel()
        else:
            guest.leave.set()
            if what == "cancel as it is let in":
                await asyncio.sleep(0)  # whoever leaves has left; the next is granted, not awake
                for waiting in guests:
                    if not waiting.inside and not waiting.task.done():
                        waiting.task.cancel()
                        break
    await settled()


async def test_ten_thousand_seeded_interleavings_leak_nothing() -> None:
    for seed in range(200):
        draw = random.Random(seed)
        pool = Pool(50, 3, linger_s=0)

        async def visit(pool: Pool = pool, draw: random.Random = draw) -> None:
            async with pool.reserve(draw.randint(1, 50), 0) as room:
                for _ in range(draw.randint(0, 3)):
                    await asyncio.sleep(0)
                room.finished()

        tasks = [asyncio.create_task(visit()) for _ in range(50)]
        while not all(task.done() for task in tasks):
            if draw.random() < 0.5:
                draw.choice(tasks).cancel()
            await asyncio.sleep(0)
            assert 0 <= pool.reserved <= 50
            assert 0 <= pool.running <= 3
        assert (pool.reserved, pool.running, pool.queued) == (0, 0, 0)


async def test_a_full_queue_refuses_the_next_one() -> None:
    pool = Pool(10, 1, queue_limit=2)
    served: list[Guest] = []
    guests = [Guest(pool, 10, served) for _ in range(3)]
    await settled()
    with pytest.raises(EngineBusy, match="2 requests already wait"):
        async with pool.reserve(1, 0):
            raise AssertionError("it must not get in")
    for guest in guests:
        guest.leave.set()
        await settled()
    assert served == guests


async def test_closing_tells_everybody_who_waits_and_opening_lets_in_again() -> None:
    pool = Pool(10, 1)
    served: list[Guest] = []
    first, second = Guest(pool, 10, served), Guest(pool, 10, served)
    await settled()
    pool.close(EngineDown("gone"))
    with pytest.raises(EngineDown, match="gone"):
        await second.task
    with pytest.raises(EngineDown, match="gone"):
        async with pool.reserve(1, 0):
            raise AssertionError("it must not get in")
    first.leave.set()
    await first.task
    pool.open()
    async with pool.reserve(10, 0) as room:
        room.finished()
    assert (pool.reserved, pool.running) == (0, 0)


@pytest.fixture
async def cut_pool() -> AsyncGenerator[Pool, None]:
    """A pool of 100 tokens in which a request of 60 was just cut."""
    pool = Pool(100, 4, linger_s=0.01)
    async with pool.reserve(60, 0):
        pass
    yield pool
    assert (pool.reserved, pool.running) == (0, 0)


async def test_a_cut_requests_tokens_linger_and_its_slot_does_not(cut_pool: Pool) -> None:
    assert (cut_pool.reserved, cut_pool.running) == (60, 0)
    async with cut_pool.reserve(40, 0) as small:
        assert cut_pool.reserved == 100
        small.finished()
    async with cut_pool.reserve(41, 0) as waited:  # waits for the timer, then gets in
        assert cut_pool.reserved == 41
        waited.finished()


async def test_a_new_process_forgets_what_lingers(cut_pool: Pool) -> None:
    cut_pool.pause()
    cut_pool.resume()
    assert cut_pool.reserved == 0


async def test_while_the_engine_is_gone_whoever_comes_waits_in_order() -> None:
    pool = Pool(10, 4)
    pool.pause()
    served: list[Guest] = []
    guests = [Guest(pool, 5, served) for _ in range(3)]
    await settled()
    assert (pool.running, pool.queued) == (0, 3)
    pool.resume()
    await settled()
    assert served == guests[:2]
    for guest in guests:
        guest.leave.set()
    await asyncio.gather(*(guest.task for guest in guests))
    assert served == guests
