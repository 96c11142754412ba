"""Messages requests on their way to an OpenAI-shaped provider: roles, ids, names, thoughts, documents."""

from __future__ import annotations

import json
import re
from typing import cast

import msgspec
import pytest
from hypothesis import given

from tests.wire.anthropic_bodies import IMAGE, RESULT, TOOL, USE, USER, Json, body, said
from tests.wire.conversations import conversations
from tokenhouse.chat import Conversation
from tokenhouse.errors import CallerError
from tokenhouse.wire.anthropic_messages import parse
from tokenhouse.wire.openai_chat import Target, build_upstream_body

ADAPTIVE: Json = {"type": "adaptive", "display": "omitted"}
CLEAR: Json = {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]}


def built(*messages: Json, **fields: object) -> Json:
    """``model``: the provider's name for it."""
    request = parse(body(*messages, **fields))
    return json.loads(build_upstream_body(request.conversation(), Target(request.model)))


def turns(*messages: Json, **fields: object) -> list[Json]:
    return cast("list[Json]", built(*messages, **fields)["messages"])


def text(words: str) -> Json:
    return {"type": "text", "text": words}


def test_parallel_results_become_messages_directly_behind_their_calls() -> None:
    second = USE | {"id": "toolu_2", "input": {}}
    sent = turns(
        USER,
        said(text("Well"), USE, second, role="assistant"),
        said(text("Go on"), RESULT | {"tool_use_id": "toolu_2"}, RESULT),
        tools=[TOOL],
    )
    assert sent == [
        {"role": "user", "content": "Hello"},
        {
            "role": "assistant",
            "content": "Well",
            "tool_calls": [
                {
                    "id": f"call_{n}",
                    "type": "function",
                    "function": {"name": "f", "arguments": arguments},
                }
                for n, arguments in ((1, '{"a":1}'), (2, "{}"))
            ],
        },
        {"role": "tool", "tool_call_id": "call_2", "content": "one"},
        {"role": "tool", "tool_call_id": "call_1", "content": "one"},
        {"role": "user", "content": "Go on"},
    ]


def test_a_failed_call_says_so_and_its_images_move_to_a_user_message() -> None:
    failed = RESULT | {"is_error": True, "content": [text("no"), IMAGE]}
    sent = turns(USER, said(USE, role="assistant"), said(failed), tools=[TOOL])
    assert sent[2] == {"role": "tool", "tool_call_id": "call_1", "content": "Error: no"}
    url = {"url": "https://example.org/a.png"}
    assert sent[3] == {"role": "user", "content": [{"type": "image_url", "image_url": url}]}


def test_late_system_messages_stay_and_never_part_a_call_from_its_result() -> None:
    """gateways.md rows 12 and 13."""
    late: Json = {"role": "system", "content": "# Environment"}
    sent = turns(USER, late, said(USE, role="assistant"), late, said(RESULT), tools=[TOOL])
    assert [turn["role"] for turn in sent] == ["user", "system", "assistant", "tool", "system"]


def test_a_mistral_gets_late_system_messages_as_the_users_where_it_takes_no_others() -> None:
    """gateways.md rows 12 and 24: shapes that the family's template takes, with tool history."""
    late: Json = {"role": "system", "content": "Now"}
    sent = turns(
        USER, late, said(USE, role="assistant"), said(RESULT), late,
        model="mistral-small-2503", tools=[TOOL],
    )  # fmt: skip
    assert [turn["role"] for turn in sent] == ["user", "system", "assistant", "tool", "user"]
    assert sent[4]["content"] == "<system-reminder>\nNow\n</system-reminder>"
    call = cast("list[Json]", sent[2]["tool_calls"])[0]
    assert call["id"] == sent[3]["tool_call_id"]
    assert re.fullmatch("[a-zA-Z0-9]{9}", str(call["id"]))


def test_what_only_anthropic_knows_stays_behind() -> None:
    """gateways.md rows 14, 15 and 18: nonce, cache marks, betas' fields and thoughts."""
    nonce = text("x-anthropic-billing-header: cc_version=2.1; cch=9f;")
    prompt = text("Be kind.") | {"cache_control": {"type": "ephemeral"}}
    thought: Json = {"type": "thinking", "thinking": "Hm", "signature": "EqQB=="}
    sent = built(
        USER, said(thought, text("So"), role="assistant"), USER,
        system=[nonce, prompt], tools=[], context_management=CLEAR,
        metadata={"user_id": "u" * 150},
    )  # fmt: skip
    assert sent["messages"] == [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "So"},
        {"role": "user", "content": "Hello"},
    ]
    assert sent.keys() == {"model", "messages", "user"}
    assert len(str(sent["user"])) == 64


@pytest.mark.parametrize(
    ("fields", "effort"),
    [
        ({"thinking": ADAPTIVE, "output_config": {"effort": "high"}}, "high"),
        ({"output_config": {"effort": "max"}}, "high"),
        ({"thinking": ADAPTIVE}, None),
        ({"thinking": {"type": "disabled"}}, None),
        ({"thinking": {"type": "enabled", "budget_tokens": 2000}}, "low"),
        ({"thinking": {"type": "enabled", "budget_tokens": 10_000}}, "medium"),
        ({"thinking": {"type": "enabled", "budget_tokens": 31_999}}, "high"),
    ],
)
def test_thinking_becomes_an_effort(fields: Json, effort: str | None) -> None:
    """gateways.md row 20."""
    assert built(USER, **(fields | {"max_tokens": 64_000})).get("reasoning_effort") == effort


def test_deferred_tools_are_plain_ones_and_a_reference_is_text() -> None:
    reference: Json = {"type": "tool_reference", "tool_name": "g"}
    sent = built(
        USER, said(USE, role="assistant"), said(RESULT | {"content": [reference]}),
        tools=[TOOL, TOOL | {"name": "g", "defer_loading": True}],
    )  # fmt: skip
    tools = cast("list[Json]", sent["tools"])
    assert [cast(Json, tool["function"])["name"] for tool in tools] == ["f", "g"]
    assert not any("defer" in str(tool) for tool in tools)
    answer = cast("list[Json]", sent["messages"])[2]
    assert answer["content"] == "The tool g can be called now."


def test_long_names_are_shortened_alike_wherever_they_stand() -> None:
    name = "mcp__server__" + "n" * 90
    sent = built(
        USER, said(USE | {"name": name}, role="assistant"), said(RESULT),
        tools=[TOOL | {"name": name}], tool_choice={"type": "tool", "name": name},
    )  # fmt: skip
    call = cast("list[Json]", cast("list[Json]", sent["messages"])[1]["tool_calls"])[0]
    names = {
        str(cast(Json, holder["function"])["name"])
        for holder in (call, cast("list[Json]", sent["tools"])[0], cast(Json, sent["tool_choice"]))
    }
    assert len(names) == 1
    assert len(names.pop()) == 64


def test_documents_go_as_files_or_as_text() -> None:
    pdf: Json = {"type": "base64", "media_type": "application/pdf", "data": "QUJD"}
    plain: Json = {"type": "text", "media_type": "text/plain", "data": "Once"}
    sent = turns(
        said(
            {"type": "document", "source": pdf, "title": "a.pdf"},
            {"type": "document", "source": plain, "title": "T"},
        )
    )
    data = "data:application/pdf;base64,QUJD"
    assert sent[0]["content"] == [
        {"type": "file", "file": {"file_data": data, "filename": "a.pdf"}},
        text("T\n\nOnce"),
    ]
    linked: Json = {"type": "url", "url": "https://example.org/a.pdf"}
    with pytest.raises(CallerError) as caught:
        turns(said({"type": "document", "source": linked}))
    assert caught.value.code == "unsupported"


def test_a_forced_call_and_a_format_are_asked_for_in_openais_words() -> None:
    schema: Json = {"type": "object", "additionalProperties": False}
    sent = built(
        USER, tools=[TOOL], tool_choice={"type": "any", "disable_parallel_tool_use": True},
        output_config={"format": {"type": "json_schema", "schema": schema}}, stop_sequences=["a"],
    )  # fmt: skip
    assert (sent["tool_choice"], sent["parallel_tool_calls"]) == ("required", False)
    assert sent["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": schema},
    }
    assert sent["stop"] == ["a"]


@given(conversations())
def test_results_always_follow_their_calls_directly(conversation: Conversation) -> None:
    sent = json.loads(build_upstream_body(conversation, Target("mistral-small")))["messages"]
    waiting: set[str] = set()
    for turn in cast("list[Json]", sent):
        if turn["role"] == "tool":
            waiting.remove(str(turn["tool_call_id"]))
            continue
        assert not waiting
        calls = cast("list[Json]", turn.get("tool_calls", []))
        waiting = {str(call["id"]) for call in calls}
        assert len(waiting) == len(calls)
    assert not waiting


@given(conversations())
def test_the_same_prefix_is_sent_each_turn(conversation: Conversation) -> None:
    """gateways.md row 13: a conversation that grows keeps its beginning, and so its cache."""
    whole = json.loads(build_upstream_body(conversation, Target("m")))["messages"]
    messages = conversation.messages
    for end in range(1, len(messages)):
        if messages[end].role == "assistant":
            part = msgspec.structs.replace(conversation, messages=messages[:end])
            sent = json.loads(build_upstream_body(part, Target("m")))["messages"]
            assert whole[: len(sent)] == sent
