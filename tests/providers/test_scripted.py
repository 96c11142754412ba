from __future__ import annotations

import asyncio
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
from tokenhouse.providers.scripted import Failure, Scripted

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
    pacer = Scripted("fake", first_event_delay_s=0.002, event_delay_s=0.001)
    paced = await pacer.open(asked)
    assert [type(event) for event in await paced.read()] == [Opened]
    assert await paced.read() == (TextDelta("You", tokens=1),)
    await paced.aclose()
    with pytest.raises(UpstreamError):
        await paced.read()
    assert await events(asked, pacer) == await events(asked)


async def test_a_reply_that_is_set_is_said() -> None:
    seen = await events(call("hello", max_tokens=2), Scripted("fake", reply="Four score and seven"))
    assert text(seen) == "Four score"
    assert ends(seen) == ["length"]


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


async def test_a_provider_set_to_fail_fails_as_it_is_set() -> None:
    with pytest.raises(UpstreamError) as refused:
        await Scripted("fake", failure="refuse").open(call("hi"))
    assert (refused.value.status, refused.value.retryable) == (502, True)
    with pytest.raises(UpstreamError) as failed:
        await Scripted("fake", failure="error", failure_status=503).open(call("hi"))
    assert (failed.value.status, failed.value.retryable) == (503, True)


@pytest.mark.parametrize("failure", ["cut", "error_in_stream"])
@pytest.mark.parametrize("delay_s", [0.0, 0.001])
async def test_an_answer_that_breaks_has_said_half_before(failure: Failure, delay_s: float) -> None:
    attempt = await Scripted("fake", failure=failure, event_delay_s=delay_s).open(call("one two"))
    seen: list[Event] = []
    broken: UpstreamError | None = None
    while broken is None:
        try:
            seen += await attempt.read()
        except UpstreamError as error:
            broken = error
    assert not broken.retryable
    assert text(seen) == "You said:"
    assert ends(seen) == []


async def test_a_stalled_answer_ends_when_it_is_closed() -> None:
    attempt = await Scripted("fake", failure="stall").open(call("one"))
    reading = asyncio.ensure_future(attempt.read())
    await attempt.aclose()
    with pytest.raises(UpstreamError):
        await reading
