"""Keys through billing's door: what can't be a limit is refused before it is written."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from tests.store.requests import NOW

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
