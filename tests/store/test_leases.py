"""Who is dead: a counter that stood still for ten seconds while we could look."""

from __future__ import annotations

from tokenhouse.store.leases import LeaseWatch


def test_a_counter_that_stands_still_for_ten_seconds_is_dead() -> None:
    watch = LeaseWatch()
    for now in (0.0, 2.0, 4.0, 6.0, 8.0):
        assert watch.observe({"still": 7, "moving": int(now)}, now) == []
    assert watch.observe({"still": 7, "moving": 10}, 10.0) == ["still"]


def test_any_movement_starts_the_count_again() -> None:
    watch = LeaseWatch()
    for now in (0.0, 4.0, 8.0):
        assert watch.observe({"a": 1}, now) == []
    assert watch.observe({"a": 2}, 12.0) == []
    for now in (16.0, 20.0):
        assert watch.observe({"a": 2}, now) == []
    assert watch.observe({"a": 2}, 22.0) == ["a"]


def test_time_in_which_we_could_not_look_does_not_count() -> None:
    watch = LeaseWatch()
    assert watch.observe({"a": 1}, 0.0) == []
    assert watch.observe({"a": 1}, 60.0) == []
    for now in (62.0, 66.0):
        assert watch.observe({"a": 1}, now) == []
    assert watch.observe({"a": 1}, 70.0) == ["a"]


def test_a_lease_that_goes_and_comes_back_is_a_new_sight() -> None:
    watch = LeaseWatch()
    watch.observe({"a": 1}, 0.0)
    watch.observe({}, 4.0)
    watch.observe({"a": 1}, 8.0)
    assert watch.observe({"a": 1}, 12.0) == []
