"""Streams of OpenAI-shaped providers: what passes, what is hidden, what is an end and what a cut."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wire.openai_frames import USAGE, Json, cuts, frames, written
from tokenhouse.chat import (
    CallDelta,
    CallStarted,
    ChoiceEnded,
    Conversation,
    Event,
    Finished,
    Passed,
    ReasoningDelta,
    TextDelta,
    Tool,
    Usage,
    UsageSoFar,
)
from tokenhouse.errors import ContextExceeded, TokenhouseError, UpstreamError
from tokenhouse.wire import OPENAI_NAME_MOST, Asked, StreamReader, asked_of
from tokenhouse.wire.openai_chat import PassingReader, TranslatingReader

OURS = "chatcmpl-000000000000000000000000000"
SIZES = st.lists(st.integers(1, 80), max_size=40)


def passing(*, include_usage: bool = False) -> PassingReader:
    return PassingReader(answer_id=OURS, model="author/model", include_usage=include_usage)


def translating() -> TranslatingReader:
    return TranslatingReader(answer_id=OURS, model="author/model")


def feed_all(reader: StreamReader, pieces: Iterable[bytes]) -> list[Event]:
    events: list[Event] = []
    for piece in pieces:
        events += reader.feed(piece)
    return events + reader.closed()


def said(*deltas: Mapping[str, object] | str, done: bool = True) -> bytes:
    """A stream of one choice; a string is its finish reason."""
    out = b""
    for delta in deltas:
        finish = delta if isinstance(delta, str) else None
        body = {} if isinstance(delta, str) else delta
        choice = {"index": 0, "delta": body, "finish_reason": finish}
        out += b"data: " + json.dumps({"id": "u", "model": "u", "choices": [choice]}).encode()
        out += b"\n\n"
    return out + b"data: [DONE]\n\n" if done else out


def call(name: str | None, arguments: str | None, **more: object) -> Json:
    function = {"name": name, "arguments": arguments}
    given = {key: value for key, value in function.items() if value is not None}
    return {"tool_calls": [{**more, "function": given}]}


def calls_of(events: Iterable[Event]) -> list[tuple[str, str, str]]:
    """(id, name, arguments) of each call, in order of position."""
    calls: dict[int, list[str]] = {}
    for event in events:
        if isinstance(event, CallStarted):
            assert event.position == len(calls)
            calls[event.position] = [event.id, event.name, ""]
        elif isinstance(event, CallDelta):
            calls[event.position][2] += event.arguments
    return [(id, name, arguments) for id, name, arguments in calls.values()]


@given(st.data(), SIZES, st.booleans())
def test_every_frame_passes_but_for_id_model_and_usage(
    data: st.DataObject, sizes: list[int], include_usage: bool
) -> None:
    bodies = data.draw(frames())
    stream = data.draw(written(bodies))
    events = feed_all(passing(include_usage=include_usage), cuts(stream, sizes))
    expected: list[Json] = []
    for body in bodies:
        if body["choices"] == []:
            continue
        kept = {"id": OURS, "model": "author/model"}
        changed = body | kept
        if "usage" in changed and not (include_usage and changed["usage"] is None):
            del changed["usage"]
        expected.append(changed)
    assert isinstance(events[-1], Finished)
    passed = [event for event in events[:-1] if isinstance(event, Passed)]
    others = [event for event in events[:-1] if not isinstance(event, Passed)]
    assert all(isinstance(event, UsageSoFar) for event in others)
    assert all(p.frame.startswith(b"data: ") and p.frame.endswith(b"\n\n") for p in passed)
    assert all(b"\n" not in p.frame[:-2] for p in passed)
    assert [json.loads(p.frame[6:]) for p in passed] == expected


@given(st.data(), SIZES)
def test_both_lanes_see_the_same_text_ends_and_usage(data: st.DataObject, sizes: list[int]) -> None:
    stream = data.draw(written(data.draw(frames())))
    passed = feed_all(passing(), cuts(stream, sizes))
    events = feed_all(translating(), cuts(stream, sizes[::-1]))
    text = "".join(event.text for event in passed if isinstance(event, Passed))
    told = ""
    started: set[tuple[int, int]] = set()
    argued: set[tuple[int, int]] = set()
    for event in events:
        if isinstance(event, CallStarted):
            told += event.name
            started.add((event.choice, event.position))
        elif isinstance(event, CallDelta):
            told += event.arguments
            argued.add((event.choice, event.position))
        elif not isinstance(event, (Finished, ChoiceEnded, UsageSoFar)):
            told += cast(TextDelta, event).text
    assert started == argued  # a call that was given no arguments has {} for them
    assert not Counter(text) - Counter(told)
    added = Counter(told) - Counter(text)
    assert added["{"] == added["}"] == added.total() / 2 <= len(started)
    assert passed[-1] == events[-1]
    ends = [event for event in events if isinstance(event, ChoiceEnded)]
    finishes = [e for e in passed if isinstance(e, Passed) and e.finish_reason is not None]
    assert [event.finish_reason for event in finishes] == [event.reason for event in ends]


def test_the_last_usage_counts_wherever_it_stands() -> None:
    early = json.dumps({"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 1}})
    late = json.dumps({"choices": [], "usage": USAGE})
    stream = b"data: %b\n\n" % early.encode() + said({"content": "a"}, "stop", done=False)
    stream += b"data: %b\n\ndata: [DONE]\n\n" % late.encode()
    for reader in (passing(), translating()):
        finished = feed_all(reader, [stream])[-1]
        assert isinstance(finished, Finished)
        assert finished.usage == Usage(input=10, output=5)
        assert json.loads(finished.raw or b"") == USAGE


def test_a_frame_without_choices_that_is_not_usage_passes() -> None:
    events = passing().feed(b'data: {"choices":[],"prompt_filter_results":[{"x":1}]}\n\n')
    assert len(events) == 1
    assert isinstance(events[0], Passed)
    assert not events[0].content


def test_a_role_alone_is_no_content_and_a_call_is() -> None:
    events = passing().feed(said({"role": "assistant", "content": ""}, call("f", "", index=0)))
    assert [event.content for event in events if isinstance(event, Passed)] == [False, True]


@pytest.mark.parametrize("make", [passing, translating])
def test_an_end_without_a_finish_is_a_cut(make: Callable[[], StreamReader]) -> None:
    reader = make()
    reader.feed(said({"content": "half an ans"}, done=False))
    with pytest.raises(UpstreamError) as caught:
        reader.closed()
    assert caught.value.code == "upstream_cut"


@pytest.mark.parametrize("make", [passing, translating])
def test_a_finish_without_done_is_an_end(make: Callable[[], StreamReader]) -> None:
    reader = make()
    reader.feed(said({"content": "all"}, "stop", done=False))
    assert reader.closed() == [Finished()]
    assert reader.closed() == []


@pytest.mark.parametrize("make", [passing, translating])
def test_nothing_after_done_counts(make: Callable[[], StreamReader]) -> None:
    reader = make()
    events = reader.feed(said({"content": "a"}, "stop") + said({"content": "another's"}))
    assert events[-1] == Finished()
    assert reader.feed(said({"content": "more"})) == []


@pytest.mark.parametrize("make", [passing, translating])
@pytest.mark.parametrize(
    "bad",
    [
        b'data: {"error":{"message":"out of memory","code":500}}\n\n',
        b'data: {"error":"out of memory"}\n\n',
        b"data: <html>502</html>\n\n",
        b'data: {"choices":[{"index":0,\n\n',
        b"data: [1]\n\n",
        b"data: \xff\xfe\n\n",
        b"data: " + b"[" * 100_000 + b"\n\n",
        said("error", done=False),
    ],
)
def test_an_error_in_the_stream_is_raised_behind_the_events_before_it(
    make: Callable[[], StreamReader], bad: bytes
) -> None:
    reader = make()
    assert reader.feed(said({"content": "a"}, done=False) + bad)
    with pytest.raises(UpstreamError):
        reader.check()
    with pytest.raises(UpstreamError):
        reader.closed()
    with pytest.raises(UpstreamError):
        make().feed(bad)


def test_a_context_overflow_in_the_stream_is_the_callers_to_mend() -> None:
    inner = {"message": "too long", "type": "exceed_context_size_error", "code": 400}
    inner |= {"n_prompt_tokens": 9000, "n_ctx": 4096}
    with pytest.raises(ContextExceeded) as caught:
        passing().feed(b"data: %b\n\n" % json.dumps({"error": inner}).encode())
    assert (caught.value.prompt, caught.value.context) == (9000, 4096)


def test_an_error_in_the_stream_names_the_public_model() -> None:
    frame = b'data: {"error":{"message":"up-7b is gone","code":400}}\n\n'
    reader = PassingReader(answer_id=OURS, model="author/model", upstream_model="up-7b")
    with pytest.raises(UpstreamError) as caught:
        reader.feed(frame)
    assert caught.value.message == "author/model is gone"


def test_a_null_error_is_none() -> None:
    frame = b'data: {"error":null,"choices":[{"index":0,"delta":{"content":"a"}}]}\n\n'
    assert len(passing().feed(frame)) == 1


def test_a_delta_of_an_unknown_shape_passes_and_its_text_is_metered() -> None:
    delta = {"content": {"parts": ["some ", "text"]}, "role": "assistant"}
    events = passing().feed(said(delta, done=False))
    assert isinstance(events[0], Passed)
    assert events[0].text == "some text"
    assert json.loads(events[0].frame[6:])["choices"][0]["delta"] == delta
    with pytest.raises(UpstreamError):
        translating().feed(said(delta, done=False))


def test_content_in_a_list_is_text_and_thinking() -> None:
    content = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
        {"type": "text", "text": "Yes."},
    ]
    assert translating().feed(said({"content": content}, done=False)) == [
        ReasoningDelta("hm"),
        TextDelta("Yes."),
    ]


@pytest.mark.parametrize(
    ("deltas", "calls"),
    [
        # interleaved by index
        (
            [
                call("f", "", index=0, id="a"),
                call("g", "", index=1, id="b"),
                call(None, "[1", index=0),
                call(None, "[2", index=1),
                call(None, "]", index=0),
                call(None, "]", index=1),
            ],
            [("a", "f", "[1]"), ("b", "g", "[2]")],
        ),
        # three calls with the same index, told apart by id
        (
            [
                call("f", "{1}", index=0, id="a"),
                call("f", "{2}", index=0, id="b"),
                call("f", "{3", index=0, id="c"),
                call(None, "}", index=0),
            ],
            [("a", "f", "{1}"), ("b", "f", "{2}"), ("c", "f", "{3}")],
        ),
        # no index at all
        (
            [call("f", "{", id="a"), call(None, "}"), call("g", "[", id="b"), call(None, "]")],
            [("a", "f", "{}"), ("b", "g", "[]")],
        ),
        # id and name repeated on each piece
        (
            [call("f", "{", index=0, id="a"), call("f", "}", index=0, id="a")],
            [("a", "f", "{}")],
        ),
        # arguments before the name
        ([call(None, "{", index=0, id="a"), call("f", "}", index=0)], [("a", "f", "{}")]),
        # no arguments ever
        ([call("f", None, index=0, id="a")], [("a", "f", "{}")]),
        # an empty list, null and an empty text in between
        (
            [
                call("f", "{", index=0, id="a"),
                {"content": "", "tool_calls": []},
                {"content": None, "tool_calls": None},
                call(None, "}", index=0, id=""),
            ],
            [("a", "f", "{}")],
        ),
    ],
)
def test_calls_are_told_apart(deltas: list[Json], calls: list[tuple[str, str, str]]) -> None:
    """Rows 3, 7, 9, 10 and 11: indexes that are missing or repeated, empty lists between pieces."""
    events = feed_all(translating(), [said(*deltas, "tool_calls")])
    assert calls_of(events) == calls
    assert events[-2] == ChoiceEnded("tool_calls")


def test_calls_without_ids_get_ids_of_ours() -> None:
    events = feed_all(translating(), [said(call("f", "1"), call("g", "2"), "stop")])
    found = calls_of(events)
    assert [call[1:] for call in found] == [("f", "1"), ("g", "2")]
    assert len({call[0] for call in found}) == 2
    assert events[-2] == ChoiceEnded("tool_calls")


def test_the_old_function_call_is_a_call() -> None:
    old = [{"function_call": {"name": "f", "arguments": ""}}, {"function_call": {"arguments": "1"}}]
    events = feed_all(translating(), [said(*old, "function_call")])
    assert [call[1:] for call in calls_of(events)] == [("f", "1")]
    assert events[-2] == ChoiceEnded("tool_calls")


@given(st.binary(max_size=100), SIZES)
def test_no_bytes_raise_anything_but_our_errors(noise: bytes, sizes: list[int]) -> None:
    stream = said({"content": "a"}, done=False)
    for data in (noise, stream + noise, b"data: " + noise + b"\n\n", stream[:30] + noise):
        for reader in (passing(), translating()):
            with suppress(TokenhouseError):
                feed_all(reader, cuts(data, sizes))


@given(
    st.lists(
        st.text(max_size=6) | st.sampled_from(['"', "\\", '\\"', "🦊", '","content":"x']),
        max_size=9,
    ),
    st.sampled_from([{}, {"logprobs": None, "matched_stop": None}, {"token_ids": [1]}]),
    st.booleans(),
)
def test_frames_known_by_sight_are_read_as_those_taken_apart(
    texts: list[str], more: Json, compact: bool
) -> None:
    """A reader that has seen one frame only has learnt no other's ends."""
    separators = (",", ":") if compact else (", ", ": ")
    frames: list[bytes] = []
    for text in texts:
        choice = {"index": 0, "delta": {"content": text}, "finish_reason": None} | more
        body = json.dumps({"id": "u", "choices": [choice]}, separators=separators)
        frames.append(b"data: " + body.encode() + b"\n\n")
    one = translating()
    read = [event for frame in frames for event in one.feed(frame)]
    assert read == [event for frame in frames for event in translating().feed(frame)]


def test_a_frame_with_more_than_text_is_never_known_by_sight() -> None:
    reader = translating()
    plain = b'data: {"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}]}\n\n'
    assert reader.feed(plain * 3) == [TextDelta("a")] * 3
    ended = plain.replace(b"null", b'"stop"')
    assert reader.feed(ended) == [TextDelta("a"), ChoiceEnded("stop")]
    second = plain.replace(b'"index":0', b'"index":1')
    assert reader.feed(second * 2) == [TextDelta("a", 1)] * 2
    assert reader.feed(plain) == [TextDelta("a")]


@pytest.mark.parametrize("field", ["stop_reason", "matched_stop"])
def test_a_stop_sequence_is_known_where_the_provider_names_the_clients_own(field: str) -> None:
    def ends(told: object) -> list[Event]:
        choice = {"index": 0, "delta": {"content": "a"}, "finish_reason": "stop", field: told}
        stream = b"data: %b\n\n" % json.dumps({"choices": [choice]}).encode()
        reader = TranslatingReader(answer_id=OURS, model="a/m", asked=Asked(stops=("END", "🦊")))
        events = feed_all(reader, [stream])
        return [event for event in events if isinstance(event, ChoiceEnded)]

    assert ends("🦊") == [ChoiceEnded("stop_sequence", 0, "🦊")]
    for told in (None, 2, "eos", ["END"], "END of it"):
        assert ends(told) == [ChoiceEnded("stop")]


def test_a_call_gets_the_clients_own_name_for_its_tool() -> None:
    tools = (Tool("a tool (1)"), Tool("plain"))
    conversation = Conversation(messages=(), tools=tools)
    asked = asked_of(conversation, name_most=OPENAI_NAME_MOST)
    (given,) = asked.names
    assert given != "a tool (1)"
    reader = TranslatingReader(answer_id=OURS, model="a/m", asked=asked)
    stream = said(call(given, "{}", index=0, id="a"), call("plain", "{}", index=1, id="b"))
    assert [name for _, name, _ in calls_of(feed_all(reader, [stream]))] == ["a tool (1)", "plain"]
