"""Windows: never more than the limit in any sixty seconds, and the wait that is told is enough."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tokenhouse.access import KeyLimits, Limits
from tokenhouse.relay import Remaining
from tokenhouse.store.limits import WINDOW_S, Windows, exceeded, remaining, tighter

LEFT = st.none() | st.integers(0, 50)
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


@given(
    steps=STEPS,
    account=st.tuples(st.integers(1, 8), st.integers(1, 120)),
    own=st.tuples(st.integers(1, 8), st.integers(1, 120)),
    ends=st.lists(st.integers(0, 60), max_size=60),
)
def test_no_minute_of_a_key_or_of_its_account_sees_more_than_its_limit_corrected_or_not(
    steps: list[tuple[float, int]],
    account: tuple[int, int],
    own: tuple[int, int],
    ends: list[int],
) -> None:
    """Two keys of one account, one with limits of its own; holds end with what was really used."""
    limits = Limits(requests_per_minute=account[0], tokens_per_minute=account[1])
    bounds = KeyLimits(requests_per_minute=own[0], tokens_per_minute=own[1])
    windows = Windows()
    taken: list[list[int]] = []  # second, tokens, of the bounded key
    now = 0.0
    for number, (pause, wanted) in enumerate(steps):
        now += pause
        bounded = number % 2
        mine, whole = windows.window("key", now), windows.window("acc", now)
        over = exceeded(whole, limits, tokens=wanted, now=now)
        if over is None and bounded:
            over = exceeded(mine, bounds, tokens=wanted, now=now)
        last = [entry for entry in taken if entry[0] > int(now) - WINDOW_S]
        of_key = [entry for entry in last if entry[2]]
        fits = len(last) < account[0] and sum(entry[1] for entry in last) + wanted <= account[1]
        if bounded:
            spent = sum(entry[1] for entry in of_key)
            fits = fits and len(of_key) < own[0] and spent + wanted <= own[1]
        assert (over is None) == fits
        if over is None:
            windows.take_all(f"h{number}", (whole, mine) if bounded else (whole,), wanted, now)
            taken.append([int(now), wanted, bounded])
            if number < len(ends) and ends[number] <= wanted:
                windows.correct(f"h{number}", ends[number])
                taken[-1][1] = ends[number]


@given(st.tuples(LEFT, LEFT), st.tuples(LEFT, LEFT))
def test_of_two_the_tighter_is_told_with_its_own_limit_and_reset(
    one: tuple[int | None, int | None], other: tuple[int | None, int | None]
) -> None:
    first = Remaining(one[0], one[1], 1, 2, 100, 200)
    second = Remaining(other[0], other[1], 3, 4, 300, 400)
    told = tighter(first, second)
    assert told.requests == min((n for n in (one[0], other[0]) if n is not None), default=None)
    assert told.tokens == min((n for n in (one[1], other[1]) if n is not None), default=None)
    if told.requests is not None:
        pair = (told.requests, told.requests_reset_ms, told.requests_limit)
        assert pair in ((one[0], 1, 100), (other[0], 3, 300))
    if told.tokens is not None:
        pair = (told.tokens, told.tokens_reset_ms, told.tokens_limit)
        assert pair in ((one[1], 2, 200), (other[1], 4, 400))
