"""What a key may ask about its own account: itself, credit, receipts, postings, usage, vouchers."""

from __future__ import annotations

import csv
import io
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.acceptance.asking import chat, http, receipt
from tests.support.house import Running, upstream_house
from tokenhouse.access import KeyChange
from tokenhouse.errors import CallerError

DOLLAR = 10**9
OPENROUTER_KEY = {
    *("label", "limit", "limit_remaining", "limit_reset", "include_byok_in_limit", "usage"),
    *("usage_daily", "usage_weekly", "usage_monthly", "byok_usage", "byok_usage_daily"),
    *("byok_usage_weekly", "byok_usage_monthly", "is_free_tier", "is_management_key"),
    *("is_provisioning_key", "expires_at", "creator_user_id", "rate_limit"),
}
OPENROUTER_GENERATION = {
    *("id", "model", "created_at", "total_cost", "upstream_inference_cost", "tokens_prompt"),
    *("tokens_completion", "native_tokens_prompt", "native_tokens_completion", "upstream_id"),
    *("native_tokens_reasoning", "native_tokens_cached", "native_tokens_completion_images"),
    *("latency", "generation_time", "moderation_latency", "streamed", "cancelled", "api_type"),
    *("finish_reason", "native_finish_reason", "provider_name", "provider_responses", "is_byok"),
    *("cache_discount", "request_id", "service_tier", "num_media_prompt", "num_media_completion"),
}


def exact(got: httpx.Response) -> Any:
    """The body with every number as it is written."""
    return json.loads(got.text, parse_float=Decimal)


def nano(dollars: Decimal | int) -> int:
    return int(Decimal(dollars) * DOLLAR)


def as_key(secret: str) -> dict[str, str]:
    return {"authorization": f"Bearer {secret}"}


async def spent(running: Running) -> int:
    rows = await running.house.billing.receipts(running.account.id, limit=1000)
    return sum(row.cost for row in rows)


async def test_credits_and_usage_are_exact_and_their_difference_is_the_balance(
    tmp_path: Path,
) -> None:
    async with upstream_house(tmp_path) as (running, _), http(running) as client:
        for _ in range(3):
            assert (await chat(client)).status_code == 200
        data = exact(await client.get("/api/v1/credits"))["data"]
        balance = await running.house.billing.balance(running.account.id)
        assert nano(data["total_usage"]) == await spent(running) > 0
        assert nano(data["total_credits"]) == 10**12
        assert data["balance"] == balance.balance == 10**12 - nano(data["total_usage"])
        assert (data["held"], data["free"]) == (0, balance.balance)


async def test_a_key_tells_what_it_has_spent_itself(tmp_path: Path) -> None:
    async with upstream_house(tmp_path) as (running, _), http(running) as client:
        other = await running.house.billing.create_key(running.account.id, "laptop")
        answer = await chat(client)
        for _ in range(2):
            got = await client.post(
                "/v1/chat/completions",
                json={"model": "echo", "messages": [{"role": "user", "content": "hello"}]},
                headers=as_key(other.secret),
            )
            assert got.status_code == 200
        cost = nano(exact(answer)["usage"]["cost"])
        first = exact(await client.get("/api/v1/key"))["data"]
        second = exact(await client.get("/api/v1/key", headers=as_key(other.secret)))["data"]
        assert set(first) >= OPENROUTER_KEY
        for window in ("usage", "usage_daily", "usage_weekly", "usage_monthly"):
            assert nano(first[window]) == cost
            assert nano(first[window]) + nano(second[window]) == await spent(running)
        assert (first["label"], second["label"]) == ("test", "laptop")
        assert first["is_free_tier"] is False
        assert first["rate_limit"]["requests"] == -1
        assert second["id"] == other.key.id
        assert first["account"]["id"] == running.account.id
        assert other.secret not in json.dumps(second, default=str)
        poor = await running.account_with(0, "narrow")
        narrow = exact(await client.get("/api/v1/key", headers=as_key(poor)))["data"]
        assert narrow["is_free_tier"] is True
        assert narrow["rate_limit"]["requests"] == 3


async def test_a_key_tells_how_much_of_its_cap_is_left(tmp_path: Path) -> None:
    async with upstream_house(tmp_path) as (running, _), http(running) as client:
        billing = running.house.billing
        (key,) = await billing.keys(running.account.id)
        await billing.change_key(
            key.id, KeyChange(day_cap=2 * DOLLAR, month_cap=5 * DOLLAR, requests_per_minute=7)
        )
        assert (await chat(client)).status_code == 200
        data = exact(await client.get("/api/v1/key"))["data"]
        assert nano(data["limit"]) == 2 * DOLLAR
        assert nano(data["limit_remaining"]) == 2 * DOLLAR - await spent(running)
        assert data["limit_reset"] == "daily"
        assert data["limits"]["month_cap"] == 5 * DOLLAR
        assert data["rate_limit"]["requests"] == 7


async def test_a_generation_has_openrouters_fields_and_says_how_it_went(tmp_path: Path) -> None:
    async with upstream_house(tmp_path) as (running, _), http(running) as client:
        answer = await chat(client)
        data = await receipt(client, answer)
        assert set(data) >= OPENROUTER_GENERATION
        same = await client.get("/api/v1/generation", params={"id": answer.json()["id"]})
        assert same.json()["data"] == data
        assert data["outcome"] == "finished"
        assert data["key"] == (await running.house.billing.keys(running.account.id))[0].id
        assert data["price_version"].startswith("prc_")
        assert {bucket["source"] for bucket in data["usage"].values()} == {"reported"}
        (attempt,) = data["attempts"]
        assert (attempt["provider"], attempt["outcome"], attempt["error"]) == (
            "up",
            "answered",
            None,
        )
        assert 0 <= data["queue_time"] <= data["latency"] <= data["total_time"]
        assert data["latency"] + data["generation_time"] <= data["total_time"] + 2
        assert "hello there" not in json.dumps(data)
        exactly = exact(await client.get("/api/v1/generation", params={"id": data["id"]}))["data"]
        assert exactly["total_cost"] == exact(answer)["usage"]["cost"]


async def test_another_accounts_receipt_is_not_found(tmp_path: Path) -> None:
    async with upstream_house(tmp_path) as (running, _), http(running) as client:
        answer = await chat(client)
        stranger = as_key(await running.account_with(DOLLAR))
        request_id = answer.headers["x-request-id"]
        got = await client.get("/api/v1/generation", params={"id": request_id}, headers=stranger)
        assert got.status_code == 404
        assert got.json()["error"]["code"] == "receipt_not_found"
        listed = await client.get("/api/v1/generations", headers=stranger)
        assert listed.json() == {"data": [], "next": None}
        missing = await client.get("/api/v1/generation")
        assert missing.status_code == 400
        assert missing.json()["error"]["param"] == "id"


@pytest.mark.parametrize(
    "path", ["key", "credits", "generation?id=1", "generations", "activity", "postings"]
)
async def test_without_a_right_key_nothing_is_told(tmp_path: Path, path: str) -> None:
    async with upstream_house(tmp_path) as (running, _), httpx.AsyncClient() as client:
        url = f"{running.url}/api/v1/{path}"
        got = await client.get(url)
        assert got.status_code == 401
        assert got.json()["error"]["code"] == "missing_api_key"
        wrong = await client.get(url, headers=as_key("sk-th-wrong"))
        assert wrong.json()["error"]["code"] == "invalid_api_key"


async def test_pages_hold_every_receipt_once_while_new_ones_arrive(tmp_path: Path) -> None:
    async with upstream_house(tmp_path) as (running, _), http(running) as client:
        asked = [(await chat(client)).headers["x-request-id"] for _ in range(7)]
        seen: list[str] = []
        after: str | None = ""
        while after is not None:
            params = {"limit": "3", "after": after}
            page = (await client.get("/api/v1/generations", params=params)).json()
            seen += [row["id"] for row in page["data"]]
            after = page["next"]
            await chat(client)
        assert seen == asked[::-1]
        forward = await client.get("/api/v1/generations", params={"order": "asc", "limit": "7"})
        assert [row["id"] for row in forward.json()["data"]] == asked
        for params in (
            {"limit": "0"},
            {"limit": "x"},
            {"after": "x"},
            {"since": "x"},
            {"order": "x"},
            {"format": "x"},
        ):
            wrong = await client.get("/api/v1/generations", params=params)
            assert wrong.status_code == 400
            assert wrong.json()["error"]["param"] == next(iter(params))


async def test_receipts_and_postings_are_exported_whole_in_both_forms(tmp_path: Path) -> None:
    async with upstream_house(tmp_path) as (running, _), http(running) as client:
        for _ in range(5):
            await chat(client)
        for listed, amount in (("generations", "cost"), ("postings", "amount")):
            params = {"format": "csv"}
            table = await client.get(f"/api/v1/{listed}", params=params)
            assert table.headers["content-type"].startswith("text/csv")
            rows = list(csv.DictReader(io.StringIO(table.text)))
            lines = await client.get(f"/api/v1/{listed}", params={"format": "ndjson"})
            objects = [json.loads(line) for line in lines.text.splitlines()]
            assert [row["id"] for row in rows] == [row["id"] for row in objects]
            assert [int(row[amount]) for row in rows] == [row[amount] for row in objects]
        balance = await running.house.billing.balance(running.account.id)
        assert sum(row["amount"] for row in objects) == balance.balance


async def test_activity_sums_the_days_by_model(tmp_path: Path) -> None:
    async with upstream_house(tmp_path) as (running, _), http(running) as client:
        for _ in range(2):
            await chat(client)
        await running.house.upkeep.turn()
        await chat(client)
        (row,) = exact(await client.get("/api/v1/activity"))["data"]
        assert (row["model"], row["requests"], row["failed"]) == ("acme/echo", 3, 0)
        assert nano(row["usage"]) == row["cost"] == await spent(running)
        (same,) = exact(await client.get("/api/v1/activity", params={"date": row["date"]}))["data"]
        assert same == row
        before = await client.get("/api/v1/activity", params={"date": "2020-01-01"})
        assert before.json() == {"data": []}
        await running.clean()


async def test_a_voucher_becomes_credit_once(tmp_path: Path) -> None:
    async with upstream_house(tmp_path) as (running, _), http(running) as client:
        (code,) = (await running.house.billing.create_vouchers(5 * DOLLAR)).codes
        poor = as_key(await running.account_with(0))
        got = await client.post("/api/v1/credits/redeem", json={"code": code}, headers=poor)
        assert got.status_code == 200
        data = got.json()["data"]
        assert (data["amount"], data["balance"], data["replayed"]) == (
            5 * DOLLAR,
            5 * DOLLAR,
            False,
        )
        again = await client.post("/api/v1/credits/redeem", json={"code": code}, headers=poor)
        assert again.json()["data"] == data | {"replayed": True}
        other = await client.post("/api/v1/credits/redeem", json={"code": code})
        assert (other.status_code, other.json()["error"]["code"]) == (409, "voucher_redeemed")
        wrong = await client.post("/api/v1/credits/redeem", json={"code": "TH-1"})
        assert (wrong.status_code, wrong.json()["error"]["code"]) == (404, "voucher_not_found")
        for body in (b"", b"[]", b"{}", b'{"code": 5}'):
            bad = await client.post("/api/v1/credits/redeem", content=body)
            assert bad.status_code == 400
        async with httpx.AsyncClient(base_url=running.url) as keyless:
            body = {"code": code, "key": running.key}
            inside = await keyless.post("/api/v1/credits/redeem", json=body)
            assert inside.json()["error"]["code"] == "voucher_redeemed"
            assert inside.headers["x-tokenhouse-request-id"] == inside.json()["request_id"]
        (act,) = await running.house.billing.audit(limit=1)
        assert act.act == "vouchers redeem"
        assert act.actor.startswith("key:key_")
        await running.clean()


async def test_who_tries_many_wrong_codes_is_told_to_wait(tmp_path: Path) -> None:
    extra = "\n[server]\nfailed_keys_per_minute = 3\n"
    async with upstream_house(tmp_path, extra) as (running, _), http(running) as client:
        (code,) = (await running.house.billing.create_vouchers(DOLLAR)).codes
        for _ in range(3):
            got = await client.post("/api/v1/credits/redeem", json={"code": "TH-" + "0" * 20})
            assert got.status_code == 404
        refused = await client.post("/api/v1/credits/redeem", json={"code": code})
        assert refused.status_code == 429
        assert refused.json()["error"]["code"] == "too_many_failed_codes"
        assert int(refused.headers["retry-after"]) > 0
        assert (await client.get("/api/v1/credits")).status_code == 200


async def test_usage_outlives_the_receipts_and_the_account_still_adds_up(tmp_path: Path) -> None:
    extra = "\n[store]\nkeep_receipts_days = 1\n"
    async with upstream_house(tmp_path, extra) as (running, _), http(running) as client:
        answers = [await chat(client) for _ in range(4)]
        house, billing = running.house, running.house.billing
        before = exact(await client.get("/api/v1/credits"))["data"]
        used = await billing.usage(running.account.id)
        while await house.store.fold(limit=2):
            pass
        while await house.store.prune_receipts(house.clock.now_ms() + 10**6, limit=2):
            pass
        assert len(await billing.receipts(running.account.id)) == 1
        assert exact(await client.get("/api/v1/credits"))["data"] == before
        assert await billing.usage(running.account.id) == used
        gone = answers[0].headers["x-request-id"]
        with pytest.raises(CallerError, match="no receipt"):
            await billing.receipt(gone)
        await running.clean()
