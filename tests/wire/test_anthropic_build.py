"""Conversations of another dialect as Messages bodies."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import cast

import msgspec
import pytest
from hypothesis import given

from tests.wire.conversations import conversations
from tokenhouse.chat import (
    Call,
    CallPart,
    Conversation,
    ImagePart,
    Message,
    OpaquePart,
    ReasoningPart,
    ResponseFormat,
    ResultPart,
    Sampling,
    TextPart,
    Tool,
    ToolChoice,
)
from tokenhouse.errors import CallerError
from tokenhouse.wire import openai_chat
from tokenhouse.wire.anthropic_messages import build_count_body, build_upstream_body, parse

Json = dict[str, object]
HELLO = Message("user", (TextPart("Hello"),))
HI = Message("assistant", (TextPart("Hi"),))
F = Tool("f", "F.", b'{"type":"object"}')


def built(
    *messages: Message,
    max_tokens: int = 100,
    version: str = "2023-06-01",
    defaults: dict[str, float] | None = None,
    **fields: object,
) -> Json:
    conversation = msgspec.structs.replace(Conversation(messages=messages or (HELLO,)), **fields)
    return json.loads(
        build_upstream_body(
            conversation, model="up", max_tokens=max_tokens, version=version, defaults=defaults
        )
    )


def turns_of(*messages: Message, **fields: object) -> list[Json]:
    return cast("list[Json]", built(*messages, **fields)["messages"])  # pyright: ignore[reportArgumentType]


def calls(*ids: str, arguments: str = "{}") -> Message:
    return Message("assistant", tuple(CallPart(Call(one, "f", arguments)) for one in ids))


def result(call_id: str, text: str = "one") -> Message:
    return Message("tool", (ResultPart(call_id, (TextPart(text),)),))


@given(conversations())
def test_what_is_built_is_understood_as_the_same_conversation(conversation: Conversation) -> None:
    body = build_upstream_body(conversation, model="m", max_tokens=100_000)
    assert parse(body).conversation() == conversation


@given(conversations())
def test_a_built_conversation_alternates_and_answers_every_call_at_once(
    conversation: Conversation,
) -> None:
    body = json.loads(build_upstream_body(conversation, model="m", max_tokens=100_000))
    roles = [message["role"] for message in body["messages"]]
    assert roles[0] == "user"
    assert all(one != other for one, other in pairwise(roles))
    assert body["max_tokens"] == 100_000


def test_a_plain_conversation_is_plainly_said() -> None:
    system = Message("system", (TextPart("Be brief."),))
    assert built(system, HELLO, HI, HELLO) == {
        "model": "up",
        "max_tokens": 100,
        "system": "Be brief.",
        "messages": [
            {"role": "user", "content": "Hello"},
            {"role": "assistant", "content": "Hi"},
            {"role": "user", "content": "Hello"},
        ],
    }


def test_results_of_parallel_calls_stand_in_one_turn_with_what_follows() -> None:
    body = built(
        HELLO, calls("call_a", "call_b"), result("call_b"), result("call_a"), HELLO, tools=(F,)
    )
    assert body["messages"] == [
        {"role": "user", "content": "Hello"},
        {
            "role": "assistant",
            "content": [
                {"type": "tool_use", "id": "toolu_a", "name": "f", "input": {}},
                {"type": "tool_use", "id": "toolu_b", "name": "f", "input": {}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "toolu_b", "content": "one"},
                {"type": "tool_result", "tool_use_id": "toolu_a", "content": "one"},
                {"type": "text", "text": "Hello"},
            ],
        },
    ]


def test_a_system_message_between_a_call_and_its_result_goes_behind_it() -> None:
    late = Message("system", (TextPart("Now"),))
    body = built(
        HELLO, calls("call_a", "call_b"), result("call_a"), late, result("call_b"), tools=(F,)
    )
    roles = [message["role"] for message in body["messages"]]  # pyright: ignore
    assert roles == ["user", "assistant", "user", "system"]


@pytest.mark.parametrize("arguments", ["", "null", "{", '{"a":', "[1]", '"x"', "not json", "\x00"])
def test_malformed_arguments_survive(arguments: str) -> None:
    body = built(HELLO, calls("call_a", arguments=arguments), result("call_a"), tools=(F,))
    data = msgspec.json.encode(body)
    part = parse(data).conversation().messages[1].parts[0]
    assert isinstance(part, CallPart)
    assert part.call.arguments in (arguments, "{}")


def test_thoughts_without_a_signature_stay_behind() -> None:
    """gateways.md row 18: what another upstream thought has no valid signature here."""
    thought = Message("assistant", (ReasoningPart("Hm"), TextPart("So")))
    sent = turns_of(HELLO, thought, HELLO)
    assert sent[1] == {"role": "assistant", "content": "So"}


def test_a_called_tool_that_is_gone_is_named_but_not_offered() -> None:
    body = built(HELLO, calls("call_a"), result("call_a"))
    assert body["tools"] == [{"name": "f", "input_schema": {"type": "object"}}]
    assert body["tool_choice"] == {"type": "none"}


def test_odd_beginnings_and_ends_become_what_the_api_takes() -> None:
    first = built(HI, HELLO)["messages"]
    assert [turn["role"] for turn in first] == ["user", "assistant", "user"]  # pyright: ignore
    system = Message("system", (TextPart("Only this."),))
    assert built(system)["messages"] == [{"role": "user", "content": "Only this."}]
    prefill = Message("assistant", (TextPart("One, "),))
    last = built(HELLO, prefill, continue_last=True)["messages"][-1]  # pyright: ignore
    assert last == {"role": "assistant", "content": "One,"}
    with pytest.raises(CallerError):
        built(Message("user", (TextPart(""),)))


def test_images_go_as_their_sources() -> None:
    inline = ImagePart("data:image/png;base64,QUJD")
    linked = ImagePart("https://example.org/a.png")
    written = ImagePart("data:text/plain,A%42C")
    content = built(Message("user", (inline, linked, written)))["messages"][0]["content"]  # pyright: ignore
    assert [block["source"] for block in content] == [  # pyright: ignore
        {"type": "base64", "media_type": "image/png", "data": "QUJD"},
        {"type": "url", "url": "https://example.org/a.png"},
        {"type": "base64", "media_type": "text/plain", "data": "QUJD"},
    ]


@pytest.mark.parametrize(
    ("effort", "budget"), [("minimal", 1024), ("low", 2048), ("medium", 8192), ("high", 16384)]
)
def test_an_effort_is_a_budget_for_the_older_version_and_a_word_for_the_newer(
    effort: str, budget: int
) -> None:
    """gateways.md row 20, the other way round."""
    body = built(reasoning_effort=effort, max_tokens=40_000)
    assert body["thinking"] == {"type": "enabled", "budget_tokens": budget}
    body = built(reasoning_effort=effort, max_tokens=40_000, version="2026-10-21")
    assert body["thinking"] == {"type": "adaptive"}
    assert body["output_config"] == {"effort": "low" if effort == "minimal" else effort}


def test_thinking_fits_what_stands_beside_it() -> None:
    assert built(reasoning_effort="none")["thinking"] == {"type": "disabled"}
    body = built(reasoning_effort="high", max_tokens=3000)
    assert body["thinking"] == {"type": "enabled", "budget_tokens": 2999}
    assert "thinking" not in built(reasoning_effort="high", max_tokens=500)
    forced = built(
        reasoning_effort="high", max_tokens=9000, tools=(F,), tool_choice=ToolChoice("required")
    )
    assert "thinking" not in forced
    loop = (HELLO, calls("call_a"), result("call_a"))
    assert "thinking" not in built(*loop, reasoning_effort="high", max_tokens=9000, tools=(F,))
    body = built(reasoning_effort="low", max_tokens=9000, sampling=Sampling(temperature=0.5))
    assert "temperature" not in body


def test_sampling_goes_only_under_a_version_that_takes_it() -> None:
    sampling = Sampling(temperature=1.7, top_p=1.0, top_k=-1, seed=3, presence_penalty=1.0)
    body = built(sampling=sampling, defaults={"top_k": 7.0})
    assert body == built() | {"temperature": 1.0, "top_k": 7}
    assert built(sampling=sampling, version="2026-10-21") == built()


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"sampling": Sampling(logprobs=True)}, "logprobs"),
        ({"sampling": Sampling(logit_bias=((1, 2.0),))}, "logit_bias"),
        ({"sampling": Sampling(stop=("\n",))}, "stop"),
        (
            {"messages": (Message("user", (OpaquePart("input_audio", b"{}"),)),)},
            "messages.0.content",
        ),
    ],
)
def test_what_the_api_has_no_word_for_is_refused(fields: Json, param: str) -> None:
    with pytest.raises(CallerError) as caught:
        built(**fields)  # pyright: ignore[reportArgumentType]
    assert (caught.value.param, caught.value.code) == (param, "unsupported")


def test_a_format_becomes_a_closed_schema_or_a_sentence() -> None:
    schema = b'{"type":"object","properties":{"a":{"type":"object","additionalProperties":true}}}'
    body = built(response_format=ResponseFormat("json_schema", schema))
    assert body["output_config"] == {
        "format": {
            "type": "json_schema",
            "schema": json.loads(schema) | {"additionalProperties": False},
        }
    }
    body = built(response_format=ResponseFormat("json_object"))
    assert "JSON object" in str(body["system"])


def test_no_more_than_four_cache_marks_go_up_and_the_last_ones_stay() -> None:
    marked = Message("user", tuple(TextPart(str(n), "5m") for n in range(6)))
    content = built(marked, tools=(Tool("f", cache="1h"),))
    blocks = content["messages"][0]["content"]  # pyright: ignore
    assert ["cache_control" in block for block in blocks] == [False] * 2 + [True] * 4  # pyright: ignore
    assert "cache_control" not in content["tools"][0]  # pyright: ignore


def test_a_count_is_asked_for_what_would_be_sent() -> None:
    conversation = Conversation(
        messages=(Message("system", (TextPart("S"),)), HELLO),
        tools=(F,),
        sampling=Sampling(temperature=0.5, stop=("x",)),
    )
    assert json.loads(build_count_body(conversation, model="up", max_tokens=9)) == {
        "model": "up",
        "system": "S",
        "messages": [{"role": "user", "content": "Hello"}],
        "tools": [{"name": "f", "description": "F.", "input_schema": {"type": "object"}}],
    }


def test_an_openai_clients_request_goes_to_an_anthropic_upstream() -> None:
    body: Json = {
        "model": "m",
        "user": "u1",
        "messages": [
            {"role": "developer", "content": "Be brief."},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "See", "cache_control": {"type": "ephemeral"}},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}},
                    {
                        "type": "file",
                        "file": {
                            "filename": "a.pdf",
                            "file_data": "data:application/pdf;base64,QUJD",
                        },
                    },
                ],
            },
        ],
    }
    request = openai_chat.parse(msgspec.json.encode(body))
    sent = json.loads(build_upstream_body(request.conversation(), model="up", max_tokens=9))
    pdf = {"type": "base64", "media_type": "application/pdf", "data": "QUJD"}
    assert sent["system"] == "Be brief."
    assert sent["metadata"] == {"user_id": "u1"}
    assert sent["messages"][0]["content"] == [
        {"type": "text", "text": "See", "cache_control": {"type": "ephemeral"}},
        {
            "type": "image",
            "source": {"type": "base64", "media_type": "image/png", "data": "QUJD"},
        },
        {"type": "document", "source": pdf, "title": "a.pdf"},
    ]
    assert request.sizes.text_bytes > 2**32  # a PDF says more than its bytes
