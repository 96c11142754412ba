"""Streams of Anthropic-shaped providers: what passes, what waits, what is an end and what a cut."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wire.anthropic_frames import STOPS, frames, messages, written
from tests.wire.openai_frames import Json, cuts
from tokenhouse.chat import (
    CallDelta,
    CallStarted,
    ChoiceEnded,
    Event,
    Finished,
    Opened,
    Passed,
    ReasoningDelta,
    RedactedThought,
    TextDelta,
    Usage,
)
from tokenhouse.errors import ContextExceeded, TokenhouseError, UpstreamError
from tokenhouse.wire import Asked, StreamReader, sse
from tokenhouse.wire.anthropic_messages import PassingReader, TranslatingReader

OURS = "msg_000000000000000000000000000"
SIZES = st.lists(st.integers(1, 90), max_size=40)


def passing(limit_bytes: int = sse.DEFAULT_LIMIT_BYTES) -> PassingReader:
    return PassingReader(
        answer_id=OURS, model="author/model", upstream_model="up-1", limit_bytes=limit_bytes
    )


def translating(asked: Asked = Asked()) -> TranslatingReader:  # noqa: B008
    return TranslatingReader(
        answer_id=OURS, model="author/model", upstream_model="up-1", asked=asked
    )


def both() -> Sequence[StreamReader]:
    return (passing(), translating())


def feed_all(reader: StreamReader, pieces: Iterable[bytes]) -> list[Event]:
    events: list[Event] = []
    for piece in pieces:
        events += reader.feed(piece)
        reader.check()
    return events + reader.closed()


def event(kind: str, **fields: object) -> bytes:
    return sse.event(kind, json.dumps({"type": kind, **fields}, separators=(",", ":")).encode())


START = event(
    "message_start",
    message={
        "id": "msg_up",
        "type": "message",
        "model": "up-1",
        "content": [],
        "usage": {"input_tokens": 6, "cache_read_input_tokens": 4, "output_tokens": 1},
    },
)
STOP = event("message_stop")


def begun(index: int, **block: object) -> bytes:
    return event("content_block_start", index=index, content_block=block)


def more(index: int, kind: str, **delta: object) -> bytes:
    return event("content_block_delta", index=index, delta={"type": kind, **delta})


def ended(index: int) -> bytes:
    return event("content_block_stop", index=index)


def finished(reason: str | None = "end_turn", **usage: int) -> bytes:
    return event(
        "message_delta",
        delta={"stop_reason": reason, "stop_sequence": None},
        usage={"output_tokens": 3} | usage,
    )


def text(index: int, *texts: str) -> bytes:
    out = begun(index, type="text", text="")
    for piece in texts:
        out += more(index, "text_delta", text=piece)
    return out + ended(index)


@settings(max_examples=100, deadline=None)
@given(st.data(), SIZES)
def test_every_frame_passes_but_for_our_names_and_the_last_delta(
    data: st.DataObject, sizes: list[int]
) -> None:
    bodies = data.draw(frames(data.draw(messages())))
    events = feed_all(passing(), cuts(data.draw(written(bodies)), sizes))
    passed = b"".join(event.frame for event in events if isinstance(event, Passed))
    expected: list[Json] = []
    for body in bodies[:-1]:
        if body["type"] == "message_start":
            message = body["message"]
            assert isinstance(message, dict)
            body = body | {"message": message | {"id": OURS, "model": "author/model"}}
        if body["type"] != "message_delta":
            expected.append(body)
    read = sse.Reader().feed(passed)
    assert [json.loads(payload) for _, payload in read] == expected
    assert [name.decode() for name, _ in read] == [body["type"] for body in expected]
    last = events[-1]
    assert isinstance(last, Finished)
    assert (
        json.loads(last.frame or b"") == bodies[[b["type"] for b in bodies].index("message_delta")]
    )


def test_deltas_pass_byte_for_byte() -> None:
    odd = b'event: content_block_delta\ndata: {"type": "content_block_delta",  "index":0,'
    odd += b'"delta":{"type":"text_delta","text":"\\u00e9"}, "beta": [1]  }\n\n'
    stream = START + begun(0, type="text", text="") + odd + more(0, "text_delta", text="x") * 3
    events = passing().feed(stream)
    passed = b"".join(event.frame for event in events if isinstance(event, Passed))
    assert passed.endswith(odd + more(0, "text_delta", text="x") * 3)


@settings(max_examples=100, deadline=None)
@given(st.data(), SIZES)
def test_both_lanes_see_the_same_text_end_and_usage(data: st.DataObject, sizes: list[int]) -> None:
    message = data.draw(messages())
    stream = data.draw(written(data.draw(frames(message))))
    passed = feed_all(passing(), cuts(stream, sizes))
    events = feed_all(translating(), cuts(stream, sizes[::-1]))
    assert passed[0] == events[0] or not isinstance(events[0], Opened)
    told = ""
    reason: str | None = None
    for event in events:
        match event:
            case TextDelta() | ReasoningDelta():
                told += event.text
            case CallStarted():
                told += event.name
            case ChoiceEnded():
                reason = event.reason
            case _:
                pass
    seen = [event for event in passed if isinstance(event, Passed)]
    assert len("".join(event.text for event in seen)) >= len(told)
    assert [event.finish_reason for event in seen if event.finish_reason] == [reason]
    for end in (passed[-1], events[-1]):
        assert isinstance(end, Finished)
        assert end.usage == _buckets(message["usage"])


def fresh_frame(block: bytes) -> list[Event]:
    reader = translating()
    events = reader.feed(block + b"\n\n")
    reader.check()
    return events


def _buckets(told: object) -> Usage:
    assert isinstance(told, dict)
    thinking = told.get("output_tokens_details", {}).get("thinking_tokens", 0)
    return Usage(
        input=told["input_tokens"],
        cache_read=told["cache_read_input_tokens"],
        cache_write=told["cache_creation_input_tokens"],
        output=told["output_tokens"] - thinking,
        reasoning=thinking,
    )


@settings(max_examples=60, deadline=None)
@given(st.data(), SIZES)
def test_frames_known_by_sight_are_read_as_those_taken_apart(
    data: st.DataObject, sizes: list[int]
) -> None:
    bodies = data.draw(frames(data.draw(messages())))
    stream = data.draw(written(bodies))
    apart: list[Event] = []
    for block in sse.Reader().blocks(stream):
        # A reader that has seen one frame only has learnt no other's ends.
        apart += [event for event in fresh_frame(block) if isinstance(event, TextDelta)]
    fast = feed_all(translating(), cuts(stream, sizes))
    assert [event for event in fast if isinstance(event, TextDelta)] == apart


def test_the_size_of_the_prompt_is_told_before_any_content() -> None:
    for reader in both():
        events = reader.feed(START + text(0, "Hi"))
        assert events[0] == Opened(None, 10, 4, 0)


def test_usage_is_the_last_that_was_told() -> None:
    stream = START + text(0, "Hi") + finished(None, output_tokens=2)
    stream += finished(output_tokens=9, cache_creation_input_tokens=2) + STOP
    for reader in both():
        last = feed_all(reader, [stream])[-1]
        assert isinstance(last, Finished)
        assert last.usage == Usage(input=6, cache_read=4, cache_write=2, output=9)


def test_a_message_delta_that_is_not_the_last_passes() -> None:
    stream = START + text(0, "Hi") + finished(None, output_tokens=2, cost=5)
    events = feed_all(passing(), [stream + finished(output_tokens=9) + STOP])
    frames = [event.frame for event in events if isinstance(event, Passed)]
    (early,) = [frame for frame in frames if b"message_delta" in frame]
    assert b"cost" not in early
    last = events[-1]
    assert isinstance(last, Finished)
    assert b'"output_tokens":9' in (last.frame or b"")


def test_what_the_house_pays_is_not_in_message_start() -> None:
    start = START.replace(b'"input_tokens":6', b'"input_tokens":6,"cost":9.5,"cost_details":{}')
    (_, passed) = passing().feed(start)
    assert isinstance(passed, Passed)
    assert b"cost" not in passed.frame
    assert b'"cache_read_input_tokens":4' in passed.frame


def test_content_is_what_a_failing_route_may_not_have_sent() -> None:
    stream = START + event("ping") + begun(0, type="text", text="")
    for reader in both():
        assert not any(isinstance(e, Passed) and e.content for e in reader.feed(stream))
    events = passing().feed(stream + more(0, "text_delta", text="Hi"))
    assert [e.content for e in events if isinstance(e, Passed)] == [False, False, False, True]
    events = passing().feed(START + begun(0, type="tool_use", id="t", name="f", input={}))
    assert isinstance(events[-1], Passed)
    assert (events[-1].content, events[-1].text) == (True, "f")


def test_calls_are_counted_apart_from_other_blocks() -> None:
    """Row 8: every call of a translated stream had index 0, or its block's index."""
    stream = START + text(0, "Hi")
    for index in (1, 2):
        stream += begun(index, type="tool_use", id=f"toolu_{index}", name="f", input={})
        stream += more(index, "input_json_delta", partial_json="")
        stream += more(index, "input_json_delta", partial_json='{"a":')
        stream += more(index, "input_json_delta", partial_json=f"{index}}}") + ended(index)
    events = feed_all(translating(), [stream + finished("tool_use") + STOP])
    assert [e for e in events if isinstance(e, (CallStarted, CallDelta))] == [
        CallStarted(0, "toolu_1", "f"),
        CallDelta(0, '{"a":'),
        CallDelta(0, "1}"),
        CallStarted(1, "toolu_2", "f"),
        CallDelta(1, '{"a":'),
        CallDelta(1, "2}"),
    ]


def test_a_call_without_arguments_has_an_empty_object_for_them() -> None:
    stream = START + begun(0, type="tool_use", id="toolu_1", name="f", input={}) + ended(0)
    events = feed_all(translating(), [stream + finished("tool_use") + STOP])
    assert events[1:3] == [CallStarted(0, "toolu_1", "f"), CallDelta(0, "{}")]


def test_arguments_that_stand_at_the_start_of_a_block_count() -> None:
    stream = START + begun(0, type="tool_use", id="toolu_1", name="f", input={"a": 1}) + ended(0)
    events = feed_all(translating(), [stream + finished("tool_use") + STOP])
    assert events[1:3] == [CallStarted(0, "toolu_1", "f"), CallDelta(0, '{"a":1}')]


def test_a_call_gets_the_clients_own_name_for_its_tool_and_an_id() -> None:
    stream = START + begun(0, type="tool_use", name="my_tool_x", input={}) + ended(0)
    reader = translating(Asked(names={"my_tool_x": "my tool"}))
    started = feed_all(reader, [stream + finished("tool_use") + STOP])[1]
    assert isinstance(started, CallStarted)
    assert started.name == "my tool"
    assert started.id


def test_thoughts_keep_their_signatures() -> None:
    """Row 18: a signature goes back to its endpoint as it came."""
    stream = START + begun(0, type="thinking", thinking="", signature="")
    stream += more(0, "thinking_delta", thinking="Hm") + more(0, "thinking_delta", thinking="")
    stream += more(0, "signature_delta", signature="sig") + ended(0)
    stream += begun(1, type="redacted_thinking", data="sealed") + ended(1)
    events = feed_all(translating(), [stream + finished() + STOP])
    assert events[1:4] == [
        ReasoningDelta("Hm"),
        ReasoningDelta("", signature="sig"),
        RedactedThought("sealed"),
    ]


def test_what_a_providers_own_tools_did_is_left_out_of_translations_and_passes() -> None:
    stream = START + begun(0, type="server_tool_use", id="srv", name="web_search", input={})
    stream += more(0, "input_json_delta", partial_json='{"q":1}') + ended(0)
    stream += begun(1, type="web_search_tool_result", tool_use_id="srv", content=[]) + ended(1)
    stream += text(2, "Found") + more(2, "citations_delta", citation={"url": "x"})
    events = feed_all(translating(), [stream + finished() + STOP])
    assert events[1:] == [
        TextDelta("Found"),
        ChoiceEnded("stop"),
        Finished(Usage(input=6, cache_read=4, output=3)),
    ]
    passed = feed_all(passing(), [stream + finished() + STOP])
    frames = b"".join(event.frame for event in passed if isinstance(event, Passed))
    assert frames.endswith(stream.removeprefix(START))


@pytest.mark.parametrize("reason", STOPS)
def test_every_stop_reason_is_an_end(reason: str) -> None:
    known = {
        "max_tokens": "length",
        "stop_sequence": "stop_sequence",
        "tool_use": "tool_calls",
        "refusal": "content_filter",
        "model_context_window_exceeded": "length",
    }
    expected = known.get(reason, "stop")
    stream = START + text(0, "Hi") + finished(reason) + STOP
    (end,) = [e for e in feed_all(translating(), [stream]) if isinstance(e, ChoiceEnded)]
    assert end.reason == expected
    passed = feed_all(passing(), [stream])
    reasons = [e.finish_reason for e in passed if isinstance(e, Passed) and e.finish_reason]
    assert reasons == [expected]


def test_nulls_and_empty_texts_give_nothing() -> None:
    stream = START + text(0, "") + more(0, "text_delta", text=None) + finished() + STOP
    stream = stream.replace(b'"usage":{"output_tokens":3}', b'"usage":{"output_tokens":null}')
    events = feed_all(translating(), [stream])
    assert events[1:] == [
        ChoiceEnded("stop"),
        Finished(Usage(input=6, cache_read=4, output=1)),
    ]


def test_a_stream_without_message_stop_is_complete_once_it_has_said_why_it_stopped() -> None:
    for reader in both():
        assert isinstance(feed_all(reader, [START + text(0, "Hi") + finished()])[-1], Finished)


@pytest.mark.parametrize(
    "stream",
    [b"", START, START + text(0, "Hi"), START + begun(0, type="text", text="")],
)
def test_a_stream_that_breaks_off_is_no_answer(stream: bytes) -> None:
    for reader in both():
        with pytest.raises(UpstreamError) as raised:
            feed_all(reader, [stream])
        assert raised.value.code == "upstream_cut"


def test_an_error_before_any_content_is_an_error_and_no_empty_answer() -> None:
    """Rows 19 and 23: a 200 whose stream only holds an error was shown as an empty success."""
    body = {"type": "overloaded_error", "message": "Overloaded"}
    for reader in both():
        with pytest.raises(UpstreamError) as raised:
            reader.feed(event("error", error=body))
        assert (raised.value.status, raised.value.retryable) == (503, True)


def test_an_error_in_another_dialects_words_is_an_error_too() -> None:
    """Row 23: some providers put an OpenAI-shaped error into this dialect's stream."""
    for reader in both():
        assert reader.feed(START)
        with pytest.raises(UpstreamError):
            reader.feed(b'data: {"error":{"message":"No.","type":"server_error"}}\n\n')


def test_a_frame_without_type_or_name_passes_as_it_is() -> None:
    (_, _, passed) = passing().feed(START + b'data: {"beta":1}\n\n')
    assert isinstance(passed, Passed)
    assert passed.frame == b'data: {"beta":1}\n\n'


def test_an_error_behind_content_is_raised_once_the_content_was_read() -> None:
    """Row 23: it ends the stream as an error, and never as a clean end."""
    body = {"type": "api_error", "message": "Internal server error"}
    for reader in both():
        assert reader.feed(START + text(0, "Hi") + event("error", error=body) + finished() + STOP)
        with pytest.raises(UpstreamError):
            reader.check()
        with pytest.raises(UpstreamError):
            reader.closed()


def test_an_overflow_inside_a_stream_is_told_in_numbers() -> None:
    body = {"type": "invalid_request_error", "message": "prompt is too long: 9 tokens > 8 maximum"}
    with pytest.raises(ContextExceeded) as raised:
        passing().feed(event("error", error=body))
    assert (raised.value.prompt, raised.value.context) == (9, 8)


@pytest.mark.parametrize(
    "garbage",
    [
        b"data: <html>\n\n",
        b"data: [1,2]\n\n",
        b'data: "text"\n\n',
        b'event: content_block_delta\ndata: {"type":"content_block_delta","delta":5}\n\n',
        b'data: {"type":"a\\nb"}\n\n',
        b"data: \xff\n\n",
        b"data: " + b"[" * 100_000 + b"\n\n",
    ],
)
def test_garbage_is_the_providers_fault(garbage: bytes) -> None:
    for reader in both():
        with pytest.raises(UpstreamError):
            reader.feed(garbage)


@given(st.binary(max_size=300), SIZES)
def test_any_bytes_give_events_or_an_error_of_ours(noise: bytes, sizes: list[int]) -> None:
    for reader in both():
        with suppress(TokenhouseError):
            feed_all(reader, cuts(START + noise, sizes))


def test_comments_blank_events_and_line_ends_make_no_difference() -> None:
    """Row 22: comments were passed on as data, and frames were cut at the reads of a socket."""
    plain = START + text(0, "Hé", "llo 🦊") + finished() + STOP
    noisy = b": PROCESSING\n\n" + plain.replace(b"\n\n", b"\n\n\n: hm\n\n").replace(b"\n", b"\r\n")
    for read in (passing, translating):
        expected = feed_all(read(), [plain])
        assert feed_all(read(), [noisy]) == expected
        assert feed_all(read(), cuts(noisy, [1] * len(noisy))) == expected


def test_data_on_several_lines_passes_as_one() -> None:
    frame = b'event: ping\ndata: {"type":\ndata: "ping"}\n\n'
    (_, _, passed) = passing().feed(START + frame)
    assert isinstance(passed, Passed)
    assert passed.frame == b'event: ping\ndata: {"type": "ping"}\n\n'


def test_an_endless_frame_is_refused() -> None:
    with pytest.raises(UpstreamError) as raised:
        passing(limit_bytes=300).feed(more(0, "text_delta", text="x" * 400))
    assert raised.value.code == "upstream_frame_too_large"


def test_nothing_is_read_behind_the_end() -> None:
    for reader in both():
        reader.feed(START + text(0, "Hi") + finished() + STOP)
        assert reader.done
        assert reader.feed(text(1, "more")) == []
        assert reader.closed() == []
