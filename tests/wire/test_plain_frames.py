"""Frames known by their two ends pass exactly as the long way would pass them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenhouse.chat import Passed
from tokenhouse.errors import UpstreamError
from tokenhouse.wire import openai_chat


def frame(content: str, **fields: object) -> bytes:
    chunk = {
        "id": "up-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "delta": {"content": content}, "finish_reason": None}],
        **fields,
    }
    return b"data: " + json.dumps(chunk, ensure_ascii=False).encode() + b"\n\n"


def passed(frames: list[bytes], *, include_usage: bool = False) -> list[Passed]:
    reader = openai_chat.PassingReader(
        answer_id="chatcmpl-1", model="acme/echo", include_usage=include_usage
    )
    events: list[Passed] = []
    for one in frames:
        events += [event for event in reader.feed(one) if isinstance(event, Passed)]
    return events


@given(st.lists(st.text(max_size=20), min_size=4, max_size=12), st.booleans(), st.booleans())
def test_whatever_the_texts_each_frame_says_its_own_and_only_names_change(
    texts: list[str], null_usage: bool, include_usage: bool
) -> None:
    fields: dict[str, object] = {"usage": None} if null_usage else {}
    events = passed([frame(text, **fields) for text in texts], include_usage=include_usage)
    assert [event.text for event in events] == texts
    for event, text in zip(events, texts, strict=True):
        told = json.loads(event.frame.removeprefix(b"data: "))
        assert told["choices"][0]["delta"] == {"content": text}
        assert (told["id"], told["model"]) == ("chatcmpl-1", "acme/echo")
        assert ("usage" in told) == (null_usage and include_usage)


@pytest.mark.parametrize(
    "odd",
    [
        frame('say "id" and "model":"m"'),
        frame("line\nbreak"),
        frame("zero\u200bwidth"),
        frame("x", system_fingerprint="fp"),
        frame("x").replace(b'"index": 0', b'"index": 1'),
        frame("x").replace(b"null", b'"stop"'),
        frame("x").replace(b'{"content": "x"}', b'{"content": "x", "reasoning": "why"}'),
    ],
)
def test_a_frame_with_other_ends_or_an_odd_text_goes_the_long_way(odd: bytes) -> None:
    events = passed([*(frame(f"w{i}") for i in range(4)), odd, frame("after")])
    told = json.loads(events[4].frame.removeprefix(b"data: "))
    was = json.loads(odd.removeprefix(b"data: "))
    assert told["choices"] == was["choices"]
    assert events[5].text == "after"


def test_bytes_that_are_no_utf8_never_pass() -> None:
    reader = openai_chat.PassingReader(answer_id="chatcmpl-1", model="acme/echo")
    for i in range(4):
        reader.feed(frame(f"w{i}"))
    with pytest.raises(UpstreamError):
        reader.feed(frame("w").replace(b'"w"', b'"\xff"'))
