"""Structured answers of the house's own engine, by the official SDKs over sockets: on random weights, which
write noise wherever they may, and on the starter."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Literal

import anthropic
import jsonschema
import openai
import pytest
from openai.types.chat import ChatCompletion
from pydantic import BaseModel, Field

from tests.acceptance.engine_house import NOISE, accumulated, asking, engine_house, receipt_of
from tests.acceptance.messaging import sdk as anthropic_sdk
from tests.acceptance.schemas import SCHEMAS, SMALL, WORD, Schema, thing
from tests.engine.tiny import write_gguf, write_tekken
from tokenhouse.starter import MODEL_ID, weights_path

STARTER_ROW = """
[[models]]
id = "tokenhouse/starter"
context_length = 4096
tokenizer = "starter"
weights = "starter"
price = { input = "0.35", output = "0.56" }
routes = [ { provider = "local" } ]
"""
MODELS = [
    NOISE,
    pytest.param(
        MODEL_ID,
        marks=pytest.mark.skipif(
            not weights_path().is_file(), reason="no starter in this checkout"
        ),
    ),
]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("weights")
    write_tekken(directory / "tekken.json")
    return write_gguf(directory / "tiny.gguf")


def formatted(schema: Schema, *, strict: bool = True) -> Schema:
    named = {"name": "answer", "schema": schema, "strict": strict}
    return {"type": "json_schema", "json_schema": named}


def told(answer: ChatCompletion) -> str:
    return answer.choices[0].message.content or ""


@pytest.mark.parametrize("model", MODELS)
async def test_each_of_thirty_schemas_is_satisfied(
    tmp_path: Path, weights: Path, model: str
) -> None:
    async with engine_house(tmp_path, weights, STARTER_ROW) as (running, sdk):
        assert len(SCHEMAS) >= 30
        for seed, (name, schema) in enumerate(SCHEMAS.items()):
            asked = asking(
                f"Give me {name}.",
                model=model,
                response_format=formatted(schema, strict=seed % 2 == 0),
                temperature=1,
                seed=seed,
                max_tokens=700,
            )
            whole = await sdk.chat.completions.create(**asked)
            assert whole.choices[0].finish_reason == "stop", (name, told(whole))
            jsonschema.validate(json.loads(told(whole)), schema)
            if seed % 4 == 0:
                assert told(await accumulated(sdk, asked)) == told(whole), name
        await running.clean()


@pytest.mark.parametrize("model", MODELS)
async def test_arguments_of_required_named_and_parallel_calls_satisfy_their_schemas(
    tmp_path: Path, weights: Path, model: str
) -> None:
    async with engine_house(tmp_path, weights, STARTER_ROW) as (running, sdk):
        objects = {
            f"tool_{i}": schema
            for i, schema in enumerate(SCHEMAS.values())
            if schema.get("type") == "object"
        }
        tools: list[Schema] = [
            {"type": "function", "function": {"name": name, "parameters": schema}}
            for name, schema in objects.items()
        ]
        several = 0
        for seed, name in enumerate(objects):
            named = {"type": "function", "function": {"name": name}}
            own = [tool for tool in tools if tool["function"]["name"] == name]
            ways: list[tuple[Any, list[Schema], bool]] = [(named, tools[:4] + own, True)]
            if seed % 3 == 0:
                ways += [("required", own, False), ("required", tools[:6], seed % 2 == 0)]
            for choice, given, one in ways:
                distinct = {tool["function"]["name"]: tool for tool in given}
                asked = asking(
                    "What is the weather in Paris and in Oslo?",
                    model=model,
                    tools=list(distinct.values()),
                    tool_choice=choice,
                    parallel_tool_calls=not one,
                    temperature=1,
                    seed=seed,
                    max_tokens=450,
                )
                answer = await sdk.chat.completions.create(**asked)
                calls = checked(answer, objects)
                assert answer.choices[0].message.content is None
                if choice == named:
                    assert [called for called, _ in calls] == [name]
                assert not one or len(calls) == 1
                several += len(calls) > 1
        assert several or model != NOISE
        await running.clean()


def checked(answer: ChatCompletion, schemas: dict[str, Schema]) -> list[tuple[str, Any]]:
    """The calls, whose arguments satisfy their schemas."""
    choice = answer.choices[0]
    calls: list[tuple[str, Any]] = []
    for call in choice.message.tool_calls or ():
        assert call.type == "function"
        assert len(call.id) == 9
        assert call.id.isalnum()
        complete = choice.finish_reason == "tool_calls"
        if complete:
            arguments = json.loads(call.function.arguments)
            jsonschema.validate(arguments, schemas[call.function.name])
            calls.append((call.function.name, arguments))
    assert choice.finish_reason in ("tool_calls", "length")
    return calls


WEATHER = thing(
    place={"enum": ["Paris", "Oslo"]}, days={"type": "integer", "minimum": 1, "maximum": 7}
)
NOTE = thing(text=WORD)


def function(name: str, parameters: Schema, **more: Any) -> Schema:
    return {"type": "function", "function": {"name": name, "parameters": parameters, **more}}


TOOLS = [function("weather", WEATHER), function("note", NOTE)]
EAGER: dict[str, Any] = {"logit_bias": {"9": 30}}
"""A random model rarely begins a call by itself: this makes it."""


async def test_under_auto_calls_satisfy_their_schemas_and_may_be_kept_to_one(
    tmp_path: Path, weights: Path
) -> None:
    async with engine_house(tmp_path, weights) as (running, sdk):
        lengths: dict[bool, set[int]] = {True: set(), False: set()}
        for seed in range(8):
            for parallel in (True, False):
                asked = asking(
                    tools=TOOLS,
                    parallel_tool_calls=parallel,
                    temperature=1,
                    seed=seed,
                    max_tokens=600,
                    **EAGER,
                )
                answer = await sdk.chat.completions.create(**asked)
                calls = checked(answer, {"weather": WEATHER, "note": NOTE})
                lengths[parallel].add(len(calls))
        assert lengths[False] == {1}
        assert max(lengths[True]) > 1
        await running.clean()


async def test_only_allowed_tools_are_called_and_none_calls_none(
    tmp_path: Path, weights: Path
) -> None:
    async with engine_house(tmp_path, weights) as (running, sdk):
        note = {"type": "function", "function": {"name": "note"}}
        for mode in ("auto", "required"):
            allowed = {"mode": mode, "tools": [note]}
            choice = {"type": "allowed_tools", "allowed_tools": allowed}
            for seed in range(4):
                asked = asking(
                    tools=TOOLS,
                    tool_choice=choice,
                    temperature=1,
                    seed=seed,
                    max_tokens=600,
                    **EAGER,
                )
                answer = await sdk.chat.completions.create(**asked)
                calls = checked(answer, {"note": NOTE})
                assert calls
        nothing: tuple[dict[str, Any], ...] = ({"tools": TOOLS, "tool_choice": "none"}, {})
        for fields in nothing:
            answer = await sdk.chat.completions.create(**asking(**EAGER, **fields))
            assert answer.choices[0].message.tool_calls is None
            assert answer.choices[0].finish_reason in ("stop", "length")
        stranger = {"mode": "auto", "tools": [{"type": "function", "function": {"name": "x"}}]}
        choice = {"type": "allowed_tools", "allowed_tools": stranger}
        with pytest.raises(openai.BadRequestError, match="not one of 'tools'"):
            await sdk.chat.completions.create(**asking(tools=TOOLS, tool_choice=choice))
        await running.clean()


async def test_json_may_stand_beside_tools(tmp_path: Path, weights: Path) -> None:
    async with engine_house(tmp_path, weights) as (running, sdk):
        fields: dict[str, Any] = {"tools": TOOLS, "response_format": formatted(thing(n=SMALL))}
        said = await sdk.chat.completions.create(
            **asking(temperature=1, logit_bias={"9": -100}, **fields)
        )
        jsonschema.validate(json.loads(told(said)), thing(n=SMALL))
        called = await sdk.chat.completions.create(
            **asking(temperature=1, max_tokens=600, **EAGER, **fields)
        )
        assert checked(called, {"weather": WEATHER, "note": NOTE})
        assert called.choices[0].message.content is None
        forced = await sdk.chat.completions.create(
            **asking(temperature=1, max_tokens=600, tool_choice="required", **fields)
        )
        assert checked(forced, {"weather": WEATHER, "note": NOTE})
        await running.clean()


async def test_arguments_stream_while_they_are_written(tmp_path: Path, weights: Path) -> None:
    long = thing(text={"type": "string", "minLength": 40, "maxLength": 80})
    async with engine_house(tmp_path, weights) as (running, sdk), anthropic_sdk(running) as claude:
        asked: dict[str, Any] = asking(
            tools=[function("note", long)], tool_choice="required", parallel_tool_calls=False
        ) | {"max_tokens": 600, "temperature": 1}
        pieces: list[str] = []
        stream = await sdk.chat.completions.create(**asked, stream=True)
        async for chunk in stream:
            for call in chunk.choices[0].delta.tool_calls or () if chunk.choices else ():
                assert call.function is not None
                if call.function.arguments:
                    pieces.append(call.function.arguments)
        assert len(pieces) > 5
        jsonschema.validate(json.loads("".join(pieces)), long)
        parts = 0
        async with claude.messages.stream(
            model=NOISE,
            max_tokens=600,
            messages=[{"role": "user", "content": "Note."}],
            tools=[{"name": "note", "input_schema": long}],
            tool_choice={"type": "any", "disable_parallel_tool_use": True},
        ) as events:
            async for event in events:
                parts += event.type == "input_json"
            message = await events.get_final_message()
        assert parts > 5
        [block] = message.content
        assert block.type == "tool_use"
        jsonschema.validate(block.input, long)
        await running.clean()


async def test_an_answer_cut_by_max_tokens_says_so(tmp_path: Path, weights: Path) -> None:
    async with engine_house(tmp_path, weights) as (running, sdk):
        schema = thing(text={"type": "string", "minLength": 200})
        for n in (1, 2, 5, 9, 14, 20):
            cut = await sdk.chat.completions.create(
                **asking(response_format=formatted(schema), max_tokens=n)
            )
            assert cut.choices[0].finish_reason == "length"
            asked = asking(tools=[function("note", schema)], tool_choice="required", max_tokens=n)
            for answer in (
                await sdk.chat.completions.create(**asked),
                await accumulated(sdk, asked),
            ):
                choice = answer.choices[0]
                assert choice.finish_reason == "length"
                assert not choice.message.content
                for call in choice.message.tool_calls or ():
                    assert call.type == "function"
                    assert call.function.arguments.startswith('{"text": "') or n < 14
                assert answer.usage is not None
                assert answer.usage.completion_tokens == n
        await running.clean()


async def test_stop_strings_end_text_and_never_what_a_schema_holds(
    tmp_path: Path, weights: Path
) -> None:
    stops = ["}", '"', "e", "note"]
    async with engine_house(tmp_path, weights) as (running, sdk):
        answer = await sdk.chat.completions.create(
            **asking(response_format=formatted(thing(n=SMALL)), stop=stops)
        )
        assert answer.choices[0].finish_reason == "stop"
        jsonschema.validate(json.loads(told(answer)), thing(n=SMALL))
        for choice in ("required", "auto"):
            asked = asking(
                tools=TOOLS,
                tool_choice=choice,
                stop=stops,
                temperature=1,
                max_tokens=600,
                **EAGER,
            )
            called = await sdk.chat.completions.create(**asked)
            assert checked(called, {"weather": WEATHER, "note": NOTE})
        asked = asking(tools=TOOLS, logit_bias={"9": -100}, max_tokens=60)
        free = told(await sdk.chat.completions.create(**asked))
        stop = free[len(free) // 2 :][:3]
        for answer in (
            await sdk.chat.completions.create(**asked, stop=[stop]),
            await accumulated(sdk, {**asked, "stop": [stop]}),
        ):
            assert told(answer) == free[: free.index(stop)]
            assert answer.choices[0].finish_reason == "stop"
            assert answer.usage is not None
            kept = await receipt_of(running, answer.id)
            assert kept["tokens_completion"] == answer.usage.completion_tokens < 60
        await running.clean()


class Step(BaseModel):
    explanation: str = Field(max_length=12, description="why")
    output: Literal["a", "b"]


class Reasoned(BaseModel):
    """Nested types, as pydantic writes them: references to ``$defs``."""

    steps: list[Step] = Field(max_length=2)
    answer: int | None
    unit: Literal["c", "f"] = "c"


class Lookup(BaseModel):
    place: Literal["Paris", "Oslo"]


async def test_the_sdks_own_parsing_gives_models_back(tmp_path: Path, weights: Path) -> None:
    async with engine_house(tmp_path, weights) as (running, sdk), anthropic_sdk(running) as claude:
        base: dict[str, Any] = {
            "model": NOISE,
            "messages": [{"role": "user", "content": "Think."}],
            "seed": 3,
        }
        parsed = await sdk.chat.completions.parse(**base, response_format=Reasoned)
        assert isinstance(parsed.choices[0].message.parsed, Reasoned)
        async with sdk.chat.completions.stream(**base, response_format=Reasoned) as stream:
            final = await stream.get_final_completion()
        assert final.choices[0].message.parsed == parsed.choices[0].message.parsed
        called = await sdk.chat.completions.parse(
            **base, tools=[openai.pydantic_function_tool(Lookup)], tool_choice="required"
        )
        calls = called.choices[0].message.tool_calls or []
        assert calls
        assert all(isinstance(call.function.parsed_arguments, Lookup) for call in calls)
        message = await claude.messages.parse(
            model=NOISE,
            max_tokens=400,
            messages=[{"role": "user", "content": "Think."}],
            output_format=Reasoned,
        )
        assert isinstance(message.parsed_output, Reasoned)
        await running.clean()


async def test_a_refusal_names_the_keyword_where_the_client_wrote_it_and_holds_nothing(
    tmp_path: Path, weights: Path
) -> None:
    unique = {"type": "object", "properties": {"x": {"type": "array", "uniqueItems": True}}}
    place = "properties.x.uniqueItems"
    ok = function("ok", WEATHER)
    async with engine_house(tmp_path, weights) as (running, sdk), anthropic_sdk(running) as claude:
        refusals: list[tuple[dict[str, Any], str]] = [
            ({"response_format": formatted(unique)}, f"response_format.json_schema.schema.{place}"),
            (
                {"tools": [ok, function("f", unique, strict=True)]},
                f"tools[1].function.parameters.{place}",
            ),
            (
                {"tools": [function("f", unique)], "tool_choice": "required"},
                f"tools[0].function.parameters.{place}",
            ),
        ]
        for fields, param in refusals:
            with pytest.raises(openai.BadRequestError) as refused:
                await sdk.chat.completions.create(**asking(**fields))
            assert refused.value.param == param
            assert param in refused.value.message
        base: dict[str, Any] = {"model": NOISE, "max_tokens": 9}
        base["messages"] = [{"role": "user", "content": "x"}]
        refusals = [
            (
                {"output_config": {"format": {"type": "json_schema", "schema": unique}}},
                f"output_config.format.schema.{place}",
            ),
            (
                {"tools": [{"name": "f", "input_schema": unique}], "tool_choice": {"type": "any"}},
                f"tools.0.custom.input_schema.{place}",
            ),
        ]
        for fields, param in refusals:
            with pytest.raises(anthropic.BadRequestError, match=re.escape(param)):
                await claude.messages.create(**base, **fields)
        assert await running.house.billing.receipts(running.account.id) == ()
        loose = await sdk.chat.completions.create(**asking(tools=[function("f", unique)]))
        assert loose.choices
        await running.clean()
