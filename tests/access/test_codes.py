"""One-time sign-in codes: once, for a quarter of an hour, and not to be guessed."""

from __future__ import annotations

import pytest

from tokenhouse.access import SignInCodes
from tokenhouse.access.codes import LIFETIME_S
from tokenhouse.clock import ManualClock
from tokenhouse.errors import AccountError


def test_a_code_is_worth_its_key_once_however_it_is_typed() -> None:
    codes = SignInCodes(ManualClock(0))
    code = codes.offer("sk-th-secret", "per_1")
    assert [len(group) for group in code.split("-")] == [4, 4, 4, 4]
    assert codes.redeem(f" {code.lower().replace('-', ' ')} ", "192.0.2.1").key == "sk-th-secret"
    with pytest.raises(AccountError) as refused:
        codes.redeem(code, "192.0.2.1")
    assert (refused.value.status, refused.value.code) == (401, "invalid_sign_in_code")


def test_a_code_is_worth_nothing_after_a_quarter_of_an_hour() -> None:
    clock = ManualClock(0)
    codes = SignInCodes(clock)
    first, second = codes.offer("a"), codes.offer("b")
    clock.advance(LIFETIME_S - 1)
    assert codes.redeem(first, "192.0.2.1").key == "a"
    clock.advance(1)
    with pytest.raises(AccountError, match="older than 15 minutes"):
        codes.redeem(second, "192.0.2.1")


def test_who_guesses_codes_has_to_wait_and_nobody_else() -> None:
    clock = ManualClock(0)
    codes = SignInCodes(clock, failed_per_minute=3)
    code = codes.offer("a")
    for _ in range(3):
        with pytest.raises(AccountError):
            codes.redeem("AAAA-AAAA-AAAA-AAAA", "192.0.2.1")
    with pytest.raises(AccountError) as refused:
        codes.redeem(code, "192.0.2.1")
    assert (refused.value.status, refused.value.retry_after_s) == (429, 60.0)
    assert codes.redeem(code, "192.0.2.2").key == "a"
