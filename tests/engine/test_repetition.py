"""The loop guard sees an answer that only repeats itself, and nothing else."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tokenhouse.engine import LoopGuard
from tokenhouse.engine.repetition import LOOKED_EVERY, RUN_MOST

RUNS = st.lists(st.integers(0, 9), min_size=1, max_size=RUN_MOST)
LIMIT = 256


@given(run=RUNS, before=st.lists(st.integers(0, 9), max_size=300), at_once=st.integers(1, 5))
def test_a_run_that_is_repeated_is_noticed_within_its_limit(
    run: list[int], before: list[int], at_once: int
) -> None:
    guard = LoopGuard(LIMIT)
    loop = (run * (LIMIT * 2))[: LIMIT + LOOKED_EVERY + at_once]
    told = [*before, *loop]
    assert any(guard.feed(told[i : i + at_once]) for i in range(0, len(told), at_once))


@given(seed=st.randoms(use_true_random=False), repeated=st.integers(1, LIMIT - 1))
def test_what_goes_on_to_say_something_new_is_let_be(seed: object, repeated: int) -> None:
    guard = LoopGuard(LIMIT)
    new = 1000
    for _ in range(4):
        for token in [*[7] * (repeated - 1), new]:
            assert not guard.feed((token,))
        new += 1


def test_without_a_limit_nothing_is_a_loop() -> None:
    guard = LoopGuard(0)
    assert not any(guard.feed((1,) * 100) for _ in range(100))
