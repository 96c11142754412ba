"""Whole answers of Anthropic-shaped providers, and what clients get of them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wire.anthropic_frames import messages
from tests.wire.anthropic_sdk import Sdk
from tests.wire.openai_frames import Json, at
from tokenhouse.chat import (
    CallDelta,
    CallStarted,
    ChoiceEnded,
    Event,
    Finished,
    ReasoningDelta,
    RedactedThought,
    TextDelta,
    Usage,
    Whole,
)
from tokenhouse.errors import ContextExceeded, UpstreamError
from tokenhouse.wire import Asked
from tokenhouse.wire.anthropic_messages import WholeEncoder, pass_whole, translate_whole

OURS = "msg_000000000000000000000000000"
MESSAGE: Json = {
    "id": "msg_up",
    "type": "message",
    "role": "assistant",
    "model": "up-1",
    "content": [
        {"type": "thinking", "thinking": "Hm", "signature": "sig"},
        {"type": "redacted_thinking", "data": "sealed"},
        {"type": "text", "text": "Hi"},
        {"type": "tool_use", "id": "toolu_1", "name": "my_tool", "input": {"a": 1}},
        {"type": "tool_use", "id": "toolu_2", "name": "g", "input": {}},
    ],
    "stop_reason": "tool_use",
    "stop_sequence": None,
    "usage": {
        "input_tokens": 5,
        "cache_read_input_tokens": 4,
        "output_tokens": 3,
        "service_tier": "priority",
        "server_tool_use": {"web_search_requests": 2},
        "cost": 9.5,
    },
    "container": {"id": "c"},
}


@pytest.fixture(scope="module")
def sdk() -> Sdk:
    return Sdk()


def closed(events: list[Event], cost: int | None = 1_925) -> bytes:
    encoder = WholeEncoder(answer_id=OURS, model="a/m")
    for event in events:
        encoder.add(event)
    finished = events[-1]
    assert isinstance(finished, Finished)
    assert finished.usage is not None
    return encoder.closing(finished.usage, cost)


def passed(message: Json) -> list[Event]:
    return pass_whole(json.dumps(message).encode(), answer_id=OURS, model="a/m")


def translated(message: Json) -> list[Event]:
    return translate_whole(json.dumps(message).encode(), answer_id=OURS, model="a/m")


def test_a_whole_answer_passes_but_for_names_usage_and_cost() -> None:
    answer = json.loads(closed(passed(MESSAGE)))
    usage = answer.pop("usage")
    expected = MESSAGE | {"id": OURS, "model": "a/m"}
    del expected["usage"]
    assert answer == expected
    assert usage == {
        "input_tokens": 5,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 4,
        "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
        "output_tokens": 3,
        "output_tokens_details": {"thinking_tokens": 0},
        "service_tier": "priority",
        "server_tool_use": {"web_search_requests": 2},
        "cost": 0.000001925,
    }


def test_the_meter_sees_all_that_was_produced() -> None:
    whole = passed(MESSAGE)[0]
    assert isinstance(whole, Whole)
    assert whole.text == 'HmHimy_tool{"a": 1}g{}'
    assert whole.finish_reason == "tool_calls"


def test_a_translated_answer_gives_the_events_that_a_stream_would() -> None:
    assert translated(MESSAGE) == [
        ReasoningDelta("Hm"),
        ReasoningDelta("", signature="sig"),
        RedactedThought("sealed"),
        TextDelta("Hi"),
        CallStarted(0, "toolu_1", "my_tool"),
        CallDelta(0, '{"a": 1}'),
        CallStarted(1, "toolu_2", "g"),
        CallDelta(1, "{}"),
        ChoiceEnded("tool_calls"),
        Finished(Usage(input=5, cache_read=4, output=3)),
    ]


def test_a_client_gets_its_own_name_of_a_tool_back() -> None:
    body = json.dumps(MESSAGE).encode()
    asked = Asked(names={"my_tool": "my tool"})
    events = translate_whole(body, answer_id=OURS, model="a/m", asked=asked)
    assert [e.name for e in events if isinstance(e, CallStarted)] == ["my tool", "g"]


@settings(max_examples=60, deadline=None)
@given(messages())
def test_a_translated_answer_says_what_a_passed_one_says(sdk: Sdk, message: Json) -> None:
    known = {"pause_turn": "end_turn", "model_context_window_exceeded": "max_tokens"}
    has_call = any(at(block, "type") == "tool_use" for block in at(message, "content"))
    if not has_call:
        known["tool_use"] = "end_turn"
    one, other = sdk.read(closed(passed(message))), sdk.read(closed(translated(message)))
    one["stop_reason"] = known.get(str(one["stop_reason"]), one["stop_reason"])
    one["content"] = _joined(at(one, "content"))
    assert one == other


def _joined(content: list[Json]) -> list[Json]:
    """Texts that follow each other are one."""
    joined: list[Json] = []
    for block in content:
        if joined and block["type"] == joined[-1]["type"] == "text":
            joined[-1] = block | {"text": f"{joined[-1]['text']}{block['text']}"}
        else:
            joined.append(block)
    return joined


@given(st.sampled_from(sorted(at(MESSAGE, "usage"))), st.sampled_from(["7", 7.9, None, -1, 2**70]))
def test_odd_counts_are_read_as_far_as_they_can_be(name: str, value: object) -> None:
    usage = at(MESSAGE, "usage") | {name: value}
    finished = translated(MESSAGE | {"usage": usage})[-1]
    assert isinstance(finished, Finished)
    assert finished.usage is not None
    told = finished.usage
    for count in (told.input, told.cache_read, told.cache_write, told.output, told.reasoning):
        assert 0 <= count <= 2**40


def test_thinking_has_a_bucket_of_its_own_only_where_it_is_told() -> None:
    usage = {"input_tokens": 1, "output_tokens": 9, "output_tokens_details": {"thinking_tokens": 7}}
    finished = translated(MESSAGE | {"usage": usage})[-1]
    assert isinstance(finished, Finished)
    assert finished.usage == Usage(input=1, output=2, reasoning=7)


def test_an_answer_without_usage_reports_none() -> None:
    message = {name: value for name, value in MESSAGE.items() if name != "usage"}
    for events in (passed(message), translated(message)):
        assert events[-1] == Finished(None)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>Bad gateway</html>",
        b"[]",
        b"{}",
        b'{"type":"message","content":null}',
        b'{"type":"message","content":"text"}',
        b'{"type":"message","content":[{"type":"text","text":"a"',
        b'{"type":"message","content":[5]}',
        b'{"type":"error","error":{"type":"api_error","message":"no"}}',
        b"\xff",
        b"[" * 100_000,
    ],
)
def test_a_whole_answer_that_is_none_is_the_providers_fault(body: bytes) -> None:
    for whole in (pass_whole, translate_whole):
        with pytest.raises(UpstreamError):
            whole(body, answer_id=OURS, model="a/m")


def test_an_error_inside_a_200_is_an_error() -> None:
    message = "prompt is too long: 9 tokens > 8 maximum"
    body = {"type": "error", "error": {"type": "invalid_request_error", "message": message}}
    for whole in (passed, translated):
        with pytest.raises(ContextExceeded):
            whole({**body})
