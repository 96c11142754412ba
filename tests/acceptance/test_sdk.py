"""The official OpenAI SDK, unmodified, against a house on a real socket."""

from __future__ import annotations

import asyncio
from pathlib import Path

import openai
import pytest
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion

from tests.support import answers, replies
from tests.support.house import Running, upstream_house

SAID = 'Ein naïver 🦊 springt über 日本語 und "quotes" \\ back'


def client(running: Running) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=f"{running.url}/v1", api_key=running.key, max_retries=0)


async def test_a_whole_answer_carries_its_text_usage_cost_and_public_name(tmp_path: Path) -> None:
    async with upstream_house(tmp_path) as (running, up), client(running) as sdk:
        got = await sdk.chat.completions.create(
            model="acme/echo", messages=[{"role": "user", "content": SAID}]
        )
        assert got.choices[0].message.content == f"You said: {SAID}"
        assert got.model == "acme/echo"
        assert got.id.startswith("chatcmpl-")
        assert got.usage is not None
        cost = got.usage.prompt_tokens * 350 + got.usage.completion_tokens * 560
        assert (got.usage.model_extra or {})["cost"] == pytest.approx(cost / 1e9)
        assert up.requests[0].json["model"] == "m"
        assert up.requests[0].header("authorization") == "Bearer sk-upstream"
        await running.clean()


@pytest.mark.parametrize("n", [1, 2])
async def test_streamed_equals_not_streamed_by_the_sdks_own_accumulator(
    tmp_path: Path, n: int
) -> None:
    async with upstream_house(tmp_path) as (running, _), client(running) as sdk:
        whole = await sdk.chat.completions.create(
            model="echo", messages=[{"role": "user", "content": SAID}], n=n
        )
        stream = await sdk.chat.completions.create(
            model="echo",
            messages=[{"role": "user", "content": SAID}],
            n=n,
            stream=True,
            stream_options={"include_usage": True},
        )
        state = ChatCompletionStreamState()
        async for chunk in stream:
            assert chunk.model == "acme/echo"
            state.handle_chunk(chunk)
        streamed = state.get_final_completion()
        assert _content(streamed) == _content(whole)
        assert streamed.usage is not None
        assert whole.usage is not None
        assert streamed.usage.total_tokens == whole.usage.total_tokens
        assert (streamed.usage.model_extra or {})["cost"] == (whole.usage.model_extra or {})["cost"]
        await running.clean()


async def test_usage_is_hidden_from_a_stream_that_did_not_ask(tmp_path: Path) -> None:
    """Row 43: usage is asked of the upstream whatever the client asked for."""
    async with upstream_house(tmp_path) as (running, up), client(running) as sdk:
        stream = await sdk.chat.completions.create(
            model="echo", messages=[{"role": "user", "content": "hello"}], stream=True
        )
        async for chunk in stream:
            assert chunk.usage is None
            assert chunk.choices
        options = up.requests[0].json["stream_options"]
        assert options == {"include_usage": True}
        await running.clean()


def test_the_synchronous_sdk_works_the_same(tmp_path: Path) -> None:
    async def main() -> tuple[str | None, str]:
        async with upstream_house(tmp_path) as (running, _):
            return await asyncio.to_thread(_ask_twice, running)

    whole, streamed = asyncio.run(main())
    assert whole == streamed == f"You said: {SAID}"


async def test_tool_calls_pass_whole_and_in_pieces(tmp_path: Path) -> None:
    async with upstream_house(tmp_path) as (running, up), client(running) as sdk:
        up.script(
            replies.stream(
                [
                    answers.role(content=None),
                    answers.call(0, id="call_a", name="f", arguments=""),
                    answers.call(0, arguments='{"x"'),
                    answers.call(1, id="call_b", name="g", arguments="{}"),
                    answers.call(0, arguments=": 1}"),
                    answers.end("tool_calls"),
                    answers.usage_chunk(7, 9),
                ]
            )
        )
        stream = await sdk.chat.completions.create(
            model="echo",
            messages=[{"role": "user", "content": "call"}],
            tools=[{"type": "function", "function": {"name": "f", "parameters": {}}}],
            stream=True,
        )
        state = ChatCompletionStreamState()
        async for chunk in stream:
            state.handle_chunk(chunk)
        calls = state.get_final_completion().choices[0].message.tool_calls or []
        told = [
            (c.id, c.function.name, c.function.arguments) for c in calls if c.type == "function"
        ]
        assert told == [("call_a", "f", '{"x": 1}'), ("call_b", "g", "{}")]
        await running.clean()


async def test_wrong_keys_unknown_models_and_rate_limits_raise_the_sdks_own_errors(
    tmp_path: Path,
) -> None:
    async with upstream_house(tmp_path) as (running, up), client(running) as sdk:
        with pytest.raises(openai.AuthenticationError) as refused:
            await sdk.with_options(api_key="sk-wrong").chat.completions.create(
                model="echo", messages=[{"role": "user", "content": "x"}]
            )
        assert refused.value.code == "invalid_api_key"
        with pytest.raises(openai.NotFoundError) as missing:
            await sdk.chat.completions.create(
                model="acme/ecko", messages=[{"role": "user", "content": "x"}]
            )
        assert missing.value.code == "model_not_found"
        assert "acme/echo" in missing.value.message
        poor = await running.account_with(0)
        with pytest.raises(openai.APIStatusError) as unpaid:
            await sdk.with_options(api_key=poor).chat.completions.create(
                model="echo", messages=[{"role": "user", "content": "x"}]
            )
        assert unpaid.value.status_code == 402
        assert "can only afford 0" in unpaid.value.message
        narrow = sdk.with_options(api_key=await running.account_with(10**10, "narrow"))
        for _ in range(3):
            await narrow.chat.completions.create(
                model="echo", messages=[{"role": "user", "content": "x"}]
            )
        with pytest.raises(openai.RateLimitError) as limited:
            await narrow.chat.completions.create(
                model="echo", messages=[{"role": "user", "content": "x"}]
            )
        assert int(limited.value.response.headers["retry-after"]) >= 1
        assert len(up.requests) == 3
        await running.clean()


async def test_models_are_listed_and_found_by_every_name(tmp_path: Path) -> None:
    async with upstream_house(tmp_path) as (running, _), client(running) as sdk:
        listed = [model.id async for model in sdk.models.list()]
        assert listed == ["acme/echo"]
        for name in ("acme/echo", "acme-echo", "echo"):
            assert (await sdk.models.retrieve(name)).id == "acme/echo"


async def test_the_receipt_is_found_by_either_id(tmp_path: Path) -> None:
    async with upstream_house(tmp_path) as (running, _), client(running) as sdk:
        raw = await sdk.chat.completions.with_raw_response.create(
            model="echo", messages=[{"role": "user", "content": "one two three"}]
        )
        got = raw.parse()
        for wanted in (got.id, raw.headers["x-request-id"]):
            found = await sdk.with_options(base_url=f"{running.url}/api/v1").get(
                f"/generation?id={wanted}", cast_to=object
            )
            receipt = found["data"]  # type: ignore[index]
            assert receipt["total_cost"] == (got.usage.model_extra or {})["cost"]  # type: ignore[union-attr]
            assert receipt["outcome"] == "finished"
            assert receipt["usage"]["output"] == {"tokens": 5, "source": "reported"}
            assert receipt["attempts"][0]["provider"] == "up"


def _ask_twice(running: Running) -> tuple[str | None, str]:
    with openai.OpenAI(base_url=f"{running.url}/v1", api_key=running.key) as sdk:
        whole = sdk.chat.completions.create(
            model="echo", messages=[{"role": "user", "content": SAID}]
        )
        pieces = [
            chunk.choices[0].delta.content or ""
            for chunk in sdk.chat.completions.create(
                model="echo", messages=[{"role": "user", "content": SAID}], stream=True
            )
        ]
    return whole.choices[0].message.content, "".join(pieces)


def _content(completion: ChatCompletion) -> list[tuple[str | None, str]]:
    return [(choice.message.content, choice.finish_reason) for choice in completion.choices]


async def test_the_older_completions_route_speaks_its_own_shape(tmp_path: Path) -> None:
    async with upstream_house(tmp_path) as (running, _), client(running) as sdk:
        whole = await sdk.completions.create(model="echo", prompt="once upon", max_tokens=20)
        assert whole.object == "text_completion"
        assert whole.choices[0].text == "You said: once upon"
        stream = await sdk.completions.create(model="echo", prompt="once upon", stream=True)
        told = [chunk async for chunk in stream]
        assert "".join(chunk.choices[0].text for chunk in told) == "You said: once upon"
        await running.clean()
