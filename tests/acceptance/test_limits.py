"""Limits over real sockets: told in headers, obeyed by the official SDKs, never leaving a hold."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from tests.acceptance.asking import HELLO, chat
from tests.acceptance.pacing import PLANS, as_one_on, asked, begin, gated, until, waiting
from tests.acceptance.test_crash import served
from tests.support import answers, replies
from tests.support.house import UPSTREAM_ROWS, upstream_house
from tests.support.upstream import Upstream
from tokenhouse.clock import SystemClock
from tokenhouse.store import SqliteStore


async def test_over_the_concurrency_requests_wait_in_order_and_the_next_gets_429(
    tmp_path: Path,
) -> None:
    async with upstream_house(tmp_path, PLANS) as (running, up):
        gates = [asyncio.Event() for _ in range(5)]
        up.script(*(gated(gate) for gate in gates))
        async with as_one_on(running, "lined") as client:
            tasks = [begin(client, "0"), begin(client, "1")]
            await up.wait_requests(2)
            for number in range(2, 5):
                tasks.append(begin(client, str(number)))
                await waiting(running, number - 1)
            refused = await chat(client)
            assert refused.status_code == 429
            error = refused.json()["error"]
            assert error["code"] == "rate_limit_exceeded"
            assert "maximum 3 queued requests" in error["message"]
            assert int(refused.headers["retry-after"]) == refused.json()["retry_after"] == 1
            assert int(refused.headers["x-ratelimit-reset"]) > 1_700_000_000
            verification = await running.house.billing.verify()
            assert verification.open_holds == 2, "nothing is held for those who wait"
            for number, gate in enumerate(gates):
                gate.set()
                await up.wait_requests(min(5, number + 3))
            done = await asyncio.gather(*tasks)
            assert [answer.status_code for answer in done] == [200] * 5
            assert sorted(asked(up)[:2]) == ["0", "1"]
            assert asked(up)[2:] == ["2", "3", "4"]
        await running.until_no_hold()


async def test_who_waits_too_long_gets_429_and_who_comes_after_is_served(tmp_path: Path) -> None:
    async with upstream_house(tmp_path, PLANS) as (running, up):
        gate = asyncio.Event()
        up.script(gated(gate))
        async with as_one_on(running, "hasty") as client:
            first = begin(client, "first")
            await up.wait_requests(1)
            late = await chat(client)
            assert (late.status_code, late.json()["error"]["code"]) == (429, "rate_limit_exceeded")
            gate.set()
            assert (await first).status_code == 200
            assert (await chat(client)).status_code == 200
        await running.until_no_hold()
        assert len(running.house.relay.waiting) == 0


async def test_500_who_leave_the_line_free_their_places_and_leave_no_hold(tmp_path: Path) -> None:
    async with upstream_house(tmp_path, PLANS) as (running, up):
        gate = asyncio.Event()
        up.script(gated(gate))
        async with as_one_on(running, "crowd", connections=700) as client:
            first = begin(client, "first")
            await up.wait_requests(1)
            crowd = [begin(client, "crowd") for _ in range(500)]
            await waiting(running, 500)
            last = begin(client, "last")
            await waiting(running, 501)
            for task in crowd:
                task.cancel()
            await asyncio.wait(crowd)
            await waiting(running, 1)
            gate.set()
            assert (await first).status_code == 200
            assert (await last).status_code == 200
            assert asked(up) == ["first", "last"]
        await running.until_no_hold()
        assert len(running.house.relay.waiting) == 0


async def test_a_house_that_stops_refuses_those_who_wait(tmp_path: Path) -> None:
    async with upstream_house(tmp_path, PLANS) as (running, up):
        gate = asyncio.Event()
        up.script(gated(gate), gated(gate))
        async with as_one_on(running, "lined") as client:
            first, second = begin(client, "first"), begin(client, "second")
            await up.wait_requests(2)
            third = begin(client, "third")
            await waiting(running, 1)
            running.house.relay.refuse_waiting()
            refused = await third
            assert (refused.status_code, refused.json()["error"]["code"]) == (503, "shutting_down")
            assert refused.headers["retry-after"] == "5"
            gate.set()
            assert (await first).status_code == (await second).status_code == 200
        await running.until_no_hold()


async def test_answers_and_refusals_tell_what_is_left_of_the_minute(tmp_path: Path) -> None:
    async with upstream_house(tmp_path, PLANS) as (running, _):
        async with as_one_on(running, "minute") as client:
            for left in (2, 1, 0):
                answer = await chat(client, max_tokens=16)
                assert answer.status_code == 200
                assert answer.headers["x-ratelimit-limit-requests"] == "3"
                assert answer.headers["x-ratelimit-remaining-requests"] == str(left)
                assert answer.headers["x-ratelimit-reset-requests"][-1] == "s"
                assert answer.headers["x-ratelimit-limit-tokens"] == "30000"
                assert 0 < int(answer.headers["x-ratelimit-remaining-tokens"]) < 30000
            refused = await chat(client)
            assert refused.status_code == 429
            assert refused.headers["x-ratelimit-remaining-requests"] == "0"
            assert 1 <= int(refused.headers["retry-after"]) <= 60
            assert refused.json()["retry_after"] == int(refused.headers["retry-after"])
            assert "x-should-retry" not in refused.headers
        await running.clean()


async def test_parallel_streams_can_not_pass_the_tokens_of_a_minute(tmp_path: Path) -> None:
    """Row 58 of what gateways got wrong: tokens are reserved before, and streams count after."""
    async with upstream_house(tmp_path, PLANS) as (running, up):
        gate = asyncio.Event()
        used = answers.usage_chunk(100, 150)
        up.always(replies.stream([answers.role(), gate, answers.text("x"), answers.end(), used]))
        async with as_one_on(running, "tight") as client:
            posts = [
                asyncio.ensure_future(chat(client, stream=True, max_tokens=500)) for _ in range(30)
            ]
            totals = running.house.relay.totals
            await until(lambda: totals.admitted + totals.refused == 30)
            assert 1 <= totals.admitted <= 4000 // 500
            gate.set()
            done = await asyncio.gather(*posts)
            assert sum(answer.status_code == 200 for answer in done) == totals.admitted
            assert sum(answer.status_code == 429 for answer in done) == totals.refused
            await running.until_no_hold()
            served = totals.admitted
            after = await chat(client, max_tokens=500, stream=True)
            left = int(after.headers["x-ratelimit-remaining-tokens"])
            reserved = 4000 - 250 * served - left
            assert 500 < reserved < 700, "what was reserved came back, what was used did not"
        await running.until_no_hold()


async def test_a_request_refused_for_concurrency_takes_nothing_from_the_minute(
    tmp_path: Path,
) -> None:
    """Row 59 of what gateways got wrong: all limits are taken, or none is."""
    async with upstream_house(tmp_path, PLANS) as (running, up):
        gate = asyncio.Event()
        up.script(gated(gate))
        async with as_one_on(running, "single") as client:
            first = begin(client, "first")
            await up.wait_requests(1)
            left: set[str] = set()
            for _ in range(10):
                refused = await chat(client)
                assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
                left.add(refused.headers["x-ratelimit-remaining-requests"])
            assert left == {"4"}
            gate.set()
            await first
            assert (await chat(client)).headers["x-ratelimit-remaining-requests"] == "3"
        await running.until_no_hold()


async def test_a_request_that_no_minute_can_hold_is_told_so_and_not_retried(
    tmp_path: Path,
) -> None:
    async with upstream_house(tmp_path, PLANS) as (running, up):
        key = await running.account_with(10**12, "minute")
        sdk = openai.AsyncOpenAI(base_url=f"{running.url}/v1", api_key=key, max_retries=2)
        async with sdk:
            with pytest.raises(openai.RateLimitError, match="too large"):
                await sdk.chat.completions.create(
                    model="acme/coder",
                    messages=[{"role": "user", "content": "hi"}],
                    max_tokens=40_000,
                )
        assert up.requests == []
        assert running.house.totals.begun == 1
        await running.clean()


async def test_the_sdk_waits_as_long_as_it_is_told_and_is_then_served(tmp_path: Path) -> None:
    async with upstream_house(tmp_path, PLANS) as (running, up):
        gate = asyncio.Event()
        up.script(gated(gate))
        async with as_one_on(running, "hasty") as client:
            first = begin(client, "first")
            await up.wait_requests(1)
            sdk = openai.AsyncOpenAI(
                base_url=f"{running.url}/v1",
                api_key=client.headers["authorization"].removeprefix("Bearer "),
                max_retries=2,
            )
            async with sdk:
                asking = asyncio.ensure_future(
                    sdk.chat.completions.with_raw_response.create(
                        model="echo", messages=[{"role": "user", "content": "again"}]
                    )
                )
                await until(lambda: running.house.relay.totals.refused > 0)
                gate.set()
                got = await asking
                assert got.status_code == 200
                assert got.retries_taken == 1
            await first
        await running.until_no_hold()


async def test_two_large_coding_requests_at_once_are_served_on_the_usual_plan(
    tmp_path: Path,
) -> None:
    async with upstream_house(tmp_path, PLANS) as (running, up):
        gate = asyncio.Event()
        up.always(replies.stream([answers.role(), gate, answers.text("ok"), answers.end()]))
        system = "You are a careful engineer. Read every file before it is changed. " * 300
        schema = {
            "type": "object",
            "properties": {
                f"argument_{n}": {"type": "string", "description": "What the tool needs. " * 13}
                for n in range(15)
            },
        }
        tools = [
            {"type": "function", "function": {"name": f"tool_{n}", "parameters": schema}}
            for n in range(17)
        ]
        body: dict[str, Any] = {
            "model": "acme/coder",
            "max_tokens": 32_000,
            "tools": tools,
            "stream": True,
            "messages": [
                {"role": "system", "content": system},
                {"role": "user", "content": "Fix the test."},
            ],
        }
        async with as_one_on(running, "usual") as client:
            posts = [
                asyncio.ensure_future(client.post("/v1/chat/completions", json=body))
                for _ in range(2)
            ]
            await up.wait_requests(2)
            gate.set()
            done = await asyncio.gather(*posts)
            assert [answer.status_code for answer in done] == [200, 200]
            assert all(len(answer.request.content) > 80_000 for answer in done)
        await running.until_no_hold()


async def test_a_wrong_key_in_the_body_counts_against_its_address(tmp_path: Path) -> None:
    async with upstream_house(tmp_path, PLANS) as (running, up):
        async with httpx.AsyncClient(base_url=running.url, timeout=30) as client:
            statuses = [
                (
                    await client.post("/v1/chat/completions", json={**HELLO, "key": f"no-{n}"})
                ).status_code
                for n in range(31)
            ]
            assert statuses == [401] * 30 + [429]
            right = await client.post("/v1/chat/completions", json={**HELLO, "key": running.key})
            assert right.status_code == 429, "a key never seen before is not looked up either"
        assert up.requests == []
        await running.clean()


async def test_a_server_that_is_told_to_stop_ends_what_runs_and_refuses_what_waits(
    tmp_path: Path,
) -> None:
    async with Upstream() as up:
        bounds = 'monthly_grant = "5.00"\nconcurrent_requests = 1\nqueue_depth = 2\n'
        rows = UPSTREAM_ROWS.format(url=up.url).replace('monthly_grant = "0.00"\n', bounds)
        (tmp_path / "house.toml").write_text(rows)
        gate = asyncio.Event()
        up.script(gated(gate))
        async with served(tmp_path / "house") as (process, url, key):
            headers = {"authorization": f"Bearer {key}"}
            async with httpx.AsyncClient(base_url=url, headers=headers, timeout=60) as client:
                first = begin(client, "first")
                await up.wait_requests(1)
                second = begin(client, "second")
                for _ in range(4000):
                    if "tokenhouse_requests_waiting 1" in (await client.get("/metrics")).text:
                        break
                    await asyncio.sleep(0.005)
                process.send_signal(signal.SIGTERM)
                refused = await second
                assert refused.status_code == 503
                assert refused.json()["error"]["code"] == "shutting_down"
                gate.set()
                assert (await first).status_code == 200
            assert await process.wait() == 0
        assert len(up.requests) == 1
        store = SqliteStore(tmp_path / "house" / "tokenhouse.db", clock=SystemClock())
        await store.start(serve=False)
        verification = await store.verify()
        await store.stop()
        assert (verification.errors, verification.open_holds) == ((), 0)
