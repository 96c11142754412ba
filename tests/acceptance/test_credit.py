"""Credit that does not reach: max_tokens is lowered and disclosed, or the request is refused."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from tests.acceptance.asking import HELLO, chat, http
from tests.api.asgi import Client, scope
from tests.support.house import upstream_house
from tokenhouse import money


async def test_a_balance_for_a_shorter_answer_lowers_max_tokens_and_says_so(tmp_path: Path) -> None:
    async with upstream_house(tmp_path) as (running, up), http(running) as client:
        prompt = len(json.dumps({**HELLO, "max_tokens": 4000}))
        secret = await running.account_with(prompt * 350 + 1000 * 560)
        got = await client.post(
            "/v1/chat/completions",
            json={**HELLO, "max_tokens": 4000},
            headers={"authorization": f"Bearer {secret}"},
        )
        assert got.status_code == 200
        lowered = int(got.headers["x-tokenhouse-max-tokens"])
        assert 256 <= lowered < 4000
        assert up.requests[0].json["max_tokens"] == lowered
        await running.clean()


async def test_below_256_tokens_it_is_refused_in_the_fields_words(tmp_path: Path) -> None:
    async with upstream_house(tmp_path) as (running, up), http(running) as client:
        secret = await running.account_with(100 * 350 + 200 * 560)
        got = await client.post(
            "/v1/chat/completions",
            json={**HELLO, "max_tokens": 4000},
            headers={"authorization": f"Bearer {secret}"},
        )
        assert got.status_code == 402
        assert got.json()["error"]["message"].startswith(
            "This request requires more credits, or fewer max_tokens. You requested up to 4000 "
            "tokens, but can only afford "
        )
        assert up.requests == []
        await running.clean()


async def test_who_owes_is_told_so_in_dollars(tmp_path: Path) -> None:
    async with upstream_house(tmp_path) as (running, up):
        secret = await running.account_with(10**9)
        account = running.keys[secret]
        async with http(running) as client:
            client.headers["authorization"] = f"Bearer {secret}"
            assert (await chat(client)).status_code == 200
            (credited,) = [p for p in await running.house.billing.postings(account) if p.amount > 0]
            owed = (
                await running.house.billing.reverse(credited.transfer, reason="bounced")
            ).balance
            refused = await chat(client)
        assert owed < 0
        assert refused.status_code == 402
        message = refused.json()["error"]["message"]
        assert f"Your free balance is -${money.usd(-owed)}." in message
        assert len(up.requests) == 1
        await running.clean()


async def test_the_months_grant_pays_the_first_request_of_the_month(tmp_path: Path) -> None:
    extra = '\n[plans.granted]\nmonthly_grant = "1.00"\n'
    async with upstream_house(tmp_path, extra) as (running, _), http(running) as client:
        secret = await running.account_with(0, "granted")
        bearer = {"authorization": f"Bearer {secret}"}
        for _ in range(2):
            got = await client.post("/v1/chat/completions", json=HELLO, headers=bearer)
            assert got.status_code == 200
        account = running.keys[secret]
        grants = await running.house.billing.grants(account)
        assert [grant.amount for grant in grants] == [10**9]
        receipts = await running.house.billing.receipts(account)
        balance = await running.house.billing.balance(account)
        assert balance.balance == 10**9 - sum(row.cost for row in receipts)
        await running.clean()


async def test_a_free_model_costs_nothing_and_still_has_its_receipt(tmp_path: Path) -> None:
    extra = """
[[models]]
id = "acme/free"
free = true
routes = [ { provider = "up", model = "m" } ]
"""
    async with upstream_house(tmp_path, extra) as (running, _), http(running) as client:
        secret = await running.account_with(0)
        got = await client.post(
            "/v1/chat/completions",
            json={**HELLO, "model": "acme/free"},
            headers={"authorization": f"Bearer {secret}"},
        )
        assert got.status_code == 200
        assert got.json()["usage"]["cost"] == 0
        receipts = await running.house.billing.receipts(running.keys[secret])
        assert [(row.cost, row.outcome) for row in receipts] == [(0, "finished")]
        assert receipts[0].output > 0
        await running.clean()


async def test_a_model_without_a_price_is_refused_never_free_by_accident(tmp_path: Path) -> None:
    extra = """
[[models]]
id = "acme/unpriced"
routes = [ { provider = "up", model = "m" } ]
"""
    async with upstream_house(tmp_path, extra) as (running, up), http(running) as client:
        got = await client.post("/v1/chat/completions", json={**HELLO, "model": "acme/unpriced"})
        assert got.status_code == 503
        assert got.json()["error"]["code"] == "model_has_no_price"
        assert up.requests == []
        listed = (await client.get("/v1/models")).json()["data"]
        assert [row["id"] for row in listed] == ["acme/echo"]


async def test_of_five_hundred_at_once_a_balance_for_37_serves_37(tmp_path: Path) -> None:
    """Row 45: read, check and deduct are one step, whoever asks at the same time."""
    extra = """
[[models]]
id = "acme/fee"
price = { input = "0.000001", output = "0.000001", request = "0.01" }
routes = [ { provider = "up", model = "m" } ]
"""
    fee = 10_000_000
    async with upstream_house(tmp_path, extra) as (running, up):
        secret = await running.account_with(37 * fee + fee // 2)
        body = json.dumps({**HELLO, "model": "acme/fee", "max_tokens": 10}).encode()
        clients = [Client(body) for _ in range(500)]
        asked = {
            **scope(running),
            "headers": [(b"authorization", b"Bearer " + secret.encode())],
        }
        async with asyncio.TaskGroup() as group:
            for client in clients:
                group.create_task(running.house({**asked}, client.receive, client.send))
        statuses = [client.status for client in clients]
        assert set(statuses) == {200, 402}
        served = statuses.count(200)
        assert 36 <= served <= 38
        assert len(up.requests) == served
        account = running.keys[secret]
        balance = await running.house.billing.balance(account)
        receipts = await running.house.billing.receipts(account, limit=1000)
        assert balance.balance >= 0
        assert balance.held == 0
        assert sum(row.cost for row in receipts) == 37 * fee + fee // 2 - balance.balance
        assert len(receipts) == served
        await running.clean()
