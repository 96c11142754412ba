"""A house whose models run in engines of its own: tiny random weights, everything else real."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import openai
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion

from tests.support.house import Running, serving
from tokenhouse.engine import Engine
from tokenhouse.providers import EngineProvider

NOISE = "tiny/noise"
GUIDED = "tiny/guided"
PARROT = "house/parrot"
CONTEXT = 4096
INPUT, OUTPUT = 350, 560
"""Nanodollars per 1,000 tokens are these times 1,000: rates of 0.35 and 0.56 per million."""

ROWS = """
[catalogue]
shipped = false

[engine]
weights_dir = "{weights}"

[providers.local]
kind = "engine"
slots = 4
threads = 1
cache = "16MiB"
loop_guard = {guard}

[providers.fake]
kind = "scripted"

[[models]]
id = "tiny/noise"
aliases = ["noise"]
context_length = 4096
tokenizer = "tekken.json"
weights = "tiny.gguf"
capabilities = ["tools", "json", "streaming", "logprobs"]
price = {{ input = "0.35", output = "0.56" }}
routes = [ {{ provider = "local" }} ]

[[models]]
id = "tiny/guided"
context_length = 4096
max_output_tokens = 64
tokenizer = "tekken.json"
weights = "tiny.gguf"
system_prompt = "You are the guide of {{site}} at {{url}}."
price = {{ input = "0.35", output = "0.56" }}
routes = [ {{ provider = "local" }} ]

[[models]]
id = "house/parrot"
price = {{ input = "0.35", output = "0.56" }}
routes = [ {{ provider = "fake" }} ]

[plans.free]
monthly_grant = "0.00"
"""


@asynccontextmanager
async def engine_house(
    data_dir: Path, weights: Path, extra: str = "", *, guard: int = 1024
) -> AsyncGenerator[tuple[Running, openai.AsyncOpenAI]]:
    """The house and an SDK client of it; nothing of it is left at the end. ``guard``: its loop guard."""
    async with serving(
        data_dir, ROWS.format(weights=weights.parent, guard=guard) + extra
    ) as running:
        async with sdk_of(running) as sdk:
            yield running, sdk


def sdk_of(running: Running) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(
        base_url=f"{running.url}/v1", api_key=running.key, max_retries=0, timeout=60
    )


def engine_of(running: Running, model: str = NOISE) -> Engine:
    """The engine behind ``model``."""
    provider = running.house.providing.providers["local"]
    assert isinstance(provider, EngineProvider)
    return provider._models[model].engine  # pyright: ignore[reportPrivateUsage]


def asking(text: str = "Say something.", **fields: Any) -> dict[str, Any]:
    """A request's fields: short, greedy and seeded unless ``fields`` say otherwise."""
    base = {"model": NOISE, "temperature": 0, "seed": 7, "max_tokens": 24}
    return {**base, "messages": [{"role": "user", "content": text}], **fields}


async def accumulated(sdk: openai.AsyncOpenAI, asked: dict[str, Any]) -> ChatCompletion:
    """The streamed answer, put together by the SDK's own accumulator (its last step, parsing, refuses
    whatever ended by ``length``)."""
    options: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}}
    stream = await sdk.chat.completions.create(**{**asked, **options})
    state = ChatCompletionStreamState()
    async for chunk in stream:
        state.handle_chunk(chunk)
    return state.current_completion_snapshot


async def receipt_of(running: Running, name: str) -> dict[str, Any]:
    """The receipt by an answer's or a request's id."""
    return await receipt_by_key(running.url, running.key, name)


async def receipt_by_key(url: str, key: str, name: str) -> dict[str, Any]:
    """The same, of a house at ``url``."""
    async with httpx.AsyncClient(headers={"authorization": f"Bearer {key}"}, timeout=30) as client:
        got = await client.get(f"{url}/api/v1/generation", params={"id": name})
    assert got.status_code == 200, got.text
    data: dict[str, Any] = got.json()["data"]
    return data


async def until(holds: Callable[[], bool], within_s: float = 30.0) -> None:
    """Return once ``holds()``; looked at again whenever the loop has done its other work."""
    for _ in range(round(within_s / 0.01)):
        if holds():
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"it did not come about within {within_s:g} s")
