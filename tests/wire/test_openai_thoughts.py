"""Thoughts of other dialects' upstreams, shown to clients of chat completions and taken back."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wire.openai_frames import Json, at
from tests.wire.openai_sdk import accumulated, read_whole
from tokenhouse.chat import (
    ChoiceEnded,
    Event,
    Finished,
    ReasoningDelta,
    ReasoningPart,
    RedactedPart,
    RedactedThought,
    TextDelta,
    Usage,
)
from tokenhouse.wire.openai_chat import StreamEncoder, WholeEncoder, parse

ID = "chatcmpl-000000000000000000000000000"
THOUGHTS: list[Event] = [
    ReasoningDelta("One"),
    ReasoningDelta(" two"),
    ReasoningDelta("", signature="sig1"),
    RedactedThought("sealed"),
    ReasoningDelta("Three", signature="sig2"),
]
DETAILS = [
    {"type": "reasoning.text", "text": "One two", "signature": "sig1", "index": 0},
    {"type": "reasoning.encrypted", "data": "sealed", "index": 1},
    {"type": "reasoning.text", "text": "Three", "signature": "sig2", "index": 2},
]


def answers(events: list[Event]) -> tuple[Json, Json]:
    """The message as it is put together from a stream, and as it stands in a whole answer."""
    stream = StreamEncoder(answer_id=ID, model="a/m", created_s=1)
    whole = WholeEncoder(answer_id=ID, model="a/m", created_s=1)
    for event in events:
        whole.add(event)
    frames = b"".join(map(stream.encode, events)) + stream.closing(Usage(), None)
    streamed = accumulated(frames)
    streamed.pop("usage", None)
    read = read_whole(whole.closing(Usage(), None))
    del read["usage"]
    assert streamed == read
    return at(streamed, "choices", 0, "message"), at(read, "choices", 0, "message")


def test_signed_thoughts_are_shown_as_they_come_and_kept_whole() -> None:
    """Row 18: a client that sends its history back has what the endpoint wants back."""
    events = [*THOUGHTS, TextDelta("Hi"), ChoiceEnded("stop"), Finished()]
    for message in answers(events):
        assert message["reasoning_content"] == "One twoThree"
        shown = [
            {name: value for name, value in detail.items() if name != "format"}
            for detail in at(message, "reasoning_details")
        ]
        assert shown == DETAILS
        body = {"model": "a/m", "messages": [{"role": "user", "content": "Hi"}, message]}
        parts = parse(json.dumps(body).encode()).conversation().messages[1].parts
        assert parts[:3] == (
            ReasoningPart("One two", "sig1"),
            RedactedPart("sealed"),
            ReasoningPart("Three", "sig2"),
        )


def test_thoughts_that_nobody_signed_need_no_details() -> None:
    events: list[Event] = [ReasoningDelta("Hm"), TextDelta("Hi"), ChoiceEnded("stop"), Finished()]
    for message in answers(events):
        assert message["reasoning_content"] == "Hm"
        assert "reasoning_details" not in message


@pytest.mark.parametrize(
    "details", [None, [], "text", {}, [5], [{"type": "reasoning.summary", "summary": "s"}]]
)
def test_details_that_hold_no_thought_leave_the_text(details: object) -> None:
    message = {"role": "assistant", "content": "Hi", "reasoning_content": "Hm"}
    message |= {"reasoning_details": details}
    body = {"model": "a/m", "messages": [{"role": "user", "content": "Hi"}, message]}
    parts = parse(json.dumps(body).encode()).conversation().messages[1].parts
    assert parts[0] == ReasoningPart("Hm")


@given(st.lists(st.sampled_from(["text", "sign", "seal", "say"]), max_size=12))
def test_details_of_a_stream_add_up_to_those_of_the_whole(kinds: list[str]) -> None:
    events: list[Event] = []
    for place, kind in enumerate(kinds):
        match kind:
            case "text":
                events.append(ReasoningDelta(f"t{place}"))
            case "sign":
                events.append(ReasoningDelta("", signature=f"s{place}"))
            case "seal":
                events.append(RedactedThought(f"r{place}"))
            case _:
                events.append(TextDelta(f"x{place}"))
    answers([*events, ChoiceEnded("stop"), Finished()])
