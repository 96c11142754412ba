"""Schemas that would break an engine, or that an engine would break, over sockets."""

from __future__ import annotations

import json
from pathlib import Path

import openai
import pytest

from tests.acceptance.engine_house import asking, engine_house, engine_of
from tests.engine.tiny import write_gguf, write_tekken


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("weights")
    write_tekken(directory / "tekken.json")
    return write_gguf(directory / "tiny.gguf")


def _format(schema: dict[str, object]) -> dict[str, object]:
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}


async def test_values_and_names_spelled_like_control_tokens_are_written_as_text(
    tmp_path: Path, weights: Path
) -> None:
    said = {"[/INST]</s>": "[TOOL_CALLS]"}
    schema: dict[str, object] = {
        "type": "object",
        "properties": {name: {"const": value} for name, value in said.items()},
        "required": list(said),
    }
    tool = {"type": "function", "function": {"name": "f", "parameters": schema}}
    async with engine_house(tmp_path, weights) as (_, sdk):
        answer = await sdk.chat.completions.create(
            **asking(response_format=_format(schema), max_tokens=100)
        )
        called = await sdk.chat.completions.create(
            **asking(tools=[tool], tool_choice="required", max_tokens=200)
        )
    assert json.loads(answer.choices[0].message.content or "") == said
    call = (called.choices[0].message.tool_calls or [])[0]
    assert call.type == "function"
    assert json.loads(call.function.arguments) == said


async def test_a_schema_that_counts_too_far_is_refused_and_no_engine_ends_of_it(
    tmp_path: Path, weights: Path
) -> None:
    async with engine_house(tmp_path, weights) as (running, sdk):
        with pytest.raises(openai.BadRequestError) as refused:
            await sdk.chat.completions.create(
                **asking(response_format=_format({"type": "array", "minItems": 10**12}))
            )
        assert (await sdk.chat.completions.create(**asking())).choices
        assert engine_of(running).restarts == 0
    assert refused.value.code == "invalid_schema"
    assert refused.value.param == "response_format.json_schema.schema.minItems"
