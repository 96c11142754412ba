"""Receipts, usage and spend where other gateways lose them; the numbers are rows of the list of their
issues."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.acceptance.asking import HELLO, chat, http, receipt
from tests.support import answers, replies
from tests.support.house import Running, upstream_house

DOLLAR = 10**9
INPUT, OUTPUT = 350, 560
"""Nanodollars a token of the house's one model."""


def nano(dollars: Any) -> int:
    return int(Decimal(repr(dollars)) * DOLLAR)


async def spent(running: Running) -> int:
    return 10**12 - (await running.house.billing.balance(running.account.id)).balance


async def test_row_40_every_request_that_was_admitted_leaves_a_receipt(tmp_path: Path) -> None:
    async with upstream_house(tmp_path) as (running, up), http(running) as client:
        up.script(
            replies.error(500),
            replies.stream([answers.role(), answers.text("one"), replies.Act.RESET]),
        )
        failed = await chat(client)
        await chat(client, stream=True)
        await chat(client)
        rows = await running.house.billing.receipts(running.account.id)
        assert [row.outcome for row in rows] == ["finished", "failed", "failed"]
        assert (await receipt(client, failed))["error"] == "upstream_error"
        (used,) = await running.house.billing.usage(running.account.id)
        assert (used.requests, used.failed, used.cost) == (3, 2, await spent(running))
        await running.clean()


async def test_row_50_the_cost_is_the_sum_of_disjoint_buckets_by_their_rates(
    tmp_path: Path,
) -> None:
    usage = {
        "prompt_tokens": 100,
        "completion_tokens": 30,
        "total_tokens": 130,
        "prompt_tokens_details": {"cached_tokens": 60},
        "completion_tokens_details": {"reasoning_tokens": 10},
    }
    async with upstream_house(tmp_path) as (running, up), http(running) as client:
        up.always(replies.whole(answers.completion([({"content": "hello"}, "stop")], usage)))
        data = await receipt(client, await chat(client))
        buckets = {name: bucket["tokens"] for name, bucket in data["usage"].items()}
        assert buckets == {
            "input": 40,
            "cache_read": 60,
            "cache_write": 0,
            "output": 20,
            "reasoning": 10,
            "images": 0,
        }
        assert data["tokens_prompt"] == 100
        assert data["tokens_completion"] == 30
        assert data["native_tokens_cached"] == 60
        assert nano(data["total_cost"]) == 100 * INPUT + 30 * OUTPUT == await spent(running)


async def test_row_54_a_stream_that_breaks_keeps_its_usage_its_cost_and_every_attempt(
    tmp_path: Path,
) -> None:
    async with upstream_house(tmp_path) as (running, up), http(running) as client:
        up.script(
            replies.stream(
                [answers.role(), answers.text("one"), answers.text(" two"), replies.Act.RESET]
            )
        )
        got = await chat(client, stream=True)
        data = await receipt(client, got)
        assert (data["outcome"], data["error"]) == ("failed", "upstream_cut")
        assert data["usage"]["output"]["tokens"] > 0
        assert data["usage"]["output"]["source"] == "estimated"
        assert nano(data["total_cost"]) == await spent(running) > 0
        assert [attempt["provider"] for attempt in data["attempts"]] == ["up"]
        await running.clean()


async def test_row_56_a_top_up_said_again_is_credited_once(tmp_path: Path) -> None:
    async with upstream_house(tmp_path) as (running, _):
        billing = running.house.billing
        answers_ = await asyncio.gather(
            *(
                billing.credit("tester", DOLLAR, reason="invoice 17", idempotency_key="invoice-17")
                for _ in range(20)
            )
        )
        assert [answer.replayed for answer in answers_].count(False) == 1
        assert {(answer.id, answer.amount) for answer in answers_} == {("invoice-17", DOLLAR)}
        assert (await billing.balance("tester")).balance == 10**12 + DOLLAR
        acts = [row for row in await billing.audit("tester") if row.subject == "invoice-17"]
        assert len(acts) == 1
        await running.clean()


async def test_row_57_credit_is_sold_as_codes_and_spent_to_the_nanodollar(tmp_path: Path) -> None:
    async with upstream_house(tmp_path) as (running, _), http(running) as client:
        secret = await running.account_with(0)
        bearer = {"authorization": f"Bearer {secret}"}
        refused = await client.post("/v1/chat/completions", json=HELLO, headers=bearer)
        assert refused.status_code == 402
        (code,) = (await running.house.billing.create_vouchers(5 * DOLLAR)).codes
        await client.post("/api/v1/credits/redeem", json={"code": code}, headers=bearer)
        got = await client.post("/v1/chat/completions", json=HELLO, headers=bearer)
        assert got.status_code == 200
        data = (await client.get("/api/v1/credits", headers=bearer)).json()["data"]
        assert data["balance"] == 5 * DOLLAR - nano(got.json()["usage"]["cost"])
        await running.clean()


async def test_rows_58_and_59_a_refused_request_leaves_no_receipt_and_no_usage(
    tmp_path: Path,
) -> None:
    async with upstream_house(tmp_path) as (running, _), http(running) as client:
        secret = await running.account_with(DOLLAR, "narrow")
        bearer = {"authorization": f"Bearer {secret}"}
        got = [
            await client.post("/v1/chat/completions", json=HELLO, headers=bearer) for _ in range(5)
        ]
        assert [answer.status_code for answer in got] == [200, 200, 200, 429, 429]
        account = running.keys[secret]
        assert len(await running.house.billing.receipts(account)) == 3
        (used,) = await running.house.billing.usage(account)
        assert used.requests == 3
        streamed = sum(row.output for row in await running.house.billing.receipts(account))
        assert used.output == streamed > 0


async def test_row_61_under_parallel_load_no_spend_is_dropped(tmp_path: Path) -> None:
    async with upstream_house(tmp_path) as (running, _), http(running) as client:
        house = running.house

        async def keep() -> None:
            for _ in range(20):
                await house.upkeep.turn()

        async with asyncio.TaskGroup() as group:
            group.create_task(keep())
            asked = [
                group.create_task(chat(client, stream=bool(number % 2))) for number in range(60)
            ]
        assert {task.result().status_code for task in asked} == {200}
        await running.until_no_hold()
        (used,) = await house.billing.usage(running.account.id)
        rows = await house.billing.receipts(running.account.id, limit=1000)
        assert (used.requests, len(rows)) == (60, 60)
        assert used.cost == sum(row.cost for row in rows) == await spent(running)
        await running.clean()


async def test_row_63_usage_is_read_without_the_receipts_it_came_from(tmp_path: Path) -> None:
    async with upstream_house(tmp_path) as (running, _), http(running) as client:
        for _ in range(3):
            await chat(client)
        house, billing = running.house, running.house.billing
        before = (await client.get("/api/v1/activity")).json()
        await house.upkeep.turn()
        while await house.store.prune_receipts(house.clock.now_ms() + 10**6, limit=100):
            pass
        assert len(await billing.receipts(running.account.id)) == 1
        assert (await client.get("/api/v1/activity")).json() == before
        await running.clean()
