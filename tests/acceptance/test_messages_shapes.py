"""What clients of Messages send beyond the plain: long tool names, a coding agent's whole request."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.messaging import KINDS, PIXEL, TOOL, Kind, asked, house, old_client, sdk
from tests.support import anthropic_answers as native

LONG = "mcp__a_server_of_that_name__" + "n" * 70
EPHEMERAL = {"cache_control": {"type": "ephemeral"}}
AGENT: dict[str, Any] = {
    "model": "echo",
    "max_tokens": 3000,
    "stream": True,
    "system": [
        {"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1.330.7ba; cch=1;"},
        {"type": "text", "text": "You are an agent.", **EPHEMERAL},
    ],
    "tools": [
        {"name": "Read", "description": "Reads.", "input_schema": {"type": "object"}},
        {
            "name": "DeferredToolPlaceholder",
            "description": "Reserved.",
            "input_schema": {"type": "object"},
            "defer_loading": True,
        },
    ],
    "messages": [
        {"role": "user", "content": [{"type": "text", "text": "Look at it"}]},
        {"role": "system", "content": [{"type": "text", "text": "# Environment", **EPHEMERAL}]},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "Hm", "signature": ""},
                {"type": "tool_use", "id": "toolu_1", "name": "Read", "input": {"p": "a.png"}},
                {"type": "tool_use", "id": "toolu_2", "name": "Read", "input": {}},
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "toolu_1",
                    "content": [
                        {
                            "type": "image",
                            "source": {
                                "type": "base64",
                                "media_type": "image/png",
                                "data": PIXEL,
                            },
                        }
                    ],
                },
                {
                    "type": "tool_result",
                    "tool_use_id": "toolu_2",
                    "content": [{"type": "tool_reference", "tool_name": "WebFetch"}],
                    **EPHEMERAL,
                },
            ],
        },
        {"role": "system", "content": "Now."},
    ],
    "metadata": {"user_id": json.dumps({"device_id": "d" * 100, "session_id": "s"})},
    "thinking": {"type": "adaptive", "display": "omitted"},
    "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
    "output_config": {"effort": "high"},
    "safeguards": [{"type": "dangerous_tool_use", "classifier_context": {"paths": []}}],
}
BETAS = (
    "claude-code-20250219,interleaved-thinking-2025-05-14,context-management-2025-06-27,"
    "mid-conversation-tool-changes-2026-07-01,advanced-tool-use-2025-11-20,effort-2025-11-24"
)


async def test_a_tool_with_a_long_name_is_called_by_it_and_answered(tmp_path: Path) -> None:
    tool: dict[str, Any] = {**TOOL, "name": LONG}
    async with house("openai", tmp_path) as (running, up), sdk(running) as client:
        forced = asked(tools=[tool], tool_choice={"type": "tool", "name": LONG})
        got = await client.messages.create(**forced)
        (block,) = [block for block in got.content if block.type == "tool_use"]
        assert block.name == LONG
        assert block.id.startswith("toolu_")
        tools: Any = up.requests[0].json["tools"]
        sent = tools[0]["function"]["name"]
        assert len(sent) == 64
        result: Any = {"type": "tool_result", "tool_use_id": block.id, "content": "done"}
        history: Any = [
            *forced["messages"],
            {"role": "assistant", "content": [block.model_dump(exclude_none=True)]},
            {"role": "user", "content": [result]},
        ]
        again = asked(tools=[tool])
        again["messages"] = history
        await client.messages.create(**again)
        turns: Any = up.requests[1].json["messages"]
        assert turns[1]["tool_calls"][0]["function"]["name"] == sent
        assert turns[2]["tool_call_id"] == turns[1]["tool_calls"][0]["id"]
        await running.clean()


@pytest.mark.parametrize("kind", KINDS)
async def test_a_coding_agents_request_is_served_on_either_upstream(
    tmp_path: Path, kind: Kind
) -> None:
    async with (
        house(kind, tmp_path) as (running, up),
        old_client(running, **{"anthropic-beta": BETAS}) as client,
    ):
        answer = await client.post("/v1/messages?beta=true", json=AGENT)
        assert answer.status_code == 200, answer.text
        assert answer.text.endswith('data: {"type":"message_stop"}\n\n')
        sent: Any = up.requests[0].json
        if kind == "anthropic":
            assert up.requests[0].header("anthropic-beta") == BETAS
            assert sent["system"] == AGENT["system"]
            thought = AGENT["messages"][2]["content"][0]
            assert thought not in sent["messages"][2]["content"]
            assert sent["messages"][3:] == AGENT["messages"][3:]
        else:
            roles = [turn["role"] for turn in sent["messages"]]
            assert roles == [
                "system",
                "user",
                "system",
                "assistant",
                "tool",
                "tool",
                "user",
                "system",
            ]
            assert "billing" not in json.dumps(sent)
            assert "cache_control" not in json.dumps(sent)
            assert sent["reasoning_effort"] == "high"
        await running.clean()


async def test_a_newer_model_behind_an_anthropic_upstream_is_asked_its_own_way(
    tmp_path: Path,
) -> None:
    asked_of_it: dict[str, Any] = {
        "model": "echo",
        "max_tokens": 3000,
        "temperature": 0.5,
        "reasoning_effort": "low",
        "messages": [{"role": "user", "content": "Hello"}],
    }
    async with house("anthropic", tmp_path) as (running, up), old_client(running) as client:
        refusal = '"thinking.type.enabled" is not supported for this model'
        up.script(native.error(400, "invalid_request_error", refusal))
        for _ in range(2):
            answer = await client.post("/v1/chat/completions", json=asked_of_it)
            assert answer.status_code == 200, answer.text
        older, newer, again = (seen.json for seen in up.requests)
        assert older["thinking"] == {"type": "enabled", "budget_tokens": 2048}
        assert newer["thinking"] == {"type": "adaptive"}
        assert newer["output_config"] == {"effort": "low"}
        assert "temperature" not in newer
        assert again == newer
        await running.clean()


async def test_a_server_without_late_system_messages_gets_them_as_the_users(
    tmp_path: Path,
) -> None:
    late = {"role": "system", "content": "Now"}
    turns = [{"role": "user", "content": "a"}, late, {"role": "user", "content": "b"}]
    async with house("anthropic", tmp_path) as (running, up), old_client(running) as client:
        refusal = "messages.1.role: Input should be 'user' or 'assistant'"
        up.script(native.error(400, "invalid_request_error", refusal))
        for _ in range(2):
            answer = await client.post(
                "/v1/chat/completions", json={"model": "echo", "messages": turns}
            )
            assert answer.status_code == 200, answer.text
        first, second, third = (seen.json["messages"] for seen in up.requests)
        assert first == turns
        texts = ["a", "<system-reminder>\nNow\n</system-reminder>", "b"]
        blocks = [{"type": "text", "text": text} for text in texts]
        assert second == [{"role": "user", "content": blocks}] == third
        await running.clean()
