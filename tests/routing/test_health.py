"""The breaker of a route, moved by outcomes and a hand-driven clock."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tokenhouse.clock import ManualClock
from tokenhouse.routing import ALL_WELL, Health, RouteHealth

KEY = ("p", "m")
OTHER = ("q", "m")


def resting_health(failures: int = 3) -> tuple[Health, ManualClock]:
    clock = ManualClock()
    health = Health(clock, failures_to_open=failures, probe_after_s=10.0)
    for _ in range(failures):
        health.failed(KEY)
    return health, clock


def test_all_is_well_at_first_and_costs_nothing() -> None:
    health = Health(ManualClock(), failures_to_open=3, probe_after_s=10.0)
    health.succeeded(KEY)
    assert health.snapshot() is ALL_WELL


def test_a_route_rests_after_so_many_failures_in_a_row_and_others_do_not() -> None:
    health = Health(ManualClock(), failures_to_open=3, probe_after_s=10.0)
    health.failed(KEY)
    health.failed(KEY)
    health.failed(OTHER)
    assert not health.snapshot()
    health.failed(KEY)
    assert set(health.snapshot()) == {KEY}


def test_a_success_breaks_the_row() -> None:
    health = Health(ManualClock(), failures_to_open=3, probe_after_s=10.0)
    for _ in range(6):
        health.failed(KEY)
        health.failed(KEY)
        health.succeeded(KEY)
        health.succeeded(KEY)
        health.succeeded(KEY)
    assert not health.snapshot()


def test_a_route_that_fails_half_the_time_rests_too() -> None:
    health = Health(ManualClock(), failures_to_open=1000, probe_after_s=10.0)
    for _ in range(10):
        assert not health.snapshot()
        health.succeeded(KEY)
        health.failed(KEY)
    health.failed(KEY)
    assert KEY in health.snapshot()


def test_one_request_probes_and_its_success_closes() -> None:
    health, clock = resting_health()
    clock.advance(9.9)
    assert KEY in health.snapshot()
    clock.advance(0.2)
    assert KEY not in health.snapshot()
    health.started(KEY)
    assert KEY in health.snapshot()
    health.succeeded(KEY)
    assert health.snapshot() is ALL_WELL


def test_a_failed_probe_rests_twice_as_long_up_to_eight_times() -> None:
    health, clock = resting_health()
    for times in (1, 2, 4, 8, 8, 8):
        clock.advance(10.0 * times - 0.1)
        assert KEY in health.snapshot()
        clock.advance(0.2)
        assert KEY not in health.snapshot()
        health.started(KEY)
        health.failed(KEY)


def test_a_probe_that_nobody_heard_of_again_is_followed_by_another() -> None:
    health, clock = resting_health()
    clock.advance(10.1)
    health.started(KEY)
    clock.advance(10.1)
    assert KEY not in health.snapshot()


def test_failures_on_their_way_when_it_opened_prolong_nothing() -> None:
    health, clock = resting_health()
    clock.advance(5)
    health.started(KEY)
    health.failed(KEY)
    clock.advance(5.1)
    assert KEY not in health.snapshot()


def test_a_last_resort_that_works_closes_at_once() -> None:
    health, clock = resting_health()
    clock.advance(1)
    health.started(KEY)
    health.succeeded(KEY)
    assert health.snapshot() is ALL_WELL


class Breakers(RuleBasedStateMachine):
    """Whatever happens in whatever order, these hold."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = ManualClock()
        self.health = Health(self.clock, failures_to_open=3, probe_after_s=10.0)
        self.in_row = 0

    @rule()
    def start(self) -> None:
        self.health.started(KEY)

    @rule(wait=st.floats(0, 30))
    def wait(self, wait: float) -> None:
        self.clock.advance(wait)

    @rule()
    def succeed(self) -> None:
        resting = KEY in self.health.snapshot()
        self.health.succeeded(KEY)
        self.in_row = 0
        assert not (resting and KEY in self.health.snapshot())

    @rule()
    def fail(self) -> None:
        self.health.failed(KEY)
        self.in_row += 1

    @rule()
    def rest_ends(self) -> None:
        self.clock.advance(80.1)
        assert KEY not in self.health.snapshot()

    @invariant()
    def a_resting_route_failed_in_a_row_or_half_the_time_and_since_a_time_that_was(self) -> None:
        for resting in self.health.snapshot().values():
            assert self.in_row > 0
            assert resting.since <= self.clock.monotonic()

    @invariant()
    def other_routes_hear_nothing(self) -> None:
        assert OTHER not in self.health.snapshot()


TestBreakers = Breakers.TestCase
TestBreakers.settings = settings(deadline=None, max_examples=50, stateful_step_count=30)


@settings(deadline=None)
@given(st.lists(st.booleans(), min_size=21, max_size=60))
def test_a_route_that_only_succeeds_for_a_window_is_forgotten(outcomes: list[bool]) -> None:
    health = Health(ManualClock(), failures_to_open=1000, probe_after_s=10.0)
    for success in outcomes:
        (health.succeeded if success else health.failed)(KEY)
    for _ in range(20):
        health.succeeded(KEY)
    assert health.snapshot() is ALL_WELL


def test_how_a_route_fares_can_be_read_and_forgotten() -> None:
    clock = ManualClock()
    health = Health(clock, failures_to_open=2, probe_after_s=10)
    route = ("up", "m")
    assert health.of(route) == RouteHealth()
    health.failed(route)
    assert health.of(route) == RouteHealth("closed", 1, 1, 1)
    health.failed(route)
    assert health.of(route) == RouteHealth("resting", 2, 2, 2, 10.0)
    clock.advance(4)
    assert health.of(route).rests_s == 6.0
    clock.advance(6)
    assert health.of(route).state == "probing"
    health.reset(route)
    assert health.of(route) == RouteHealth()
    assert health.snapshot() == {}
