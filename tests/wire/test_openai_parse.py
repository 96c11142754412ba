"""Request bodies of chat completions: what is understood, what is refused and with which words."""

from __future__ import annotations

from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenhouse.chat import (
    CallPart,
    ImagePart,
    Message,
    OpaquePart,
    ReasoningPart,
    ResultPart,
    TextPart,
    ToolChoice,
)
from tokenhouse.errors import CallerError
from tokenhouse.wire import body_key
from tokenhouse.wire.openai_chat import PRICED, ChatRequest, parse, priced_words

USER = {"role": "user", "content": "Hello"}
CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}


def body(**fields: object) -> bytes:
    return msgspec.json.encode({"model": "m", "messages": [USER]} | fields)


def refused(data: bytes) -> CallerError:
    with pytest.raises(CallerError) as caught:
        parse(data)
    assert caught.value.status == 400
    return caught.value


def test_a_plain_request_is_understood() -> None:
    request = parse(body(stream=True, max_tokens=7, stream_options={"include_usage": True}))
    assert (request.model, request.stream, request.include_usage) == ("m", True, True)
    assert (request.max_tokens, request.n, request.dialect) == (7, 1, "openai_chat")
    assert request.fields == {"model", "messages", "stream", "max_tokens", "stream_options"}
    assert request.conversation().messages == (Message("user", (TextPart("Hello"),)),)


def test_the_other_names_of_fields_are_understood() -> None:
    request = parse(
        msgspec.json.encode(
            {"model_id": "m", "streaming": True, "messages": [USER], "max_completion_tokens": 5}
        )
    )
    assert (request.model, request.stream, request.max_tokens) == ("m", True, 5)


def test_the_smaller_of_two_max_tokens_counts() -> None:
    assert parse(body(max_tokens=9, max_completion_tokens=5)).max_tokens == 5
    assert parse(body(max_tokens=4, max_completion_tokens=5)).max_tokens == 4


def test_no_model_means_the_default_model_and_without_one_it_is_asked_for() -> None:
    data = msgspec.json.encode({"messages": [USER]})
    assert parse(data, default_model=lambda: "d").model == "d"
    assert refused(data).param == "model"


def test_null_is_the_same_as_absent() -> None:
    names = set(msgspec.json.decode(body())) | {
        "temperature", "stop", "tools", "stream", "n", "max_tokens", "response_format", "user",
        "tool_choice", "logit_bias", "seed", "stream_options", "metadata", "store",
    }  # fmt: skip
    data = msgspec.json.encode(dict.fromkeys(names) | {"model": "m", "messages": [USER]})
    assert parse(data).conversation() == parse(body()).conversation()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b'{"model":',
        b"[1,2]",
        b'""',
        b"null",
        body() + b" x",
        body()[:-1] + b',"temperature":NaN}',
        body()[:-1] + b',"temperature":Infinity}',
        body().replace(b"Hello", b"\xff\xfe"),
        body()[:-1] + b',"x":"\xff"}',
        body()[:-1] + b',"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        body().replace(b"Hello", b"a\nb"),
        body().replace(b"Hello", b"\\ud800"),
    ],
)
def test_a_body_that_is_no_json_object_is_refused_as_a_whole(data: bytes) -> None:
    error = refused(data)
    assert (error.code, error.param) == ("invalid_json", None)


@pytest.mark.parametrize("half", [r"\ud83d", r"\udca9", r"\ud83d\ud83d", r"\uD83Dx"])
def test_half_a_character_is_called_so(half: str) -> None:
    error = refused(body().replace(b"Hello", f"a {half} b".encode()))
    assert error.code == "invalid_json"
    assert f"{half[:6]} is half of a character" in str(error)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": -5}, "max_tokens"),
        ({"max_tokens": "7"}, "max_tokens"),
        ({"max_tokens": 1.5}, "max_tokens"),
        ({"max_tokens": True}, "max_tokens"),
        ({"temperature": 2.1}, "temperature"),
        ({"temperature": -0.1}, "temperature"),
        ({"temperature": "hot"}, "temperature"),
        ({"top_p": 1.01}, "top_p"),
        ({"min_p": -1}, "min_p"),
        ({"n": 0}, "n"),
        ({"n": 129}, "n"),
        ({"presence_penalty": 3}, "presence_penalty"),
        ({"frequency_penalty": -2.5}, "frequency_penalty"),
        ({"repetition_penalty": 0}, "repetition_penalty"),
        ({"seed": "x"}, "seed"),
        ({"stop": 5}, "stop"),
        ({"stop": ["a"] * 17}, "stop"),
        ({"stop": ["a", 5]}, "stop[1]"),
        ({"logit_bias": {"1": 101}}, "logit_bias[...]"),
        ({"logit_bias": {"word": 1}}, "logit_bias"),
        ({"logprobs": 1}, "logprobs"),
        ({"logprobs": True, "top_logprobs": 21}, "top_logprobs"),
        ({"top_logprobs": 2}, "top_logprobs"),
        ({"stream": "yes"}, "stream"),
        ({"streaming": 1}, "streaming"),
        ({"stream_options": {"include_usage": 1}}, "stream_options.include_usage"),
        ({"model": 5}, "model"),
        ({"model_id": []}, "model_id"),
        ({"user": 5}, "user"),
        ({"store": "no"}, "store"),
        ({"metadata": []}, "metadata"),
        ({"tools": {}}, "tools"),
        ({"tools": [5]}, "tools[0]"),
        ({"tools": [{"type": "function"}]}, "tools[0].function"),
        ({"tools": [{"type": "function", "function": {}}]}, "tools[0].function.name"),
        ({"tools": [TOOL, TOOL]}, "tools[1].function.name"),
        ({"tools": [{"function": {"name": "a b"}}]}, "tools[0].function.name"),
        ({"tools": [{"function": {"name": "a.b"}}]}, "tools[0].function.name"),
        ({"tools": [{"function": {"name": "a" * 65}}]}, "tools[0].function.name"),
        (
            {"tools": [{"function": {"name": "a", "parameters": []}}]},
            "tools[0].function.parameters",
        ),
        ({"functions": [{"name": ""}]}, "functions[0].name"),
        ({"tools": [TOOL], "tool_choice": "maybe"}, "tool_choice"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"tools": [TOOL], "tool_choice": {"type": "function"}}, "tool_choice.function"),
        (
            {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "g"}}},
            "tool_choice.function.name",
        ),
        ({"response_format": "json"}, "response_format"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "x"}}},
            "response_format.json_schema.schema",
        ),
        ({"parallel_tool_calls": "no"}, "parallel_tool_calls"),
    ],
)
def test_a_field_of_a_wrong_type_or_range_is_named(fields: dict[str, object], param: str) -> None:
    error = refused(body(**fields))
    assert error.param == param
    assert error.code != "invalid_json"
    assert param.split("[...]")[0] in error.message


@pytest.mark.parametrize(
    ("messages", "param"),
    [
        ([], "messages"),
        ("hello", "messages"),
        ([5], "messages[0]"),
        ([{"content": "x"}], "messages[0].role"),
        ([{"role": "wizard", "content": "x"}], "messages[0].role"),
        ([USER, {"role": 5, "content": "x"}], "messages[1].role"),
        ([{"role": "user"}], "messages[0].content"),
        ([{"role": "user", "content": None}], "messages[0].content"),
        ([{"role": "user", "content": 5}], "messages[0].content"),
        ([{"role": "user", "content": []}], "messages[0].content"),
        ([{"role": "user", "content": [5]}], "messages[0].content[0]"),
        ([{"role": "user", "content": [{"text": "x"}]}], "messages[0].content[0].type"),
        ([{"role": "user", "content": [{"type": "text"}]}], "messages[0].content[0].text"),
        (
            [{"role": "user", "content": [{"type": "image_url"}]}],
            "messages[0].content[0].image_url",
        ),
        (
            [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": 5}}]}],
            "messages[0].content[0].image_url.url",
        ),
        ([{"role": "assistant"}], "messages[0].content"),
        ([{"role": "tool", "content": "x"}], "messages[0].tool_call_id"),
        ([{"role": "tool", "content": "x", "tool_call_id": "a"}], "messages[0].tool_call_id"),
        ([{"role": "function", "content": "x", "name": "f"}], "messages[0].name"),
        (
            [{"role": "assistant", "tool_calls": [CALL, CALL]}],
            "messages[0].tool_calls[1].id",
        ),
        (
            [{"role": "assistant", "tool_calls": [{"id": "a"}]}],
            "messages[0].tool_calls[0].function",
        ),
        (
            [
                {"role": "assistant", "tool_calls": [CALL]},
                {"role": "tool", "content": "x", "tool_call_id": "call_1"},
                {"role": "tool", "content": "x", "tool_call_id": "call_1"},
            ],
            "messages[2].tool_call_id",
        ),
    ],
)
def test_a_wrong_message_is_named(messages: object, param: str) -> None:
    assert refused(body(messages=messages)).param == param


def test_an_absurd_max_tokens_is_huge_but_does_not_overflow() -> None:
    assert parse(body().replace(b"}", b"}", 1)[:-1] + b',"max_tokens":1' + b"0" * 30 + b"}")
    request = parse(body()[:-1] + b',"max_tokens":1' + b"0" * 30 + b"}")
    assert request.max_tokens == 2**31 - 1
    assert refused(body()[:-1] + b',"max_tokens":1' + b"0" * 5000 + b"}").param == "max_tokens"


def test_ten_thousand_messages_are_a_request() -> None:
    messages = [USER, {"role": "assistant", "content": "Hi"}] * 5_000
    assert len(parse(body(messages=messages)).conversation().messages) == 10_000


def test_tools_and_their_results_become_calls_and_results() -> None:
    messages = [
        {"role": "system", "content": "Be brief."},
        USER,
        {"role": "assistant", "content": None, "reasoning_content": "hm", "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "call_1", "content": [{"type": "text", "text": "42"}]},
        {"role": "assistant", "content": "", "function_call": {"name": "g", "arguments": "[]"}},
        {"role": "function", "name": "g", "content": "7"},
    ]
    request = parse(body(messages=messages, tools=[TOOL], tool_choice={"function": {"name": "f"}}))
    conversation = request.conversation()
    assert request.has_tools
    assert request.has_system
    assert conversation.tool_choice == ToolChoice("named", "f")
    assert conversation.tools[0].schema == b'{"type":"object"}'
    called = conversation.messages[2].parts
    assert called[0] == ReasoningPart("hm")
    assert isinstance(called[1], CallPart)
    assert conversation.messages[3].parts == (ResultPart("call_1", (TextPart("42"),)),)
    old = conversation.messages[4].parts[1]
    assert isinstance(old, CallPart)
    assert conversation.messages[5].parts == (ResultPart(old.call.id, (TextPart("7"),)),)


def test_images_count_as_images_and_not_as_text() -> None:
    url = "data:image/png;base64," + "A" * 10_000
    parts = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": url, "detail": "low"}},
        {"type": "image_url", "image_url": "https://example.org/a.png"},
    ]
    request = parse(body(messages=[{"role": "user", "content": parts}]))
    assert request.sizes.images == 2
    assert request.sizes.text_bytes < 400
    assert request.conversation().messages[0].parts[1:] == (
        ImagePart(url, "low"),
        ImagePart("https://example.org/a.png"),
    )


@given(st.text(), st.lists(st.text(), max_size=3))
def test_the_sizes_bound_the_bytes_of_all_text(text: str, more: list[str]) -> None:
    texts = [t.encode("utf-8", "replace").decode() for t in (text, *more)]
    tools = [{"function": {"name": "f", "description": texts[0]}}]
    request = parse(body(messages=[{"role": "user", "content": t} for t in texts], tools=tools))
    assert request.sizes.text_bytes >= sum(len(t.encode()) for t in texts)
    assert request.sizes.schema_bytes >= len(texts[0].encode())


def test_a_part_of_an_unknown_kind_keeps_its_json() -> None:
    raw = b'{"type": "input_audio","input_audio":{"data":"AA==", "format":"wav"}}'
    data = b'{"model":"m","messages":[{"role":"user","content":[%b]}]}' % raw
    part = parse(data).conversation().messages[0].parts[0]
    assert part == OpaquePart("input_audio", raw)


def test_a_prefix_is_continued() -> None:
    messages = [USER, {"role": "assistant", "content": "{", "prefix": True}]
    assert parse(body(messages=messages)).conversation().continue_last
    assert not parse(body(messages=[USER])).conversation().continue_last


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"modalities": ["text", "audio"]}, "modalities"),
        ({"tools": [{"type": "web_search"}]}, "tools[0]"),
        ({"response_format": {"type": "grammar"}}, "response_format.type"),
    ],
)
def test_what_a_conversation_cannot_carry_is_refused_when_it_is_built(
    fields: dict[str, object], param: str
) -> None:
    request = parse(body(**fields))
    with pytest.raises(CallerError) as caught:
        request.conversation()
    assert caught.value.param == param


@pytest.mark.parametrize("word", sorted(word for word in PRICED if "." not in word))
def test_a_priced_word_is_named_unless_it_is_allowed(word: str) -> None:
    value: object = ["text", "audio"] if word == "modalities" else 7
    value = {"store": True, "service_tier": "flex"}.get(word, value)
    request = parse(body(**{word: value}))
    assert priced_words(request) == word
    assert priced_words(request, {word}) is None
    assert priced_words(parse(body(**{word: None}))) is None


def test_priced_words_stand_below_the_top_level_too() -> None:
    file = {"type": "file", "file": {"file_id": "file-1"}}
    cached = {"type": "text", "text": "x", "cache_control": {"type": "ephemeral", "ttl": "1h"}}
    audio = {"role": "assistant", "audio": {"id": "audio_1"}}

    def first(**fields: object) -> str | None:
        return priced_words(parse(body(**fields)))

    assert first(messages=[{"role": "user", "content": [file]}]) == "file.file_id"
    assert first(messages=[{"role": "user", "content": [cached]}]) == "cache_control.ttl"
    assert first(messages=[USER, audio]) == "audio.id"
    assert first(tools=[{"type": "web_search"}]) == "web_search"
    video = {"type": "video_url", "video_url": {"url": "https://example.org/long.mp4"}}
    assert first(messages=[{"role": "user", "content": [video]}]) == "video_url"
    spoken = {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}}
    assert first(messages=[{"role": "user", "content": [spoken]}]) is None
    assert first(service_tier="auto", store=False, modalities=["text"]) is None


def test_the_body_key_is_read_alone() -> None:
    assert body_key(b'{"x":[1,{"key":"no"}],"key":"yes"}') == "yes"
    for data in (b"", b"{", b"[]", b'{"key":5}', b'{"key":""}', b"\xff", b"{}", b"[" * 99_999):
        assert body_key(data) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
NAMES = st.sampled_from(
    ["role", "content", "type", "text", "image_url", "tool_calls", "tool_call_id", "function",
     "name", "audio", "prefix", "id", "url"]
)  # fmt: skip
VALUES = JSON | st.sampled_from(["user", "assistant", "tool", "text", "image_url", "f", "function"])
SHAPES = st.recursive(
    VALUES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner), max_leaves=20
)


@given(st.dictionaries(st.sampled_from(["messages", "tools", "model", "stop", "n"]), SHAPES))
def test_no_shape_raises_anything_but_our_errors(value: dict[str, object]) -> None:
    with suppress(CallerError):
        request: ChatRequest = parse(msgspec.json.encode(value), default_model=lambda: "m")
        priced_words(request)
        request.conversation()


@given(st.binary(max_size=60))
def test_no_bytes_raise_anything_but_our_errors(data: bytes) -> None:
    for text in (data, body()[:-1] + data + b"}", body().replace(b"Hello", data)):
        with suppress(CallerError):
            parse(text).conversation()
