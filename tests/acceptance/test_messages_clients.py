"""What today's Anthropic clients really send, and what they must get back. One test a habit."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import anthropic
import pytest

from tests.acceptance.asking import HELLO
from tests.acceptance.messaging import (
    KINDS,
    OLD,
    PIXEL,
    TOOL,
    Kind,
    asked,
    events,
    house,
    old_client,
    said,
    sdk,
)
from tests.api.asgi import Client, scope
from tests.support import answers, replies
from tests.support import anthropic_answers as native

BOTH = pytest.mark.parametrize("kind", KINDS)
BETAS = (
    "claude-code-20250219,interleaved-thinking-2025-05-14,context-management-2025-06-27,"
    "mid-conversation-tool-changes-2026-07-01,thinking-token-count-2026-05-13,"
    "advanced-tool-use-2025-11-20,effort-2025-11-24"
)
BILLING = "x-anthropic-billing-header: cc_version=2.1.330.7ba; cc_entrypoint=sdk-cli;"
EPHEMERAL = {"type": "ephemeral"}


def claude_code(**fields: Any) -> dict[str, Any]:
    """A request as Claude Code sends it, shortened."""
    return {
        "model": "echo",
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "read the file"}]},
            {
                "role": "system",
                "content": [{"type": "text", "text": "# Environment", "cache_control": EPHEMERAL}],
            },
        ],
        "system": [
            {"type": "text", "text": BILLING},
            {"type": "text", "text": "You are an agent.", "cache_control": EPHEMERAL},
        ],
        "tools": [
            {"name": "Read", "description": "Reads.", "input_schema": {"type": "object"}},
            {
                "name": "DeferredToolPlaceholder",
                "description": "Never call this.",
                "input_schema": {"type": "object"},
                "defer_loading": True,
            },
        ],
        "metadata": {"user_id": '{"device_id":"x","session_id":"y"}'},
        "max_tokens": 3200,
        "thinking": {"type": "adaptive", "display": "omitted"},
        "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
        "output_config": {"effort": "high"},
        "stream": True,
        **fields,
    }


@BOTH
async def test_1_a_key_is_taken_both_ways_on_both_protocols(tmp_path: Path, kind: Kind) -> None:
    async with house(kind, tmp_path) as (running, up), old_client(running) as client:
        del client.headers["x-api-key"]
        ways: list[dict[str, str]] = [
            {"x-api-key": running.key},
            {"authorization": f"Bearer {running.key}"},
            {"x-api-key": running.key, "authorization": "Bearer sk-other"},
            {"key": running.key},
        ]
        for path, body in (("/v1/messages", asked("x")), ("/v1/chat/completions", HELLO)):
            for headers in ways:
                got = await client.post(path, json=body, headers=headers)
                assert got.status_code == 200, (path, headers)
            got = await client.post(path, json={**body, "key": running.key})
            assert got.status_code == 200
            wrong = {"x-api-key": "sk-wrong", "authorization": f"Bearer {running.key}"}
            assert (await client.post(path, json=body, headers=wrong)).status_code == 401
        assert all(running.key not in str(seen) for seen in up.requests)
        await running.clean()


async def test_2_each_api_version_goes_upstream_as_it_came(tmp_path: Path) -> None:
    async with house("anthropic", tmp_path) as (running, up), old_client(running) as client:
        for version in ("2023-06-01", "2026-10-21", "2031-01-01"):
            headers = {"anthropic-version": version}
            got = await client.post("/v1/messages", json=asked("x"), headers=headers)
            assert got.status_code == 200
            assert up.requests[-1].header("anthropic-version") == version
        warm = await client.post("/v1/messages", json=asked("x", temperature=0.5))
        assert warm.status_code == 200
        assert up.requests[-1].json["temperature"] == 0.5
        new = {"anthropic-version": "2026-10-21"}
        got = await client.post("/v1/messages", json=asked("x", temperature=1.0), headers=new)
        assert got.status_code == 400
        assert got.json()["error"]["message"] == "temperature: Extra inputs are not permitted"
        await running.clean()


async def test_2_a_models_own_temperature_is_never_sent_under_a_version_that_refuses_it(
    tmp_path: Path,
) -> None:
    extra = """
[[models]]
id = "acme/warm"
defaults = { temperature = 0.3 }
price = { input = "0.35", output = "0.56" }
routes = [ { provider = "up", model = "m" } ]
"""
    async with house("anthropic", tmp_path, extra) as (running, up), old_client(running) as client:
        for version, told in (("2023-06-01", 0.3), ("2026-10-21", None)):
            body = asked("x", model="acme/warm")
            await client.post("/v1/messages", json=body, headers={"anthropic-version": version})
            assert up.requests[-1].json.get("temperature") == told
        await running.clean()


@BOTH
async def test_3_a_thread_is_refused_so_that_the_sdk_sends_everything(
    tmp_path: Path, kind: Kind
) -> None:
    async with house(kind, tmp_path) as (running, up), old_client(running) as client:
        begun = await client.post("/v1/messages", json=asked("x", thread={"type": "create"}))
        goes_on = {"type": "continue", "previous_message_id": "msg_1"}
        lost = await client.post("/v1/messages", json=asked("x", thread=goes_on))
        codes = [got.json()["error"]["details"]["error_code"] for got in (begun, lost)]
        assert codes == ["thread_unsupported_request", "thread_not_found"]
        assert [begun.status_code, lost.status_code] == [400, 400]
        assert up.requests == []
        await running.clean()


@BOTH
async def test_4_system_messages_inside_messages_stay_in_their_place(
    tmp_path: Path, kind: Kind
) -> None:
    async with house(kind, tmp_path) as (running, up), old_client(running) as client:
        turns: list[dict[str, Any]] = [
            {"role": "user", "content": "hi"},
            {"role": "system", "content": "late"},
            {"role": "assistant", "content": "well"},
            {"role": "user", "content": "go on"},
        ]
        got = await client.post("/v1/messages", json=asked(messages=turns))
        assert got.status_code == 200
        sent: Any = up.requests[0].json["messages"]
        assert [turn["role"] for turn in sent] == ["user", "system", "assistant", "user"]
        await running.clean()


@BOTH
async def test_5_streams_are_incremental(tmp_path: Path, kind: Kind) -> None:
    async with house(kind, tmp_path) as (running, up), sdk(running) as client:
        gate = asyncio.Event()
        pieces: dict[Kind, list[Any]] = {
            "openai": [answers.role(), answers.text("one"), gate, answers.text("two")],
            "anthropic": [native.started(), *[*native.text(0, "one", "two")][:2], gate],
        }
        pieces["openai"] += [answers.end(), b"data: [DONE]\n\n"]
        pieces["anthropic"] += [*[*native.text(0, "one", "two")][2:], native.ended(2)]
        pieces["anthropic"] += [native.stopped()]
        up.script(replies.stream(pieces[kind], done=False))
        async with client.messages.stream(**asked()) as stream:
            texts = aiter(stream.text_stream)
            assert await anext(texts) == "one"
            gate.set()
            assert [text async for text in texts] == ["two"]
        await running.clean()


async def test_6_cached_tokens_are_never_counted_twice(tmp_path: Path) -> None:
    async with house("openai", tmp_path) as (running, up), sdk(running) as client:
        used = answers.usage_chunk(100, 7, cached=60, reasoning=3)
        up.script(replies.stream([answers.role(), answers.text("x"), answers.end(), used]))
        async with client.messages.stream(**asked()) as stream:
            got = await stream.get_final_message()
        usage = got.usage
        assert (usage.input_tokens, usage.cache_read_input_tokens) == (40, 60)
        assert usage.cache_creation_input_tokens == 0
        assert usage.cache_creation is not None
        assert usage.output_tokens == 7
        assert usage.output_tokens_details is not None
        assert usage.output_tokens_details.thinking_tokens == 3
        kept = await running.house.billing.receipt(got.id)
        assert kept.cost == 100 * 350 + 7 * 560
        await running.clean()


@BOTH
async def test_7_every_refusal_has_the_envelope_and_the_true_status(
    tmp_path: Path, kind: Kind
) -> None:
    extra = '\n[server]\nmax_body = "2KiB"\n'
    async with house(kind, tmp_path, extra) as (running, _), old_client(running) as client:
        ok, no = json.dumps(asked("x")), json.dumps(asked("x", model="no"))
        rows: list[tuple[int, str, str, str, dict[str, str]]] = [
            (401, "authentication_error", "/v1/messages", ok, {"x-api-key": "sk-wrong"}),
            (404, "not_found_error", "/v1/messages", no, {}),
            (404, "not_found_error", "/v1/messages/batches", ok, {}),
            (413, "request_too_large", "/v1/messages", json.dumps(asked("x" * 3000)), {}),
            (400, "invalid_request_error", "/v1/messages", '{"model"', {}),
            (400, "invalid_request_error", "/v1/messages", "[1,2]", {}),
            (400, "invalid_request_error", "/v1/messages", "", {}),
            (400, "invalid_request_error", "/v1/messages/count_tokens", '""', {}),
            (
                404,
                "not_found_error",
                "/v1/messages/count_tokens",
                no,
                {},
            ),
            (401, "authentication_error", "/v1/messages/count_tokens", ok, {"x-api-key": ""}),
        ]
        for status, kind_, path, body, headers in rows:
            got = await client.post(path, content=body, headers=headers)
            assert (got.status_code, got.json()["error"]["type"]) == (status, kind_), (path, body)
            assert got.json()["type"] == "error"
            assert got.json()["request_id"] == got.headers["request-id"]
        await running.clean()


async def test_9_interleaved_calls_of_an_openai_upstream_become_blocks_one_after_the_other(
    tmp_path: Path,
) -> None:
    async with house("openai", tmp_path) as (running, up), old_client(running) as client:
        up.script(
            replies.stream(
                [
                    answers.role(),
                    answers.text("I look."),
                    answers.call(0, id="call_a", name="look", arguments='{"a"'),
                    answers.call(1, id="call_b", name="look", arguments='{"b'),
                    answers.call(0, arguments=":1}"),
                    answers.call(1, arguments='":2}'),
                    answers.call(2, id="call_c", name="look"),
                    answers.end("tool_calls"),
                ]
            )
        )
        body = asked("x", tools=[TOOL], stream=True)
        told = events((await client.post("/v1/messages", json=body)).text)
        open_at: int | None = None
        inputs: dict[int, str] = {}
        for name, data in told:
            if name == "content_block_start":
                assert open_at is None
                open_at = data["index"]
            elif name == "content_block_delta":
                assert data["index"] == open_at
                piece = data["delta"].get("partial_json", "")
                inputs[data["index"]] = inputs.get(data["index"], "") + piece
            elif name == "content_block_stop":
                assert data["index"] == open_at
                open_at = None
        assert [inputs[1], inputs[2], inputs.get(3, "")] == ['{"a":1}', '{"b":2}', "{}"]
        await running.clean()


@BOTH
async def test_10_the_public_name_and_our_ids_stand_in_every_answer(
    tmp_path: Path, kind: Kind
) -> None:
    async with house(kind, tmp_path) as (running, up), old_client(running) as client:
        got = await client.post("/v1/messages?beta=true", json=asked("x", stream=True))
        started = events(got.text)[0][1]["message"]
        assert (started["model"], started["id"][:4]) == ("acme/echo", "msg_")
        assert got.headers["request-id"] == got.headers["x-request-id"]
        assert "upstream" not in got.text
        assert up.requests[0].json["model"] == "m"
        for prefix in ("/api/v7/llm/v1", "/api/v7/llm", "/api/v1"):
            assert (await client.post(f"{prefix}/messages", json=asked("x"))).status_code == 200
        await running.clean()


@BOTH
async def test_claude_codes_own_request_is_answered(tmp_path: Path, kind: Kind) -> None:
    async with house(kind, tmp_path) as (running, up):
        async with old_client(running, **{"anthropic-beta": BETAS}) as client:
            got = await client.post("/v1/messages?beta=true", json=claude_code())
            assert got.status_code == 200, got.text
            assert events(got.text)[-1][0] == "message_stop"
            seen = up.requests[0]
            left_out = got.headers.get("x-tokenhouse-left-out")
            assert left_out == (None if kind == "anthropic" else "context_management")
            if kind == "anthropic":
                assert seen.header("anthropic-beta") == BETAS
                ours = {**claude_code(), "model": "m"}
                assert seen.json == ours
            else:
                assert BILLING not in str(seen.json)
                assert "# Environment" in str(seen.json)
                sent: Any = seen.json
                names = [tool["function"]["name"] for tool in sent["tools"]]
                assert names[0] == "Read"
                assert sent["reasoning_effort"] == "high"
        await running.clean()


@BOTH
async def test_its_title_request_with_no_tools_and_a_schema_is_answered(
    tmp_path: Path, kind: Kind
) -> None:
    schema = {"type": "object", "properties": {"title": {"type": "string"}}}
    config = {"effort": "low", "format": {"type": "json_schema", "schema": schema}}
    async with house(kind, tmp_path) as (running, up), old_client(running) as client:
        body = claude_code(tools=[], output_config=config, safeguards=[{"type": "x"}])
        got = await client.post("/v1/messages?beta=true", json=body)
        assert got.status_code == 200, got.text
        if kind == "openai":
            sent: Any = up.requests[0].json
            assert "tools" not in sent
            assert sent["response_format"]["json_schema"]["schema"] == schema
        await running.clean()


async def test_an_image_in_a_tool_result_moves_to_a_user_message_for_an_openai_upstream(
    tmp_path: Path,
) -> None:
    async with house("openai", tmp_path) as (running, up), old_client(running) as client:
        source = {"type": "base64", "media_type": "image/png", "data": PIXEL}
        result = {
            "type": "tool_result",
            "tool_use_id": "toolu_1",
            "content": [{"type": "text", "text": "a picture"}, {"type": "image", "source": source}],
        }
        use = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}}
        turns = [
            {"role": "user", "content": "look"},
            {"role": "assistant", "content": [use]},
            {"role": "user", "content": [result]},
        ]
        got = await client.post("/v1/messages", json=asked(messages=turns, tools=[TOOL]))
        assert got.status_code == 200, got.text
        sent: Any = up.requests[0].json["messages"]
        assert [turn["role"] for turn in sent] == ["user", "assistant", "tool", "user"]
        assert PIXEL not in str(sent[2])
        assert PIXEL in str(sent[3])
        assert sent[1]["tool_calls"][0]["id"] == sent[2]["tool_call_id"]
        await running.clean()


@BOTH
async def test_a_found_tool_is_offered_and_its_reference_said(tmp_path: Path, kind: Kind) -> None:
    async with house(kind, tmp_path) as (running, up), old_client(running) as client:
        use = {"type": "tool_use", "id": "toolu_1", "name": "ToolSearch", "input": {"q": "look"}}
        found = {"type": "tool_reference", "tool_name": "look"}
        result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": [found]}
        turns = [
            {"role": "user", "content": "look"},
            {"role": "assistant", "content": [use]},
            {"role": "user", "content": [result]},
        ]
        search = {"name": "ToolSearch", "description": "Finds.", "input_schema": {"type": "object"}}
        tools = [search, {**TOOL, "defer_loading": True}]
        got = await client.post("/v1/messages", json=asked(messages=turns, tools=tools))
        assert got.status_code == 200, got.text
        sent: Any = up.requests[0].json
        if kind == "openai":
            assert "look" in [tool["function"]["name"] for tool in sent["tools"]]
            assert "look" in sent["messages"][2]["content"]
        else:
            assert sent["messages"] == turns
        await running.clean()


@pytest.mark.parametrize(
    ("field", "value", "beta", "word"),
    [
        ("service_tier", "priority", "", "service_tier"),
        ("speed", "fast", "", "speed"),
        ("mcp_servers", [{"type": "url", "url": "http://x", "name": "x"}], "", "mcp_servers"),
        ("metadata", {}, "context-1m-2025-08-07", "context-1m"),
        ("tools", [{"type": "web_search_20250305", "name": "web_search"}], "", "web_search"),
    ],
)
async def test_a_word_that_changes_the_price_is_refused_by_name(
    tmp_path: Path, field: str, value: Any, beta: str, word: str
) -> None:
    async with house("anthropic", tmp_path) as (running, up):
        async with old_client(running, **({"anthropic-beta": beta} if beta else {})) as client:
            got = await client.post("/v1/messages", json=asked("x", **{field: value}))
            assert got.status_code == 400
            assert word in got.json()["error"]["message"]
        assert up.requests == []
        await running.clean()


async def test_unknown_fields_survive_to_a_native_upstream(tmp_path: Path) -> None:
    async with house("anthropic", tmp_path) as (running, up), sdk(running) as client:
        got = await client.messages.create(**asked("x"), extra_body={"brand_new": {"a": [1]}})
        assert said(got) == "You said: x"
        assert up.requests[0].json["brand_new"] == {"a": [1]}
        await running.clean()


@pytest.mark.parametrize("kind", KINDS)
async def test_an_overflow_is_told_in_the_words_that_clients_parse(
    tmp_path: Path, kind: Kind
) -> None:
    async with house(kind, tmp_path) as (running, up), sdk(running) as client:
        with pytest.raises(anthropic.BadRequestError) as over:
            await client.messages.create(**asked(max_tokens=4001))
        body: Any = over.value.body
        assert body["error"]["message"] == (
            "max_tokens: 4001 > 4000, which is the maximum allowed number of output tokens for "
            "acme/echo"
        )
        told: dict[Kind, replies.Reply] = {
            "openai": replies.error(
                400,
                "This model's maximum context length is 32000 tokens. However, you requested 33000 "
                "tokens (29000 in the messages, 4000 in the completion).",
                code="context_length_exceeded",
            ),
            "anthropic": native.error(
                400,
                "invalid_request_error",
                "input length and `max_tokens` exceed context limit: 29000 + 4000 > 32000, "
                "decrease input length or `max_tokens` and try again",
            ),
        }
        up.script(told[kind])
        with pytest.raises(anthropic.BadRequestError) as long:
            await client.messages.create(**asked(max_tokens=4000))
        body = long.value.body
        assert body["error"]["message"] == (
            "input length and `max_tokens` exceed context limit: 29000 + 4000 > 32000, decrease "
            "input length or `max_tokens` and try again"
        )
        await running.clean()


async def test_an_effort_that_an_openai_upstream_does_not_know_is_left_out(tmp_path: Path) -> None:
    async with house("openai", tmp_path) as (running, up), old_client(running) as client:
        up.script(replies.error(400, "Unrecognized request argument supplied: reasoning_effort"))
        for _ in range(2):
            got = await client.post("/v1/messages", json=claude_code(stream=False))
            assert got.status_code == 200, got.text
        efforts = [seen.json.get("reasoning_effort") for seen in up.requests]
        assert efforts == ["high", None, None]
        await running.clean()


async def test_a_silent_stream_begins_its_message_and_pings(tmp_path: Path) -> None:
    extra = "\n[server]\nkeepalive_s = 0.1\n"
    for kind in KINDS:
        async with house(kind, tmp_path / kind, extra) as (running, up):
            gate = asyncio.Event()
            spoken: dict[Kind, list[Any]] = {
                "openai": [gate, answers.role(), answers.text("late"), answers.end()],
                "anthropic": [
                    gate,
                    native.started(),
                    *native.text(0, "late"),
                    native.ended(1),
                    native.stopped(),
                ],
            }
            up.script(replies.stream(spoken[kind], done=kind == "openai"))
            client = Client(json.dumps(asked("hello there", stream=True)).encode())
            about = scope(running, "/v1/messages", anthropic_version=OLD["anthropic-version"])
            task = asyncio.create_task(running.house(about, client.receive, client.send))
            ping = b'event: ping\ndata: {"type":"ping"}\n\n'
            await client.until_sent(ping * 2)
            assert client.text.startswith(b"event: message_start\n")
            gate.set()
            await task
            told = events(client.text.decode())
            names = [name for name, _ in told if name != "ping"]
            assert names == [
                "message_start",
                "content_block_start",
                "content_block_delta",
                "content_block_stop",
                "message_delta",
                "message_stop",
            ]
            assert told[0][1]["message"]["usage"]["input_tokens"] > 0
            await running.clean()
