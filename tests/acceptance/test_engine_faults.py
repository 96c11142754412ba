"""An engine that dies, a client that leaves, weights that can't run: the house goes on, unharmed."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from tests.acceptance.asking import frames
from tests.acceptance.engine_house import (
    GUIDED,
    NOISE,
    PARROT,
    asking,
    engine_house,
    engine_of,
    receipt_of,
    until,
)
from tests.engine.support import metric
from tests.engine.support import until as until_asked
from tests.engine.tiny import Shape, write_gguf, write_tekken
from tests.support.house import Running

LONG = 3500
"""Tokens of an answer that is still being written when a test interferes."""

BROKEN = """
[[models]]
id = "tiny/absent"
context_length = 4096
tokenizer = "tekken.json"
weights = "absent.gguf"
price = { input = "0.35", output = "0.56" }
routes = [ { provider = "local" } ]

[[models]]
id = "tiny/torn"
context_length = 4096
tokenizer = "tekken.json"
weights = "torn.gguf"
price = { input = "0.35", output = "0.56" }
routes = [ { provider = "local" } ]

[[models]]
id = "tiny/huge"
context_length = 100000000
max_output_tokens = 100
tokenizer = "tekken.json"
weights = "huge.gguf"
price = { input = "0.35", output = "0.56" }
routes = [ { provider = "local" } ]
"""


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("weights")
    write_tekken(directory / "tekken.json")
    return write_gguf(directory / "tiny.gguf")


async def test_a_client_that_leaves_frees_its_slot_and_pays_for_what_was_written(
    tmp_path: Path, weights: Path
) -> None:
    async with engine_house(tmp_path, weights) as (running, sdk):
        stream = await sdk.chat.completions.create(**asking(max_tokens=LONG), stream=True)
        request_id = stream.response.headers["x-request-id"]
        async for chunk in stream:
            if chunk.choices[0].delta.content:
                break
        await stream.close()
        engine = engine_of(running)
        assert engine.pool is not None
        pool = engine.pool
        await until(lambda: pool.running == 0)
        await until_asked(lambda: _idle(running))
        await running.until_no_hold()
        kept = await receipt_of(running, request_id)
        assert (kept["outcome"], kept["cancelled"]) == ("cancelled", True)
        assert kept["usage"]["input"]["source"] == "counted"
        output = kept["usage"]["output"]["tokens"]
        assert 0 < output < LONG
        prompt = kept["tokens_prompt"]
        assert kept["total_cost"] == pytest.approx((prompt * 350 + output * 560) / 1e9)
        after = await sdk.chat.completions.create(**asking())
        assert after.choices[0].message.content
        await running.clean()


async def test_a_client_that_leaves_a_queue_leaves_no_place_taken(
    tmp_path: Path, weights: Path
) -> None:
    async with engine_house(tmp_path, weights) as (running, sdk):
        await sdk.chat.completions.create(**asking())
        pool = engine_of(running).pool
        assert pool is not None
        first = await sdk.chat.completions.create(**asking(max_tokens=LONG), stream=True)
        async with httpx.AsyncClient(timeout=60) as client:
            waiting = asyncio.create_task(
                client.post(
                    f"{running.url}/v1/chat/completions",
                    json=asking(max_tokens=LONG),
                    headers={"authorization": f"Bearer {running.key}"},
                )
            )
            await until(lambda: pool.queued == 1)
            waiting.cancel()
            await until(lambda: pool.queued == 0)
            with pytest.raises(asyncio.CancelledError):
                await waiting
        await first.close()
        await until(lambda: pool.running == 0)
        await running.until_no_hold()
        outcomes = [r.outcome for r in await running.house.billing.receipts(running.account.id)]
        assert sorted(outcomes) == ["cancelled", "cancelled", "finished"]


async def test_an_engine_killed_in_mid_answer_is_told_as_an_error_and_comes_back(
    tmp_path: Path, weights: Path
) -> None:
    async with engine_house(tmp_path, weights) as (running, sdk):
        headers = {"authorization": f"Bearer {running.key}"}
        engine = engine_of(running)
        async with (
            httpx.AsyncClient(base_url=running.url, headers=headers, timeout=60) as client,
            client.stream(
                "POST", "/v1/chat/completions", json=asking(max_tokens=LONG, stream=True)
            ) as got,
        ):
            lines = got.aiter_lines()
            told = ""
            async for line in lines:
                told += line + "\n"
                if '"content"' in line:
                    break
            assert engine.pid is not None
            os.kill(engine.pid, signal.SIGKILL)
            async for line in lines:
                told += line + "\n"
            request_id = got.headers["x-request-id"]
        events = frames(told)
        assert "[DONE]" not in events
        assert events[-1]["error"]["code"] in ("upstream_cut", "engine_down")
        kept = await receipt_of(running, request_id)
        assert kept["outcome"] == "failed"
        assert kept["usage"]["output"]["tokens"] > 0
        after = await sdk.chat.completions.create(**asking())
        assert after.choices[0].message.content
        await running.clean()


async def test_a_whole_answer_lost_with_its_engine_costs_nothing(
    tmp_path: Path, weights: Path
) -> None:
    async with engine_house(tmp_path, weights) as (running, sdk):
        await sdk.chat.completions.create(**asking())
        engine = engine_of(running)
        pool = engine.pool
        assert pool is not None
        assert engine.pid is not None
        before = await running.house.billing.balance(running.account.id)
        stopped = engine.pid
        os.kill(stopped, signal.SIGSTOP)  # it takes the request and writes nothing
        lost = asyncio.create_task(sdk.chat.completions.create(**asking(max_tokens=LONG)))
        await until(lambda: pool.running == 1)
        os.kill(stopped, signal.SIGKILL)
        with pytest.raises(openai.APIStatusError) as told:
            await lost
        assert told.value.status_code in (502, 503)
        assert await running.house.billing.balance(running.account.id) == before
        assert (await sdk.chat.completions.create(**asking())).choices[0].message.content
        await running.clean()


async def test_a_whole_answer_lost_when_half_was_written_costs_nothing_either(
    tmp_path: Path, weights: Path
) -> None:
    async with engine_house(tmp_path, weights, guard=0) as (running, sdk):
        await sdk.chat.completions.create(**asking())
        engine, house = engine_of(running), running.house
        lost = asyncio.create_task(sdk.chat.completions.create(**asking(max_tokens=LONG)))
        await until(lambda: any(one.answer_tokens > 8 for one in house.operating.live()))
        assert engine.pid is not None
        os.kill(engine.pid, signal.SIGKILL)
        with pytest.raises(openai.APIStatusError) as told:
            await lost
        assert told.value.status_code in (502, 503)
        kept = await receipt_of(running, told.value.response.headers["x-request-id"])
        assert (kept["outcome"], kept["total_cost"]) == ("failed", 0)
        await running.clean()


@pytest.mark.skipif(not Path("/proc/meminfo").exists(), reason="only Linux tells free memory")
async def test_models_that_cannot_run_say_why_while_the_others_answer(
    tmp_path: Path, weights: Path
) -> None:
    (weights.parent / "torn.gguf").write_bytes(b"GGUF" + bytes(60))
    deep = Shape(width=64, layers=32, heads=2, kv_heads=2, hidden=64, context=100_000_000)
    write_gguf(weights.parent / "huge.gguf", shape=deep)
    mends = {
        "tiny/absent": ("put absent.gguf into", "engine.weights_dir"),
        "tiny/torn": ("torn.gguf",),
        "tiny/huge": ("of memory", "Lower context_length"),
    }
    async with engine_house(tmp_path, weights, BROKEN) as (running, sdk):
        for _ in range(2):
            for model, mend in mends.items():
                for stream in (False, True):
                    with pytest.raises(openai.APIStatusError) as refused:
                        await sdk.chat.completions.create(**asking(model=model), stream=stream)
                    _tells(refused.value, mend)
                    assert str(weights.parent) not in refused.value.message
            parrot = await sdk.chat.completions.create(**asking("hello", model=PARROT))
            assert parrot.choices[0].message.content == "You said: hello"
        assert (await sdk.chat.completions.create(**asking())).choices[0].message.content
        listed = {model.id async for model in sdk.models.list()}
        assert listed == {NOISE, GUIDED, PARROT}
        assert set(running.house.silent_models()) == set(mends)
        balance = await running.house.billing.balance(running.account.id)
        assert balance.held == 0
        await running.clean()


def _tells(refused: openai.APIStatusError, mend: tuple[str, ...]) -> None:
    assert refused.status_code == 503
    assert refused.code == "model_not_ready"
    for word in mend:
        assert word in refused.message
    assert int(refused.response.headers["retry-after"]) >= 1
    body: Any = refused.response.json()
    assert body["status"] == "error"


async def _idle(running: Running) -> bool:
    return await metric(engine_of(running), "requests_processing") == 0
