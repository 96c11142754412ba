"""Billing's door: what may be asked by name or id, and what a wrong question is told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.store.requests import NOW, admission, receipt, request_id

from tokenhouse import ids
from tokenhouse.access import KeyChange, hash_secret
from tokenhouse.billing import Billing
from tokenhouse.clock import ManualClock
from tokenhouse.errors import CallerError
from tokenhouse.store import SqliteStore


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(tmp_path / "tokenhouse.db", clock=ManualClock(NOW))
    await store.start(serve=True)
    yield store
    await store.stop()


@pytest.fixture
def billing(store: SqliteStore) -> Billing:
    return Billing(store, store, store, ManualClock(NOW))


async def test_an_account_is_found_by_name_and_by_id(billing: Billing) -> None:
    made = await billing.create_account("mill", "free")
    assert await billing.account("mill") == await billing.account(made.id) == made
    with pytest.raises(CallerError, match="named 'mill'") as taken:
        await billing.create_account("mill", "free")
    assert taken.value.status == 409
    with pytest.raises(CallerError, match="no account 'forge'") as missing:
        await billing.credit("forge", 1)
    assert missing.value.status == 404
    assert (await billing.change_account("mill", plan="pro")).plan == "pro"
    assert [account.name for account in await billing.accounts()] == ["mill"]


async def test_an_account_is_not_called_what_no_list_could_show_or_what_is_an_id(
    billing: Billing,
) -> None:
    made = await billing.create_account("Åsa 漢字 👨\u200d👩\u200d👧", "free")
    for name in ("", "   ", " mill", "a\nb", "a\x1b[31m", "x" * 201, made.id, f"{made.id}:x"):
        with pytest.raises(CallerError) as wrong:
            await billing.create_account(name, "free")
        assert (wrong.value.status, wrong.value.param) == (400, "name")
    for name in ("a\nb", "x" * 201):
        with pytest.raises(CallerError):
            await billing.create_key(made.id, name)
    key = (await billing.create_key(made.id)).key
    with pytest.raises(CallerError):
        await billing.change_key(key.id, KeyChange(name="a\tb"))


async def test_a_credit_does_not_take_the_id_of_another_transfer(billing: Billing) -> None:
    made = await billing.create_account("mill", "free")
    paid = await billing.credit("mill", 5)
    for taken in (f"{made.id}:grant:2026-12", request_id(1), paid.id, "order:reverse"):
        with pytest.raises(CallerError, match="id of this house"):
            await billing.credit("mill", 5, idempotency_key=taken)
    assert (await billing.credit("mill", 5, idempotency_key="pst_17")).balance == 10


async def test_a_credit_with_a_key_happens_once_and_can_be_reversed(billing: Billing) -> None:
    await billing.create_account("mill", "free")
    first = await billing.credit("mill", 50, reason="paid", idempotency_key="order 7")
    again = await billing.credit("mill", 50, reason="paid", idempotency_key="order 7")
    assert (first.replayed, again.replayed, again.balance) == (False, True, 50)
    with pytest.raises(CallerError) as conflict:
        await billing.credit("mill", 51, reason="paid", idempotency_key="order 7")
    assert conflict.value.status == 409
    unkeyed = [await billing.credit("mill", 50) for _ in range(2)]
    assert len({credited.id for credited in unkeyed}) == 2
    assert (await billing.reverse("order 7", reason="error")).balance == 100
    for amount, key in ((0, None), (-5, None), (2**63, None), (5, "")):
        with pytest.raises(CallerError) as wrong:
            await billing.credit("mill", amount, idempotency_key=key)
        assert wrong.value.status == 400
    assert (await billing.balance("mill")).free == 100
    assert len(await billing.postings("mill")) == 4
    assert (await billing.verify()).ok


async def test_a_key_is_shown_once_and_lives_until_it_is_revoked(
    billing: Billing, store: SqliteStore
) -> None:
    account = await billing.create_account("mill", "free")
    made = await billing.create_key("mill", "laptop")
    caller = store.find_caller(hash_secret(made.secret))
    assert caller is not None
    assert (caller.account, caller.key_name) == (account.id, "laptop")
    assert await billing.keys("mill") == await billing.keys() == (made.key,)
    assert made.secret not in repr(await billing.keys())
    assert (await billing.revoke_key(made.key.id)).revoked_ms == NOW
    assert store.find_caller(hash_secret(made.secret)) is None
    with pytest.raises(CallerError, match="no key"):
        await billing.revoke_key("key_none")
    await billing.change_account("mill", state="closed")
    with pytest.raises(CallerError, match="closed"):
        await billing.create_key(account.id)


async def test_a_receipt_is_found_by_the_requests_id_and_its_answers_by_its_owner_only(
    billing: Billing, store: SqliteStore
) -> None:
    account = (await billing.create_account("mill", "free")).id
    await billing.credit("mill", 100)
    await store.admit(admission(1, account, 60))
    await store.close(receipt(1, account, 25), tokens=0)
    row = await billing.receipt(request_id(1))
    assert row.cost == 25
    answer = ids.answer_id("chatcmpl-", request_id(1))
    assert await billing.receipt(answer, account=account) == row
    assert await billing.receipts("mill") == (row,)
    (used,) = await billing.usage("mill")
    assert (used.requests, used.cost) == (1, 25)
    assert await billing.usage() == (used,)
    for id, owner in ((answer, "acc_other"), ("nonsense", None), (request_id(2), None)):
        with pytest.raises(CallerError) as missing:
            await billing.receipt(id, account=owner)
        assert missing.value.status == 404
