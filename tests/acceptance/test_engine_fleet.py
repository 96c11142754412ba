"""Several engine models in one house: budget, sleep and waking, crashes, turns between accounts."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import openai
import psutil
import pytest
from openai.types.chat import ChatCompletionChunk

from tests.acceptance.engine_house import (
    GUIDED,
    NOISE,
    ROWS,
    accumulated,
    asking,
    engine_house,
    engine_of,
    receipt_of,
    sdk_of,
    until,
)
from tests.engine.llama_server import write_server
from tests.engine.tiny import write_gguf, write_tekken
from tests.support.house import Running, serving
from tokenhouse.engine import Engine

LONG = 3000
FLOODED = {"slots = 4": "slots = 1\nqueue = 6"}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("weights")
    write_tekken(directory / "tekken.json")
    return write_gguf(directory / "tiny.gguf")


@asynccontextmanager
async def house_with(
    data_dir: Path, weights: Path, changes: dict[str, str]
) -> AsyncGenerator[tuple[Running, openai.AsyncOpenAI]]:
    """The engine house with its settings changed; when it is left, nothing of it may be."""
    rows = ROWS.format(weights=weights.parent, guard=0)
    for old, new in changes.items():
        assert old in rows
        rows = rows.replace(old, new)
    sockets: list[Path] = []
    async with serving(data_dir, rows) as running:
        async with sdk_of(running) as sdk:
            yield running, sdk
        await running.until_no_hold()
        sockets += [Path(e.socket_path) for e in engines(running) if e.state == "ready"]
    assert psutil.Process().children(recursive=True) == []
    assert not any(path.parent.exists() for path in sockets)


def engines(running: Running) -> tuple[Engine, Engine]:
    return engine_of(running, NOISE), engine_of(running, GUIDED)


async def page(running: Running, path: str) -> httpx.Response:
    async with httpx.AsyncClient(base_url=running.url, timeout=30) as client:
        return await client.get(path)


async def measured(running: Running, name: str) -> float:
    """The sum of a metric over its labels."""
    told = (await page(running, "/metrics")).text
    return sum(map(float, re.findall(rf"^{name}(?:\{{.*\}})? (\S+)$", told, re.MULTILINE)))


async def states(running: Running) -> dict[str, Any]:
    told = (await page(running, "/ready")).json()
    assert told["status"] == "ready"
    return told["models"]


async def test_two_models_take_turns_in_memory_for_one_and_what_is_told_is_true(
    tmp_path: Path, weights: Path
) -> None:
    async with engine_house(tmp_path / "first", weights) as (running, sdk):
        await sdk.chat.completions.create(**asking())
        need = engine_of(running).need
    budget = {"[engine]": f"[engine]\nmemory = {need * 3 // 2}"}
    async with house_with(tmp_path / "second", weights, budget) as (running, sdk):
        assert await states(running) == {
            NOISE: "on disk",
            GUIDED: "on disk",
            "house/parrot": "elsewhere",
        }
        for model, other in ((NOISE, GUIDED), (GUIDED, NOISE), (NOISE, GUIDED)):
            answer = await accumulated(sdk, asking(model=model))
            assert answer.choices[0].message.content
            assert (await states(running))[model] == "loaded"
            assert (await states(running))[other] == "on disk"
            listed = {row.id async for row in sdk.models.list()}
            assert listed >= {NOISE, GUIDED}, "what sleeps can answer"
        assert await measured(running, "tokenhouse_engine_loaded") == 1
        assert await measured(running, "tokenhouse_engine_loads_total") == 3
        assert await measured(running, "tokenhouse_engine_unloads_total") == 2
        assert await measured(running, "tokenhouse_engine_memory_taken_bytes") == need
        assert await measured(running, "tokenhouse_engine_memory_limit_bytes") == need * 3 // 2


async def test_a_model_larger_than_the_budget_is_not_offered_and_says_why(
    tmp_path: Path, weights: Path
) -> None:
    async with house_with(tmp_path, weights, {"[engine]": '[engine]\nmemory = "20MiB"'}) as (
        running,
        sdk,
    ):
        with pytest.raises(openai.APIStatusError) as refused:
            await sdk.chat.completions.create(**asking())
        assert (refused.value.status_code, refused.value.code) == (503, "model_not_ready")
        assert "raise engine.memory" in refused.value.message
        assert [row.id async for row in sdk.models.list()] == ["house/parrot"]
        assert "engine.memory" in (await states(running))[NOISE]


async def test_a_model_sleeps_when_nobody_asks_and_a_request_wakes_it_under_keep_alives(
    tmp_path: Path, weights: Path
) -> None:
    sleepy = {
        "slots = 4": "slots = 4\nunload_after_s = 0.05",
        "[engine]": "[server]\nkeepalive_s = 0.1\n\n[engine]",
    }
    async with house_with(tmp_path, weights, sleepy) as (running, sdk):
        await sdk.chat.completions.create(**asking())
        engine = engine_of(running)
        await engine.wait_until(lambda: engine.state == "cold")
        await engine.unload()
        assert psutil.Process().children() == []
        stop = asyncio.create_task(_stop_the_next_child(engine))
        told = b""
        headers = {"authorization": f"Bearer {running.key}"}
        async with (
            httpx.AsyncClient(base_url=running.url, headers=headers, timeout=60) as client,
            client.stream("POST", "/v1/chat/completions", json=asking(stream=True)) as got,
        ):
            pid = await stop
            async for piece in got.aiter_bytes():
                told += piece
                if told.count(b"\n\n") == 2 and pid:
                    assert b'"content"' not in told, "keep-alives while it loads"
                    os.kill(pid, signal.SIGCONT)
                    pid = 0
        assert b'"content"' in told
        assert told.rstrip().endswith(b"[DONE]")
        assert await measured(running, "tokenhouse_engine_loads_total") == 2


async def _stop_the_next_child(engine: Engine) -> int:
    await engine.wait_until(lambda: engine.pid is not None)
    assert engine.pid is not None
    os.kill(engine.pid, signal.SIGSTOP)
    return engine.pid


async def test_a_model_that_waits_too_long_for_others_memory_is_refused_for_now(
    tmp_path: Path, weights: Path
) -> None:
    async with engine_house(tmp_path / "first", weights) as (running, sdk):
        await sdk.chat.completions.create(**asking())
        need = engine_of(running).need
    tight = {
        "[engine]": f"[engine]\nmemory = {need * 3 // 2}",
        "slots = 4": "slots = 4\nload_wait_s = 1",
    }
    async with house_with(tmp_path / "second", weights, tight) as (running, sdk):
        stream = await sdk.chat.completions.create(**asking(max_tokens=LONG), stream=True)
        engine = engine_of(running)
        pid = engine.pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)  # it stays in use
        try:
            with pytest.raises(openai.APIStatusError) as refused:
                await sdk.chat.completions.create(**asking(model=GUIDED))
            assert (refused.value.status_code, refused.value.code) == (503, "engine_down")
            assert "waiting for memory that other models use" in refused.value.message
            assert int(refused.value.response.headers["retry-after"]) >= 1
            assert engine.pid == pid, "one in use is never unloaded"
        finally:
            os.kill(pid, signal.SIGCONT)
        await stream.close()
        await until(lambda: engine.idle)
        answered = await sdk.chat.completions.create(**asking(model=GUIDED))
        assert answered.choices[0].message.content


async def test_a_crash_loop_charges_only_what_was_delivered_and_the_rest_of_the_house_serves(
    tmp_path: Path, weights: Path
) -> None:
    async with house_with(tmp_path, weights, {}) as (running, sdk):
        engine = engine_of(running)
        for turn in range(3):
            stream = await sdk.chat.completions.create(**asking(max_tokens=LONG), stream=True)
            request_id = stream.response.headers["x-request-id"]
            with pytest.raises((openai.APIError, httpx.HTTPError)):
                await _read_and_kill(stream, engine)
            kept = await receipt_of(running, request_id)
            assert kept["outcome"] == "failed"
            told = kept["tokens_prompt"] * 350 + kept["tokens_completion"] * 560
            assert kept["total_cost"] == pytest.approx(told / 1e9)
            assert 0 < kept["tokens_completion"] < LONG
            parrot = await sdk.chat.completions.create(**asking("hi", model="house/parrot"))
            assert parrot.choices[0].message.content == "You said: hi"
            await engine.wait_until(partial(_restarted, engine, turn + 1))
            assert await measured(running, "tokenhouse_engine_crashes_total") == turn + 1
        assert (await sdk.chat.completions.create(**asking())).choices[0].message.content


def _restarted(engine: Engine, times: int) -> bool:
    return engine.restarts == times


async def _read_and_kill(stream: openai.AsyncStream[ChatCompletionChunk], engine: Engine) -> None:
    pid = engine.pid
    async for chunk in stream:
        if pid is not None and chunk.choices and chunk.choices[0].delta.content:
            os.kill(pid, signal.SIGKILL)
            pid = None


async def test_an_account_that_floods_does_not_keep_another_waiting(
    tmp_path: Path, weights: Path
) -> None:
    async with house_with(tmp_path, weights, FLOODED) as (running, sdk):
        other = await running.account_with(10**12)
        await sdk.chat.completions.create(**asking())
        engine = engine_of(running)
        pool, pid = engine.pool, engine.pid
        assert pool is not None
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        order: list[str] = []

        async def one(client: openai.AsyncOpenAI, name: str) -> int:
            try:
                await client.chat.completions.create(**asking(max_tokens=3))
            except openai.APIStatusError as refused:
                busy = refused.code == "engine_busy" and "retry-after" in refused.response.headers
                return refused.status_code if busy else 0
            order.append(name)
            return 200

        async with openai.AsyncOpenAI(
            base_url=f"{running.url}/v1", api_key=other, max_retries=0, timeout=60
        ) as quiet:
            flood = [asyncio.create_task(one(sdk, "flood")) for _ in range(9)]
            await until(lambda: pool.queued == 6 and sum(t.done() for t in flood) == 2)
            assert await measured(running, "tokenhouse_engine_queue") == 6
            asked = asyncio.create_task(one(quiet, "quiet"))
            await until(lambda: sum(t.done() for t in flood) == 3)
            os.kill(pid, signal.SIGCONT)
            assert await asked == 200
            statuses = [await task for task in flood]
        assert sorted(statuses) == [200] * 6 + [503] * 3
        assert order.index("quiet") <= 2, "behind what ran already, and one more at most"


async def test_eight_streams_at_once_are_all_written_whole(tmp_path: Path, weights: Path) -> None:
    async with house_with(tmp_path, weights, {"slots = 4": "slots = 8"}) as (running, sdk):
        asked = [asking(f"Number {i}", max_tokens=40) for i in range(8)]
        answers = await asyncio.gather(*(accumulated(sdk, one) for one in asked))
        for answer in answers:
            kept = await receipt_of(running, answer.id)
            assert kept["outcome"] == "finished"
            assert answer.usage is not None
            assert kept["tokens_completion"] == answer.usage.completion_tokens


async def test_a_models_row_may_run_it_otherwise_than_its_provider(
    tmp_path: Path, weights: Path
) -> None:
    own = {'id = "tiny/guided"': 'id = "tiny/guided"\nengine = { context = 1024, kv = "q8_0" }'}
    async with house_with(tmp_path, weights, own) as (running, sdk):
        noise, guided = engines(running)
        for model in (NOISE, GUIDED):
            answered = await sdk.chat.completions.create(**asking(model=model))
            assert answered.choices[0].message.content
        assert (noise.n_ctx, guided.n_ctx) == (4096, 1024)
        assert (noise.settings.kv, guided.settings.kv) == ("f16", "q8_0")
        assert guided.need < noise.need


async def test_a_house_runs_its_models_by_a_llama_server_that_was_built_for_it(
    tmp_path: Path, weights: Path
) -> None:
    tmp_path.joinpath("data").mkdir()
    write_server(tmp_path / "data" / "llama-server")
    own = {"slots = 4": 'slots = 4\nllama_server_binary = "llama-server"'}
    async with house_with(tmp_path / "data", weights, own) as (running, sdk):
        answer = await accumulated(sdk, asking(response_format={"type": "json_object"}))
        assert answer.choices[0].message.content
        pid = engine_of(running).pid
        assert pid is not None
        assert any("llama-server" in word for word in psutil.Process(pid).cmdline())
        (tmp_path / "data" / "llama-server").unlink()
        os.kill(pid, signal.SIGKILL)
        await engine_of(running).wait_until(lambda: engine_of(running).state == "failed")
        with pytest.raises(openai.APIStatusError) as refused:
            await sdk.chat.completions.create(**asking())
        assert refused.value.status_code == 503
        assert "llama_server_binary (llama-server) does not exist" in refused.value.message
        assert "llama_server_binary" in (await states(running))[NOISE]
