"""What clients of Anthropic's messages read, put together by the official SDK's own accumulator."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

import anthropic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wire.answer_events import answers
from tests.wire.anthropic_sdk import Sdk
from tests.wire.openai_frames import Json, at, cuts
from tokenhouse.chat import (
    CallDelta,
    CallStarted,
    ChoiceEnded,
    Event,
    Finished,
    FinishReason,
    Opened,
    Passed,
    ReasoningDelta,
    RedactedThought,
    RefusalDelta,
    TextDelta,
    Usage,
    Whole,
)
from tokenhouse.errors import UpstreamError
from tokenhouse.wire import sse
from tokenhouse.wire.anthropic_messages import PING, StreamEncoder, WholeEncoder

OURS = "msg_000000000000000000000000000"
COUNTED = Usage(input=6, cache_read=4, cache_write=1, output=3, reasoning=2)
COST = 1_925


@pytest.fixture(scope="module")
def sdk() -> Sdk:
    return Sdk()


def encoder(prompt_tokens: int = 0) -> StreamEncoder:
    return StreamEncoder(answer_id=OURS, model="a/m", prompt_tokens=lambda: prompt_tokens)


def stream_bytes(events: Iterable[Event], usage: Usage = COUNTED) -> bytes:
    made = encoder()
    return b"".join(map(made.encode, events)) + made.closing(usage, COST)


def whole_bytes(events: Iterable[Event], usage: Usage = COUNTED) -> bytes:
    made = WholeEncoder(answer_id=OURS, model="a/m")
    for event in events:
        made.add(event)
    return made.closing(usage, COST)


def sent(frames: bytes) -> list[Json]:
    """The data of each event; its name is its type."""
    bodies: list[Json] = []
    for name, payload in sse.Reader().feed(frames):
        body = json.loads(payload)
        assert body["type"] == name.decode()
        bodies.append(body)
    return bodies


def steps(frames: bytes) -> list[str]:
    """Each event in short: type, index, and what begins or comes."""
    short: list[str] = []
    for body in sent(frames):
        inner = body.get("delta") or body.get("content_block") or {}
        assert isinstance(inner, dict)
        words = [str(body["type"]).removeprefix("content_block_"), body.get("index")]
        words.append(inner.get("type"))
        short.append(" ".join(str(word) for word in words if word is not None))
    return short


def said(*events: Event, reason: FinishReason = "stop") -> list[Event]:
    return [*events, ChoiceEnded(reason), Finished()]


@settings(max_examples=60, deadline=None)
@given(answers(), st.lists(st.integers(1, 60), max_size=40))
def test_a_stream_accumulates_to_the_whole_answer(
    sdk: Sdk, events: list[Event], sizes: list[int]
) -> None:
    finished = events[-1]
    assert isinstance(finished, Finished)
    assert finished.usage is not None
    stream = stream_bytes(events, finished.usage)
    streamed = sdk.accumulated(cuts(stream, sizes))
    whole = sdk.read(whole_bytes(events, finished.usage))
    for answer in (streamed, whole):
        # How long a cache was written for is told with the prompt, before it is known here.
        usage = answer["usage"]
        assert isinstance(usage, dict)
        del usage["cache_creation"]
    assert streamed == whole


@settings(max_examples=60, deadline=None)
@given(answers())
def test_blocks_come_one_after_the_other_with_rising_indexes(events: list[Event]) -> None:
    open_index: int | None = None
    following = 0
    kinds = [step.split() for step in steps(stream_bytes(events))]
    assert kinds[0] == ["message_start"]
    assert [kind[0] for kind in kinds[-2:]] == ["message_delta", "message_stop"]
    for kind, index, *_ in kinds[1:-2]:
        match kind:
            case "start":
                assert open_index is None
                open_index = int(index)
                assert open_index == following
                following += 1
            case "delta":
                assert open_index == int(index)
            case _:
                assert kind == "stop"
                assert open_index == int(index)
                open_index = None
    assert open_index is None


def test_a_plain_answer_has_the_event_order_of_the_specification() -> None:
    events: list[Event] = [Opened(), *said(TextDelta("Hel"), TextDelta("lo"))]
    assert steps(stream_bytes(events)) == [
        "message_start",
        "start 0 text",
        "delta 0 text_delta",
        "delta 0 text_delta",
        "stop 0",
        "message_delta",
        "message_stop",
    ]


def test_message_start_tells_the_prompt_as_the_upstream_counted_it() -> None:
    """Row 6 of the survey: input_tokens 0 at the start shows every request as free."""
    made = encoder(prompt_tokens=99)
    first = sent(made.encode(Opened("up", 10, 4, 1)) + made.encode(TextDelta("Hi")))[0]
    assert at(first, "message", "usage") == {
        "input_tokens": 5,
        "cache_creation_input_tokens": 1,
        "cache_read_input_tokens": 4,
        "cache_creation": {"ephemeral_5m_input_tokens": 1, "ephemeral_1h_input_tokens": 0},
        "output_tokens": 0,
        "service_tier": "standard",
    }


def test_message_start_tells_the_houses_count_when_no_upstream_has_told_one() -> None:
    """Row 6, translated streams: OpenAI-shaped upstreams tell their usage last."""
    frames = sent(stream_bytes([]))
    assert at(frames[0], "message", "usage", "input_tokens") == 0
    made = encoder(prompt_tokens=99)
    frames = sent(made.encode(Opened("up")) + made.encode(TextDelta("Hi")))
    assert at(frames[0], "message", "usage", "input_tokens") == 99


def test_usage_is_told_in_full_and_corrected_at_the_end() -> None:
    """Rows 5 and 17: a missing cache field stops clients, or shows no cache ever."""
    last = sent(stream_bytes(said(TextDelta("Hi"))))[-2]
    assert last == {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn", "stop_sequence": None},
        "usage": {
            "input_tokens": 6,
            "cache_creation_input_tokens": 1,
            "cache_read_input_tokens": 4,
            "output_tokens": 5,
            "output_tokens_details": {"thinking_tokens": 2},
            "cost": 0.000001925,
        },
    }
    usage = json.loads(whole_bytes(said(TextDelta("Hi"))))["usage"]
    assert usage == at(last, "usage") | {
        "cache_creation": {"ephemeral_5m_input_tokens": 1, "ephemeral_1h_input_tokens": 0},
        "service_tier": "standard",
    }


def test_no_delta_is_lost_where_the_kind_of_block_changes(sdk: Sdk) -> None:
    """Row 1: the delta that opens a block was dropped, and every call had no input."""
    events = said(
        TextDelta("Let me see."),
        CallStarted(0, "call_a", "read"),
        CallDelta(0, '{"path":"/a"}'),
        reason="tool_calls",
    )
    content = sdk.accumulated([stream_bytes(events)])["content"]
    assert content == [
        {"type": "text", "text": "Let me see."},
        {"type": "tool_use", "id": "toolu_a", "name": "read", "input": {"path": "/a"}},
    ]


def test_empty_pieces_open_no_block_and_close_none() -> None:
    """Row 3: content with an empty list of calls became an empty call instead of text."""
    events = said(
        TextDelta(""),
        ReasoningDelta(""),
        TextDelta("Hi"),
        ReasoningDelta(""),
        RefusalDelta(""),
        TextDelta("!"),
    )
    assert steps(stream_bytes(events))[1:-2] == [
        "start 0 text",
        "delta 0 text_delta",
        "delta 0 text_delta",
        "stop 0",
    ]


def test_a_thought_never_stands_in_a_text_block() -> None:
    """Row 4: "Content block is not a thinking block"."""
    events = said(ReasoningDelta("Hm"), TextDelta("A"), ReasoningDelta("But"), TextDelta("B"))
    assert steps(stream_bytes(events))[1:-2] == [
        "start 0 thinking",
        "delta 0 thinking_delta",
        "stop 0",
        "start 1 text",
        "delta 1 text_delta",
        "stop 1",
        "start 2 thinking",
        "delta 2 thinking_delta",
        "stop 2",
        "start 3 text",
        "delta 3 text_delta",
        "stop 3",
    ]


def test_calls_that_interleave_become_blocks_that_do_not(sdk: Sdk) -> None:
    """Rows 7, 10 and 11: parallel calls were run together into one block."""
    events = said(
        CallStarted(0, "call_a", "f"),
        CallStarted(1, "call_b", "g"),
        CallDelta(1, '{"b":'),
        CallDelta(0, '{"a":'),
        CallStarted(2, "call_c", "h"),
        CallDelta(1, "2}"),
        CallDelta(0, "1}"),
        reason="tool_calls",
    )
    stream = stream_bytes(events)
    assert [step for step in steps(stream) if not step.startswith("delta")] == [
        "message_start",
        "start 0 tool_use",
        "stop 0",
        "start 1 tool_use",
        "stop 1",
        "start 2 tool_use",
        "stop 2",
        "message_delta",
        "message_stop",
    ]
    content = sdk.accumulated([stream])["content"]
    assert isinstance(content, list)
    assert [(block["id"], block["name"], block["input"]) for block in content] == [
        ("toolu_a", "f", {"a": 1}),
        ("toolu_b", "g", {"b": 2}),
        ("toolu_c", "h", {}),
    ]


def test_a_call_streams_on_as_soon_as_the_one_before_it_is_complete() -> None:
    made = encoder()
    begun: Sequence[Event] = (
        CallStarted(0, "call_a", "f"),
        CallDelta(0, '{"a":1}'),
        CallStarted(1, "call_b", "g"),
    )
    frames = b"".join(map(made.encode, begun))
    assert steps(frames)[-2:] == ["stop 0", "start 1 tool_use"]
    assert steps(made.encode(CallDelta(1, '{"b"'))) == ["delta 1 input_json_delta"]
    assert made.encode(CallDelta(0, " ")) == b""


@pytest.mark.parametrize(
    ("text", "given"),
    [
        ("", {}),
        ("null", {}),
        ("{}", {}),
        (' {"a":1} ', {"a": 1}),
        ('{"a":1,"b":"cut he', {"a": 1}),
        ('{"a":[1,{"b":2},', {"a": [1, {"b": 2}]}),
        ("[1]", {"INVALID_JSON": "[1]"}),
        ("none", {"INVALID_JSON": "none"}),
    ],
)
def test_arguments_are_always_an_object(sdk: Sdk, text: str, given: Json) -> None:
    events = said(CallStarted(0, "call_a", "f"), CallDelta(0, text), reason="length")
    for message in (sdk.accumulated([stream_bytes(events)]), sdk.read(whole_bytes(events))):
        content = message["content"]
        assert isinstance(content, list)
        assert content[0]["input"] == given


def test_thoughts_keep_their_signatures_and_sealed_ones_stay_sealed(sdk: Sdk) -> None:
    """Row 18, the answer's side: what is to go back is given as its endpoint minted it."""
    events = said(
        ReasoningDelta("One"),
        ReasoningDelta("", signature="sig1"),
        ReasoningDelta("Two"),
        ReasoningDelta(".", signature="sig2"),
        RedactedThought("sealed"),
        ReasoningDelta("", signature="sig3"),
        TextDelta("Hi"),
    )
    content = sdk.accumulated([stream_bytes(events)])["content"]
    assert content == [
        {"type": "thinking", "thinking": "One", "signature": "sig1"},
        {"type": "thinking", "thinking": "Two.", "signature": "sig2"},
        {"type": "redacted_thinking", "data": "sealed"},
        {"type": "thinking", "thinking": "", "signature": "sig3"},
        {"type": "text", "text": "Hi"},
    ]
    assert sdk.read(whole_bytes(events))["content"] == content


@pytest.mark.parametrize(
    ("reason", "word"),
    [
        ("stop", "end_turn"),
        ("length", "max_tokens"),
        ("content_filter", "refusal"),
        ("stop_sequence", "stop_sequence"),
        ("tool_calls", "end_turn"),  # a provider that says so without a call
    ],
)
def test_every_end_has_its_word(reason: FinishReason, word: str) -> None:
    events: list[Event] = [TextDelta("Hi"), ChoiceEnded(reason, 0, "END"), Finished()]
    delta = {"stop_reason": word, "stop_sequence": "END"}
    assert sent(stream_bytes(events))[-2]["delta"] == delta
    whole = json.loads(whole_bytes(events))
    assert {name: whole[name] for name in delta} == delta


def test_a_refusal_in_words_is_shown_and_named() -> None:
    events = said(RefusalDelta("I can't."))
    whole = json.loads(whole_bytes(events))
    assert whole["content"] == [{"type": "text", "text": "I can't."}]
    assert whole["stop_reason"] == "refusal"


def test_a_failed_choice_is_never_a_clean_end() -> None:
    made = encoder()
    made.encode(TextDelta("Hi"))
    with pytest.raises(UpstreamError):
        made.encode(ChoiceEnded("error"))
    with pytest.raises(UpstreamError):
        whole_bytes([TextDelta("Hi"), ChoiceEnded("error")])


def test_an_error_in_a_stream_is_an_error_of_the_sdk(sdk: Sdk) -> None:
    made = encoder()
    frames = made.encode(TextDelta("Hi"))
    frames += made.error(UpstreamError("The provider stopped.", code="upstream_cut"))
    assert b"message_stop" not in frames
    last = sent(frames)[-1]
    assert last["error"] == {"type": "api_error", "message": "The provider stopped."}
    assert last["request_id"] == "req_000000000000000000000000000"
    with pytest.raises(anthropic.APIStatusError, match=r"The provider stopped\."):
        sdk.accumulated([frames])


def test_a_silent_stream_is_kept_alive_behind_message_start(sdk: Sdk) -> None:
    """Row 19: never a 200 without message_start; row 22: the dialect's own keep-alive."""
    made = encoder(prompt_tokens=7)
    frames = made.keep_alive() + made.keep_alive()
    assert steps(frames) == ["message_start", "ping", "ping"]
    events: list[Event] = [Opened("up", 9), *said(TextDelta("Hi"))]
    frames += b"".join(map(made.encode, events)) + made.keep_alive() + made.closing(COUNTED, COST)
    assert steps(frames).count("message_start") == 1
    message = sdk.accumulated([frames])
    assert message["content"] == [{"type": "text", "text": "Hi"}]
    assert frames.count(PING) == 3


def test_a_passed_message_start_gives_way_to_one_that_kept_the_stream_alive() -> None:
    passed = Passed(sse.event("message_start", b'{"type":"message_start"}'))
    silent = encoder()
    assert silent.encode(passed) == passed.frame
    woken = encoder()
    woken.keep_alive()
    assert woken.encode(passed) == b""


def test_a_ping_of_the_upstream_before_its_message_is_held_back() -> None:
    made = encoder()
    assert made.encode(Passed(PING)) == b""
    made.begin()
    assert made.encode(Passed(PING)) == PING


@pytest.mark.parametrize("stopped", [False, True])
def test_a_passed_answer_that_the_house_cuts_ends_properly(sdk: Sdk, *, stopped: bool) -> None:
    def passed(name: str, body: Json) -> Passed:
        return Passed(sse.event(name, json.dumps({"type": name} | body).encode()))

    made = encoder()
    text: Json = {"type": "text", "text": ""}
    piece: Json = {"type": "text_delta", "text": "Hello"}
    frames = made.begin()
    events: list[Event] = [
        passed("content_block_start", {"index": 0, "content_block": text}),
        passed("content_block_delta", {"index": 0, "delta": piece}),
    ]
    if stopped:
        events.append(passed("content_block_stop", {"index": 0}))
    events += [Passed(PING), ChoiceEnded("length"), Finished(None)]
    frames += b"".join(map(made.encode, events)) + made.closing(COUNTED, COST)
    assert steps(frames).count("stop 0") == 1
    message = sdk.accumulated([frames])
    assert (message["content"], message["stop_reason"]) == (
        [{"type": "text", "text": "Hello"}],
        "max_tokens",
    )


def test_other_choices_than_the_first_are_none_of_this_dialects() -> None:
    events: list[Event] = [TextDelta("A"), TextDelta("B", 1), ChoiceEnded("length", 1)]
    assert json.loads(whole_bytes([*events, *said()]))["stop_reason"] == "end_turn"
    assert b"B" not in stream_bytes([*events, *said()])


def test_a_lane_cannot_be_changed_in_the_middle() -> None:
    with pytest.raises(TypeError):
        encoder().encode(Whole({}))
    with pytest.raises(TypeError):
        WholeEncoder(answer_id=OURS, model="a/m").add(Passed(PING))


def test_the_public_name_and_our_id_stand_in_the_answer() -> None:
    start = sent(stream_bytes(said(TextDelta("Hi"))))[0]["message"]
    whole = json.loads(whole_bytes(said(TextDelta("Hi"))))
    for message in (start, whole):
        assert isinstance(message, dict)
        assert (message["id"], message["model"]) == (OURS, "a/m")
        assert (message["type"], message["role"]) == ("message", "assistant")
