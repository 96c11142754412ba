"""Providers that tell their usage in every frame: heard, hidden, and no slower for it."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenhouse.chat import Event, Finished, Passed, TextDelta, Usage, UsageSoFar
from tokenhouse.wire import openai_chat
from tokenhouse.wire.openai_chat.stream import without_usage


def frame(text: str, told: object, *, choice: int = 0, finish: str | None = None) -> bytes:
    """As vLLM writes them: no blanks, the usage last."""
    chunk = {
        "id": "up-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m",
        "choices": [{"index": choice, "delta": {"content": text}, "finish_reason": finish}],
        "usage": told,
    }
    return b"data: " + json.dumps(chunk, separators=(",", ":")).encode() + b"\n\n"


def usage(answer: int) -> dict[str, int]:
    return {"prompt_tokens": 7, "total_tokens": 7 + answer, "completion_tokens": answer}


def passing() -> openai_chat.PassingReader:
    return openai_chat.PassingReader(answer_id="chatcmpl-1", model="acme/echo")


def translating() -> openai_chat.TranslatingReader:
    return openai_chat.TranslatingReader(answer_id="chatcmpl-1", model="acme/echo")


def told_so_far(events: Sequence[Event]) -> list[int]:
    return [event.usage.output for event in events if isinstance(event, UsageSoFar)]


@given(st.lists(st.text(min_size=1, max_size=20), min_size=1, max_size=12))
def test_every_frame_says_its_text_and_what_was_used_and_the_client_sees_no_usage(
    texts: list[str],
) -> None:
    frames = [frame(text, usage(3 * at)) for at, text in enumerate(texts, 1)]
    reader = passing()
    events = [event for one in frames for event in reader.feed(one)]
    passed = [event for event in events if isinstance(event, Passed)]
    assert [event.text for event in passed] == texts
    assert told_so_far(events) == [3 * at for at in range(1, len(texts) + 1)]
    for event, text in zip(passed, texts, strict=True):
        shown = json.loads(event.frame.removeprefix(b"data: "))
        assert "usage" not in shown
        assert shown["choices"][0]["delta"] == {"content": text}
        assert (shown["id"], shown["model"]) == ("chatcmpl-1", "acme/echo")
    deltas = translating()
    translated = [event for one in frames for event in deltas.feed(one)]
    assert [event.text for event in translated if isinstance(event, TextDelta)] == texts
    assert told_so_far(translated) == told_so_far(events)


def test_a_text_that_looks_like_a_usage_is_text() -> None:
    text = 'x","usage":{"prompt_tokens":1,"completion_tokens":9}}'
    reader = passing()
    events = [*reader.feed(frame("a", usage(1))), *reader.feed(frame(text, usage(2)))]
    assert [event.text for event in events if isinstance(event, Passed)] == ["a", text]
    assert told_so_far(events) == [1, 2]


@pytest.mark.parametrize(
    "frame",
    [
        b'{"id":"u","model":"m","choices":[{"index":0,"delta":{"content":"a"},"usage":{"prompt_tokens":1}}]}',
        b'{"id":"u","model":"m","choices":[],"x":{"y":1,"usage":{"prompt_tokens":1}}}',
        b'{"id":"u","model":"m","choices":[],"usage":{}}',
        b'{"id":"u","model":"m","choices":[],"usage":null}',
        b"{}",
        b"",
    ],
)
def test_only_a_usage_that_ends_the_frame_itself_is_taken_off(frame: bytes) -> None:
    assert without_usage(frame) == (frame, b"", None)


def test_choices_that_are_counted_each_for_itself_say_nothing_of_the_whole() -> None:
    reader = passing()
    events = [*reader.feed(frame("a", usage(5))), *reader.feed(frame("b", usage(3), choice=1))]
    events += reader.feed(frame("c", usage(6)))
    assert told_so_far(events) == [5]


def test_the_last_frames_usage_is_what_the_answer_cost() -> None:
    reader = passing()
    reader.feed(frame("a", usage(1)))
    reader.feed(frame("", usage(2), finish="stop"))
    finished = reader.feed(b"data: [DONE]\n\n")[-1]
    assert isinstance(finished, Finished)
    assert finished.usage == Usage(input=7, output=2)
