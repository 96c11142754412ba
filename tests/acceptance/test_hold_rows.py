"""Holds where other gateways have holes: ways around them, and holds that stay; the numbers are rows
of the list of their issues."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.asking import HELLO, chat, http, receipt
from tests.support import answers, replies
from tests.support.house import upstream_house
from tokenhouse.api.routes import ROUTES

PAID = {
    "chat": HELLO,
    "messages": {**HELLO, "max_tokens": 20},
    "completions": {"model": "echo", "prompt": "hello there"},
}
FREE = {"count_tokens", "redeem", "sign_in", "visit"}
"""What is posted and costs nothing: a count, a voucher, a sign-in code."""


def test_row_49_every_route_that_takes_a_body_is_known_as_paid_or_as_free() -> None:
    posted = {route.name for route in ROUTES if route.method == "POST"}
    assert posted - FREE == set(PAID)


@pytest.mark.parametrize("stream", [False, True])
async def test_row_49_no_route_reaches_an_upstream_without_a_hold(
    tmp_path: Path, stream: bool
) -> None:
    async with upstream_house(tmp_path) as (running, up), http(running) as client:
        broke = {"authorization": f"Bearer {await running.account_with(0)}"}
        paths = [(path, PAID[r.name]) for r in ROUTES if r.name in PAID for path in r.paths]
        for path, body in paths:
            asked: dict[str, Any] = {**body, "stream": stream}
            refused = await client.post(path, json=asked, headers=broke)
            assert refused.status_code == 402, path
            assert "can only afford 0" in refused.text
        assert up.requests == []
        for path, body in paths:
            paid = await client.post(path, json={**body, "stream": stream})
            assert paid.status_code == 200, path
            assert (await receipt(client, paid))["total_cost"] > 0
        assert len(up.requests) == len(paths)
        await running.clean()


async def test_row_47_no_hold_is_left_behind_to_refuse_what_can_be_paid(tmp_path: Path) -> None:
    async with upstream_house(tmp_path) as (running, up), http(running) as client:
        # for one full answer and a little more: one hold that stayed would shorten the next answer
        secret = await running.account_with(4000 * 560 + 200_000)
        bearer = {"authorization": f"Bearer {secret}"}
        asked = {**HELLO, "max_tokens": 4000}
        broken = replies.stream([answers.role(), answers.text("one"), replies.Act.RESET])
        for _ in range(5):
            up.script(replies.error(500), broken, replies.error(429))
            for stream in (False, True, False):
                await client.post(
                    "/v1/chat/completions", json={**asked, "stream": stream}, headers=bearer
                )
            served = await client.post("/v1/chat/completions", json=asked, headers=bearer)
            assert served.status_code == 200
            assert "x-tokenhouse-max-tokens" not in served.headers
        await running.clean()
        funds = await running.house.billing.balance(running.keys[secret])
        assert (funds.held, funds.free) == (0, funds.balance)


async def test_row_51_totals_hold_the_cached_tokens_once_and_buckets_hold_them_apart(
    tmp_path: Path,
) -> None:
    usage = {
        "prompt_tokens": 100,
        "completion_tokens": 30,
        "total_tokens": 130,
        "prompt_tokens_details": {"cached_tokens": 60},
    }
    async with upstream_house(tmp_path) as (running, up), http(running) as client:
        up.always(replies.whole(answers.completion([({"content": "hello"}, "stop")], usage)))
        answer = await chat(client)
        assert answer.json()["usage"]["prompt_tokens"] == 100
        data = await receipt(client, answer)
        assert (data["tokens_prompt"], data["native_tokens_cached"]) == (100, 60)
        assert (data["usage"]["input"]["tokens"], data["usage"]["cache_read"]["tokens"]) == (40, 60)
        (day,) = (await client.get("/api/v1/activity")).json()["data"]
        assert (day["prompt_tokens"], day["cache_read_tokens"]) == (100, 60)
