"""The order in which routes are tried."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenhouse.catalogue import Route
from tokenhouse.routing import ALL_WELL, Resting, choose

draws = st.floats(0, 1, exclude_max=True)
route_lists = st.lists(
    st.builds(
        Route,
        st.sampled_from([f"p{number}" for number in range(8)]),
        st.just("m"),
        st.integers(-2, 2),
        st.integers(0, 5),
    ),
    max_size=8,
    unique_by=lambda route: route.key,
)


def names(routes: list[Route], draw: float, **resting: float) -> list[str]:
    health = {(name, "m"): Resting(since) for name, since in resting.items()}
    return [attempt.route.provider for attempt in choose(routes, health, draw=draw)]


@settings(deadline=None)
@given(route_lists, draws, st.dictionaries(st.integers(0, 7), st.floats(0, 100)))
def test_every_route_is_there_once_and_the_order_repeats(
    routes: list[Route], draw: float, resting: dict[int, float]
) -> None:
    health = {(f"p{number}", "m"): Resting(since) for number, since in resting.items()}
    attempts = choose(routes, health, draw=draw)
    assert sorted(a.route.key for a in attempts) == sorted(route.key for route in routes)
    assert attempts == choose(routes, health, draw=draw)
    awake = [a for a in attempts if not a.last_resort]
    asleep = [a for a in attempts if a.last_resort]
    assert attempts == (*awake, *asleep)
    assert all((a.route.key in health) == a.last_resort for a in attempts)
    priorities = [a.route.priority for a in awake]
    assert priorities == sorted(priorities)
    since = [health[a.route.key].since for a in asleep]
    assert since == sorted(since)


def test_a_route_comes_first_in_exact_proportion_to_its_weight() -> None:
    routes = [Route("a", "m", 0, 1), Route("b", "m", 0, 3), Route("c", "m", 0, 0)]
    firsts = Counter(names(routes, step / 400)[0] for step in range(400))
    assert firsts == {"a": 100, "b": 300}
    assert all(names(routes, step / 400)[-1] == "c" for step in range(400))


def test_the_second_follows_the_weights_that_are_left() -> None:
    routes = [Route("a", "m", 0, 1), Route("b", "m", 0, 1), Route("c", "m", 0, 2)]
    seconds = Counter(
        order[1] for step in range(1200) if (order := names(routes, (step + 0.5) / 1200))[0] == "c"
    )
    assert seconds == {"a": 300, "b": 300}


def test_lower_priorities_come_before_weights() -> None:
    routes = [Route("late", "m", 1, 100), Route("early", "m", 0, 1)]
    assert names(routes, 0.99) == ["early", "late"]


def test_resting_routes_come_last_and_are_never_left_out() -> None:
    routes = [Route("a", "m"), Route("b", "m", 5), Route("c", "m", 6)]
    assert names(routes, 0.0, a=3.0) == ["b", "c", "a"]
    assert names(routes, 0.0, a=3.0, b=1.0, c=2.0) == ["b", "c", "a"]
    assert names(routes[:1], 0.0, a=3.0) == ["a"]


@pytest.mark.parametrize("draw", [0.0, 0.5, 1 - 2**-53])
def test_equal_weights_of_zero_keep_their_order(draw: float) -> None:
    routes = [Route("a", "m", 0, 0), Route("b", "m", 0, 0)]
    assert names(routes, draw) == ["a", "b"]


def test_a_model_without_routes_has_no_attempts() -> None:
    assert choose((), ALL_WELL, draw=0.5) == ()
