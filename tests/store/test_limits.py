"""Windows: never more than the limit in any sixty seconds, and the wait that is told is enough."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tokenhouse.access import Limits
from tokenhouse.store.limits import WINDOW_S, Windows, exceeded, remaining

STEPS = st.lists(st.tuples(st.floats(0, 40), st.integers(0, 50)), max_size=60)


@given(steps=STEPS, requests=st.integers(1, 8), tokens=st.integers(1, 120))
def test_no_minute_sees_more_than_the_limit(
    steps: list[tuple[float, int]], requests: int, tokens: int
) -> None:
    windows, limits = Windows(), Limits(requests_per_minute=requests, tokens_per_minute=tokens)
    taken: list[tuple[int, int]] = []
    now = 0.0
    for number, (pause, wanted) in enumerate(steps):
        now += pause
        window = windows.window("a", now)
        over = exceeded(window, limits, tokens=wanted, now=now)
        last = [each for second, each in taken if second > int(now) - WINDOW_S]
        fits = len(last) < requests and sum(last) + wanted <= tokens
        assert (over is None) == fits
        if over is None:
            windows.take(f"h{number}", window, wanted, now)
            taken.append((int(now), wanted))
            left = remaining(window, limits, now)
            assert left.requests == requests - len(last) - 1
            assert left.tokens == tokens - sum(last) - wanted
            assert 59_000 <= left.tokens_reset_ms <= 60_000


@given(steps=STEPS, requests=st.integers(1, 8), tokens=st.integers(1, 120))
def test_after_the_wait_that_was_told_there_is_room(
    steps: list[tuple[float, int]], requests: int, tokens: int
) -> None:
    windows, limits = Windows(), Limits(requests_per_minute=requests, tokens_per_minute=tokens)
    now = 0.0
    for number, (pause, wanted) in enumerate(steps):
        now += pause
        while True:
            window = windows.window("a", now)
            over = exceeded(window, limits, tokens=wanted, now=now)
            if over is None:
                windows.take(f"h{number}", window, wanted, now)
                break
            what, limit, wait = over
            if wait is None:
                assert what == "tokens"
                assert wanted > limit
                break
            assert 0 < wait <= WINDOW_S
            now += wait


def test_what_was_rolled_back_and_what_was_over_reserved_comes_back() -> None:
    windows, limits = Windows(), Limits(requests_per_minute=9, tokens_per_minute=100)
    window = windows.window("a", 0.0)
    windows.give_back(windows.take("h", window, 60, 0.0))
    assert (remaining(window, limits, 0.0).requests, remaining(window, limits, 0.0).tokens) == (
        9,
        100,
    )
    windows.take("i", window, 60, 0.0)
    windows.correct("i", 75)
    windows.correct("i", 75)
    assert remaining(window, limits, 0.0).tokens == 25
    windows.take("j", window, 10, 1.0)
    window = windows.window("a", 60.5)
    assert remaining(window, limits, 60.5).tokens == 90
    windows.correct("j", 0)
    assert remaining(window, limits, 60.5).tokens == 100


def test_an_account_that_is_idle_for_a_minute_is_forgotten() -> None:
    windows = Windows()
    window = windows.window("a", 0.0)
    windows.take("h", window, 1, 0.0)
    windows.forget_idle(59.0)
    assert windows.window("a", 59.0) is window
    windows.forget_idle(120.0)
    assert windows.window("a", 120.0) is not window
