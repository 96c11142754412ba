"""Live figures: what the latest receipts say about a model."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.store.requests import NOW, admission, receipt

from tokenhouse.billing import AttemptRow, Billing, ReceiptRow
from tokenhouse.billing.figures import HOUR_MS, figures
from tokenhouse.clock import ManualClock
from tokenhouse.store import SqliteStore

SINCE = 10 * HOUR_MS


def row(at_ms: int = SINCE, **words: object) -> ReceiptRow:
    base: dict[str, object] = {
        "id": f"req_{at_ms}",
        "account": "acc_1",
        "key": "key_1",
        "model": "acme/echo",
        "price_version": "prc_1",
        "dialect": "openai_chat",
        "streamed": True,
        "created_ms": at_ms,
        "ended_ms": at_ms,
        "outcome": "finished",
        "cost": 1,
        "owed": 1,
        "lost": 0,
        "late": False,
        "over": False,
        "input": 10,
        "cache_read": 0,
        "cache_write": 0,
        "output": 100,
        "reasoning": 0,
        "images": 0,
        "latency_ms": 200,
        "generation_ms": 1000,
    }
    return ReceiptRow(**{**base, **words})  # type: ignore[arg-type]


def test_medians_are_of_streamed_answers_and_shares_of_all_requests() -> None:
    rows = [
        row(latency_ms=100, generation_ms=500),
        row(latency_ms=300, generation_ms=1000),
        row(latency_ms=400, generation_ms=2000),
        row(streamed=False, latency_ms=9_000, generation_ms=1),
        row(SINCE + HOUR_MS, outcome="failed", latency_ms=None, generation_ms=None),
    ]
    found = figures(rows, since_ms=SINCE, until_ms=SINCE + 2 * HOUR_MS)["acme/echo"]
    assert (found.answered, found.failed, found.uptime) == (4, 1, 0.8)
    assert found.first_token_ms == 300
    assert found.tokens_per_second == 100.0
    assert [(hour.answered, hour.failed) for hour in found.hours] == [(4, 0), (0, 1)]


def test_a_request_that_the_upstream_refused_as_wrong_says_nothing_about_the_model() -> None:
    refused = row(outcome="failed", attempts=(AttemptRow("up", "m", 5, 400, "bad_request"),))
    assert figures([refused], since_ms=SINCE, until_ms=SINCE + 1) == {}


def test_what_was_not_measured_is_none_and_what_lies_outside_is_left_out() -> None:
    rows = [row(streamed=False), row(SINCE - 1), row(SINCE + HOUR_MS)]
    found = figures(rows, since_ms=SINCE, until_ms=SINCE + HOUR_MS)["acme/echo"]
    assert (found.answered, found.first_token_ms, found.tokens_per_second) == (1, None, None)
    assert len(found.hours) == 1
    assert figures([], since_ms=SINCE, until_ms=SINCE + 1) == {}


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(tmp_path / "tokenhouse.db", clock=ManualClock(NOW))
    await store.start(serve=True)
    yield store
    await store.stop()


async def test_billing_reads_them_from_the_receipts_of_every_account(store: SqliteStore) -> None:
    billing = Billing(store, store, store, ManualClock(NOW))
    for number, name in enumerate(("mill", "forge"), 1):
        account = (await billing.create_account(name, "free")).id
        await billing.credit(name, 100)
        await store.admit(admission(number, account, 60))
        await store.close(receipt(number, account, 25), tokens=0)
    (found,) = (await billing.figures(since_ms=NOW - HOUR_MS)).values()
    assert found.answered == 2
    assert await billing.figures(since_ms=NOW + 1) == {}
