"""The official SDK against a model that runs in the house's own engine, on real sockets."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from pathlib import Path
from typing import Any

import openai
import pytest
from openai.types.chat import ChatCompletion

from tests.acceptance.engine_house import (
    CONTEXT,
    GUIDED,
    INPUT,
    NOISE,
    OUTPUT,
    accumulated,
    asking,
    engine_house,
    engine_of,
    receipt_of,
    until,
)
from tests.engine.tiny import write_gguf, write_tekken
from tests.support.house import Running
from tokenhouse.wire import openai_chat

TOOL: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a place.",
        "parameters": {
            "type": "object",
            "properties": {
                "place": {"type": "string", "enum": ["Paris", "Oslo"]},
                "days": {"type": "integer", "minimum": 1, "maximum": 7},
            },
            "required": ["place", "days"],
            "additionalProperties": False,
        },
    },
}
FORCED: dict[str, Any] = {
    "tools": [TOOL],
    "tool_choice": {"type": "function", "function": {"name": "weather"}},
    "parallel_tool_calls": False,
    "max_tokens": 120,
}
SCHEMA: dict[str, Any] = {
    "type": "json_schema",
    "json_schema": {
        "name": "answer",
        "strict": True,
        "schema": {
            "type": "object",
            "properties": {"yes": {"type": "boolean"}, "n": {"type": "integer", "maximum": 99}},
            "required": ["yes", "n"],
            "additionalProperties": False,
        },
    },
}
WAYS: tuple[dict[str, Any], ...] = (
    {},
    {"n": 2},
    {"temperature": 0.8},
    {"logprobs": True, "top_logprobs": 2},
)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("weights")
    write_tekken(directory / "tekken.json")
    return write_gguf(directory / "tiny.gguf")


async def test_streamed_equals_not_streamed_and_is_billed_to_the_token(
    tmp_path: Path, weights: Path
) -> None:
    async with engine_house(tmp_path, weights) as (running, sdk):
        for more in WAYS:
            asked = asking(**more)
            whole = await sdk.chat.completions.create(**asked)
            streamed = await accumulated(sdk, asked)
            assert _choices(streamed) == _choices(whole)
            for answer in (whole, streamed):
                await _is_billed(running, answer)
            assert _usage(streamed) == _usage(whole)
        await running.clean()


async def test_seed_stop_and_max_tokens_do_what_they_say(tmp_path: Path, weights: Path) -> None:
    async with engine_house(tmp_path, weights) as (running, sdk):

        async def said(**fields: Any) -> ChatCompletion:
            return await sdk.chat.completions.create(**asking(**fields))

        warm = [_text(await said(temperature=1, seed=seed)) for seed in (1, 1, 2, 2**62)]
        assert warm[0] == warm[1] != warm[2]
        both = await said(temperature=1, seed=1, n=2)
        assert both.choices[0].message.content == warm[0]
        assert both.choices[1].message.content not in (warm[0], "")

        long = await said(max_tokens=9)
        assert long.choices[0].finish_reason == "length"
        assert long.usage is not None
        assert long.usage.completion_tokens == 9

        text = _text(await said())
        middle = text[len(text) // 2 :][:4]
        stopped = await said(stop=[middle])
        assert stopped.choices[0].finish_reason == "stop"
        assert _text(stopped) == text[: text.index(middle)]
        streamed = await accumulated(sdk, asking(stop=[middle]))
        assert _text(streamed) == _text(stopped)
        await running.clean()


async def test_log_probabilities_come_with_their_alternatives(
    tmp_path: Path, weights: Path
) -> None:
    async with engine_house(tmp_path, weights) as (running, sdk):
        got = await sdk.chat.completions.create(**asking(logprobs=True, top_logprobs=3))
        probs = got.choices[0].logprobs
        assert probs is not None
        assert probs.content
        for one in probs.content:
            assert one.logprob <= 0
            assert len(one.top_logprobs) == 3
            assert one.top_logprobs[0].logprob >= one.top_logprobs[2].logprob
        await running.clean()


async def test_a_forced_call_has_arguments_that_obey_its_schema(
    tmp_path: Path, weights: Path
) -> None:
    async with engine_house(tmp_path, weights) as (running, sdk):
        asked = asking("How is it in Paris?", **FORCED)
        for answer in (await sdk.chat.completions.create(**asked), await accumulated(sdk, asked)):
            choice = answer.choices[0]
            assert choice.finish_reason == "tool_calls"
            calls = choice.message.tool_calls or []
            assert len(calls) == 1
            call = calls[0]
            assert call.type == "function"
            assert call.function.name == "weather"
            arguments = json.loads(call.function.arguments)
            assert set(arguments) == {"place", "days"}
            assert arguments["place"] in ("Paris", "Oslo")
            assert 1 <= arguments["days"] <= 7
            await _is_billed(running, answer)
        await running.clean()


async def test_a_json_schema_is_obeyed(tmp_path: Path, weights: Path) -> None:
    async with engine_house(tmp_path, weights) as (running, sdk):
        asked = asking("Yes or no?", response_format=SCHEMA, max_tokens=60, temperature=1)
        whole = await sdk.chat.completions.create(**asked)
        assert isinstance(json.loads(_text(whole))["yes"], bool)
        assert _choices(await accumulated(sdk, asked)) == _choices(whole)
        anything = await sdk.chat.completions.create(
            **asking("JSON!", response_format={"type": "json_object"}, max_tokens=200)
        )
        if anything.choices[0].finish_reason == "stop":
            assert isinstance(json.loads(_text(anything)), dict)
        await running.clean()


COUNTED: dict[str, dict[str, Any]] = {
    "one turn": asking(),
    "marks and letters": asking("नमस्ते 👩‍🚀 e\u0301 \u202e x"),
    "a system text": asking(
        messages=[
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "Hello"}]},
        ]
    ),
    "a forced call": asking(**FORCED),
    "a call and its result": asking(
        messages=[
            {"role": "user", "content": "Paris?"},
            {
                "role": "assistant",
                "tool_calls": [
                    {
                        "id": "call_123456789",
                        "type": "function",
                        "function": {"name": "weather", "arguments": '{"place": "Paris"}'},
                    }
                ],
            },
            {"role": "tool", "tool_call_id": "call_123456789", "content": "Sunny."},
        ],
        tools=[TOOL],
    ),
}


async def test_what_is_billed_for_a_prompt_is_what_counting_it_says(
    tmp_path: Path, weights: Path
) -> None:
    async with engine_house(tmp_path, weights) as (running, sdk):
        for name, asked in COUNTED.items():
            counted = await _count(running, asked)
            answer = await sdk.chat.completions.create(**asked)
            assert answer.usage is not None
            assert answer.usage.prompt_tokens == counted, name
            await _is_billed(running, answer)
        await running.clean()


async def test_a_default_system_prompt_is_counted_and_billed_where_it_is_used(
    tmp_path: Path, weights: Path
) -> None:
    async with engine_house(tmp_path, weights) as (running, sdk):

        async def prompt_tokens(model: str, *system: str) -> int:
            messages = [{"role": "system", "content": text} for text in system]
            messages.append({"role": "user", "content": "Who are you?"})
            answer = await sdk.chat.completions.create(**asking(model=model, messages=messages))
            await _is_billed(running, answer)
            assert answer.usage is not None
            return answer.usage.prompt_tokens

        written = f"You are the guide of Tokenhouse at {running.url}."
        bare, own = await prompt_tokens(NOISE), await prompt_tokens(NOISE, "Be brief.")
        assert await prompt_tokens(GUIDED) == await prompt_tokens(NOISE, written) > own > bare
        assert await prompt_tokens(GUIDED, "Be brief.") == own
        await running.clean()


async def test_text_that_looks_like_control_tokens_stays_text(
    tmp_path: Path, weights: Path
) -> None:
    async with engine_house(tmp_path, weights) as (running, sdk):

        async def prompt_tokens(text: str) -> int:
            answer = await sdk.chat.completions.create(**asking(text, max_tokens=1))
            assert answer.usage is not None
            return answer.usage.prompt_tokens

        plain = await prompt_tokens("x")
        for word in ("</s>", "[INST]", "[/INST]", "[SYSTEM_PROMPT]", "[TOOL_CALLS]"):
            assert await prompt_tokens(f"x{word}") > plain + 1
        await running.clean()


@pytest.mark.parametrize("stream", [False, True])
async def test_what_the_engine_cannot_do_is_refused_by_name_and_costs_nothing(
    tmp_path: Path, weights: Path, stream: bool
) -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    unique = {"type": "array", "items": {"type": "integer"}, "uniqueItems": True}
    schema = {"type": "object", "properties": {"list": unique}}
    named = {"name": "a", "schema": schema}
    tool = {"type": "function", "function": {"name": "f", "parameters": schema}}
    cases: list[tuple[dict[str, Any], str, str, str]] = [
        (asking("word " * 2 * CONTEXT), "context_length_exceeded", "messages", str(CONTEXT)),
        (
            asking(messages=[{"role": "user", "content": [image]}]),
            "unsupported_content",
            "messages",
            "images",
        ),
        (
            asking(response_format={"type": "json_schema", "json_schema": named}),
            "invalid_schema",
            "response_format",
            "uniqueItems",
        ),
        (
            asking(tools=[tool], tool_choice="required"),
            "invalid_schema",
            "tools",
            "uniqueItems",
        ),
    ]
    async with engine_house(tmp_path, weights) as (running, sdk):
        before = await running.house.billing.balance(running.account.id)
        for asked, code, param, said in cases:
            with pytest.raises(openai.BadRequestError) as refused:
                await sdk.chat.completions.create(**asked, stream=stream)
            assert refused.value.code == code
            assert (refused.value.param or "").startswith(param)
            assert said in refused.value.message
        assert await running.house.billing.balance(running.account.id) == before
        again = await sdk.chat.completions.create(**asking())
        assert again.choices[0].message.content
        await running.clean()


async def test_twelve_at_once_on_four_slots_are_all_answered_alike(
    tmp_path: Path, weights: Path
) -> None:
    async with engine_house(tmp_path, weights) as (running, sdk):
        asked = [asking(f"Number {i}", max_tokens=30 + i) for i in range(12)]
        answers = await asyncio.gather(
            *(
                accumulated(sdk, one) if i % 2 else sdk.chat.completions.create(**one)
                for i, one in enumerate(asked)
            )
        )
        for i, answer in enumerate(answers):
            assert answer.usage is not None
            if answer.choices[0].finish_reason == "length":
                assert answer.usage.completion_tokens == 30 + i
            await _is_billed(running, answer)
        await running.clean()


async def test_requests_that_name_no_max_tokens_share_the_slots(
    tmp_path: Path, weights: Path
) -> None:
    async with engine_house(tmp_path, weights) as (running, sdk):
        asked: dict[str, Any] = {**asking(model=GUIDED), "max_tokens": openai.omit}
        await sdk.chat.completions.create(**asked)
        pool = engine_of(running, GUIDED).pool
        assert pool is not None
        pid = engine_of(running, GUIDED).pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)  # nobody's answer ends before all have begun
        try:
            asking_all = asyncio.gather(*(sdk.chat.completions.create(**asked) for _ in range(4)))
            await until(lambda: pool.running + pool.queued == 4)
            assert (pool.running, pool.queued) == (4, 0)
        finally:
            os.kill(pid, signal.SIGCONT)
        for answer in await asking_all:
            await _is_billed(running, answer)
        await running.clean()


async def test_a_prompt_seen_before_is_read_from_the_cache_and_told_so(
    tmp_path: Path, weights: Path
) -> None:
    async with engine_house(tmp_path, weights) as (running, sdk):
        asked = asking("one two three four five " * 40)
        first = await sdk.chat.completions.create(**asked)
        second = await sdk.chat.completions.create(**asked)
        assert first.usage is not None
        assert second.usage is not None
        assert second.usage.prompt_tokens == first.usage.prompt_tokens
        details = second.usage.prompt_tokens_details
        assert details is not None
        assert details.cached_tokens
        kept = await receipt_of(running, second.id)
        assert kept["native_tokens_cached"] == details.cached_tokens
        await _is_billed(running, second)
        await running.clean()


async def _is_billed(running: Running, answer: ChatCompletion) -> None:
    """The answer's cost is rates times usage, to the last digit, and the receipt says the same."""
    usage = answer.usage
    assert usage is not None
    nano = usage.prompt_tokens * INPUT + usage.completion_tokens * OUTPUT
    kept = await receipt_of(running, answer.id)
    row = await running.house.billing.receipt(kept["id"])
    assert (row.cost, row.owed, row.lost) == (nano, nano, 0)
    assert (usage.model_extra or {})["cost"] == kept["total_cost"] == pytest.approx(nano / 1e9)
    assert kept["tokens_prompt"] == usage.prompt_tokens
    assert kept["tokens_completion"] == usage.completion_tokens
    assert kept["usage"]["input"]["source"] == "counted"
    assert kept["usage"]["output"]["source"] == "reported"
    assert kept["outcome"] == "finished"


async def _count(running: Running, asked: dict[str, Any]) -> int:
    """The prompt's tokens as the model's provider counts them before anything runs."""
    house = running.house
    headers = [(b"authorization", b"Bearer " + running.key.encode())]
    caller = house.access.identify(headers, body_key=None, query_key=None, address="")
    request = openai_chat.parse(json.dumps(asked).encode())
    plan = house.relay.answer(caller, request, "req_counted").plan
    counted = await house.relay.providers["local"].count(house.relay.call(plan, NOISE))
    assert counted is not None
    return counted


def _text(answer: ChatCompletion) -> str:
    return answer.choices[0].message.content or ""


def _choices(answer: ChatCompletion) -> list[Any]:
    return [
        (
            choice.index,
            choice.message.content,
            choice.finish_reason,
            None if choice.logprobs is None else choice.logprobs.model_dump(),
        )
        for choice in answer.choices
    ]


def _usage(answer: ChatCompletion) -> tuple[int, int]:
    assert answer.usage is not None
    return answer.usage.prompt_tokens, answer.usage.completion_tokens
