"""The official Anthropic SDK, unmodified, against a house on a real socket, on every kind of upstream."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import anthropic
import pytest

from tests.acceptance.messaging import (
    KINDS,
    PIXEL,
    SAID,
    TOOL,
    Kind,
    asked,
    house,
    old_client,
    plain,
    said,
    sdk,
)
from tests.support import answers, replies
from tests.support import anthropic_answers as native
from tests.support.house import Running

BOTH = pytest.mark.parametrize("kind", KINDS)


async def streamed(client: anthropic.AsyncAnthropic, fields: dict[str, Any]) -> Any:
    async with client.messages.stream(**fields) as stream:
        return await stream.get_final_message()


@BOTH
async def test_a_whole_answer_carries_its_text_usage_cost_and_public_name(
    tmp_path: Path, kind: Kind
) -> None:
    async with house(kind, tmp_path) as (running, up), sdk(running) as client:
        got = await client.messages.create(**asked())
        assert said(got) == f"You said: {SAID}"
        assert got.model == "acme/echo"
        assert got.id.startswith("msg_")
        assert got.stop_reason == "end_turn"
        cost = got.usage.input_tokens * 350 + got.usage.output_tokens * 560
        assert (got.usage.model_extra or {})["cost"] == pytest.approx(cost / 1e9)
        assert up.requests[0].json["model"] == "m"
        assert running.key not in str(up.requests[0].headers)
        await running.clean()


@BOTH
@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"max_tokens": 3},
        {"stop_sequences": ["springt"]},
        {"tools": [TOOL], "tool_choice": {"type": "tool", "name": "look"}},
        {"system": [{"type": "text", "text": "Be kind.", "cache_control": {"type": "ephemeral"}}]},
        {"thinking": {"type": "enabled", "budget_tokens": 1024}, "max_tokens": 2000},
        {"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}},
    ],
    ids=["text", "length", "stop", "tool", "cache", "thinking", "adaptive"],
)
async def test_streamed_equals_not_streamed_by_the_sdks_own_accumulator(
    tmp_path: Path, kind: Kind, fields: dict[str, Any]
) -> None:
    async with house(kind, tmp_path) as (running, _), sdk(running) as client:
        whole = await client.messages.create(**asked(**fields))
        assert plain(await streamed(client, asked(**fields))) == plain(whole)
        await running.clean()


@BOTH
async def test_a_tool_is_called_and_its_result_goes_back(tmp_path: Path, kind: Kind) -> None:
    async with house(kind, tmp_path) as (running, up), sdk(running) as client:
        fields = asked(tools=[TOOL], tool_choice={"type": "any"})
        first = await streamed(client, fields)
        call = first.content[-1]
        assert (first.stop_reason, call.type, call.name) == ("tool_use", "tool_use", "look")
        assert call.input == {"heard": SAID}
        result = {"type": "tool_result", "tool_use_id": call.id, "content": "it is round"}
        turns = [
            *fields["messages"],
            {"role": "assistant", "content": [block.model_dump() for block in first.content]},
            {"role": "user", "content": [result, {"type": "text", "text": "and now?"}]},
        ]
        second = await client.messages.create(**asked(messages=turns, tools=[TOOL]))
        assert said(second).startswith("You said: ")
        assert "it is round" in str(up.requests[-1].json)
        await running.clean()


@BOTH
async def test_images_reach_the_upstream(tmp_path: Path, kind: Kind) -> None:
    async with house(kind, tmp_path) as (running, up), sdk(running) as client:
        source = {"type": "base64", "media_type": "image/png", "data": PIXEL}
        content = [{"type": "image", "source": source}, {"type": "text", "text": "what is it?"}]
        got = await client.messages.create(**asked(messages=[{"role": "user", "content": content}]))
        assert said(got) == "You said: what is it?"
        assert PIXEL in str(up.requests[0].json)
        assert got.usage.input_tokens >= 64
        await running.clean()


async def test_thinking_passes_with_its_signature_between_client_and_a_native_upstream(
    tmp_path: Path,
) -> None:
    async with house("anthropic", tmp_path) as (running, up), sdk(running) as client:
        fields = asked(thinking={"type": "enabled", "budget_tokens": 1024}, max_tokens=2000)
        first = await streamed(client, fields)
        thought = first.content[0]
        assert thought.type == "thinking"
        assert thought.thinking == f"They said: {SAID}"
        turns = [
            *fields["messages"],
            {"role": "assistant", "content": [block.model_dump() for block in first.content]},
            {"role": "user", "content": "go on"},
        ]
        fields["messages"] = turns
        await client.messages.create(**fields)
        sent: Any = up.requests[-1].json["messages"]
        assert sent[1]["content"][0]["signature"] == thought.signature
        await running.clean()


async def test_what_another_model_reasons_is_shown_as_thinking_and_never_sent_back_as_signed(
    tmp_path: Path,
) -> None:
    async with house("openai", tmp_path) as (running, up), sdk(running) as client:
        told = [answers.role(), answers.reasoning("hm, "), answers.reasoning("well")]
        up.script(replies.stream([*told, answers.text("yes"), answers.end()]))
        got = await streamed(client, asked())
        assert [block.type for block in got.content] == ["thinking", "text"]
        assert got.content[0].thinking == "hm, well"
        turns = [
            *asked()["messages"],
            {"role": "assistant", "content": [block.model_dump() for block in got.content]},
            {"role": "user", "content": "go on"},
        ]
        await client.messages.create(**asked(messages=turns))
        assert "signature" not in str(up.requests[-1].json)
        await running.clean()


@BOTH
async def test_tokens_are_counted_without_money(tmp_path: Path, kind: Kind) -> None:
    async with house(kind, tmp_path) as (running, _), sdk(running) as client:
        before = await running.house.billing.balance(running.account.id)
        fields = asked()
        fields.pop("max_tokens")
        bare = await client.messages.count_tokens(**fields)
        fields |= {"tools": [TOOL], "system": "Be kind."}
        more = await client.messages.count_tokens(**fields)
        assert 0 < bare.input_tokens < more.input_tokens
        estimated = bool((bare.model_extra or {}).get("estimated"))
        assert estimated is (kind == "openai")
        if kind == "anthropic":
            billed = await client.messages.create(**asked())
            assert billed.usage.input_tokens == bare.input_tokens
        else:
            assert await running.house.billing.balance(running.account.id) == before
        await running.clean()


async def test_a_burst_of_counts_passes_and_an_endless_one_ends(tmp_path: Path) -> None:
    extra = "\n[server]\ncounts_per_minute = 30\n"
    async with house("anthropic", tmp_path, extra) as (running, _), sdk(running) as client:
        poor = client.with_options(api_key=await running.account_with(0, "narrow"))
        fields = asked()
        del fields["max_tokens"]
        counts = await asyncio.gather(*(poor.messages.count_tokens(**fields) for _ in range(26)))
        assert len({count.input_tokens for count in counts}) == 1
        with pytest.raises(anthropic.RateLimitError) as limited:
            await asyncio.gather(*(poor.messages.count_tokens(**fields) for _ in range(5)))
        assert int(limited.value.response.headers["retry-after"]) >= 1
        await running.clean()


async def test_a_counter_that_is_missing_or_fails_is_made_up_for_but_its_refusals_are_told(
    tmp_path: Path,
) -> None:
    async with house("anthropic", tmp_path) as (running, up), sdk(running) as client:
        fields = asked()
        del fields["max_tokens"]
        for reply in (replies.error(404), replies.error(500), replies.whole({"input_tokens": -1})):
            up.script(reply)
            count = await client.messages.count_tokens(**fields)
            assert count.model_extra == {"estimated": True}
            assert count.input_tokens > 0
        up.script(native.error(400, "invalid_request_error", "messages.0.content.0: no such thing"))
        with pytest.raises(anthropic.BadRequestError, match="no such thing"):
            await client.messages.count_tokens(**fields)
        await running.clean()


def test_the_synchronous_sdk_works_the_same(tmp_path: Path) -> None:
    async def main() -> tuple[str, str]:
        async with house("anthropic", tmp_path) as (running, _):
            return await asyncio.to_thread(_ask_twice, running)

    assert asyncio.run(main()) == (f"You said: {SAID}",) * 2


def _ask_twice(running: Running) -> tuple[str, str]:
    with anthropic.Anthropic(base_url=running.url, api_key=running.key) as client:
        whole = client.messages.create(**asked())
        with client.messages.stream(**asked()) as stream:
            return said(whole), "".join(stream.text_stream)


@BOTH
async def test_refusals_raise_the_sdks_own_errors(tmp_path: Path, kind: Kind) -> None:
    async with house(kind, tmp_path) as (running, up), sdk(running) as client:
        with pytest.raises(anthropic.AuthenticationError) as wrong:
            await client.with_options(api_key="sk-wrong").messages.create(**asked())
        assert _type(wrong.value) == "authentication_error"
        with pytest.raises(anthropic.NotFoundError) as missing:
            await client.messages.create(**asked(model="acme/ecko"))
        assert _type(missing.value) == "not_found_error"
        assert "acme/echo" in missing.value.message
        with pytest.raises(anthropic.BadRequestError) as bad:
            await client.messages.create(**asked(max_tokens=-1))
        assert "max_tokens" in bad.value.message
        poor = client.with_options(api_key=await running.account_with(0))
        with pytest.raises(anthropic.APIStatusError) as unpaid:
            await poor.messages.create(**asked())
        assert unpaid.value.status_code == 402
        assert _type(unpaid.value) == "billing_error"
        narrow = client.with_options(api_key=await running.account_with(10**10, "narrow"))
        for _ in range(3):
            await narrow.messages.create(**asked())
        with pytest.raises(anthropic.RateLimitError) as limited:
            await narrow.messages.create(**asked())
        assert int(limited.value.response.headers["retry-after"]) >= 1
        for error in (wrong.value, missing.value, bad.value, unpaid.value, limited.value):
            body: Any = error.body
            assert body["request_id"] == error.response.headers["request-id"]
        assert [seen.path for seen in up.requests if "count" not in seen.path][3:] == []
        await running.clean()


async def test_a_model_that_is_overloaded_is_529_and_may_be_asked_again(tmp_path: Path) -> None:
    async with house("anthropic", tmp_path) as (running, up), sdk(running) as client:
        up.script(replies.error(529, headers=[("retry-after", "7")]))
        with pytest.raises(anthropic.APIStatusError) as busy:
            await client.messages.create(**asked())
        assert busy.value.status_code == 529
        assert _type(busy.value) == "overloaded_error"
        assert busy.value.response.headers["retry-after"] == "7"
        await running.clean()


async def test_models_are_listed_in_the_shape_of_who_asks(tmp_path: Path) -> None:
    async with house("anthropic", tmp_path) as (running, _), sdk(running) as client:
        listed = [model async for model in client.models.list(limit=1000)]
        assert [model.id for model in listed] == ["acme/echo"]
        assert listed[0].display_name == "Echo"
        assert (await client.models.retrieve("echo")).id == "acme/echo"
        async with old_client(running) as old:
            plain_list = (await old.get("/v1/models?limit=1000")).json()
            assert plain_list["first_id"] == "acme/echo"
            del old.headers["anthropic-version"]
            assert (await old.get("/v1/models")).json()["object"] == "list"
        await running.clean()


def _type(error: anthropic.APIStatusError) -> str:
    body: Any = error.body
    assert body["type"] == "error"
    kind: str = body["error"]["type"]
    return kind
