"""Prices over a real socket: what is held, what is billed, and what the receipt says of it.

Every test ends with books that verify and no hold open.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.acceptance.asking import HELLO, chat, http, receipt
from tests.support import answers, replies
from tests.support.house import Running, reload, upstream_house
from tokenhouse.catalogue import ceiling
from tokenhouse.wire import anthropic_messages, openai_chat

TIERED = """
[[models]]
id = "acme/long"
context_length = 100000
max_output_tokens = 4000
input_modalities = ["text", "image"]
image_tokens = 100
price = { input = "0.30", output = "0.50", cache_read = "0.03", reasoning = "0.70", \
image = "0.001", request = "0.0001", \
tiers = [ { above = 1000, input = "0.60", output = "1.00", cache_read = "0.06" } ] }
routes = [ { provider = "up", model = "m" } ]

[[models]]
id = "acme/named"
price = { input = "1", output = "2" }
routes = [ { provider = "up", model = "m" } ]

[[models]]
id = "acme/unpriced"
routes = [ { provider = "up", model = "m" } ]
"""
FEE = 100_000
OUTPUT = 2000
"""Nanodollars that a token of acme/named's answer costs; one of its prompt costs half."""
LONG = [{"role": "user", "content": "x" * 2500}]


def says(prompt: int, completion: int, **details: int) -> replies.Reply:
    """An upstream's whole answer with this usage."""
    used = answers.usage(prompt, completion, **details)
    return replies.whole(answers.completion([({"content": "hello"}, "stop")], used))


def bearer(secret: str) -> dict[str, str]:
    return {"authorization": f"Bearer {secret}"}


async def ask_as(client: httpx.AsyncClient, secret: str, **fields: Any) -> httpx.Response:
    body = json.dumps({**HELLO, "model": "acme/named", **fields})
    return await client.post("/v1/chat/completions", content=body, headers=bearer(secret))


def held(running: Running, **fields: Any) -> int:
    """What a request is held for at first, in nanodollars, without its answer."""
    body = json.dumps({**HELLO, "model": "acme/named", **fields}).encode()
    offer = running.house.catalogue.offer("acme/named")
    bound = ceiling(openai_chat.parse(body), offer)
    return bound.amount - bound.answer_tokens_max * OUTPUT


@pytest.mark.parametrize(
    ("used", "nanodollars"),
    [
        ({"prompt": 1000, "completion": 10}, 1000 * 300 + 10 * 500 + FEE),
        ({"prompt": 1001, "completion": 10}, 1001 * 600 + 10 * 1000 + FEE),
        # the tier is the whole prompt's, cached tokens included; each bucket once
        ({"prompt": 1000, "completion": 10, "cached": 900}, 100 * 300 + 900 * 30 + 5000 + FEE),
        ({"prompt": 1500, "completion": 10, "cached": 900}, 600 * 600 + 900 * 60 + 10_000 + FEE),
        # reasoning is part of the completion that an upstream reports, and billed once
        ({"prompt": 10, "completion": 50, "reasoning": 40}, 3000 + 10 * 500 + 40 * 700 + FEE),
        # a tier without a rate for reasoning bills it as its output
        ({"prompt": 1001, "completion": 50, "reasoning": 40}, 600_600 + 50 * 1000 + FEE),
    ],
)
async def test_each_bucket_is_billed_once_at_the_tier_that_the_real_prompt_falls_in(
    tmp_path: Path, used: dict[str, int], nanodollars: int
) -> None:
    """BerriAI/litellm#9812, #11364, #40006: cache tokens billed twice, or not at all."""
    async with upstream_house(tmp_path, TIERED) as (running, up), http(running) as client:
        up.always(says(**used))
        got = await chat(client, model="acme/long", max_tokens=100, messages=LONG)
        assert got.json()["usage"]["cost"] == nanodollars / 1e9
        told = await receipt(client, got)
        assert told["total_cost"] == nanodollars / 1e9
        row = (await running.house.billing.receipts("tester"))[0]
        assert (row.cost, row.over, row.lost) == (nanodollars, False, 0)
        await running.clean()


async def test_an_image_costs_its_fee_beside_its_tokens(tmp_path: Path) -> None:
    async with upstream_house(tmp_path, TIERED) as (running, up), http(running) as client:
        up.always(says(210, 1))
        picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
        content = [{"type": "text", "text": "which?"}, picture, picture]
        got = await chat(client, model="acme/long", messages=[{"role": "user", "content": content}])
        assert got.status_code == 200, got.text
        row = (await running.house.billing.receipts("tester"))[0]
        assert (row.images, row.cost) == (2, 210 * 300 + 500 + 2 * 1_000_000 + FEE)
        await running.clean()


async def test_a_page_an_answer_and_a_receipt_show_one_price_and_the_book_keeps_it(
    tmp_path: Path,
) -> None:
    """Row 53. BerriAI/litellm#8573, #10155: the page shows a price that nobody is billed."""
    async with upstream_house(tmp_path, TIERED) as (running, up), http(running) as client:
        up.always(says(2000, 100))
        row = (await client.get("/v1/models/acme/long")).json()
        (tier,) = row["pricing_tiers"]
        assert (row["pricing"]["prompt"], tier["above"]) == ("0.0000003", 1000)
        got = await chat(client, model="acme/long", max_tokens=100, messages=LONG)
        shown = 2000 * float(tier["prompt"]) + 100 * float(tier["completion"])
        shown += float(row["pricing"]["request"])
        assert got.json()["usage"]["cost"] == pytest.approx(shown, abs=1e-12)
        told = await receipt(client, got)
        kept = await running.house.prices.version(told["price_version"])
        assert kept.price == running.house.catalogue.offer("acme/long").price
        assert kept.model == "acme/long"
        await running.clean()


async def test_a_model_without_a_price_is_refused_and_never_billed_as_nothing(
    tmp_path: Path,
) -> None:
    """Row 52. BerriAI/litellm#35691: an unknown price was silently $0."""
    async with upstream_house(tmp_path, TIERED) as (running, up), http(running) as client:
        got = await chat(client, model="acme/unpriced")
        assert got.status_code == 503
        assert got.json()["error"]["code"] == "model_has_no_price"
        assert "acme/unpriced" not in (await client.get("/v1/models")).text
        assert up.requests == []
        await running.clean()


async def test_a_price_that_changes_while_a_request_runs_is_not_its_price(tmp_path: Path) -> None:
    async with upstream_house(tmp_path, TIERED) as (running, up), http(running) as client:
        house = running.house
        old = house.catalogue.offer("acme/named").price
        gate = asyncio.Event()
        tail = [answers.end(), answers.usage_chunk(100, 2)]
        up.script(replies.stream([answers.role(), answers.text("a b"), gate, *tail]))
        asked = asyncio.create_task(chat(client, model="acme/named", stream=True))
        await up.wait_requests(1)
        reload(running, ('input = "1"', 'input = "3"'))
        up.script(says(100, 2))
        after = await receipt(client, await chat(client, model="acme/named"))
        gate.set()
        during = await receipt(client, await asked)

        new = house.catalogue.offer("acme/named").price
        assert (during["price_version"], during["total_cost"]) == (old.version, 104_000 / 1e9)
        assert (after["price_version"], after["total_cost"]) == (new.version, 304_000 / 1e9)
        history = await house.prices.history("acme/named")
        assert [row.price for row in history] == [old, new]
        assert (await house.prices.version(old.version)).price.input == 1_000_000
        reload(running)  # nothing changed: nothing is written
        assert await house.prices.history("acme/named") == history
        await running.clean()


async def test_prices_outlive_the_process_and_are_written_once(tmp_path: Path) -> None:
    seen: list[int] = []
    for _ in range(2):
        async with upstream_house(tmp_path, TIERED) as (running, _):
            seen.append(len(await running.house.prices.history()))
            await running.clean()
    assert seen == [3, 3]


async def test_what_cannot_be_afforded_is_told_in_the_fields_words_with_true_numbers(
    tmp_path: Path,
) -> None:
    async with upstream_house(tmp_path, TIERED) as (running, up), http(running) as client:
        prompt = held(running, max_tokens=1000)
        for afforded in (0, 1, 255):
            secret = await running.account_with(prompt + afforded * OUTPUT)
            got = await ask_as(client, secret, max_tokens=1000)
            assert got.status_code == 402
            error = got.json()["error"]
            assert error["message"].startswith(
                "This request requires more credits, or fewer max_tokens. You requested up to 1000 "
                f"tokens, but can only afford {afforded}."
            )
            assert error["code"] == "insufficient_quota"
        assert up.requests == []
        await running.clean()


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(("asked", "afforded", "sent"), [(1000, 256, 256), (100, 100, 100)])
async def test_max_tokens_is_lowered_to_what_is_afforded_and_never_below_256_or_what_is_asked(
    tmp_path: Path, asked: int, afforded: int, sent: int, stream: bool
) -> None:
    async with upstream_house(tmp_path, TIERED) as (running, up), http(running) as client:
        prompt = held(running, max_tokens=asked, stream=stream)
        secret = await running.account_with(prompt + afforded * OUTPUT)
        got = await ask_as(client, secret, max_tokens=asked, stream=stream)
        assert got.status_code == 200
        assert up.requests[0].json["max_tokens"] == sent
        assert got.headers.get("x-tokenhouse-max-tokens") == (str(sent) if sent < asked else None)
        less = await running.account_with(prompt + (afforded - 1) * OUTPUT)
        refused = await ask_as(client, less, max_tokens=asked, stream=stream)
        assert refused.status_code == 402
        await running.clean()


async def test_anthropic_clients_are_told_the_same_in_their_envelope_and_keep_room_to_think(
    tmp_path: Path,
) -> None:
    async with upstream_house(tmp_path, TIERED) as (running, up), http(running) as client:
        asked: dict[str, Any] = {
            "model": "acme/named",
            "max_tokens": 2000,
            "thinking": {"type": "enabled", "budget_tokens": 1024},
            "messages": HELLO["messages"],
        }
        body = json.dumps(asked)
        offer = running.house.catalogue.offer("acme/named")
        bound = ceiling(anthropic_messages.parse(body.encode()), offer)
        prompt = bound.amount - bound.answer_tokens_max * OUTPUT

        async def ask(afforded: int) -> httpx.Response:
            secret = await running.account_with(prompt + afforded * OUTPUT)
            headers = {"x-api-key": secret, "anthropic-version": "2023-06-01"}
            return await client.post("/v1/messages", content=body, headers=headers)

        got = await ask(1025)
        assert (got.status_code, got.headers["x-tokenhouse-max-tokens"]) == (200, "1025")
        refused = await ask(1024)
        assert refused.status_code == 402
        assert refused.json()["type"] == "error"
        assert refused.json()["error"]["message"].startswith(
            "This request requires more credits, or fewer max_tokens. You requested up to 2000 "
            "tokens, but can only afford 1024."
        )
        assert len(up.requests) == 1
        await running.clean()


async def test_every_choice_is_in_the_ceiling(tmp_path: Path) -> None:
    async with upstream_house(tmp_path, TIERED) as (running, up), http(running) as client:
        prompt = held(running, max_tokens=1000, n=4)
        secret = await running.account_with(prompt + 4 * 300 * OUTPUT)
        got = await ask_as(client, secret, max_tokens=1000, n=4)
        assert got.headers["x-tokenhouse-max-tokens"] == "300"
        assert up.requests[0].json["max_tokens"] == 300
        row = (await running.house.billing.receipts(running.keys[secret]))[0]
        assert not row.over
        await running.clean()


async def test_usage_above_the_hold_is_charged_as_far_as_the_balance_reaches_and_flagged(
    tmp_path: Path,
) -> None:
    async with upstream_house(tmp_path, TIERED) as (running, up), http(running) as client:
        up.always(says(11, 5000))
        most = held(running, max_tokens=10) + 10 * OUTPUT
        owed = 11 * 1000 + 5000 * 2000
        for beside, lost in ((owed, 0), (7000, owed - most - 7000), (0, owed - most)):
            secret = await running.account_with(most + beside)
            got = await ask_as(client, secret, max_tokens=10)
            assert got.status_code == 200
            account = running.keys[secret]
            row = (await running.house.billing.receipts(account))[0]
            assert (row.cost, row.owed, row.lost, row.over) == (owed - lost, owed, lost, True)
            told = (
                await client.get(
                    "/api/v1/generation", params={"id": row.id}, headers=bearer(secret)
                )
            ).json()["data"]
            assert told["over_hold"] is True
            balance = await running.house.billing.balance(account)
            assert balance.balance == most + beside - (owed - lost) >= 0
        await running.clean()


async def test_fifty_at_once_on_one_balance_never_overdraw_it(tmp_path: Path) -> None:
    """QuantumNous/new-api#5690, songquanpeng/one-api#2440: parallel requests pass one balance."""
    async with upstream_house(tmp_path, TIERED) as (running, up), http(running) as client:
        each = held(running, max_tokens=10) + 10 * OUTPUT
        up.always(says((each - 10 * OUTPUT) // 1000, 10))
        secret = await running.account_with(each * 37)
        got = await asyncio.gather(*(ask_as(client, secret, max_tokens=10) for _ in range(50)))
        assert sorted(answer.status_code for answer in got) == [200] * 37 + [402] * 13
        rows = await running.house.billing.receipts(running.keys[secret])
        balance = await running.house.billing.balance(running.keys[secret])
        assert (sum(row.cost for row in rows), balance.balance) == (each * 37, 0)
        await running.clean()
