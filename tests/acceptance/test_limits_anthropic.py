"""Limits on Anthropic's route: its headers, its envelope, and what its official SDK makes of them."""

from __future__ import annotations

import asyncio
import datetime
from pathlib import Path
from typing import Any

import anthropic
import pytest

from tests.acceptance.pacing import PLANS, gated, until
from tests.support import answers, replies
from tests.support.house import Running, upstream_house

HELLO: list[Any] = [{"role": "user", "content": "hello"}]


async def sdk_on(running: Running, plan: str, retries: int = 0) -> anthropic.AsyncAnthropic:
    """The official SDK with the key of a new account on ``plan``."""
    key = await running.account_with(10**12, plan)
    return anthropic.AsyncAnthropic(base_url=running.url, api_key=key, max_retries=retries)


def _reset(headers: Any, what: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(headers[f"anthropic-ratelimit-{what}-reset"])


async def test_answers_and_refusals_tell_the_limits_in_anthropics_headers(tmp_path: Path) -> None:
    async with upstream_house(tmp_path, PLANS) as (running, _):
        async with await sdk_on(running, "minute") as sdk:
            for left in ("2", "1", "0"):
                raw = await sdk.messages.with_raw_response.create(
                    model="echo", max_tokens=16, messages=HELLO
                )
                assert raw.headers["anthropic-ratelimit-requests-limit"] == "3"
                assert raw.headers["anthropic-ratelimit-requests-remaining"] == left
                assert raw.headers["anthropic-ratelimit-tokens-limit"] == "30000"
                assert 0 < int(raw.headers["anthropic-ratelimit-tokens-remaining"]) < 30000
                now = datetime.datetime.now(datetime.UTC)
                for what in ("requests", "tokens"):
                    away = _reset(raw.headers, what) - now
                    assert datetime.timedelta() < away < datetime.timedelta(seconds=62)
                assert not any(name.startswith("x-ratelimit") for name in raw.headers)
            with pytest.raises(anthropic.RateLimitError) as caught:
                await sdk.messages.create(model="echo", max_tokens=16, messages=HELLO)
            headers = caught.value.response.headers
            body: Any = caught.value.body
            assert body["error"]["type"] == "rate_limit_error"
            assert headers["anthropic-ratelimit-requests-remaining"] == "0"
            assert 1 <= int(headers["retry-after"]) <= 60
            assert body["retry_after"] == int(headers["retry-after"])
        await running.clean()


async def test_the_sdk_comes_back_when_it_was_told_to(tmp_path: Path) -> None:
    async with upstream_house(tmp_path, PLANS) as (running, up):
        gate = asyncio.Event()
        up.script(gated(gate))
        async with await sdk_on(running, "hasty", retries=2) as sdk:
            first = asyncio.ensure_future(_streamed(sdk))
            await up.wait_requests(1)
            asking = asyncio.ensure_future(
                sdk.messages.with_raw_response.create(model="echo", max_tokens=16, messages=HELLO)
            )
            await until(lambda: running.house.relay.totals.refused > 0)
            gate.set()
            assert (await asking).retries_taken == 1
            assert await first == "done"
        await running.until_no_hold()


async def test_two_requests_of_a_coding_agent_at_once_are_served_on_the_usual_plan(
    tmp_path: Path,
) -> None:
    async with upstream_house(tmp_path, PLANS) as (running, up):
        gate = asyncio.Event()
        up.always(replies.stream([answers.role(), gate, answers.text("ok"), answers.end()]))
        schema = {
            "type": "object",
            "properties": {
                f"argument_{n}": {"type": "string", "description": "What the tool needs. " * 13}
                for n in range(15)
            },
        }
        tools: list[Any] = [
            {"name": f"tool_{n}", "description": "A tool.", "input_schema": schema}
            for n in range(17)
        ]
        async with await sdk_on(running, "usual") as sdk:
            asked = [
                asyncio.ensure_future(_streamed(sdk, model="acme/coder", tools=tools, most=32_000))
                for _ in range(2)
            ]
            await up.wait_requests(2)
            gate.set()
            assert await asyncio.gather(*asked) == ["ok", "ok"]
            assert all(len(seen.body) > 70_000 for seen in up.requests)
        await running.until_no_hold()


async def _streamed(
    sdk: anthropic.AsyncAnthropic,
    *,
    model: str = "echo",
    tools: list[Any] | None = None,
    most: int = 16,
) -> str:
    async with sdk.messages.stream(
        model=model,
        max_tokens=most,
        system="You are a careful engineer. " * 700,
        messages=HELLO,
        tools=tools or [],
    ) as stream:
        return await stream.get_final_text()
