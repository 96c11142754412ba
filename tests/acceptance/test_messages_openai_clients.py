"""The official OpenAI SDK, unmodified, on an upstream that speaks Anthropic's messages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import openai
import pytest
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion

from tests.acceptance.asking import chat, frames, http
from tests.acceptance.engine_house import sdk_of
from tests.acceptance.messaging import PIXEL, SAID
from tests.support import anthropic_answers as native
from tests.support import replies
from tests.support.house import anthropic_house, upstream_house
from tests.support.replies import Act

TOOL: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "look",
        "description": "Look at something.",
        "parameters": {"type": "object", "properties": {"heard": {"type": "string"}}},
    },
}
WAYS: dict[str, dict[str, Any]] = {
    "text": {},
    "length": {"max_tokens": 3},
    "stop": {"stop": ["springt"]},
    "tool": {"tools": [TOOL], "tool_choice": "required"},
    "temperature": {"temperature": 0.2, "top_p": 0.9},
    "effort": {"reasoning_effort": "high", "max_tokens": 4000},
}


def asked(text: str = SAID, **fields: Any) -> dict[str, Any]:
    return {"model": "echo", "messages": [{"role": "user", "content": text}], **fields}


async def accumulated(client: openai.AsyncOpenAI, fields: dict[str, Any]) -> ChatCompletion:
    options: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}}
    state = ChatCompletionStreamState()
    async for chunk in await client.chat.completions.create(**fields, **options):
        assert chunk.model == "acme/echo"
        state.handle_chunk(chunk)
    return state.current_completion_snapshot


def shown(completion: ChatCompletion) -> list[Any]:
    found: list[Any] = []
    for choice in completion.choices:
        calls = [
            (call.function.name, call.function.arguments)
            for call in choice.message.tool_calls or []
            if call.type == "function"
        ]
        found.append((choice.message.content or None, choice.finish_reason, calls))
    return found


@pytest.mark.parametrize("way", WAYS)
async def test_streamed_equals_not_streamed_by_the_sdks_own_accumulator(
    tmp_path: Path, way: str
) -> None:
    async with anthropic_house(tmp_path) as (running, up), sdk_of(running) as client:
        fields = asked(**WAYS[way])
        whole = await client.chat.completions.create(**fields)
        streamed = await accumulated(client, fields)
        assert shown(streamed) == shown(whole)
        assert (whole.usage, streamed.usage) != (None, None)
        assert streamed.usage == whole.usage
        for seen in up.requests:
            assert seen.header("anthropic-version") == "2023-06-01"
            assert seen.header("x-api-key") == "sk-upstream"
            assert seen.json["max_tokens"]
        await running.clean()


async def test_parallel_calls_come_back_in_order_and_their_results_go_as_one_turn(
    tmp_path: Path,
) -> None:
    async with anthropic_house(tmp_path) as (running, up), sdk_of(running) as client:
        up.script(
            native.stream(
                [
                    native.started(),
                    *native.text(0, "I look."),
                    *native.call(1, "look", '{"heard"', ': "a"}', call_id="toolu_1"),
                    *native.call(2, "look", call_id="toolu_2"),
                    native.ended(9, "tool_use"),
                    native.stopped(),
                ]
            )
        )
        got = await accumulated(client, asked(tools=[TOOL]))
        message = got.choices[0].message
        calls = message.tool_calls or []
        arguments = [call.function.arguments for call in calls if call.type == "function"]
        assert arguments == ['{"heard": "a"}', "{}"]
        assert got.choices[0].finish_reason == "tool_calls"
        turns = [
            *asked()["messages"],
            message.model_dump(exclude_none=True, exclude={"parsed"}),
            *({"role": "tool", "tool_call_id": call.id, "content": "seen"} for call in calls),
        ]
        await client.chat.completions.create(**asked(messages=turns, tools=[TOOL]))
        sent: Any = up.requests[-1].json["messages"]
        assert [turn["role"] for turn in sent] == ["user", "assistant", "user"]
        assert [block["type"] for block in sent[2]["content"]] == ["tool_result"] * 2
        used = [block["id"] for block in sent[1]["content"] if block["type"] == "tool_use"]
        assert used == [block["tool_use_id"] for block in sent[2]["content"]]
        await running.clean()


async def test_images_and_system_messages_reach_the_upstream(tmp_path: Path) -> None:
    async with anthropic_house(tmp_path) as (running, up), sdk_of(running) as client:
        content = [
            {"type": "text", "text": "what is it?"},
            {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}},
        ]
        turns = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": content}]
        await client.chat.completions.create(**asked(messages=turns))
        sent: Any = up.requests[0].json
        assert "Be kind." in str(sent["system"])
        assert sent["messages"][0]["content"][1]["source"]["data"] == PIXEL
        await running.clean()


async def test_cached_tokens_are_shown_inside_the_prompt_and_priced_once(tmp_path: Path) -> None:
    async with anthropic_house(tmp_path) as (running, up), sdk_of(running) as client:
        used = native.usage(100, 2, read=60, written=30)
        up.script(native.whole([{"type": "text", "text": "well then"}], "end_turn", used))
        got = await client.chat.completions.create(**asked())
        assert got.usage is not None
        assert got.usage.prompt_tokens == 100
        assert got.usage.prompt_tokens_details is not None
        assert got.usage.prompt_tokens_details.cached_tokens == 60
        kept = await running.house.billing.receipt(got.id)
        assert (kept.input, kept.cache_read, kept.cache_write, kept.output) == (10, 60, 30, 2)
        assert kept.cost == 100 * 350 + 2 * 560
        await running.clean()


async def test_what_the_upstream_has_no_word_for_is_refused_by_name(tmp_path: Path) -> None:
    async with anthropic_house(tmp_path) as (running, up), sdk_of(running) as client:
        refused_fields: dict[str, dict[str, Any]] = {
            "n": {"n": 2},
            "logprobs": {"logprobs": True},
        }
        for field, fields in refused_fields.items():
            with pytest.raises(openai.BadRequestError) as refused:
                await client.chat.completions.create(**asked(**fields))
            assert refused.value.param is not None
            assert field in refused.value.message
        assert up.requests == []
        await running.clean()


async def test_fields_that_a_translated_request_leaves_behind_are_named(tmp_path: Path) -> None:
    """gateways.md row 15: never dropped in silence, on either of OpenAI's text routes."""
    async with anthropic_house(tmp_path) as (running, up), sdk_of(running) as client:
        raw = client.chat.completions.with_raw_response
        for stream in (False, True):
            got = await raw.create(
                **asked(stream=stream, seed=1), extra_body={"web_search_options": {}, "foo": 1}
            )
            assert got.headers["x-tokenhouse-left-out"] == "foo, seed, web_search_options"
        plain = await raw.create(**asked())
        assert "x-tokenhouse-left-out" not in plain.headers
        text = client.completions.with_raw_response
        got = await text.create(model="echo", prompt="Hello", extra_body={"models": ["other"]})
        assert got.headers["x-tokenhouse-left-out"] == "models"
        assert not any({"foo", "web_search_options", "models"} & set(r.json) for r in up.requests)
    async with upstream_house(tmp_path / "native") as (running, up), sdk_of(running) as client:
        raw = client.chat.completions.with_raw_response
        got = await raw.create(**asked(seed=1), extra_body={"foo": 1})
        assert "x-tokenhouse-left-out" not in got.headers
        assert up.requests[0].json["foo"] == 1


async def test_a_stream_that_breaks_ends_in_an_error_chunk(tmp_path: Path) -> None:
    async with anthropic_house(tmp_path) as (running, up), http(running) as client:
        up.always(native.stream([native.started(), *native.text(0, "one", " two"), Act.CLOSE]))
        got = await chat(client, stream=True)
        told = frames(got.text)
        assert "[DONE]" not in told
        assert told[-1]["error"]["code"] == "upstream_cut"
        kept = await running.house.billing.receipt(got.headers["x-request-id"])
        assert (kept.outcome, kept.output) == ("failed", 2)
        # message_start said the prompt's size: no guess is needed
        assert kept.input == 5
        await running.clean()


async def test_refusals_of_the_upstream_keep_their_meaning(tmp_path: Path) -> None:
    async with anthropic_house(tmp_path) as (running, up), sdk_of(running) as client:
        up.script(native.error(429, "rate_limit_error", headers=[("retry-after", "9")]))
        with pytest.raises(openai.RateLimitError) as limited:
            await client.chat.completions.create(**asked())
        assert limited.value.response.headers["retry-after"] == "9"
        text = "prompt is too long: 210000 tokens > 200000 maximum"
        up.script(native.error(400, "invalid_request_error", text))
        with pytest.raises(openai.BadRequestError) as long:
            await client.chat.completions.create(**asked())
        assert long.value.code == "context_length_exceeded"
        up.script(replies.html(503))
        with pytest.raises(openai.InternalServerError) as busy:
            await client.chat.completions.create(**asked())
        assert "<html" not in busy.value.message
        await running.clean()
