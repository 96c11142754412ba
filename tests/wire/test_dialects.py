"""Every client dialect in front of every upstream dialect: what is streamed is what is not.

One answer is drawn, and written as an upstream streams it and as it gives it whole. Both go through the
house's readers and encoders, and are read by the official SDKs: the same message, the same usage in
disjoint buckets.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wire import anthropic_frames, openai_frames, openai_sdk
from tests.wire.answer_events import TEXTS, answers, argument_texts, pieces
from tests.wire.anthropic_sdk import Sdk
from tests.wire.openai_frames import Json, at, cuts
from tokenhouse.chat import Event, Finished, Usage
from tokenhouse.wire import StreamReader, anthropic_messages, openai_chat

ANSWER_ID = "msg_000000000000000000000000000"
COST = 1_925
MODEL = "author/model"
Bytes = tuple[bytes, bytes]
"""An upstream's answer: streamed, and whole."""


@dataclass(frozen=True, slots=True)
class Said:
    """An answer, whatever the dialect: in each of the ways there are to say it."""

    thought: str
    signature: str
    text: str
    calls: tuple[tuple[str, str, str], ...]
    end: str
    usage: Usage


@st.composite
def said(draw: st.DrawFn) -> Said:
    count = st.integers(0, 5000)
    names = [f"tool_{n}" for n in range(draw(st.integers(0, 3)))]
    calls = tuple((f"call_{name}", name, draw(argument_texts())) for name in names)
    thought = draw(TEXTS)
    return Said(
        thought,
        draw(st.sampled_from(["", "sig"])) if thought else "",
        draw(TEXTS),
        calls,
        "tool_calls" if calls else draw(st.sampled_from(["stop", "length", "content_filter"])),
        Usage(
            input=draw(count),
            cache_read=draw(count),
            cache_write=draw(count),
            output=draw(count),
            reasoning=draw(count),
        ),
    )


@st.composite
def by_openai(draw: st.DrawFn, answer: Said) -> Bytes:
    """``answer`` of an OpenAI-shaped upstream: calls interleave, empty and null fields stand about."""
    deltas: list[Json] = [{"role": "assistant", "content": ""}]
    for piece in draw(pieces(answer.thought)):
        deltas.append({"reasoning_content": piece})
    for piece in draw(pieces(answer.text)):
        deltas.append({"content": piece, "tool_calls": []})
    queues: list[list[Json]] = []
    for index, (call_id, name, text) in enumerate(answer.calls):
        function: Json = {"name": name, "arguments": ""}
        first: Json = {"index": index, "id": call_id, "type": "function", "function": function}
        queues.append([first])
        for piece in draw(pieces(text)):
            queues[-1].append({"index": index, "function": {"arguments": piece}})
    if queues:
        deltas += [_called(queue.pop(0)) for queue in queues]
        order = [index for index, queue in enumerate(queues) for _ in queue]
        for index in draw(st.permutations(order)):
            deltas.append(_called(queues[index].pop(0)))
    for place in draw(st.lists(st.integers(1, len(deltas)), max_size=2)):
        deltas.insert(place, {"content": None, "tool_calls": None})
    frames = [_chunk(delta, None) for delta in deltas]
    frames.append(_chunk({}, answer.end))
    usage = _openai_usage(answer.usage)
    frames.append({"choices": [], "usage": usage})
    message: Json = {"role": "assistant", "content": answer.text or None}
    if answer.thought:
        message["reasoning_content"] = answer.thought
    if answer.calls:
        message["tool_calls"] = [
            {"id": call_id, "type": "function", "function": {"name": name, "arguments": text}}
            for call_id, name, text in answer.calls
        ]
    choice: Json = {"index": 0, "message": message, "finish_reason": answer.end}
    head: Json = {"id": "up", "object": "chat.completion", "created": 1, "model": "up-1"}
    whole: Json = head | {"choices": [choice], "usage": usage}
    stream = draw(openai_frames.written(frames))
    return stream, json.dumps(whole).encode()


def _called(piece: Json) -> Json:
    return {"content": None, "tool_calls": [piece]}


def _chunk(delta: Json, finish: str | None) -> Json:
    head: Json = {"id": "up", "object": "chat.completion.chunk", "created": 1, "model": "up-1"}
    return head | {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def _openai_usage(usage: Usage) -> Json:
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.answer_tokens,
        "total_tokens": usage.prompt_tokens + usage.answer_tokens,
        "prompt_tokens_details": {
            "cached_tokens": usage.cache_read,
            "cache_write_tokens": usage.cache_write,
        },
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
    }


@st.composite
def by_anthropic(draw: st.DrawFn, answer: Said) -> Bytes:
    """``answer`` of an Anthropic-shaped upstream, in blocks."""
    content: list[Json] = []
    if answer.thought:
        signature = answer.signature
        content.append({"type": "thinking", "thinking": answer.thought, "signature": signature})
    if answer.text:
        content.append({"type": "text", "text": answer.text})
    for call_id, name, text in answer.calls:
        given = json.loads(text or "{}")
        content.append({"type": "tool_use", "id": call_id, "name": name, "input": given})
    ends = {"stop": "end_turn", "length": "max_tokens", "content_filter": "refusal"}
    usage = answer.usage
    message: Json = {
        "id": "msg_up",
        "type": "message",
        "role": "assistant",
        "model": "up-1",
        "content": content,
        "stop_reason": ends.get(answer.end, "tool_use"),
        "stop_sequence": None,
        "usage": {
            "input_tokens": usage.input,
            "cache_read_input_tokens": usage.cache_read,
            "cache_creation_input_tokens": usage.cache_write,
            "output_tokens": usage.answer_tokens,
            "output_tokens_details": {"thinking_tokens": usage.reasoning},
        },
    }
    stream = draw(anthropic_frames.written(draw(anthropic_frames.frames(message))))
    return stream, json.dumps(message).encode()


class OpenAIClient:
    """A client of chat completions, and the house's side of it."""

    dialect = "openai_chat"

    def streamed(self, events: Sequence[Event], sizes: Sequence[int]) -> Json:
        encoder = openai_chat.StreamEncoder(
            answer_id=ANSWER_ID, model=MODEL, created_s=1, include_usage=True
        )
        stream = b"".join(map(encoder.encode, events)) + encoder.closing(usage_of(events), COST)
        del sizes  # the SDK's accumulator takes chunks; its line decoder is not at stake here
        return _openai_answer(openai_sdk.accumulated(stream))

    def whole(self, events: Sequence[Event]) -> Json:
        encoder = openai_chat.WholeEncoder(answer_id=ANSWER_ID, model=MODEL, created_s=1)
        for event in events:
            encoder.add(event)
        return _openai_answer(openai_sdk.read_whole(encoder.closing(usage_of(events), COST)))

    def buckets(self, answer: Json) -> tuple[int, ...]:
        """(input, cache read, cache written, output, reasoning)"""
        usage = at(answer, "usage")
        cached = usage["prompt_tokens_details"]["cached_tokens"]
        written = usage["prompt_tokens_details"]["cache_write_tokens"]
        thought = usage["completion_tokens_details"]["reasoning_tokens"]
        fresh = usage["prompt_tokens"] - cached - written
        return fresh, cached, written, usage["completion_tokens"] - thought, thought


def _openai_answer(answer: Json) -> Json:
    """Without what an upstream of the same dialect may leave out: an empty text for none, arguments
    for none; a call's arguments are compared as what they mean."""
    for choice in at(answer, "choices"):
        message = choice["message"]
        for name in ("content", "reasoning_content"):
            if message.get(name) == "":
                del message[name]
        for call in message.get("tool_calls", ()):
            call["function"]["arguments"] = json.loads(call["function"]["arguments"] or "{}")
    answer.pop("created", None)
    return answer


class AnthropicClient:
    """A client of messages, and the house's side of it."""

    dialect = "anthropic_messages"

    def __init__(self) -> None:
        self._sdk = Sdk()

    def streamed(self, events: Sequence[Event], sizes: Sequence[int]) -> Json:
        encoder = anthropic_messages.StreamEncoder(answer_id=ANSWER_ID, model=MODEL)
        stream = b"".join(map(encoder.encode, events)) + encoder.closing(usage_of(events), COST)
        return _anthropic_answer(self._sdk.accumulated(cuts(stream, list(sizes))))

    def whole(self, events: Sequence[Event]) -> Json:
        encoder = anthropic_messages.WholeEncoder(answer_id=ANSWER_ID, model=MODEL)
        for event in events:
            encoder.add(event)
        return _anthropic_answer(self._sdk.read(encoder.closing(usage_of(events), COST)))

    def buckets(self, answer: Json) -> tuple[int, ...]:
        usage = at(answer, "usage")
        thought = usage["output_tokens_details"]["thinking_tokens"]
        return (
            usage["input_tokens"],
            usage["cache_read_input_tokens"],
            usage["cache_creation_input_tokens"],
            usage["output_tokens"] - thought,
            thought,
        )


def _anthropic_answer(answer: Json) -> Json:
    """Without how long a cache was written for, and what kind of service it was: some upstreams tell
    it, some tell it at one end only."""
    usage = cast("Json", answer["usage"])
    usage.pop("cache_creation", None)
    usage.pop("service_tier", None)
    return answer


def usage_of(events: Sequence[Event]) -> Usage:
    finished = events[-1]
    assert isinstance(finished, Finished)
    assert finished.usage is not None
    return finished.usage


def read_stream(upstream: str, client: str, stream: bytes, sizes: list[int]) -> list[Event]:
    """What the house understands of a stream, in the lane that is open for this pair."""
    reader: StreamReader
    if upstream == "openai_chat":
        if client == upstream:
            reader = openai_chat.PassingReader(answer_id=ANSWER_ID, model=MODEL, include_usage=True)
        else:
            reader = openai_chat.TranslatingReader(answer_id=ANSWER_ID, model=MODEL)
    elif client == upstream:
        reader = anthropic_messages.PassingReader(answer_id=ANSWER_ID, model=MODEL)
    else:
        reader = anthropic_messages.TranslatingReader(answer_id=ANSWER_ID, model=MODEL)
    events: list[Event] = []
    for piece in cuts(stream, sizes):
        events += reader.feed(piece)
        reader.check()
    return events + reader.closed()


def read_whole(upstream: str, client: str, body: bytes) -> list[Event]:
    room = openai_chat if upstream == "openai_chat" else anthropic_messages
    if client == upstream:
        return room.pass_whole(body, answer_id=ANSWER_ID, model=MODEL)
    return room.translate_whole(body, answer_id=ANSWER_ID, model=MODEL)


Client = OpenAIClient | AnthropicClient
Written = Callable[[Said], st.SearchStrategy[Bytes]]


@pytest.fixture(scope="module", params=[OpenAIClient, AnthropicClient], ids=["openai", "anthropic"])
def client(request: pytest.FixtureRequest) -> Client:
    return cast("Client", request.param())


@pytest.mark.parametrize(
    ("upstream", "writes"),
    [("openai_chat", by_openai), ("anthropic_messages", by_anthropic)],
    ids=["openai_upstream", "anthropic_upstream"],
)
@settings(max_examples=40, deadline=None)
@given(data=st.data(), answer=said(), sizes=st.lists(st.integers(1, 90), max_size=30))
def test_what_is_streamed_is_what_is_not(
    client: Client,
    upstream: str,
    writes: Written,
    data: st.DataObject,
    answer: Said,
    sizes: list[int],
) -> None:
    """Rows 2, 6, 7 and 17, and 10 and 11 with them: one answer, whichever way it is asked for."""
    stream, whole = data.draw(writes(answer))
    streamed = client.streamed(read_stream(upstream, client.dialect, stream, sizes), sizes)
    at_once = client.whole(read_whole(upstream, client.dialect, whole))
    assert streamed == at_once
    usage = answer.usage
    expected = (usage.input, usage.cache_read, usage.cache_write, usage.output, usage.reasoning)
    assert client.buckets(streamed) == expected


@settings(max_examples=40, deadline=None)
@given(events=answers(), sizes=st.lists(st.integers(1, 90), max_size=30))
def test_what_the_engine_streams_is_what_it_says_at_once(
    client: Client, events: list[Event], sizes: list[int]
) -> None:
    """The engine speaks no dialect: its answers are events, in any order that there is."""
    streamed = client.streamed(events, sizes)
    assert streamed == client.whole(events)
    usage = usage_of(events)
    expected = (usage.input, usage.cache_read, usage.cache_write, usage.output, usage.reasoning)
    assert client.buckets(streamed) == expected


@settings(max_examples=40, deadline=None)
@given(data=st.data(), answer=said())
def test_both_upstreams_tell_a_client_the_same(
    client: Client, data: st.DataObject, answer: Said
) -> None:
    """An answer reads alike from either upstream, but for signatures, which only one of them has."""
    openai, anthropic = data.draw(by_openai(answer))[1], data.draw(by_anthropic(answer))[1]
    one = client.whole(read_whole("openai_chat", client.dialect, openai))
    other = client.whole(read_whole("anthropic_messages", client.dialect, anthropic))
    assert _essence(one) == _essence(other)


def _essence(answer: Json) -> list[object]:
    """Thought, text, calls and end of an answer, whatever its dialect."""
    if "choices" in answer:
        message = at(answer, "choices", 0, "message")
        calls = [
            (call["function"]["name"], call["function"]["arguments"])
            for call in message.get("tool_calls", ())
        ]
        thought = message.get("reasoning_content", "")
        return [
            thought,
            message.get("content", ""),
            calls,
            at(answer, "choices", 0, "finish_reason"),
        ]
    thought = text = ""
    calls = []
    for block in at(answer, "content"):
        thought += block.get("thinking", "")
        text += block.get("text", "")
        if block["type"] == "tool_use":
            calls.append((block["name"], block["input"]))
    return [thought, text, calls, answer["stop_reason"]]
