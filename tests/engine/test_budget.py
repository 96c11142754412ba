"""Several models under one budget: who is loaded, who makes room, who never may be."""

# Each test has the loop for itself: a blocking look at a file or a process holds nobody up.
# ruff: noqa: ASYNC240

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

import psutil
import pytest

from tests.engine.support import ask, end_of
from tokenhouse.engine import (
    Budget,
    Completion,
    Engine,
    EngineDown,
    EngineSettings,
    LoadFailed,
    ModelSpec,
    NeverFits,
    Sampling,
)
from tokenhouse.engine.memory import bytes_of_machine, bytes_of_process, limit_of_cgroup

ASKED = Completion([1, 3, 2000, 4], 5, Sampling(seed=1))

Maker = Callable[..., Engine]


@pytest.fixture
async def house(weights: Path, tmp_path: Path) -> AsyncGenerator[Maker, None]:
    """Makes engines that share a budget; at the end nothing of them is left."""
    made: list[Engine] = []

    def make(name: str, budget: Budget, **settings: object) -> Engine:
        spec = ModelSpec(name, weights, 4096)
        values = {"threads": 1, "cache_ram_mib": 1, "restart_first_s": 0.01, **settings}
        engine = Engine(
            spec,
            EngineSettings(**values),  # type: ignore[arg-type]
            budget=budget,
            runtime_dir=tmp_path,
        )
        engine.look()
        made.append(engine)
        return engine

    yield make
    for engine in made:
        await engine.stop()
    assert psutil.Process().children(recursive=True) == []
    assert [left for left in tmp_path.iterdir() if left.name.startswith("th-engine")] == []


@pytest.fixture
def one_fits(weights: Path) -> Callable[..., Budget]:
    """A budget that holds one of these models and not two."""
    need = Engine(ModelSpec("x", weights, 4096), EngineSettings(cache_ram_mib=1))
    need.look()

    def make(patience_s: float = 15.0) -> Budget:
        return Budget(need.need * 3 // 2, patience_s=patience_s)

    return make


async def asked(engine: Engine) -> None:
    use = await engine.use(30)
    try:
        assert end_of(await ask(engine, ASKED)).tokens_predicted >= 1
    finally:
        use.end()


async def used_again_and_again(engine: Engine) -> None:
    """Until the door is closed."""
    while True:
        (await engine.use(0.05)).end()
        await asyncio.sleep(0)


async def test_two_models_alternate_under_a_budget_that_holds_one(
    house: Maker, one_fits: Callable[..., Budget]
) -> None:
    budget = one_fits()
    first, second = house("first", budget), house("second", budget)
    for _ in range(2):
        for engine, other in ((first, second), (second, first)):
            await asked(engine)
            assert (engine.state, other.state) == ("ready", "cold")
            assert budget.taken == engine.need
            assert [c.pid for c in psutil.Process().children()] == [engine.pid]
    assert (budget.counts.loads, budget.counts.unloads, budget.counts.crashes) == (4, 3, 0)
    await second.unload()
    assert budget.taken == 0


async def test_the_idle_model_used_longest_ago_makes_room(house: Maker, weights: Path) -> None:
    need = house("any", Budget(None)).need
    budget = Budget(need * 5 // 2)
    a, b, c = house("a", budget), house("b", budget), house("c", budget)
    await asked(a)
    await asked(b)
    await asked(a)
    await asked(c)
    assert (a.state, b.state, c.state) == ("ready", "cold", "ready")


async def test_a_model_in_use_is_never_unloaded_and_who_waits_says_so(
    house: Maker, one_fits: Callable[..., Budget]
) -> None:
    budget = one_fits()
    first, second = house("first", budget), house("second", budget)
    use = await first.use(30)
    pid = first.pid
    with pytest.raises(EngineDown, match="waiting for memory that other models use"):
        await second.use(0.05)
    assert (first.state, first.pid) == ("ready", pid)
    await second.wait_until(lambda: second.state == "cold")  # nobody waits: its load is called off
    waiting = asyncio.create_task(asked(second))
    await second.wait_until(lambda: second.state == "loading")
    assert (first.state, first.pid) == ("ready", pid)
    use.end()
    await waiting
    assert (first.state, second.state) == ("cold", "ready")


async def test_a_model_that_others_never_leave_gives_way_after_a_while(
    house: Maker, one_fits: Callable[..., Budget]
) -> None:
    """One use after another, each begun before the last ends: without a closed door, for ever."""
    budget = one_fits(patience_s=0.01)
    first, second = house("first", budget), house("second", budget)
    use = await first.use(30)
    waiting = asyncio.create_task(asked(second))
    await second.wait_until(lambda: second.state == "loading")
    with pytest.raises(EngineDown, match="waiting for memory that other models use"):
        await used_again_and_again(first)
    next_use = asyncio.create_task(first.use(30))
    use.end()
    await waiting
    (await next_use).end()
    assert (first.state, second.state) == ("ready", "cold")


async def test_a_model_that_can_never_fit_is_refused_from_the_start_with_its_mend(
    house: Maker, weights: Path
) -> None:
    need = house("any", Budget(None)).need
    tight = house("tight", Budget(need - 2**20))  # without a prompt cache it fits
    assert (tight.state, tight.need) == ("cold", need - 2**20)
    await asked(tight)
    engine = house("large", Budget(need - 2**21))
    assert engine.state == "failed"
    assert isinstance(engine.failure, NeverFits)
    assert "engine.memory" in str(engine.failure)
    assert "ower context_length to 2048 or less" in str(engine.failure)
    assert not engine.may_retry
    with pytest.raises(NeverFits):
        await engine.use(30)
    assert house("small", Budget(need)).state == "cold"


async def test_an_idle_model_is_unloaded_after_its_time_and_wakes_with_the_next_request(
    house: Maker,
) -> None:
    budget = Budget(None)
    engine = house("sleepy", budget, unload_after_s=0.02)
    await asked(engine)
    await engine.wait_until(lambda: engine.state == "cold")
    await engine.unload()  # returns when its process is gone
    assert (engine.pid, budget.taken, engine.resident) == (None, 0, 0)
    assert psutil.Process().children() == []
    await asked(engine)
    assert budget.counts.loads == 2
    use = await engine.use(30)
    await asyncio.sleep(0.05)
    assert engine.state == "ready", "no time runs while it is in use"
    use.end()
    await engine.wait_until(lambda: engine.state == "cold")


async def test_nobody_is_lost_who_comes_while_it_is_unloaded(house: Maker) -> None:
    engine = house("busy", Budget(None))
    for _ in range(5):
        await engine.start()
        leaving = asyncio.create_task(engine.unload())
        await asyncio.gather(*(asked(engine) for _ in range(3)), leaving)
    assert len(psutil.Process().children()) == 1


async def test_a_crash_while_idle_keeps_its_room_and_is_counted(house: Maker) -> None:
    budget = Budget(None)
    engine = house("fragile", budget)
    await engine.start()
    pid = engine.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    await engine.wait_until(lambda: engine.restarts == 1 and engine.state == "ready")
    assert engine.pid != pid
    assert budget.taken == engine.need
    assert budget.counts.crashes == 1
    await engine.stop()
    assert budget.taken == 0


async def test_a_crash_loop_waits_longer_each_time_and_gives_its_room_back(
    house: Maker,
) -> None:
    from tokenhouse.engine.patience import restart_pause_s

    settings = EngineSettings()
    pauses = [restart_pause_s(settings, crashes) for crashes in range(1, 12)]
    assert pauses[:4] == [0.0, 0.5, 1.0, 2.0]
    assert pauses == sorted(pauses)
    assert pauses[-1] == settings.restart_longest_s

    budget = Budget(None)
    engine = house("doomed", budget, restarts_in_a_row=2, retry_failed_s=60.0)
    for _ in range(3):
        await engine.wait_until(lambda: engine.state != "loading")
        await engine.wait_ready(30)
        pid = engine.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await engine.wait_until(lambda pid=pid: engine.pid != pid)
    with pytest.raises(LoadFailed, match="3 times in a row"):
        await engine.use(30)
    assert not engine.may_retry, "not yet"
    assert (budget.taken, budget.counts.crashes) == (0, 3)


async def test_who_is_short_of_the_machines_own_memory_asks_idle_models_to_go(
    house: Maker, weights: Path, tmp_path: Path
) -> None:
    """The budget would allow both, the machine has room for one: what is free is what is idle."""
    budget = Budget(2**40)
    first = house("first", budget)
    await asked(first)
    need = first.need

    def free() -> int:
        return need if first.state == "cold" else need - 1

    second = Engine(
        ModelSpec("second", weights, 4096),
        EngineSettings(threads=1, cache_ram_mib=1),
        budget=budget,
        runtime_dir=tmp_path,
        available=free,
    )
    try:
        await asked(second)
        assert (first.state, second.state) == ("cold", "ready")
    finally:
        await second.stop()


def test_the_default_budget_comes_from_the_machine(tmp_path: Path) -> None:
    there = bytes_of_machine()
    assert there is None or there > 2**27
    assert Budget(machine=lambda: 1000).limit == 900
    unknown = Budget(machine=lambda: None)
    assert unknown.limit is None
    assert unknown.allows(2**60)
    assert limit_of_cgroup(tmp_path) is None
    (tmp_path / "memory.max").write_text("4096\n")
    assert limit_of_cgroup(tmp_path) == 4096
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "status").write_text("Name:\tx\nRssAnon:\t   12 kB\n")
    assert bytes_of_process(7, tmp_path) == 12 * 1024
    assert bytes_of_process(8, tmp_path) is None
