"""A key's own limits in the one operation that admits: caps by day and month, pace, concurrency."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs
from tests.store.requests import NOW, account_with, admission, receipt, sound

from tokenhouse.access import KeyChange, KeyLimits, Limits, new_key, new_rotation
from tokenhouse.billing import By
from tokenhouse.clock import ManualClock
from tokenhouse.relay import Admission, Admitted, Refused, Remaining
from tokenhouse.store import SqliteStore
from tokenhouse.store.spending import DAY_MS, KeyRow, month_of

HOUR_MS = 3_600_000


async def key_of(store: SqliteStore, account: str, limits: KeyLimits) -> str:
    made = new_key(account, "capped", now_ms=NOW, limits=limits)
    await store.add_key(made.key)
    return made.key.id


def asking(number: int, account: str, key: str, amount: int, *, at_ms: int = NOW) -> Admission:
    return structs.replace(admission(number, account, amount), key=key, at_ms=at_ms)


async def ends(store: SqliteStore, number: int, account: str, key: str, owed: int) -> None:
    closing = structs.replace(receipt(number, account, owed), key=key)
    await store.close(closing, tokens=0)


async def test_a_day_cap_counts_what_is_held_and_what_was_charged(store: SqliteStore) -> None:
    account = await account_with(store, 1000)
    key = await key_of(store, account, KeyLimits(day_cap=100))
    assert isinstance(await store.admit(asking(1, account, key, 60)), Admitted)
    refused = await store.admit(asking(2, account, key, 41))
    assert refused == Refused("day_cap", 40, 100, whose="key")
    await ends(store, 1, account, key, 10)
    assert isinstance(await store.admit(asking(2, account, key, 90)), Admitted)
    refused = await store.admit(asking(3, account, key, 1))
    assert refused == Refused("day_cap", 0, 100, whose="key")
    tomorrow = await store.admit(asking(3, account, key, 100, at_ms=NOW + 24 * HOUR_MS))
    assert isinstance(tomorrow, Admitted)
    await ends(store, 2, account, key, 0)
    assert isinstance(await store.admit(asking(4, account, key, 90)), Admitted)
    other = await key_of(store, account, KeyLimits())
    assert isinstance(await store.admit(asking(5, account, other, 500)), Admitted)
    await sound(store, open_holds=3)


async def test_a_month_cap_is_of_the_utc_month_and_the_tighter_cap_is_told(
    store: SqliteStore,
) -> None:
    account = await account_with(store, 1000)
    key = await key_of(store, account, KeyLimits(day_cap=100, month_cap=150))
    first = month_of(NOW)[0]
    assert isinstance(await store.admit(asking(1, account, key, 100, at_ms=first)), Admitted)
    refused = await store.admit(asking(2, account, key, 51))
    assert refused == Refused("month_cap", 50, 150, whose="key")
    before = await store.admit(asking(3, account, key, 100, at_ms=first - 1))
    assert isinstance(before, Admitted), "a clock that is set back finds its own month"
    assert isinstance(await store.admit(asking(4, account, key, 50)), Admitted)
    await sound(store, open_holds=3)


async def test_a_cap_under_the_balance_is_refused_as_a_cap_and_above_it_as_credit(
    store: SqliteStore,
) -> None:
    account = await account_with(store, 50)
    key = await key_of(store, account, KeyLimits(day_cap=80))
    assert await store.admit(asking(1, account, key, 60)) == Refused("credit", 50)
    assert await store.admit(asking(1, account, key, 81)) == Refused("day_cap", 50, 80, whose="key")


async def test_of_50_parallel_requests_a_cap_for_7_admits_7(store: SqliteStore) -> None:
    account = await account_with(store, 10_000)
    key = await key_of(store, account, KeyLimits(day_cap=79))
    answers = await asyncio.gather(*(store.admit(asking(n, account, key, 11)) for n in range(50)))
    assert sum(isinstance(answer, Admitted) for answer in answers) == 7
    await sound(store, open_holds=7)


async def test_what_was_spent_before_a_cap_counts_and_a_change_is_felt_at_once(
    store: SqliteStore,
) -> None:
    account = await account_with(store, 1000)
    key = await key_of(store, account, KeyLimits())
    await store.admit(asking(1, account, key, 30))
    await ends(store, 1, account, key, 20)
    await store.admit(asking(2, account, key, 15))
    changed = await store.change_key(key, KeyChange(day_cap=50))
    assert changed is not None
    assert changed.limits.day_cap == 50
    refused = await store.admit(asking(3, account, key, 16))
    assert refused == Refused("day_cap", 15, 50, whose="key")
    await store.change_key(key, KeyChange(day_cap=51))
    assert isinstance(await store.admit(asking(3, account, key, 16)), Admitted)
    await store.change_key(key, KeyChange(day_cap=None))
    assert isinstance(await store.admit(asking(4, account, key, 500)), Admitted)
    await sound(store, open_holds=3)


async def test_a_cap_set_by_another_process_holds_for_the_next_admission(
    store: SqliteStore, clock: ManualClock, path: Path
) -> None:
    account = await account_with(store, 1000)
    key = await key_of(store, account, KeyLimits(day_cap=500))
    await store.admit(asking(1, account, key, 30))
    beside = SqliteStore(path, clock=clock)
    await beside.start(serve=False)
    await beside.change_key(key, KeyChange(day_cap=40))
    await beside.stop()
    refused = await store.admit(asking(2, account, key, 11))
    assert refused == Refused("day_cap", 10, 40, whose="key")
    await ends(store, 1, account, key, 40)
    assert isinstance(await store.admit(asking(2, account, key, 0)), Admitted)


async def test_a_charge_above_the_hold_counts_and_a_rollback_changes_nothing(
    store: SqliteStore,
) -> None:
    account = await account_with(store, 1000)
    key = await key_of(store, account, KeyLimits(day_cap=100))
    await store.admit(asking(1, account, key, 50))
    await ends(store, 1, account, key, 120)
    refused = await store.admit(asking(2, account, key, 1))
    assert refused == Refused("day_cap", -20, 100, whose="key")
    await store.change_key(key, KeyChange(day_cap=200))
    good = store.admit(asking(3, account, key, 50))
    broken = store.create_account("\ud800", "free", NOW)
    with pytest.raises(Exception, match="the store failed"):
        await broken
    assert isinstance(await good, Admitted)
    refused = await store.admit(asking(4, account, key, 31))
    assert refused == Refused("day_cap", 30, 200, whose="key")
    await sound(store, open_holds=1)


async def test_a_keys_own_pace_and_concurrency_stand_beside_the_accounts(
    store: SqliteStore, clock: ManualClock
) -> None:
    account = await account_with(store, 1000)
    limits = Limits(requests_per_minute=9, tokens_per_minute=100)
    own = KeyLimits(requests_per_minute=2, tokens_per_minute=500, concurrent_requests=2)
    key = await key_of(store, account, own)

    def ask(number: int, tokens: int) -> Admission:
        whole = admission(number, account, 1, tokens=tokens, limits=limits)
        return structs.replace(whole, key=key)

    first = await store.admit(ask(1, 30))
    assert first == Admitted(999, Remaining(1, 70, 60_000, 60_000, 2, 100))
    assert isinstance(await store.admit(ask(2, 30)), Admitted)
    refused = await store.admit(ask(3, 1))
    assert isinstance(refused, Refused)
    assert (refused.reason, refused.limit, refused.whose) == ("requests", 2, "key")
    assert refused.retry_after_s == 60.0
    clock.advance(61)
    refused = await store.admit(ask(3, 1))
    assert isinstance(refused, Refused)
    assert (refused.reason, refused.limit, refused.whose) == ("concurrency", 2, "key")
    await ends(store, 1, account, key, 0)
    again = await store.admit(ask(3, 90))
    assert isinstance(again, Admitted)
    assert (again.remaining.requests, again.remaining.tokens) == (1, 10)
    refused = await store.admit(admission(4, account, 1, tokens=11, limits=limits))
    assert isinstance(refused, Refused)
    assert (refused.reason, refused.whose) == ("tokens", "account")
    await sound(store, open_holds=2)


async def test_holds_that_expire_or_are_released_free_what_they_held_of_a_cap(
    store: SqliteStore, clock: ManualClock, path: Path
) -> None:
    account = await account_with(store, 1000)
    key = await key_of(store, account, KeyLimits(day_cap=100, concurrent_requests=1))
    await store.admit(asking(1, account, key, 100))
    await store.note(asking(1, account, key, 100).id, 30)
    await store.expire(store.lease, at_ms=NOW)
    refused = await store.admit(asking(2, account, key, 71))
    assert refused == Refused("day_cap", 70, 100, whose="key")
    assert isinstance(await store.admit(asking(2, account, key, 70)), Admitted)
    await sound(store, open_holds=1)


async def test_every_act_on_a_key_leaves_its_row_and_none_when_nothing_changed(
    store: SqliteStore,
) -> None:
    account = await account_with(store, 0)
    by = By("ops", "asked for")
    made = new_key(account, "ci", now_ms=NOW, limits=KeyLimits(day_cap=5))
    await store.add_key(made.key, by=by)
    for _ in range(2):
        await store.change_key(made.key.id, KeyChange(day_cap=7, models=("a/b",)), by=by)
    rotation, _ = new_rotation(made.key.id, now_ms=NOW, overlap_ms=10)
    await store.rotate_key(rotation, by=by)
    rows = [
        row for row in await store.audit(account, before=10**9, limit=9) if row.subject[0] == "k"
    ]
    assert [row.act for row in rows] == ["keys rotate", "keys change", "keys create"]
    rotated, changed, _ = rows
    assert changed.before is not None
    assert changed.after is not None
    assert rotated.after is not None
    assert (changed.before["day_cap"], changed.after["day_cap"]) == (5, 7)
    assert (changed.before["models"], changed.after["models"]) == (None, ["a/b"])
    assert rotated.after["old_until_ms"] == NOW + 10
    assert all("digest" not in (row.after or {}) for row in rows)


STEPS = st.lists(
    st.tuples(st.integers(0, 3 * 24), st.integers(0, 60), st.integers(0, 80), st.integers(0, 3)),
    max_size=60,
)


@given(steps=STEPS, day_cap=st.integers(0, 150), month_cap=st.integers(0, 300))
def test_what_is_held_and_charged_never_passes_a_cap_but_by_a_charge_above_its_hold(
    steps: list[tuple[int, int, int, int]], day_cap: int, month_cap: int
) -> None:
    """Against a plain list of every request ever made."""
    start, _ = month_of(NOW)
    limits = KeyLimits(day_cap=day_cap, month_cap=month_cap)
    row = KeyRow("key_1", limits, start, 0, {})
    made: list[list[int]] = []
    for hours, amount, owed, ending in steps:
        at_ms = NOW + 7 * DAY_MS + hours * HOUR_MS
        day, month = _periods(at_ms)
        by_day = sum(cost for at, cost, _ in made if _periods(at)[0] == day)
        by_month = sum(cost for at, cost, _ in made if _periods(at)[1] == month)
        over = row.over_cap(amount, at_ms)
        fits = by_day + amount <= day_cap and by_month + amount <= month_cap
        assert (over is None) == fits
        if over is not None:
            assert over[2] == min(day_cap - by_day, month_cap - by_month)
        else:
            row.held(amount, at_ms)
            made.append([at_ms, amount, amount])
        still = [entry for entry in made if entry[2] >= 0]
        if still and ending:
            entry = still[ending % len(still)]
            row.ended(entry[2], owed, entry[0])
            entry[1], entry[2] = owed, -1
        assert row.open_holds == len([entry for entry in made if entry[2] >= 0])


def _periods(at_ms: int) -> tuple[str, str]:
    at = datetime.fromtimestamp(at_ms / 1000, UTC)
    return at.strftime("%Y-%m-%d"), at.strftime("%Y-%m")


@given(st.integers(0, 4_000_000_000_000))
def test_a_month_begins_and_ends_at_utc_midnight(at_ms: int) -> None:
    start, end = month_of(at_ms)
    assert start <= at_ms < end
    assert start % DAY_MS == end % DAY_MS == 0
    assert datetime.fromtimestamp(start / 1000, UTC).day == 1
    assert month_of(end)[0] == end
    assert _periods(start)[1] == _periods(end - 1)[1] == _periods(at_ms)[1]
