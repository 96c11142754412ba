"""Admit, note, close: one operation each, all or none."""

from __future__ import annotations

import asyncio

import pytest
from msgspec import structs
from tests.store.requests import (
    MODEL,
    NOW,
    account_with,
    admission,
    receipt,
    request_id,
    seen,
    sound,
)

from tokenhouse.access import Limits
from tokenhouse.clock import ManualClock
from tokenhouse.ledger import Conflict, GrantDue, LedgerError
from tokenhouse.relay import Admitted, Closed, Refused, Remaining
from tokenhouse.store import SqliteStore


async def test_an_admitted_request_is_closed_with_its_receipt(store: SqliteStore) -> None:
    account = await account_with(store, 100)
    assert await store.admit(admission(1, account, 60)) == Admitted(40)
    assert await seen(store, account) == (100, 60)
    assert await store.close(receipt(1, account, 25), tokens=12) == Closed(25, free=75)
    assert await seen(store, account) == (75, 0)
    row = await store.receipt(request_id(1))
    assert row is not None
    assert (row.cost, row.owed, row.lost, row.late, row.over) == (25, 25, 0, False, False)
    assert (row.account, row.key, row.model, row.price_version) == (account, "key_1", MODEL, "7")
    assert (row.dialect, row.streamed, row.outcome) == ("openai_chat", True, "finished")
    assert (row.prompt_tokens, row.answer_tokens, row.cache_read) == (9, 3, 2)
    assert (row.prompt_source, row.answer_source) == ("counted", "reported")
    assert (row.latency_ms, row.generation_ms, row.created_ms) == (12, 34, NOW)
    assert [(a.provider, a.status, a.error) for a in row.attempts] == [("upstream1", 200, None)]
    (used,) = await store.usage(account, since_ms=NOW, until_ms=NOW + 1)
    assert (used.day, used.requests, used.prompt_tokens, used.cost) == ("2026-11-22", 1, 9, 25)
    assert (await store.usage(None, since_ms=0, until_ms=NOW)) == ()
    assert await store.receipts(account, since_ms=0, until_ms=NOW + 1, limit=9) == (row,)
    await sound(store)


async def test_a_close_that_owes_nothing_releases(store: SqliteStore) -> None:
    account = await account_with(store, 100)
    await store.admit(admission(1, account, 60))
    closed = await store.close(receipt(1, account, 0, outcome="failed"), tokens=0)
    assert closed == Closed(0, free=100)
    row = await store.receipt(request_id(1))
    assert row is not None
    assert (row.cost, row.outcome) == (0, "failed")
    assert len(await store.postings(account)) == 1
    await sound(store)


async def test_closing_twice_is_recognised_and_with_another_sum_a_conflict(
    store: SqliteStore,
) -> None:
    account = await account_with(store, 100)
    await store.admit(admission(1, account, 60))
    first = await store.close(receipt(1, account, 70), tokens=0)
    assert first == Closed(70, over=True, free=30)
    again = await store.close(receipt(1, account, 70), tokens=0)
    assert (again.charged, again.lost, again.over) == (70, 0, True)
    with pytest.raises(Conflict):
        await store.close(receipt(1, account, 71), tokens=0)
    with pytest.raises(Conflict):
        await store.close(receipt(1, account, 0), tokens=0)
    assert await seen(store, account) == (30, 0)
    await sound(store)


async def test_a_refused_request_may_be_closed_and_leaves_nothing(store: SqliteStore) -> None:
    account = await account_with(store, 5)
    refused = await store.admit(admission(1, account, 6))
    assert refused == Refused("credit", 5)
    assert await store.close(receipt(1, account, 3), tokens=1) == Closed(0)
    assert await store.receipt(request_id(1)) is None
    await sound(store)


async def test_a_request_admitted_twice_is_refused_as_replayed_open_or_ended(
    store: SqliteStore,
) -> None:
    account = await account_with(store, 100)
    await store.admit(admission(1, account, 60))
    assert (await store.admit(admission(1, account, 10))) == Refused("replayed", 40)
    assert (await store.admit(admission(1, account, 60))) == Refused("replayed", 40)
    await store.close(receipt(1, account, 1), tokens=0)
    assert (await store.admit(admission(1, account, 60))) == Refused("replayed", 99)
    await sound(store)


async def test_only_an_open_account_is_admitted(store: SqliteStore) -> None:
    account = await account_with(store, 100)
    await store.change_account(account, state="suspended")
    assert await store.admit(admission(1, account)) == Refused("account")
    await store.change_account(account, state="open")
    assert isinstance(await store.admit(admission(1, account)), Admitted)
    assert await store.admit(admission(2, "acc_none")) == Refused("account")
    assert await store.admit(admission(2, "house")) == Refused("account")
    with pytest.raises(LedgerError):
        await store.admit(admission(2, account, -1))


async def test_limits_per_minute_refuse_and_say_when_there_is_room(
    store: SqliteStore, clock: ManualClock
) -> None:
    account = await account_with(store, 1000)
    limits = Limits(requests_per_minute=2, tokens_per_minute=100)
    first = await store.admit(admission(1, account, tokens=60, limits=limits))
    assert first == Admitted(990, Remaining(1, 40, 60_000, 60_000, 2, 100))
    clock.advance(20.0)
    refused = await store.admit(admission(2, account, tokens=41, limits=limits))
    assert refused == Refused("tokens", 990, 100, 40.0, Remaining(1, 40, 40_000, 40_000, 2, 100))
    too_large = await store.admit(admission(2, account, tokens=101, limits=limits))
    assert isinstance(too_large, Refused)
    assert too_large.retry_after_s is None
    second = await store.admit(admission(2, account, tokens=40, limits=limits))
    assert second == Admitted(980, Remaining(0, 0, 60_000, 60_000, 2, 100))
    clock.advance(30.0)
    refused = await store.admit(admission(3, account, limits=limits))
    assert refused == Refused("requests", 980, 2, 10.0, Remaining(0, 0, 30_000, 30_000, 2, 100))
    clock.advance(10.0)
    assert isinstance(await store.admit(admission(3, account, limits=limits)), Admitted)


async def test_a_refused_request_counts_against_no_limit(store: SqliteStore) -> None:
    account = await account_with(store, 10)
    limits = Limits(requests_per_minute=1, tokens_per_minute=10)
    for _ in range(3):
        refused = await store.admit(admission(1, account, 11, tokens=1, limits=limits))
        assert refused == Refused("credit", 10, remaining=Remaining(1, 10, 0, 0, 1, 10))
    assert isinstance(
        await store.admit(admission(1, account, 10, tokens=10, limits=limits)), Admitted
    )


async def test_closing_corrects_the_tokens_that_were_reserved(store: SqliteStore) -> None:
    account = await account_with(store, 100)
    limits = Limits(tokens_per_minute=100)
    await store.admit(admission(1, account, tokens=90, limits=limits))
    assert isinstance(await store.admit(admission(2, account, tokens=11, limits=limits)), Refused)
    await store.close(receipt(1, account, 1), tokens=5)
    admitted = await store.admit(admission(2, account, tokens=95, limits=limits))
    assert isinstance(admitted, Admitted)
    assert admitted.remaining.tokens == 0


async def test_concurrency_is_the_number_of_open_holds(store: SqliteStore) -> None:
    account = await account_with(store, 100)
    limits = Limits(concurrent_requests=2)
    await store.admit(admission(1, account, limits=limits))
    await store.admit(admission(2, account, limits=limits))
    refused = await store.admit(admission(3, account, limits=limits))
    assert refused == Refused("concurrency", 80, 2, 1.0)
    await store.close(receipt(1, account, 0), tokens=0)
    assert isinstance(await store.admit(admission(3, account, limits=limits)), Admitted)


async def test_the_months_grant_comes_with_the_first_request_that_it_lets_in(
    store: SqliteStore,
) -> None:
    account = await account_with(store, 0)
    grant = GrantDue("2026-11", 50, NOW + 1000)
    assert await store.admit(admission(1, account, 51, grant=grant)) == Refused("credit", 50)
    assert await seen(store, account) == (0, 0)
    assert await store.admit(admission(1, account, 30, grant=grant)) == Admitted(20)
    assert await store.admit(admission(2, account, 20, grant=grant)) == Admitted(0)
    await store.close(receipt(1, account, 30), tokens=0)
    (left,) = await store.grants(account)
    assert (left.rest, left.amount) == (20, 50)
    await sound(store, open_holds=1)


async def test_of_200_parallel_requests_a_balance_for_37_admits_37(store: SqliteStore) -> None:
    account = await account_with(store, 370)
    answers = await asyncio.gather(*(store.admit(admission(n, account)) for n in range(200)))
    admitted = [n for n, answer in enumerate(answers) if isinstance(answer, Admitted)]
    assert len(admitted) == 37
    closed = await asyncio.gather(
        *(store.close(receipt(n, account, 10), tokens=0) for n in range(200))
    )
    assert sum(each.charged for each in closed) == 370
    assert await seen(store, account) == (0, 0)
    await sound(store)


async def test_a_caller_that_leaves_before_the_answer_has_still_said_it(
    store: SqliteStore,
) -> None:
    account = await account_with(store, 100)

    async def admit() -> None:
        await store.admit(admission(1, account, 60))

    async with asyncio.TaskGroup() as group:
        task = group.create_task(admit())
        await asyncio.sleep(0)
        task.cancel()
        closed = store.close(receipt(1, account, 5, outcome="cancelled"), tokens=0)
    assert await closed == Closed(5, free=95)
    assert await seen(store, account) == (95, 0)
    assert await store.receipt(request_id(1)) is not None
    await sound(store)


async def test_usage_too_large_for_a_column_is_cut_and_the_hold_still_ends(
    store: SqliteStore,
) -> None:
    account = await account_with(store, 100)
    await store.admit(admission(1, account, 60))
    known = receipt(1, account, 60)
    huge = structs.replace(known, usage=structs.replace(known.usage, input=10**30))
    assert (await store.close(huge, tokens=0)).charged == 60
    row = await store.receipt(request_id(1))
    assert row is not None
    assert row.input == 2**40
