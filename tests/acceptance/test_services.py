"""Known services behind a house, over real sockets: llama.cpp's own server, smg in front of it, and an
upstream that speaks as vLLM does. What is counted, billed and told is what they count."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import anthropic
import httpx
import openai
from openai.lib.streaming.chat import ChatCompletionStreamState

from tests.acceptance.asking import HELLO, chat, http, receipt
from tests.parts import python_package
from tests.support import answers, replies
from tests.support.house import UPSTREAM_ROWS, Running, serving
from tests.support.upstream import Seen, Upstream
from tokenhouse import starter
from tokenhouse.engine import Engine, EngineSettings, ModelSpec

SMG = "smg==1.13.0"


def rows(url: str, service: str) -> str:
    given = f'base_url = "{url}"\nservice = "{service}"'
    return UPSTREAM_ROWS.replace('base_url = "{url}"', given).format()


async def test_llama_cpps_own_server_answers_the_sdk_and_is_billed_as_it_counts(
    tmp_path: Path,
) -> None:
    async with _llama(tmp_path) as (url, environ):
        async with serving(tmp_path / "house", rows(url, "llama.cpp"), environ=environ) as running:
            await _speaks_as_openai(running)
            async with anthropic.AsyncAnthropic(
                base_url=running.url, api_key=running.key, max_retries=0
            ) as claude:
                words: list[Any] = [
                    {"role": "user", "content": "What is a tokenhouse? ประเทศไทย 🏠"}
                ]
                counted = await claude.messages.count_tokens(
                    model="echo", system="Be brief.", messages=words
                )
                message = await claude.messages.create(
                    model="echo", system="Be brief.", messages=words, max_tokens=12
                )
                assert message.usage.input_tokens == counted.input_tokens
            async with http(running) as client:
                refused = await chat(client, n=2)
                assert refused.status_code == 400
                assert refused.json()["error"]["param"] == "n"
            await running.clean()


async def test_smg_in_front_of_llama_cpp_answers_the_sdk(tmp_path: Path) -> None:
    package = python_package(SMG)
    async with _llama_on_a_port(tmp_path) as worker, _smg(package, worker, tmp_path) as url:
        async with serving(tmp_path / "house", rows(url, "")) as running:
            await _speaks_as_openai(running)
            await running.clean()


async def test_a_cut_stream_of_vllms_is_charged_exactly_what_it_had_used(tmp_path: Path) -> None:
    async with Upstream() as up:
        async with serving(tmp_path / "house", rows(up.url, "vllm")) as running:
            said = [("One", 3), (" two", 5), (" three", 9)]
            frames = [answers.role(), *(_running(text, used) for text, used in said)]
            up.script(replies.reset(frames))
            async with http(running) as client:
                answer = await chat(client, stream=True)
                assert "usage" not in answer.text
                kept = await receipt(client, answer)
            asked = up.requests[-1].json
            assert asked["stream_options"] == {
                "include_usage": True,
                "continuous_usage_stats": True,
            }
            assert kept["tokens_prompt"] == 11
            assert kept["tokens_completion"] == 9
            assert kept["outcome"] == "failed"
            assert kept["usage"]["output"] == {"tokens": 9, "source": "reported"}
            assert kept["total_cost"] * 1e9 == 11 * 350 + 9 * 560
            await running.clean()


async def test_vllm_is_asked_how_many_tokens_a_prompt_is(tmp_path: Path) -> None:
    async with Upstream() as up:
        said = up.default

        def counting(seen: Seen) -> replies.Reply:
            if seen.path != "/tokenize":
                return said(seen)
            return replies.whole({"count": 42, "max_model_len": 4096, "tokens": list(range(42))})

        up.default = counting
        async with serving(tmp_path / "house", rows(up.url, "vllm")) as running:
            async with anthropic.AsyncAnthropic(
                base_url=running.url, api_key=running.key, max_retries=0
            ) as claude:
                counted = await claude.messages.count_tokens(
                    model="echo",
                    system="Be brief.",
                    messages=[{"role": "user", "content": "Hello"}],
                    tools=[{"name": "look", "input_schema": {"type": "object"}}],
                )
            assert counted.input_tokens == 42
            asked = up.requests[-1].json
            assert set(asked) == {"model", "messages", "tools", "add_generation_prompt"}
            assert asked["messages"] == [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "Hello"},
            ]


async def test_a_counter_that_fails_costs_an_estimate_and_no_request(tmp_path: Path) -> None:
    async with Upstream() as up:
        up.always(replies.error(500))
        async with serving(tmp_path / "house", rows(up.url, "vllm")) as running:
            async with http(running) as client:
                headers = {"x-api-key": running.key, "anthropic-version": "2023-06-01"}
                counted = await client.post(
                    "/v1/messages/count_tokens", json={**HELLO, "max_tokens": 5}, headers=headers
                )
            assert counted.status_code == 200
            assert counted.json()["input_tokens"] > 0


async def test_a_field_that_the_service_does_not_take_is_refused_before_it_is_asked(
    tmp_path: Path,
) -> None:
    async with Upstream() as up:
        async with serving(tmp_path / "house", rows(up.url, "groq")) as running:
            async with http(running) as client:
                refused = await chat(client, logprobs=True)
                assert refused.status_code == 400
                error = refused.json()["error"]
                assert (error["param"], error["code"]) == ("logprobs", "unsupported")
                assert "Groq" in error["message"]
                assert (await chat(client, logprobs=False)).status_code == 200
            assert len(up.requests) == 1
            assert "logprobs" not in up.requests[0].json
            await running.clean()


async def _speaks_as_openai(running: Running) -> None:
    """Streamed equals whole by the SDK's accumulator, and the bill is what was told."""
    async with openai.AsyncOpenAI(
        base_url=f"{running.url}/v1", api_key=running.key, max_retries=0
    ) as sdk:
        words: dict[str, Any] = {
            "model": "echo",
            "messages": [{"role": "user", "content": "What can you do?"}],
            "max_tokens": 300,
            "temperature": 0,
            "seed": 1,
        }
        whole = await sdk.chat.completions.create(**words)
        state = ChatCompletionStreamState()
        async for chunk in await sdk.chat.completions.create(
            **words, stream=True, stream_options={"include_usage": True}
        ):
            state.handle_chunk(chunk)
        streamed = state.get_final_completion()
        assert whole.choices[0].message.content
        assert streamed.choices[0].message.content == whole.choices[0].message.content
        assert streamed.choices[0].finish_reason == whole.choices[0].finish_reason
        assert whole.usage is not None
        assert streamed.usage is not None
        assert whole.usage.completion_tokens == streamed.usage.completion_tokens
        assert whole.model == "acme/echo"
    async with http(running) as client:
        got = await client.get("/api/v1/generation", params={"id": whole.id})
        kept = got.json()["data"]
        assert kept["tokens_prompt"] == whole.usage.prompt_tokens
        assert kept["tokens_completion"] == whole.usage.completion_tokens > 0


def _running(text: str, used: int) -> replies.Json:
    usage = {"prompt_tokens": 11, "total_tokens": 11 + used, "completion_tokens": used}
    return answers.text(text, usage=usage)


@asynccontextmanager
async def _llama(place: Path) -> AsyncGenerator[tuple[str, dict[str, str]]]:
    """llama.cpp's server with the starter's weights: its address, and the environment with its key."""
    spec = ModelSpec("starter", starter.weights_path(), 4096)
    engine = Engine(spec, EngineSettings(threads=1), runtime_dir=place)
    try:
        await engine.wait_ready(60)
        path = quote(str(engine.socket_path), safe="")
        yield f"http+unix://{path}/v1", {"UPSTREAM_KEY": engine.api_key}
    finally:
        await engine.stop()


_SERVE = """
import sys, xllamacpp
p = xllamacpp.CommonParams()
p.model.path, p.port, p.n_ctx = sys.argv[1], int(sys.argv[2]), 4096
p.hostnames = ["127.0.0.1"]
p.cpuparams.n_threads = 1
server = xllamacpp.Server(p)
print("ready", flush=True)
sys.stdin.read()
"""


@asynccontextmanager
async def _llama_on_a_port(place: Path) -> AsyncGenerator[str]:
    port = _free_port()
    command = [sys.executable, "-c", _SERVE, str(starter.weights_path()), str(port)]
    with (place / "llama.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=log
        )
        assert process.stdout is not None
        try:
            async with asyncio.timeout(60):
                assert await process.stdout.readline() == b"ready\n"
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()
            await process.communicate()


@asynccontextmanager
async def _smg(package: Path, worker: str, place: Path) -> AsyncGenerator[str]:
    port = _free_port()
    words = f"""launch --host 127.0.0.1 --port {port} --backend openai --policy round_robin
        --worker-urls {worker} --disable-health-check --disable-load-monitoring
        --history-backend none --log-level error --prometheus-host 127.0.0.1
        --prometheus-port {_free_port()}"""
    with (place / "smg.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            package / "bin" / "smg",
            *words.split(),
            stdout=log,
            stderr=log,
            env={"PYTHONPATH": str(package), "PATH": "/usr/bin:/bin"},
        )
        url = f"http://127.0.0.1:{port}"
        try:
            async with asyncio.timeout(60), httpx.AsyncClient() as client:
                while process.returncode is None:
                    try:
                        await client.get(f"{url}/health")
                        break
                    except httpx.TransportError:
                        await asyncio.sleep(0.05)
            assert process.returncode is None, (place / "smg.log").read_text()
            yield f"{url}/v1"
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port
