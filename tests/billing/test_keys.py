"""Keys through billing's door: what can't be a limit is refused before it is written."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from tests.store.requests import NOW

from tokenhouse import ids
from tokenhouse.access import KeyChange, KeyLimits
from tokenhouse.billing import Billing
from tokenhouse.clock import ManualClock
from tokenhouse.errors import CallerError
from tokenhouse.store import SqliteStore


@pytest.fixture
async def billing(tmp_path: Path) -> AsyncIterator[Billing]:
    clock = ManualClock(NOW)
    store = SqliteStore(tmp_path / "tokenhouse.db", clock=clock)
    await store.start(serve=False)
    yield Billing(store, store, store, clock)
    await store.stop()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("day_cap", -1),
        ("month_cap", 2**63),
        ("requests_per_minute", 0),
        ("tokens_per_minute", -5),
        ("concurrent_requests", 0),
    ],
)
async def test_a_limit_that_is_none_is_refused_by_name(
    billing: Billing, name: str, value: int
) -> None:
    account = await billing.create_account("mill", "free")
    with pytest.raises(CallerError) as refused:
        await billing.create_key(account.id, limits=msgspec.convert({name: value}, KeyLimits))
    assert (refused.value.status, refused.value.param) == (400, name)
    assert await billing.keys() == ()
    made = await billing.create_key(account.id, "ci")
    with pytest.raises(CallerError) as refused:
        await billing.change_key(made.key.id, msgspec.convert({name: value}, KeyChange))
    assert refused.value.param == name
    assert await billing.keys() == (made.key,)


async def test_what_is_changed_or_rotated_must_be_there_and_live(billing: Billing) -> None:
    account = await billing.create_account("mill", "free")
    made = await billing.create_key(account.id, limits=KeyLimits(day_cap=0))
    assert made.key.limits.day_cap == 0
    for act in (
        billing.change_key("key_none", KeyChange(name="x")),
        billing.rotate_key("key_none"),
        billing.revoke_key("key_none"),
    ):
        with pytest.raises(CallerError, match="no key 'key_none'"):
            await act
    with pytest.raises(CallerError, match="overlap"):
        await billing.rotate_key(made.key.id, overlap_ms=-1)
    rotated = await billing.rotate_key(made.key.id, overlap_ms=1000)
    assert (rotated.key.id, rotated.key.old_until_ms) == (made.key.id, NOW + 1000)
    assert rotated.secret != made.secret
    await billing.revoke_key(made.key.id)
    with pytest.raises(CallerError, match="revoked") as refused:
        await billing.rotate_key(made.key.id)
    assert refused.value.status == 409


async def test_a_key_under_an_id_of_one_s_own_is_made_once(billing: Billing) -> None:
    mill = await billing.create_account("mill", "free")
    forge = await billing.create_account("forge", "free")
    id = ids.new(ids.KEY, NOW)
    made = await billing.create_key(mill.id, "ci", id=id, by="person:psn_1")
    assert made.key.id == id
    for account in (mill, forge):
        with pytest.raises(CallerError) as again:
            await billing.create_key(account.id, "ci", id=id)
        assert (again.value.status, again.value.code) == (409, "conflict")
    for wrong in ("", "key_1", ids.new(ids.REQUEST, NOW), id.upper(), id + "0"):
        with pytest.raises(CallerError) as refused:
            await billing.create_key(mill.id, id=wrong)
        assert refused.value.param == "id"
    assert await billing.keys() == (made.key,)
    assert [row.actor for row in await billing.audit() if row.act == "keys create"] == [
        "person:psn_1"
    ]


async def test_another_account_s_key_is_not_there(billing: Billing) -> None:
    mill = await billing.create_account("mill", "free")
    forge = await billing.create_account("forge", "free")
    key = (await billing.create_key(mill.id, "ci")).key
    for act in (
        billing.key(key.id, account=forge.id),
        billing.change_key(key.id, KeyChange(name="mine"), account=forge.id),
        billing.rotate_key(key.id, account=forge.id),
        billing.revoke_key(key.id, account=forge.id),
    ):
        with pytest.raises(CallerError) as missing:
            await act
        assert (missing.value.status, missing.value.code) == (404, "key_not_found")
    assert await billing.keys() == (key,)
    changed = await billing.change_key(
        key.id, KeyChange(name="cd"), account=mill.id, by="person:psn_1"
    )
    assert await billing.key(key.id, account=mill.id) == changed
    assert (await billing.audit())[0].actor == "person:psn_1"


async def test_a_rotation_said_twice_happens_once(billing: Billing) -> None:
    mill = await billing.create_account("mill", "free")
    key = (await billing.create_key(mill.id, "ci")).key
    rotated = await billing.rotate_key(key.id, overlap_ms=1000, from_hint=key.hint)
    with pytest.raises(CallerError) as again:
        await billing.rotate_key(key.id, from_hint=key.hint)
    assert (again.value.status, again.value.code) == (409, "key_rotated")
    assert await billing.key(key.id) == rotated.key


async def test_a_key_remembers_who_made_it(billing: Billing) -> None:
    account = await billing.create_account("mill", "free")
    made = await billing.create_key(account.id, "ci", by="person:per_ada")
    assert made.key.created_by == "person:per_ada"
    assert [key.created_by for key in await billing.keys()] == ["person:per_ada"]
