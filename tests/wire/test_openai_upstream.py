"""Requests on their way to a provider: edited in the lossless lane, or built from a conversation."""

from __future__ import annotations

import json
from typing import cast

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from tokenhouse.chat import (
    Call,
    CallPart,
    Conversation,
    ImagePart,
    Message,
    OpaquePart,
    Part,
    ReasoningPart,
    ResponseFormat,
    ResultPart,
    Sampling,
    TextPart,
    Tool,
    ToolChoice,
)
from tokenhouse.wire.openai_chat import (
    PLAIN,
    Quirks,
    Target,
    build_upstream_body,
    parse,
    upstream_body,
)

Json = dict[str, object]
USER: Json = {"role": "user", "content": "Hello"}


def edited(
    fields: Json,
    *,
    max_tokens: int | None = None,
    defaults: dict[str, float] | None = None,
    system_prompt: str | None = None,
    quirks: Quirks = PLAIN,
) -> Json:
    body = msgspec.json.encode({"model": "public", "messages": [USER]} | fields)
    return json.loads(
        upstream_body(
            parse(body),
            Target("up/stream", defaults, quirks),
            max_tokens=max_tokens,
            system_prompt=system_prompt,
        )
    )


def test_unknown_fields_survive_byte_for_byte() -> None:
    odd = b'{ "a" : [1.10, 1e3, "\\u00e9", {"deep":null} ] }'
    body = b'{"x_odd":%b,"messages":[{"role":"user","content":"a"}],"model":"m"}' % odd
    assert b'"x_odd":' + odd + b"," in upstream_body(parse(body), Target("u"))


def test_our_own_fields_go_and_the_model_is_the_providers() -> None:
    body: Json = {"key": "sk-secret", "model_id": "x", "streaming": False, "user": "u"}
    assert edited(body) == {"model": "up/stream", "messages": [USER], "user": "u"}


def test_a_repeated_field_goes_out_once_as_it_was_understood() -> None:
    data = b'{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"a"}],"max_tokens":9}'
    request = parse(data)
    assert request.max_tokens == 9
    assert upstream_body(request, Target("u")).count(b"max_tokens") == 1


def test_streams_always_ask_for_usage_and_keep_other_options() -> None:
    for field in ("stream", "streaming"):
        assert edited({field: True}) == {
            "model": "up/stream",
            "messages": [USER],
            "stream": True,
            "stream_options": {"include_usage": True},
        }
    options = {"include_usage": False, "include_obfuscation": False}
    body = edited({"stream": True, "stream_options": options})
    assert body["stream_options"] == {"include_usage": True, "include_obfuscation": False}
    assert edited({"stream": True, "stream_options": None})["stream_options"] == {
        "include_usage": True
    }


def test_max_tokens_is_lowered_in_the_field_that_the_client_used() -> None:
    assert edited({}, max_tokens=5)["max_tokens"] == 5
    assert edited({"max_tokens": 9}, max_tokens=5)["max_tokens"] == 5
    body = edited({"max_completion_tokens": 9}, max_tokens=5)
    assert body["max_completion_tokens"] == 5
    assert "max_tokens" not in body
    body = edited({"max_completion_tokens": 9, "max_tokens": 8}, max_tokens=5)
    assert (body["max_completion_tokens"], body["max_tokens"]) == (5, 5)
    assert edited({"max_tokens": 9})["max_tokens"] == 9


def test_defaults_fill_only_what_the_client_left_out() -> None:
    defaults = {"temperature": 0.15, "top_p": 0.9}
    body = edited({"temperature": 0, "top_p": None}, defaults=defaults)
    assert (body["temperature"], body["top_p"]) == (0, 0.9)


def test_a_system_prompt_stands_first_only_where_the_client_sent_none() -> None:
    system = {"role": "system", "content": "Be brief."}
    assert edited({}, system_prompt="Be brief.")["messages"] == [system, USER]
    own: Json = {"role": "developer", "content": "Mine."}
    assert edited({"messages": [own, USER]}, system_prompt="Be brief.")["messages"] == [own, USER]


TEXTS = st.text(alphabet=st.characters(blacklist_categories=["Cs"]), max_size=8)
WORDS = st.text("abcdefgh_-1", min_size=1, max_size=12)
IDS = st.text("abc_-1", min_size=1, max_size=8).map(lambda stem: f"call_{stem}")
TEXT_PARTS = st.builds(TextPart, TEXTS)
IMAGES = st.builds(ImagePart, st.just("https://example.org/a.png"), st.sampled_from([None, "low"]))
OPAQUE = st.just(OpaquePart("file", b'{"type":"file","file":{"file_data":"AA=="}}'))


@st.composite
def turns(draw: st.DrawFn) -> list[Message]:
    many = st.lists(TEXT_PARTS | IMAGES | OPAQUE, min_size=1, max_size=3).map(tuple)
    match draw(st.sampled_from(["system", "developer", "user", "assistant", "tools"])):
        case "system" | "developer" as role:
            return [Message(role, draw(st.lists(TEXT_PARTS, min_size=1, max_size=2).map(tuple)))]
        case "user":
            return [Message("user", draw(many), draw(st.none() | WORDS))]
        case "assistant":
            return [Message("assistant", draw(st.lists(TEXT_PARTS, min_size=1).map(tuple)))]
        case _:
            ids = draw(st.lists(IDS, min_size=1, max_size=3, unique=True))
            calls = [CallPart(Call(id, draw(WORDS), draw(TEXTS))) for id in ids]
            parts: tuple[Part, ...] = (*draw(st.lists(TEXT_PARTS, max_size=1)), *calls)
            results = st.lists(TEXT_PARTS, min_size=1, max_size=2).map(tuple)
            return [
                Message("assistant", parts),
                *(Message("tool", (ResultPart(id, draw(results)),)) for id in ids),
            ]


@st.composite
def conversations(draw: st.DrawFn) -> Conversation:
    messages = tuple(
        message for turn in draw(st.lists(turns(), min_size=1, max_size=4)) for message in turn
    )
    names = draw(st.lists(WORDS, max_size=2, unique=True))
    schema = b'{"type":"object","properties":{"x":{"type":"string"}}}'
    tools = tuple(Tool(name, draw(TEXTS), schema, draw(st.booleans())) for name in names)
    choices = [ToolChoice(mode) for mode in ("auto", "none", "required")] if tools else []
    choices += [ToolChoice("named", name) for name in names] or [ToolChoice()]
    formats = [
        ResponseFormat(),
        ResponseFormat("json_object"),
        ResponseFormat("json_schema", schema, "answer", True),
    ]
    maybe = st.none() | st.floats(0, 1)
    return Conversation(
        messages=messages,
        tools=tools,
        tool_choice=draw(st.sampled_from(choices)),
        parallel_tool_calls=draw(st.booleans()) if tools else True,
        response_format=draw(st.sampled_from(formats)),
        sampling=Sampling(
            temperature=draw(maybe),
            top_p=draw(maybe),
            top_k=draw(st.none() | st.integers(1, 100)),
            min_p=draw(maybe),
            presence_penalty=draw(maybe),
            frequency_penalty=draw(maybe),
            repetition_penalty=draw(st.none() | st.floats(0.5, 2)),
            seed=draw(st.none() | st.integers()),
            stop=tuple(draw(st.lists(WORDS, max_size=3))),
            logit_bias=tuple(draw(st.dictionaries(st.integers(0, 9), st.floats(-9, 9))).items()),
            logprobs=(logprobs := draw(st.booleans())),
            top_logprobs=draw(st.integers(0, 20)) if logprobs else 0,
        ),
        reasoning_effort=draw(st.sampled_from([None, "low"])),
        continue_last=messages[-1].role == "assistant" and draw(st.booleans()),
    )


@given(conversations(), st.booleans(), st.integers(1, 4), st.none() | st.integers(1, 99))
def test_a_conversation_survives_the_way_to_a_provider_and_back(
    conversation: Conversation, stream: bool, n: int, max_tokens: int | None
) -> None:
    body = build_upstream_body(conversation, Target("m"), stream=stream, n=n, max_tokens=max_tokens)
    request = parse(body)
    assert request.conversation() == conversation
    assert (request.stream, request.include_usage) == (stream, stream)
    assert (request.n, request.max_tokens, request.model) == (n, max_tokens, "m")


def built(*messages: Message) -> list[Json]:
    body = json.loads(build_upstream_body(Conversation(messages=messages), Target("m")))
    return cast("list[Json]", body["messages"])


def test_images_of_tool_results_move_to_a_user_message_behind_the_results() -> None:
    image = ImagePart("data:image/png;base64,AA==")
    calls = Message("assistant", (CallPart(Call("a", "f", "")), CallPart(Call("b", "f", ""))))
    sent = built(
        calls,
        Message("tool", (ResultPart("a", (TextPart("see"), image)),)),
        Message("tool", (ResultPart("b", (image,)),)),
        Message("user", (TextPart("And?"),)),
    )
    assert [message["role"] for message in sent] == ["assistant", "tool", "tool", "user", "user"]
    assert [message["content"] for message in sent[:3]] == [None, "see", ""]
    url = {"type": "image_url", "image_url": {"url": image.url}}
    assert sent[3]["content"] == [url, url]


def test_reasoning_stays_behind_and_an_empty_list_of_tools_is_not_sent() -> None:
    sent = built(Message("assistant", (ReasoningPart("hm", "sig"), TextPart("Yes."))))
    assert sent == [{"role": "assistant", "content": "Yes."}]
    body = build_upstream_body(Conversation(messages=()), Target("m"))
    assert json.loads(body) == {"model": "m", "messages": []}
