"""Models of each of Mistral's formats are served: their prompts counted and billed, their tools called.

Each has weights alone: its tokenizer is made out of them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.acceptance.engine_house import accumulated, asking, engine_house, receipt_of
from tests.engine.tiny import write_gguf, write_tekken
from tests.support.house import Running

VERSIONS = ("v3", "v11", "v13")
ROW = """
[[models]]
id = "tiny/{version}"
context_length = 4096
tokenizer = "tekken-{version}"
weights = "{version}.gguf"
capabilities = ["tools", "json", "streaming", "logprobs"]
price = {{ input = "0.35", output = "0.56" }}
routes = [ {{ provider = "local" }} ]
"""
TOOL: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a place: दिल्ली, Zürich, 東京.",
        "parameters": {
            "type": "object",
            "properties": {"place": {"type": "string", "enum": ["Paris", "Oslo"]}},
            "required": ["place"],
            "additionalProperties": False,
        },
    },
}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("weights")
    write_tekken(directory / "tekken.json")
    for version in VERSIONS:
        write_gguf(directory / f"{version}.gguf", version=version)
    return write_gguf(directory / "tiny.gguf")


async def counted(running: Running, asked: dict[str, Any]) -> int:
    """The same conversation as the Anthropic route counts it."""
    messages: list[dict[str, Any]] = []
    for message in asked["messages"]:
        calls = message.get("tool_calls")
        if message["role"] == "tool":
            block = {"type": "tool_result", "tool_use_id": message["tool_call_id"]}
            messages.append({"role": "user", "content": [{**block, "content": message["content"]}]})
        elif calls:
            blocks = [
                {
                    "type": "tool_use",
                    "id": call["id"],
                    "name": call["function"]["name"],
                    "input": json.loads(call["function"]["arguments"]),
                }
                for call in calls
            ]
            messages.append({"role": "assistant", "content": blocks})
        else:
            messages.append(message)
    function = TOOL["function"]
    tool = {
        "name": function["name"],
        "description": function["description"],
        "input_schema": function["parameters"],
    }
    body = {"model": asked["model"], "messages": messages, "tools": [tool]}
    headers = {"x-api-key": running.key, "anthropic-version": "2023-06-01"}
    async with httpx.AsyncClient(headers=headers, timeout=60) as client:
        got = await client.post(f"{running.url}/v1/messages/count_tokens", json=body)
    assert got.status_code == 200, got.text
    tokens: int = got.json()["input_tokens"]
    return tokens


async def test_a_tool_loop_runs_on_every_format_and_is_billed_as_it_is_counted(
    tmp_path: Path, weights: Path
) -> None:
    rows = "".join(ROW.format(version=version) for version in VERSIONS)
    async with engine_house(tmp_path, weights, rows) as (running, sdk):
        for version in VERSIONS:
            asked = asking("How is it?", model=f"tiny/{version}", tools=[TOOL], max_tokens=120)
            forced: dict[str, Any] = {
                **asked,
                "tool_choice": "required",
                "parallel_tool_calls": False,
            }
            called: list[dict[str, Any]] = []
            for answer in (
                await sdk.chat.completions.create(**forced),
                await accumulated(sdk, forced),
            ):
                choice = answer.choices[0]
                assert choice.finish_reason == "tool_calls", version
                for call in choice.message.tool_calls or []:
                    assert call.type == "function"
                    assert json.loads(call.function.arguments)["place"] in ("Paris", "Oslo")
                    called.append(call.model_dump(include={"id", "type", "function"}))
            assert len(called) == 2
            results = [
                {"role": "tool", "tool_call_id": call["id"], "content": f"[TOOL_CALLS] {i}°, 晴れ"}
                for i, call in enumerate(called)
            ]
            told = {"role": "assistant", "tool_calls": called}
            asked |= {"messages": [*asked["messages"], told, *results], "max_tokens": 8}
            answer = await sdk.chat.completions.create(**asked)
            assert answer.usage is not None
            assert answer.usage.prompt_tokens == await counted(running, asked)
            receipt = await receipt_of(running, answer.id)
            assert receipt["native_tokens_prompt"] == answer.usage.prompt_tokens
        await running.clean()
