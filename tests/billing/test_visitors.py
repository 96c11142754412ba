"""Visitors' keys: one a day for each address, with an end and a cap; paid by the house's own account."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.store.requests import NOW

from tokenhouse.access import hash_secret
from tokenhouse.billing import DAY_MS, VISITORS, Billing, Visitors
from tokenhouse.clock import ManualClock
from tokenhouse.errors import CallerError
from tokenhouse.store import SqliteStore

CAP = 20_000_000
MIDNIGHT = (NOW // DAY_MS + 1) * DAY_MS


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(tmp_path / "tokenhouse.db", clock=ManualClock(NOW))
    await store.start(serve=True)
    yield store
    await store.stop()


def visitors(store: SqliteStore, clock: ManualClock, cap: int = CAP) -> Visitors:
    return Visitors(Billing(store, store, store, clock), cap=cap, clock=clock)


async def test_an_address_has_one_key_a_day_that_ends_with_it_and_is_capped(
    store: SqliteStore,
) -> None:
    clock = ManualClock(NOW)
    lending = visitors(store, clock)
    here, again, there = await asyncio.gather(
        lending.lend("192.0.2.1"), lending.lend("192.0.2.1"), lending.lend("192.0.2.2")
    )
    assert here == again
    assert here.secret != there.secret
    assert (here.ends_ms, here.cap) == (MIDNIGHT, CAP)
    caller = store.find_caller(hash_secret(here.secret))
    assert caller is not None
    assert (caller.account_name, caller.plan) == (VISITORS, VISITORS)
    assert caller.expires_ms == MIDNIGHT
    clock.advance(DAY_MS / 1000)
    assert (await lending.lend("192.0.2.1")).secret != here.secret


async def test_neighbours_of_one_network_are_one_visitor(store: SqliteStore) -> None:
    lending = visitors(store, ManualClock(NOW))
    assert await lending.lend("2001:db8:1:2::1") == await lending.lend("2001:db8:1:2:ffff::9")
    assert await lending.lend("2001:db8:1:3::1") != await lending.lend("2001:db8:1:2::1")


async def test_a_house_that_lends_nothing_says_so_and_makes_no_account(store: SqliteStore) -> None:
    lending = visitors(store, ManualClock(NOW), cap=0)
    with pytest.raises(CallerError) as refused:
        await lending.lend("192.0.2.1")
    assert (refused.value.status, refused.value.code) == (404, "no_visitors")
    assert await store.accounts() == ()
