"""Money: exact in, exact out, one rounding, upwards."""

from __future__ import annotations

import re
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenhouse import money

AMOUNTS = st.integers(-money.AMOUNT_MAX, money.AMOUNT_MAX)


def test_a_list_price_is_exact() -> None:
    assert money.rate_from_usd_per_million("0.35") == 350_000
    assert money.rate_from_usd_per_million("0.56") == 560_000
    assert money.rate_from_usd_per_million("0.000001") == 1


def test_a_dollar_is_a_billion_nanodollars() -> None:
    assert money.amount_from_usd("1.00") == 1_000_000_000
    assert money.amount_from_usd("0.000000001") == 1


@given(st.integers(0, 10**30))
def test_the_only_rounding_goes_up_and_by_less_than_one_nanodollar(picodollars: int) -> None:
    amount = money.amount_from_picodollars(picodollars)
    assert 0 <= amount - Fraction(picodollars, 1000) < 1


@given(AMOUNTS)
def test_dollars_on_the_way_out_are_exact(amount: int) -> None:
    assert Fraction(money.usd(amount)) * money.NANODOLLARS_PER_DOLLAR == amount
    assert Fraction(money.usd_number(amount).decode()) * money.NANODOLLARS_PER_DOLLAR == amount


@given(st.integers(0, money.AMOUNT_MAX))
def test_an_amount_survives_being_written_and_read(amount: int) -> None:
    assert money.amount_from_usd(money.usd(amount)) == amount


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-1",
        "+1",
        "1e3",
        "0x1",
        " 1",
        "1.",
        ".5",
        "1,5",
        "nan",
        "inf",
        "١",
        "0.0000000001",
        "1_000",
    ],
)
def test_a_text_that_is_no_exact_amount_is_refused_by_name(text: str) -> None:
    with pytest.raises(money.MoneyError, match=re.escape(repr(text))):
        money.amount_from_usd(text)


def test_what_this_house_cannot_book_is_refused() -> None:
    with pytest.raises(money.MoneyError):
        money.amount_from_usd("9223372036.854775808")
    assert money.amount_from_usd("9223372036.854775807") == money.AMOUNT_MAX
