from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenhouse.chat import (
    CallDelta,
    CallStarted,
    ChoiceEnded,
    Conversation,
    Event,
    Finished,
    ImagePart,
    Message,
    Opened,
    Request,
    ResponseFormat,
    Sampling,
    Sizes,
    TextDelta,
    TextPart,
    Tool,
    ToolChoice,
    Usage,
)
from tokenhouse.errors import ContextExceeded, UpstreamError
from tokenhouse.providers.base import Call, Provider
from tokenhouse.providers.scripted import Scripted

SCHEMA = json.dumps(
    {
        "type": "object",
        "properties": {
            "place": {"type": "string"},
            "days": {"type": ["integer", "null"]},
            "unit": {"enum": ["c", "f"]},
            "inner": {"properties": {"ok": {"type": "boolean"}, "any": True}},
            "list": {"type": "array"},
        },
    }
).encode()


def call(
    said: Conversation | str, *, n: int = 1, max_tokens: int | None = None, context: int = 1000
) -> Call:
    if isinstance(said, str):
        said = Conversation(messages=(Message("user", (TextPart(said),)),))
    conversation = said
    request = Request(
        dialect="openai_chat",
        model="house/parrot",
        body=b"{}",
        fields=frozenset(),
        conversation=lambda: conversation,
        sizes=Sizes(),
        n=n,
        max_tokens=max_tokens,
    )
    return Call(
        request=request,
        request_id="req_1",
        answer_id="chatcmpl-1",
        created_s=0,
        public_model="house/parrot",
        upstream_model="parrot",
        context_length=context,
    )


async def events(asked: Call, provider: Provider | None = None) -> list[Event]:
    attempt = await (provider or Scripted("fake")).open(asked)
    seen: list[Event] = []
    while not (seen and isinstance(seen[-1], Finished)):
        seen += await attempt.read()
    await attempt.aclose()
    return seen


def text(seen: list[Event], choice: int = 0) -> str:
    return "".join(e.text for e in seen if isinstance(e, TextDelta) and e.choice == choice)


def ends(seen: list[Event]) -> list[str]:
    return [event.reason for event in seen if isinstance(event, ChoiceEnded)]


@given(st.text(max_size=60), st.integers(1, 3), st.none() | st.integers(1, 12))
async def test_usage_is_what_was_delivered_and_max_tokens_holds(
    heard: str, n: int, most: int | None
) -> None:
    asked = call(heard, n=n, max_tokens=most)
    seen = await events(asked)
    deltas = [event for event in seen if isinstance(event, TextDelta)]
    assert isinstance(seen[0], Opened)
    assert seen[-1] == Finished(Usage(input=len(heard.split()), output=len(deltas)))
    assert await Scripted("fake").count(asked) == len(heard.split()) == seen[0].prompt_tokens
    for choice in range(n):
        said = [delta for delta in deltas if delta.choice == choice]
        assert most is None or len(said) <= most
    if most is None and heard:
        assert text(seen) == f"You said: {heard}"
    assert len(ends(seen)) == n


async def test_a_paced_answer_says_the_same_word_by_word() -> None:
    asked = call("one two")
    paced = await (Scripted("fake", delay_ms=1)).open(asked)
    assert [type(event) for event in await paced.read()] == [Opened]
    assert await paced.read() == (TextDelta("You", tokens=1),)
    await paced.aclose()
    with pytest.raises(UpstreamError):
        await paced.read()
    assert await events(asked, Scripted("fake", delay_ms=1)) == await events(asked)


async def test_a_stop_sequence_ends_the_text_before_it() -> None:
    heard = Message("user", (TextPart("one two three"),))
    stopped = Conversation(messages=(heard,), sampling=Sampling(stop=("three", " two")))
    seen = await events(call(stopped))
    assert text(seen) == "You said: one"
    assert ChoiceEnded("stop_sequence", 0, " two") in seen


async def test_a_forced_tool_is_called_with_arguments_of_its_schema() -> None:
    messages = (Message("user", (TextPart("Ulm"),)),)
    tools = (Tool("other"), Tool("look", schema=SCHEMA))
    choice = ToolChoice("named", "look")
    seen = await events(call(Conversation(messages=messages, tools=tools, tool_choice=choice)))
    assert CallStarted(0, "call_1", "look") in seen
    arguments = "".join(event.arguments for event in seen if isinstance(event, CallDelta))
    assert json.loads(arguments) == {
        "place": "Ulm",
        "days": 0,
        "unit": "c",
        "inner": {"ok": False, "any": "Ulm"},
        "list": [],
    }
    assert ends(seen) == ["tool_calls"]
    required = Conversation(messages=messages, tools=tools, tool_choice=ToolChoice("required"))
    assert CallStarted(0, "call_1", "other") in await events(call(required))
    free = Conversation(messages=messages, tools=tools)
    assert ends(await events(call(free))) == ["stop"]


async def test_a_schema_asked_for_is_filled() -> None:
    messages = (Message("user", (TextPart("Ulm"), ImagePart("data:,"))),)
    wanted = ResponseFormat("json_schema", SCHEMA)
    seen = await events(call(Conversation(messages=messages, response_format=wanted)))
    assert json.loads(text(seen))["place"] == "Ulm"
    finished = seen[-1]
    assert isinstance(finished, Finished)
    assert finished.usage is not None
    assert (finished.usage.input, finished.usage.images) == (2, 1)


async def test_the_context_bounds_prompt_and_answer() -> None:
    assert ends(await events(call("one two", context=4))) == ["length"]
    with pytest.raises(ContextExceeded):
        await events(call("one two three", context=2))


async def test_a_provider_told_to_fail_refuses_every_call() -> None:
    with pytest.raises(UpstreamError) as caught:
        await Scripted("fake", fail_status=503).open(call("hi"))
    assert (caught.value.status, caught.value.retryable) == (503, True)
