"""Months are UTC; the grant of each is due from its first to its last millisecond."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenhouse.catalogue import Plan
from tokenhouse.relay import Months

FREE = Plan(name="free", monthly_grant=10**9)


def ms(*when: int) -> int:
    return round(datetime(*when, tzinfo=UTC).timestamp() * 1000)  # type: ignore[arg-type, misc]


@pytest.mark.parametrize(
    ("now", "period", "ends"),
    [
        (ms(2026, 11, 22), "2026-11", ms(2026, 12, 1)),
        (ms(2026, 12, 31, 23, 59, 59), "2026-12", ms(2027, 1, 1)),
        (ms(2028, 2, 29, 12), "2028-02", ms(2028, 3, 1)),
        (ms(2027, 2, 28, 23, 59, 59), "2027-02", ms(2027, 3, 1)),
    ],
)
def test_the_grant_names_its_month_and_ends_with_it(now: int, period: str, ends: int) -> None:
    due = Months().grant_due(FREE, now)
    assert due is not None
    assert (due.period, due.amount, due.ends_ms) == (period, 10**9, ends)


def test_a_plan_without_a_grant_owes_none() -> None:
    assert Months().grant_due(Plan(name="paid"), ms(2026, 11, 22)) is None


@given(st.lists(st.integers(ms(2020, 1, 1), ms(2040, 1, 1)), min_size=1, max_size=20))
def test_whatever_way_the_clock_jumps_the_month_is_that_of_now(times: list[int]) -> None:
    months = Months()
    for now in times:
        due = months.grant_due(FREE, now)
        assert due is not None
        assert due.period == datetime.fromtimestamp(now / 1000, UTC).strftime("%Y-%m")
        assert now < due.ends_ms


def test_plans_of_one_month_are_each_told_their_own_right_and_told_it_alike() -> None:
    months = Months()
    large = Plan(name="large", monthly_grant=5 * 10**9)
    first, other = months.grant_due(FREE, ms(2026, 11, 1)), months.grant_due(large, ms(2026, 11, 2))
    assert first is not None
    assert other is not None
    assert (first.amount, other.amount) == (10**9, 5 * 10**9)
    assert months.grant_due(FREE, ms(2026, 11, 30, 23, 59, 59)) is first
    later = months.grant_due(large, ms(2026, 12, 1))
    assert later is not None
    assert later.period == "2026-12"
