"""Amounts and rates: exact, integers only, rounded once and upwards."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenhouse import money

AMOUNTS = st.integers(-money.AMOUNT_MAX, money.AMOUNT_MAX)
RATES = st.integers(0, money.RATE_MAX)


def exact(text: str) -> Fraction:
    return Fraction(text)


@given(RATES)
def test_a_rate_is_written_and_read_without_loss(rate: int) -> None:
    assert money.rate_from_usd_per_million(money.usd_per_million(rate)) == rate
    assert exact(money.usd_per_million(rate)) == Fraction(rate, 10**6)
    assert exact(money.usd_per_token(rate)) == Fraction(rate, 10**12)


@given(AMOUNTS)
def test_an_amount_is_written_and_read_without_loss(amount: int) -> None:
    assert exact(money.usd(amount)) == Fraction(amount, 10**9)
    assert exact(money.usd_number(amount).decode()) == Fraction(amount, 10**9)
    if amount >= 0:
        assert money.amount_from_usd(money.usd(amount)) == amount


@given(st.integers(0, 10**30))
def test_picodollars_are_rounded_up_and_by_less_than_one(picodollars: int) -> None:
    amount = money.amount_from_picodollars(picodollars)
    assert 0 <= amount * 1000 - picodollars < 1000


def test_the_pages_prices_are_what_they_say() -> None:
    assert money.rate_from_usd_per_million("0.35") == 350_000
    assert money.usd_per_token(350_000) == "0.00000035"
    assert money.usd(1_925) == "0.000001925"
    assert money.usd_number(1_925) == b"0.000001925"
    assert money.usd(-1_500_000_000) == "-1.50"
    assert money.usd_number(2_000_000_000) == b"2"
    assert money.amount_from_usd("1.00") == 10**9


@pytest.mark.parametrize(
    "text",
    ["", "-1", "+1", "1e3", "1,5", ".5", "1.", " 1", "NaN", "inf", "٣", "0x1", "0.0000001", "$1"],
)
def test_a_text_that_is_no_exact_rate_is_refused(text: str) -> None:
    with pytest.raises(money.MoneyError) as caught:
        money.rate_from_usd_per_million(text)
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize("text", ["0.0000000001", "9223372037", "1_000", "1.2.3"])
def test_a_text_that_is_no_exact_amount_is_refused(text: str) -> None:
    with pytest.raises(money.MoneyError):
        money.amount_from_usd(text)


def test_a_rate_beyond_a_dollar_a_token_is_refused() -> None:
    assert money.rate_from_usd_per_million("1000000") == money.RATE_MAX
    with pytest.raises(money.MoneyError):
        money.rate_from_usd_per_million("1000000.000001")


@given(st.text(max_size=12))
def test_any_text_is_an_amount_or_a_money_error(text: str) -> None:
    try:
        amount = money.amount_from_usd(text)
    except money.MoneyError:
        return
    assert Fraction(amount, 10**9) == exact(text)
