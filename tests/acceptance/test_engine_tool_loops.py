"""Tool loops of the house's own engine by the official SDKs, and prompts with tools: counted as billed."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.engine_house import NOISE, accumulated, asking, engine_house
from tests.acceptance.messaging import plain
from tests.acceptance.messaging import sdk as anthropic_sdk
from tests.acceptance.schemas import SCHEMAS, SCRIPTS, SMALL, WORD, Schema, thing
from tests.engine.tiny import write_gguf, write_tekken
from tests.support.house import Running
from tokenhouse.wire import anthropic_messages, openai_chat

PARAMETERS: dict[str, Schema] = {"weather": thing(place=WORD, days=SMALL), "note": thing(text=WORD)}
FUNCTIONS = [
    {"type": "function", "function": {"name": name, "parameters": schema}}
    for name, schema in PARAMETERS.items()
]
INPUTS = [{"name": name, "input_schema": schema} for name, schema in PARAMETERS.items()]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("weights")
    write_tekken(directory / "tekken.json")
    return write_gguf(directory / "tiny.gguf")


async def test_a_loop_of_calls_and_results_goes_round_with_the_openai_sdk(
    tmp_path: Path, weights: Path
) -> None:
    async with engine_house(tmp_path, weights) as (running, sdk):
        messages: list[Any] = [{"role": "user", "content": "What is the weather in Paris?"}]
        seen: set[str] = set()
        for turn in range(4):
            asked = asking(
                messages=messages,
                tools=FUNCTIONS,
                tool_choice="required" if turn < 3 else "none",
                temperature=1,
                seed=turn,
                max_tokens=900,
            )
            # noise draws alike only from alike numbers: both are to find their prompt in the cache
            await sdk.chat.completions.create(**brief(asked))
            whole = await sdk.chat.completions.create(**asked)
            streamed = await accumulated(sdk, asked)
            said = whole.choices[0]
            assert called(streamed.choices[0].message) == called(said.message)
            assert streamed.choices[0].finish_reason == said.finish_reason
            if turn == 3:
                assert said.message.content
                break
            assert said.finish_reason == "tool_calls"
            messages.append(said.message.model_dump(exclude_none=True))
            for call in said.message.tool_calls or ():
                assert len(call.id) == 9
                assert call.id.isalnum()
                assert call.id not in seen
                seen.add(call.id)
                result = {"role": "tool", "tool_call_id": call.id, "content": "नमस्ते 21 °C 👩‍🚀"}
                messages.append(result)
        await running.clean()


async def test_and_with_the_anthropic_one(tmp_path: Path, weights: Path) -> None:
    async with engine_house(tmp_path, weights) as (running, _), anthropic_sdk(running) as claude:
        messages: list[Any] = [{"role": "user", "content": "What is the weather in Paris?"}]
        for turn in range(4):
            asked: dict[str, Any] = {
                "model": NOISE,
                "max_tokens": 900,
                "messages": messages,
                "tools": INPUTS,
                "tool_choice": {"type": "any" if turn < 3 else "none"},
                "extra_body": {"seed": turn, "temperature": 0},
            }
            await claude.messages.create(**brief(asked))  # as above
            whole = await claude.messages.create(**asked)
            async with claude.messages.stream(**asked) as stream:
                streamed = plain(await stream.get_final_message())
            read = {"usage": None}  # the second found its prompt in the cache
            assert {**streamed, **read} == {**plain(whole), **read}
            if turn == 3:
                break
            assert whole.stop_reason in ("tool_use", "max_tokens")
            messages.append({"role": "assistant", "content": whole.content})
            results: list[Any] = []
            for block in whole.content:
                assert block.type == "tool_use"
                assert block.id.startswith("toolu_")
                assert isinstance(block.input, dict)
                results.append({"type": "tool_result", "tool_use_id": block.id, "content": "21 °C"})
            messages.append({"role": "user", "content": results})
        await running.clean()


def called(message: Any) -> list[tuple[str, str]]:
    return [(call.function.name, call.function.arguments) for call in message.tool_calls or ()]


ID_SHAPES = (
    "call_{}",
    "toolu_01{}",
    "{}",
    "chatcmpl-tool-{}",
    "fc_{}_é",
    "call_{:0>24}",
    "x" * 40 + "{}",
)


def generated(draw: random.Random, dialect: str) -> dict[str, Any]:
    """A request with tools, calls and results in some scripts."""

    def text() -> str:
        return " ".join(draw.choices(list(SCRIPTS.values()), k=draw.randint(1, 3)))

    schemas = draw.sample(list(SCHEMAS.values()), k=draw.randint(0, 3))
    tools = [(f"tool_{i}", text(), schema) for i, schema in enumerate(schemas)]
    openai = dialect == "openai"
    messages: list[Any] = [{"role": "user", "content": text()}]
    for turn in range(draw.randint(0, 2) if tools else 0):
        calls: list[Any] = []
        results: list[Any] = []
        for i in range(draw.randint(1, 2)):
            call_id = draw.choice(ID_SHAPES).format(f"{turn}{i}")
            name, given = draw.choice(tools)[0], {"q": text(), "n": draw.choice([1e15, 2, None])}
            if openai:
                arguments = json.dumps(given, ensure_ascii=draw.random() < 0.5)
                function = {"name": name, "arguments": arguments}
                calls.append({"id": call_id, "type": "function", "function": function})
                results.append({"role": "tool", "tool_call_id": call_id, "content": text()})
            else:
                calls.append({"type": "tool_use", "id": call_id, "name": name, "input": given})
                result = {"type": "tool_result", "tool_use_id": call_id, "content": text()}
                results.append(result)
        if openai:
            messages += [{"role": "assistant", "content": text(), "tool_calls": calls}, *results]
        else:
            messages.append({"role": "assistant", "content": calls})
            messages.append({"role": "user", "content": results})
    asked: dict[str, Any] = {"model": NOISE, "max_tokens": 1, "messages": messages}
    if openai and tools:
        asked["tools"] = [
            {"type": "function", "function": {"name": n, "description": d, "parameters": s}}
            for n, d, s in tools
        ]
    elif tools:
        inputs = [{**s, "type": "object"} for _, _, s in tools]
        asked["tools"] = [
            {"name": n, "description": d, "input_schema": s}
            for (n, d, _), s in zip(tools, inputs, strict=True)
        ]
    return asked


async def counts_as_billed(running: Running, sdk: Any, claude: Any, requests: int) -> None:
    draw = random.Random(5)
    house = running.house
    headers = [(b"authorization", b"Bearer " + running.key.encode())]
    caller = house.access.identify(headers, body_key=None, query_key=None, address="")
    for i in range(requests):
        if i % 2:
            asked = generated(draw, "anthropic")
            counted = {name: value for name, value in asked.items() if name != "max_tokens"}
            count = (await claude.messages.count_tokens(**counted)).input_tokens
            usage = (await claude.messages.create(**asked)).usage
            billed = usage.input_tokens + (usage.cache_read_input_tokens or 0)
            request: Any = anthropic_messages.parse(json.dumps(asked).encode())
        else:
            asked = generated(draw, "openai")
            request = openai_chat.parse(json.dumps(asked).encode())
            count = (await house.relay.count(caller, request, f"req_{i}")).tokens
            billed = (await sdk.chat.completions.create(**asked)).usage.prompt_tokens
        assert billed == count, asked
        ceiling = house.relay.answer(caller, request, f"req_c{i}").plan.ceiling
        assert billed <= ceiling.prompt_tokens_max, asked


async def test_prompts_with_tools_in_twenty_scripts_are_billed_as_counted(
    tmp_path: Path, weights: Path
) -> None:
    assert len(SCRIPTS) == 20
    async with engine_house(tmp_path, weights) as (running, sdk), anthropic_sdk(running) as claude:
        await counts_as_billed(running, sdk, claude, 60)
        await running.clean()


@pytest.mark.long
@pytest.mark.timeout(900)
async def test_a_thousand_of_them_are(tmp_path: Path, weights: Path) -> None:
    async with engine_house(tmp_path, weights) as (running, sdk), anthropic_sdk(running) as claude:
        await counts_as_billed(running, sdk, claude, 1000)
        await running.clean()


def brief(asked: dict[str, Any]) -> dict[str, Any]:
    """The same request for one token: its prompt is in the cache after it."""
    return {**asked, "max_tokens": 1}
