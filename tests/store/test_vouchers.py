"""Vouchers are turned into credit once, whoever asks how often, and the money verifies throughout."""

from __future__ import annotations

import asyncio

import hypothesis.strategies as st
import pytest
from hypothesis import given
from tests.store.requests import NOW, account_with, sound

from tokenhouse.billing import Billing
from tokenhouse.billing.voucher import LETTERS, code_digest, new_code
from tokenhouse.clock import ManualClock
from tokenhouse.errors import CallerError
from tokenhouse.store import SqliteStore

DAY_S = 24 * 3600


@pytest.fixture
def billing(store: SqliteStore, clock: ManualClock) -> Billing:
    return Billing(store, store, store, clock, actor="cli:ada")


async def refusal(billing: Billing, code: str, account: str) -> tuple[int, str]:
    with pytest.raises(CallerError) as refused:
        await billing.redeem(code, account)
    return refused.value.status, refused.value.code


async def test_of_many_accounts_that_redeem_one_code_at_once_one_gets_it(
    billing: Billing, store: SqliteStore
) -> None:
    accounts = [await account_with(store, 0, f"a{number}") for number in range(20)]
    (code,) = (await billing.create_vouchers(500)).codes
    answers = await asyncio.gather(
        *(billing.redeem(code, account) for account in accounts for _ in range(2)),
        return_exceptions=True,
    )
    credited = [answer for answer in answers if not isinstance(answer, BaseException)]
    assert [answer.replayed for answer in credited] == [False, True]
    assert sum(account.balance for account in await store.accounts()) == 500
    refused = [answer for answer in answers if isinstance(answer, CallerError)]
    assert {error.code for error in refused} == {"voucher_redeemed"}
    assert len(refused) == 38
    await sound(store)


async def test_a_voucher_ends_on_its_day_and_a_revoked_one_at_once(
    billing: Billing, store: SqliteStore, clock: ManualClock
) -> None:
    account = await account_with(store, 0)
    made = await billing.create_vouchers(5, count=3, expires_ms=NOW + 1000 * DAY_S)
    await billing.revoke_vouchers(made.vouchers[0].id, reason="typo")
    assert await refusal(billing, made.codes[0], account) == (409, "voucher_revoked")
    assert (await billing.redeem(made.codes[1], account)).balance == 5
    clock.advance(DAY_S)
    assert await refusal(billing, made.codes[2], account) == (409, "voucher_expired")
    assert (await billing.redeem(made.codes[1], account)).replayed
    states = {v.state(clock.now_ms()) for v in await billing.vouchers()}
    assert states == {"revoked", "redeemed", "expired"}
    again = await billing.revoke_vouchers(made.vouchers[0].lot)
    assert [voucher.redeemed_ms is None for voucher in again].count(False) == 1
    await sound(store)


async def test_a_closed_account_redeems_nothing(billing: Billing, store: SqliteStore) -> None:
    account = await account_with(store, 0)
    await billing.change_account(account, state="closed")
    (code,) = (await billing.create_vouchers(5)).codes
    assert await refusal(billing, code, account) == (409, "closed")


async def test_neither_codes_nor_their_digests_are_told_again(
    billing: Billing, store: SqliteStore
) -> None:
    (code,) = (await billing.create_vouchers(5, reason="gift")).codes
    letters = code.replace("-", "").removeprefix("TH")
    for told in (await billing.vouchers(), await billing.audit()):
        assert code not in repr(told)
        assert letters not in repr(told)
    for file in store.path.parent.iterdir():
        assert letters.encode() not in file.read_bytes()
        assert code.encode() not in file.read_bytes()


async def test_a_lot_that_makes_no_sense_is_refused(billing: Billing) -> None:
    for count, expires_ms in ((0, None), (10_001, None), (1, NOW)):
        with pytest.raises(CallerError):
            await billing.create_vouchers(5, count=count, expires_ms=expires_ms)
    for amount in (0, -1, 2**63):
        with pytest.raises(CallerError):
            await billing.create_vouchers(amount)
    with pytest.raises(CallerError):
        await billing.create_vouchers(5, idempotency_key="")
    assert await billing.vouchers() == ()
    assert await billing.audit() == ()


@given(st.data())
def test_a_code_is_read_however_a_person_writes_it(data: st.DataObject) -> None:
    code = new_code()
    written = "".join(
        data.draw(st.sampled_from([letter, letter.lower()]))
        + data.draw(st.sampled_from(["", "-", " "]))
        for letter in code.replace("0", data.draw(st.sampled_from("0Oo"))).replace(
            "1", data.draw(st.sampled_from("1IiLl"))
        )
    )
    assert code_digest(written) == code_digest(code) is not None
    assert code_digest(code.removeprefix("TH")) == code_digest(code)


@given(st.text())
def test_what_is_no_code_has_no_digest(text: str) -> None:
    letters = text.strip().upper()
    if code_digest(text) is not None:
        assert sum(letter in LETTERS + "OIL" for letter in letters) >= 20


async def test_the_pages_of_vouchers_and_of_the_audit_log_hold_each_once(billing: Billing) -> None:
    for number in range(5):
        await billing.create_vouchers(number + 1, count=2)
    whole = await billing.vouchers(limit=100)
    found = await billing.vouchers(limit=3)
    while page := await billing.vouchers(limit=3, before=found[-1].id):
        found += page
    assert found == whole
    rows = await billing.audit(limit=2)
    while page := await billing.audit(limit=2, before=rows[-1].seq):
        rows += page
    assert [row.seq for row in rows] == [5, 4, 3, 2, 1]
    assert {row.actor for row in rows} == {"cli:ada"}
