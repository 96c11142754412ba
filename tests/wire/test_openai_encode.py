"""What clients of chat completions read, put together by the official SDK's own accumulator."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wire.openai_frames import USAGE, Json, frames, written
from tests.wire.openai_sdk import accumulated, read_whole
from tokenhouse.chat import (
    CallDelta,
    CallStarted,
    ChoiceEnded,
    Event,
    Finished,
    LogProbs,
    Opened,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    Usage,
)
from tokenhouse.errors import AccountError, UpstreamError
from tokenhouse.wire import StreamReader, sse
from tokenhouse.wire.openai_chat import (
    PassingReader,
    StreamEncoder,
    TranslatingReader,
    WholeEncoder,
    pass_whole,
    translate_whole,
)

OURS = "chatcmpl-000000000000000000000000000"
COUNTED = Usage(input=6, cache_read=4, output=3, reasoning=2)
COST = 1_925
TEXTS = st.text(alphabet=st.characters(blacklist_categories=["Cs"]), min_size=1, max_size=10)


def stream_bytes(events: Iterable[Event], *, include_usage: bool = True) -> bytes:
    encoder = StreamEncoder(
        answer_id=OURS, model="a/m", created_s=1_700_000_000, include_usage=include_usage
    )
    return b"".join(map(encoder.encode, events)) + encoder.closing(COUNTED, COST)


def whole_bytes(events: Iterable[Event]) -> bytes:
    encoder = WholeEncoder(answer_id=OURS, model="a/m", created_s=1_700_000_000)
    for event in events:
        encoder.add(event)
    return encoder.closing(COUNTED, COST)


@st.composite
def choices(draw: st.DrawFn, choice: int) -> list[Event]:
    events: list[Event] = []
    for kind in draw(st.lists(st.sampled_from(["reason", "text", "refuse"]), max_size=5)):
        text = draw(TEXTS)
        if kind == "reason":
            events.append(ReasoningDelta(text, choice))
        elif kind == "refuse":
            events.append(RefusalDelta(text, choice))
        else:
            found = (LogProbs(text, -0.5, (LogProbs(text, -0.5), LogProbs("🦊", -1.5))),)
            events.append(TextDelta(text, choice, 1, found))
    calls = draw(st.integers(0, 3))
    events += [CallStarted(i, f"call_{choice}_{i}", f"f{i}", choice) for i in range(calls)]
    for position in draw(st.lists(st.integers(0, calls - 1), max_size=5)) if calls else []:
        events.append(CallDelta(position, draw(TEXTS), choice))
    events.append(ChoiceEnded("tool_calls" if calls else "stop", choice))
    return events


@settings(max_examples=40, deadline=None)
@given(st.data(), st.integers(1, 3))
def test_a_translated_stream_accumulates_to_the_whole_answer(
    data: st.DataObject, count: int
) -> None:
    events: list[Event] = [Opened("up-1")]
    for choice in range(count):
        events += data.draw(choices(choice))
    events.append(Finished())
    assert accumulated(stream_bytes(events)) == read_whole(whole_bytes(events))


def both_lanes() -> Sequence[StreamReader]:
    return (
        PassingReader(answer_id=OURS, model="a/m", include_usage=True),
        TranslatingReader(answer_id=OURS, model="a/m"),
    )


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_an_upstreams_stream_and_its_whole_answer_read_alike_in_both_lanes(
    data: st.DataObject,
) -> None:
    bodies = data.draw(frames())
    stream = data.draw(written(bodies))
    upstream = _whole_of(stream)
    seen = [accumulated(stream_bytes(reader.feed(stream))) for reader in both_lanes()]
    wholes = [
        read_whole(whole_bytes(whole(upstream, answer_id=OURS, model="a/m")))
        for whole in (pass_whole, translate_whole)
    ]
    for other in (*seen, *wholes):
        assert _comparable(other) == _comparable(seen[0])


def _whole_of(stream: bytes) -> bytes:
    """The non-streamed answer of an upstream that streams ``stream``, by the SDK's accumulator."""
    answer = accumulated(stream) | {"object": "chat.completion"}
    for choice in cast("list[Json]", answer["choices"]):
        cast("Json", choice["message"]).setdefault("content", None)
    return json.dumps(answer).encode()


def _comparable(answer: Json) -> Json:
    """Without what an upstream may leave out: creation time, and an empty text for none."""
    out = json.loads(json.dumps(answer))
    out.pop("created", None)
    for choice in out["choices"]:
        if choice["message"].get("content") == "":
            del choice["message"]["content"]
        for call in choice["message"].get("tool_calls", ()):
            call.setdefault("type", "function")
            # What passes is passed as it is; what is translated is always a JSON text.
            call["function"]["arguments"] = call["function"]["arguments"] or "{}"
    # The upstream's own unknown usage fields and the house's are the same in each.
    return out


def test_usage_comes_in_one_last_chunk_and_only_when_asked() -> None:
    events: list[Event] = [TextDelta("Hi"), ChoiceEnded("stop"), Finished()]
    payloads = [payload for _, payload in sse.Reader().feed(stream_bytes(events))]
    last = json.loads(payloads[-2])
    assert last["choices"] == []
    assert last["usage"] == {
        "prompt_tokens": 10,
        "completion_tokens": 5,
        "total_tokens": 15,
        "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 2},
        "cost": 0.000001925,
    }
    assert all("usage" not in json.loads(payload) for payload in payloads[:-2])
    assert b"usage" not in stream_bytes(events, include_usage=False)


def test_cost_is_exact_to_the_digit() -> None:
    assert b'"cost":0.000001925}' in whole_bytes([TextDelta("Hi"), Finished()])


def test_an_unknown_usage_field_survives_and_the_providers_own_cost_does_not() -> None:
    raw = {"audio_seconds": 7, "cost": 9.5, "cost_details": {"upstream": 9.5}}
    raw |= {"prompt_tokens_details": {"audio_tokens": 3, "cached_tokens": 99}} | USAGE
    events: list[Event] = [TextDelta("Hi"), Finished(None, json.dumps(raw).encode())]
    usage = json.loads(whole_bytes(events))["usage"]
    assert usage["audio_seconds"] == 7
    assert usage["prompt_tokens_details"]["audio_tokens"] == 3
    assert usage["prompt_tokens_details"]["cached_tokens"] == 4
    assert usage["cost"] == 0.000001925
    assert "cost_details" not in usage
    last = sse.Reader().feed(stream_bytes(events))[-2][1]
    assert json.loads(last)["usage"] == usage


def test_the_first_chunk_of_a_choice_gives_the_role() -> None:
    payloads = [json.loads(p) for _, p in sse.Reader().feed(stream_bytes([TextDelta("Hi")]))[:-1]]
    assert payloads[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert payloads[1]["choices"][0]["delta"] == {"content": "Hi"}
    assert {payload["id"] for payload in payloads} == {OURS}
    assert {payload["model"] for payload in payloads} == {"a/m"}
    assert {payload["object"] for payload in payloads} == {"chat.completion.chunk"}


def test_an_error_ends_a_stream_without_done() -> None:
    encoder = StreamEncoder(answer_id=OURS, model="a/m", created_s=1)
    frame = encoder.error(UpstreamError("The provider stopped.", code="upstream_cut"))
    (event,) = sse.Reader().feed(frame)
    assert json.loads(event[1])["error"] == {
        "message": "The provider stopped.",
        "type": "server_error",
        "code": "upstream_cut",
        "param": None,
    }
    assert b"[DONE]" not in frame


def test_an_unlimited_cost_is_left_out() -> None:
    encoder = WholeEncoder(answer_id=OURS, model="a/m", created_s=1)
    encoder.add(TextDelta("Hi"))
    assert "cost" not in json.loads(encoder.closing(COUNTED, None))["usage"]


def test_a_lane_cannot_be_changed_in_the_middle() -> None:
    whole = pass_whole(
        b'{"choices":[{"index":0,"message":{"content":"a"}}]}', answer_id=OURS, model="a/m"
    )
    stream = StreamEncoder(answer_id=OURS, model="a/m", created_s=1)
    with pytest.raises(TypeError):
        stream.encode(whole[0])
    passed = both_lanes()[0].feed(b'data: {"choices":[]}\n\n')
    with pytest.raises(TypeError):
        WholeEncoder(answer_id=OURS, model="a/m", created_s=1).add(passed[0])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>Bad gateway</html>",
        b"[]",
        b"{}",
        b'{"choices":[]}',
        b'{"choices":null}',
        b'{"choices":[{"index":0,"message":{"content":"a"',
        b'{"error":{"message":"no"}}',
        b'{"error":"no"}',
        b'{"choices":[5]}',
        b"\xff",
        b"[" * 100_000,
    ],
)
def test_a_whole_answer_that_is_none_is_the_providers_fault(body: bytes) -> None:
    for whole in (pass_whole, translate_whole):
        with pytest.raises(UpstreamError):
            whole(body, answer_id=OURS, model="a/m")


def test_a_refusal_of_ours_has_the_envelope_of_openais_routes() -> None:
    encoder = StreamEncoder(answer_id=OURS, model="a/m", created_s=1)
    frame = encoder.error(AccountError("Too many.", status=429, code="rate_limit_exceeded"))
    body = json.loads(frame.removeprefix(b"data: "))
    assert (body["status"], body["message"], body["retry_after"]) == ("error", "Too many.", 1)
