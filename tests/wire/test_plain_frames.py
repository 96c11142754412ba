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
    return (
        b"data: " + json.dumps(chunk, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"
    )


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
        frame("x").replace(b'"index":0', b'"index":1'),
        frame("x").replace(b"null", b'"stop"'),
        frame("x").replace(b'{"content":"x"}', b'{"content":"x","reasoning":"why"}'),
    ],
)
def test_a_frame_with_other_ends_or_an_odd_text_goes_the_long_way(odd: bytes) -> None:
    events = passed([*(frame(f"w{i}") for i in range(4)), odd, frame("after")])
    told = json.loads(events[4].frame.removeprefix(b"data: "))
    was = json.loads(odd.removeprefix(b"data: "))
    assert told["choices"] == was["choices"]
    assert events[5].text == "after"


ODD = [
    frame('say "id" and "model":"m"'),
    frame("x", usage={"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}),
    frame("end").replace(b"null", b'"stop"'),
    frame("x").replace(b"\n\n", b"\r\n\r\n"),
    b": still there\n\n",
    b"event: odd\n" + frame("named"),
    b"data: [DONE]\n\n",
]


@given(
    st.lists(st.one_of(st.text(max_size=6).map(frame), st.sampled_from(ODD)), max_size=12),
    st.lists(st.integers(1, 400), max_size=30),
)
def test_the_short_way_of_a_single_frame_gives_what_the_long_way_gives(
    frames: list[bytes], sizes: list[int]
) -> None:
    """Whole frames and any other cutting, with either reader asked for the short way first."""
    stream = [*(frame(f"w{i}") for i in range(3)), *frames]
    whole = b"".join(stream)
    cuts = [sum(sizes[:i]) for i in range(len(sizes) + 1)]
    for pieces in (stream, [whole[a:b] for a, b in zip(cuts, [*cuts[1:], None], strict=True)]):
        long, short = (
            openai_chat.PassingReader(answer_id="chatcmpl-1", model="acme/echo") for _ in range(2)
        )
        for piece in pieces:
            found = short.plain(piece)
            assert long.feed(piece) == (short.feed(piece) if found is None else [found])


def test_most_frames_take_the_short_way_and_none_behind_the_end_does() -> None:
    reader = openai_chat.PassingReader(answer_id="chatcmpl-1", model="acme/echo")
    for i in range(3):
        reader.feed(frame(f"w{i}"))
    found = reader.plain(frame("w3"))
    assert found is not None
    assert found.text == "w3"
    assert reader.plain(frame("w4") + frame("w5")) is None
    reader.feed(b"data: [DONE]\n\n")
    assert reader.plain(frame("late")) is None


def test_a_frame_over_the_limit_never_takes_the_short_way() -> None:
    reader = openai_chat.PassingReader(answer_id="c", model="acme/echo", limit_bytes=300)
    for i in range(3):
        reader.feed(frame(f"w{i}"))
    assert reader.plain(frame("w3")) is not None
    assert reader.plain(frame("w" * 300)) is None


def test_bytes_that_are_no_utf8_never_pass() -> None:
    reader = openai_chat.PassingReader(answer_id="chatcmpl-1", model="acme/echo")
    for i in range(4):
        reader.feed(frame(f"w{i}"))
    broken = frame("w").replace(b'"w"', b'"\xff"')
    assert reader.plain(broken) is None
    with pytest.raises(UpstreamError):
        reader.feed(broken)
