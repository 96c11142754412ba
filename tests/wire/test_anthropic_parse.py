"""Request bodies of Messages: what is understood, what is refused and with which words."""

from __future__ import annotations

import json
from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wire.anthropic_bodies import (
    IMAGE,
    RESULT,
    SCHEMA,
    TOOL,
    USE,
    USER,
    Json,
    body,
    refused,
    said,
)
from tokenhouse.chat import (
    CallPart,
    Message,
    ResponseFormat,
    TextPart,
    Thinking,
    Tool,
    ToolChoice,
)
from tokenhouse.errors import CallerError
from tokenhouse.wire.anthropic_messages import MessagesRequest, parse, parse_count


def test_a_plain_request_is_understood() -> None:
    request = parse(body(stream=True, system="Be brief."), version="2023-06-01", betas=["x"])
    assert (request.dialect, request.model, request.max_tokens) == ("anthropic_messages", "m", 9)
    assert request.stream
    assert request.has_system
    assert (request.version, request.betas) == ("2023-06-01", ("x",))
    assert request.fields == {"model", "max_tokens", "messages", "stream", "system"}
    assert request.conversation().messages == (
        Message("system", (TextPart("Be brief."),)),
        Message("user", (TextPart("Hello"),)),
    )


def test_the_other_names_of_fields_are_understood() -> None:
    data = {"model_id": "m", "streaming": True, "messages": [USER], "max_tokens": 5, "key": "k"}
    request = parse(msgspec.json.encode(data))
    assert (request.model, request.stream, request.max_tokens) == ("m", True, 5)


def test_no_model_means_the_default_model_and_without_one_it_is_asked_for() -> None:
    data = msgspec.json.encode({"messages": [USER], "max_tokens": 1})
    assert parse(data, default_model=lambda: "d").model == "d"
    assert str(refused(data)) == "model: Field required"


def test_max_tokens_is_asked_for_but_not_to_count() -> None:
    """gateways.md row 27: a count needs no max_tokens."""
    data = msgspec.json.encode({"model": "m", "messages": [USER]})
    error = refused(data)
    assert (str(error), error.param) == ("max_tokens: Field required", "max_tokens")
    request = parse_count(data)
    assert request.max_tokens is None
    assert request.conversation() == parse(body()).conversation()


def test_what_an_answer_may_be_long_says_nothing_to_a_count() -> None:
    """Clients count what they would send, as it stands: no maximum can refuse that."""
    for asked in (0, 10**9):
        data = msgspec.json.encode({"model": "m", "messages": [USER], "max_tokens": asked})
        assert parse_count(data).max_tokens is None


def test_a_part_of_a_conversation_can_be_counted() -> None:
    lone = body(said(RESULT))
    refused(lone)
    assert parse_count(lone).conversation().messages[0].role == "tool"


def test_every_field_may_be_null_but_messages_and_max_tokens() -> None:
    names = (
        "system", "temperature", "top_p", "top_k", "stop_sequences", "tools", "tool_choice",
        "thinking", "output_config", "output_format", "metadata", "stream", "cache_control",
        "context_management", "thread", "service_tier", "container", "mcp_servers",
    )  # fmt: skip
    request = parse(body(**dict.fromkeys(names)))
    assert request.conversation() == parse(body()).conversation()


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"[1,2]", b'""', b"null", body() + b" x", body().replace(b"Hello", b"\xff\xfe"),
     body()[:-1] + b',"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}"],
)  # fmt: skip
def test_a_body_that_is_no_json_object_is_refused_as_a_whole(data: bytes) -> None:
    error = refused(data)
    assert (error.code, error.param) == ("invalid_json", None)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"max_tokens": -1}, "max_tokens: Input should be greater than or equal to 0"),
        ({"max_tokens": "7"}, "max_tokens: Input should be a valid integer"),
        ({"temperature": 1.5}, "temperature: Input should be less than or equal to 1"),
        ({"top_k": -1}, "top_k: Input should be greater than or equal to 0"),
        ({"stop_sequences": "a"}, "stop_sequences: Input should be a valid list"),
        ({"messages": []}, "messages: List should have at least 1 item"),
        ({"messages": "a"}, "messages: Input should be a valid list"),
        ({"messages": [{"role": "user"}]}, "messages.0.content: Field required"),
        ({"messages": [{"content": "a"}]}, "messages.0.role: Field required"),
        (
            {"messages": [{"role": "tool", "content": "a"}]},
            "messages.0.role: Input should be 'user' or 'assistant'",
        ),
        (
            {"messages": [{"role": "user", "content": ""}]},
            "messages.0: user messages must have non-empty content",
        ),
        ({"messages": [said({"type": "text"})]}, "messages.0.content.0.text.text: Field required"),
        (
            {"messages": [said({"type": "text", "text": 1})]},
            "messages.0.content.0.text: Input should be a valid string",
        ),
        (
            {"messages": [said({"type": "image"})]},
            "messages.0.content.0.image.source: Field required",
        ),
        (
            {"messages": [said({"type": "image", "source": {"type": "base64", "data": "QQ"}})]},
            "messages.0.content.0.image.source.base64.media_type: Field required",
        ),
        (
            {"messages": [said(USE)]},
            "messages.0.content.0: `tool_use` blocks can only be in `assistant` messages",
        ),
        ({"system": [IMAGE]}, "system.0.type: Input should be 'text'"),
        ({"tools": [{"name": "f"}]}, "tools.0.custom.input_schema: Field required"),
        ({"tools": [{"input_schema": SCHEMA}]}, "tools.0.custom.name: Field required"),
        (
            {"tools": [{"name": "a b", "input_schema": SCHEMA}]},
            "tools.0.custom.name: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'",
        ),
        ({"tools": [TOOL, TOOL]}, "tools: Tool names must be unique."),
        (
            {"tools": [TOOL], "tool_choice": {"type": "tool", "name": "g"}},
            "tool_choice.name: Tool 'g' not found in provided tools",
        ),
        (
            {"tool_choice": {"type": "any"}},
            "tool_choice: may only be specified while providing `tools`",
        ),
        (
            {"thinking": {"type": "enabled", "budget_tokens": 1000}},
            "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024",
        ),
        (
            {"thinking": {"type": "enabled", "budget_tokens": 2048}, "max_tokens": 2048},
            "thinking.enabled.budget_tokens: `max_tokens` must be greater than "
            "`thinking.budget_tokens`",
        ),
        (
            {"output_config": {"format": {"type": "json_schema"}}},
            "output_config.format.schema: Field required",
        ),
    ],
)
def test_a_fault_is_told_with_the_path_of_its_field(fields: Json, message: str) -> None:
    assert str(refused(body(**fields))) == message


def test_interleaved_thinking_may_have_a_budget_over_max_tokens() -> None:
    data = body(thinking={"type": "enabled", "budget_tokens": 4096})
    refused(data)
    request = parse(data, betas=["interleaved-thinking-2025-05-14"])
    assert request.thinking_tokens == 4096


def test_unknown_fields_betas_and_versions_are_tolerated() -> None:
    """gateways.md row 15: an unknown top-level field is no reason to refuse."""
    data = body(context_management={"edits": [{"type": "clear_thinking_20251015"}]}, x_odd=[1])
    request = parse(data, version="2031-01-01", betas=["no-such-beta-2030-01-01"])
    assert request.conversation() == parse(body()).conversation()


def test_a_thread_is_refused_so_that_the_client_sends_everything() -> None:
    error = refused(body(thread={"type": "create"}))
    assert (error.code, error.param) == ("thread_unsupported_request", "thread")
    error = refused(body(thread={"type": "continue", "previous_message_id": "msg_1"}))
    assert error.code == "thread_not_found"


def test_thinking_and_effort_are_never_refused() -> None:
    """gateways.md row 20: adaptive thinking and budgets are understood for every model."""
    adaptive = parse(
        body(thinking={"type": "adaptive", "display": "omitted"}, output_config={"effort": "high"})
    ).conversation()
    assert adaptive.thinking == Thinking("adaptive", None, "omitted")
    assert adaptive.effort == "high"
    for budget, effort in ((1024, "low"), (8192, "medium"), (32000, "high")):
        thinking = {"type": "enabled", "budget_tokens": budget}
        conversation = parse(body(thinking=thinking, max_tokens=64000)).conversation()
        assert conversation.effort == effort
    assert parse(body(thinking={"type": "disabled"})).conversation().effort == "none"


def test_tools_and_their_choice_are_understood() -> None:
    deferred = TOOL | {"name": "g", "defer_loading": True, "cache_control": {"type": "ephemeral"}}
    request = parse(
        body(
            tools=[TOOL, deferred],
            tool_choice={"type": "tool", "name": "f", "disable_parallel_tool_use": True},
        )
    )
    conversation = request.conversation()
    assert request.has_tools
    assert conversation.tools == (
        Tool("f", "F.", b'{"type":"object"}'),
        Tool("g", "F.", b'{"type":"object"}', deferred=True, cache="5m"),
    )
    assert conversation.tool_choice == ToolChoice("named", "f")
    assert not conversation.parallel_tool_calls
    for kind, mode in (("auto", "auto"), ("any", "required"), ("none", "none")):
        conversation = parse(body(tools=[TOOL], tool_choice={"type": kind})).conversation()
        assert conversation.tool_choice.mode == mode


def test_a_clients_own_tools_become_functions_and_hosted_ones_can_not() -> None:
    request = parse(body(tools=[{"type": "bash_20250124", "name": "bash"}]))
    (tool,) = request.conversation().tools
    assert (tool.name, b'"command"' in tool.schema) == ("bash", True)
    assert request.sizes.text_bytes > 1000  # its schema stands in no byte of the body
    hosted = parse(body(tools=[{"type": "web_search_20250305", "name": "web_search"}]))
    with pytest.raises(CallerError) as caught:
        hosted.conversation()
    assert (caught.value.param, caught.value.code) == ("tools.0", "unsupported")


def test_the_format_of_the_output_is_understood_in_both_places() -> None:
    shape = {"type": "json_schema", "schema": {"type": "object"}}
    wanted = ResponseFormat("json_schema", b'{"type":"object"}')
    for fields in ({"output_config": {"format": shape}}, {"output_format": shape}):
        assert parse(body(**fields)).conversation().response_format == wanted


WORDS = st.text(min_size=1, max_size=20)


@given(WORDS, WORDS, st.dictionaries(WORDS, st.integers() | WORDS, max_size=4))
def test_the_sizes_bound_what_a_model_is_told(text: str, described: str, values: Json) -> None:
    tool = TOOL | {"description": described, "input_schema": {"type": "object", "title": text}}
    use = USE | {"input": values}
    request = parse(
        body(
            {"role": "user", "content": text},
            said(use, role="assistant"),
            said(RESULT),
            tools=[tool],
        )
    )
    conversation = request.conversation()
    told = len(text.encode()) + len("one") + len(described.encode())
    told += len(conversation.tools[0].schema)
    call = conversation.messages[1].parts[0]
    assert isinstance(call, CallPart)
    written: object = msgspec.json.decode(call.call.arguments)
    loose = len(json.dumps(written, ensure_ascii=False).encode("utf-8", "surrogatepass"))
    assert request.sizes.text_bytes + 2 * request.sizes.schema_bytes >= told + loose


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["type", "text", "source", "content", "id", "name", "input", "tool_use_id", "role",
             "thinking", "data", "url", "media_type", "tool", "cache_control"]
        ),
        inner | st.sampled_from(["text", "image", "document", "tool_use", "tool_result", "user",
                                 "assistant", "system", "thinking", "base64", "url", "content"]),
        max_size=5,
    ),
    max_leaves=12,
)  # fmt: skip


@given(
    st.sampled_from(["messages", "system", "tools", "tool_choice", "thinking", "output_config"]),
    JSON,
)
def test_whatever_is_sent_is_understood_or_refused(field: str, value: object) -> None:
    with suppress(CallerError):
        request = parse(body(**{field: value}))
        assert isinstance(request, MessagesRequest)
        request.conversation()
