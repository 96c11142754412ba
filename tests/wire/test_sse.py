"""The event-stream reader and writer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenhouse.errors import UpstreamError
from tokenhouse.wire import sse

LINES = st.sampled_from(
    [
        "data: {}",
        "data:x",
        "data",
        "data:  two blanks",
        "data: naïve 🦊 日本語",
        ": comment",
        ":",
        "event: ping",
        "event",
        "id: 7",
        "retry: 10",
        "other: field",
        "",
        "",
    ]
)
ENDS = st.sampled_from(["\n", "\r\n", "\r"])


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    lines = draw(st.lists(st.tuples(LINES, ENDS), max_size=30))
    text = "".join(line + end for line, end in lines)
    return (draw(st.sampled_from(["", "\ufeff"])) + text).encode()


def by_the_standard(stream: bytes) -> list[sse.Sse]:
    """The standard's own words, line by line over the whole stream."""
    text = stream.decode().removeprefix("\ufeff")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    events: list[sse.Sse] = []
    name, data = "", ""
    for line in text.split("\n")[:-1]:
        if not line:
            if data:
                events.append((name.encode(), data[:-1].encode()))
            name, data = "", ""
        elif not line.startswith(":"):
            field, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if field == "event":
                name = value
            elif field == "data":
                data += value + "\n"
    return events


@given(streams(), st.lists(st.integers(1, 7), max_size=200))
def test_every_cutting_gives_the_events_of_the_standard(stream: bytes, sizes: list[int]) -> None:
    reader = sse.Reader()
    events: list[sse.Sse] = []
    at = 0
    for size in sizes:
        events += reader.feed(stream[at : at + size])
        at += size
    events += reader.feed(stream[at:])
    assert events == by_the_standard(stream)


@given(st.binary(max_size=200), st.integers(1, 50))
def test_any_bytes_give_the_same_events_byte_by_byte(stream: bytes, size: int) -> None:
    whole = sse.Reader().feed(stream)
    reader = sse.Reader()
    cut = [
        event for at in range(0, len(stream), size) for event in reader.feed(stream[at : at + size])
    ]
    assert cut == whole


def test_an_endless_event_is_refused_while_it_grows() -> None:
    reader = sse.Reader(limit_bytes=100)
    for _ in range(6):
        assert reader.feed(b"data: 0123456789") == []
    with pytest.raises(UpstreamError) as caught:
        reader.feed(b"data: 0123456789")
    assert caught.value.code == "upstream_frame_too_large"


def test_an_event_over_the_limit_is_refused_when_it_comes_at_once() -> None:
    reader = sse.Reader(limit_bytes=10)
    reader.feed(b"data: a\n\n")
    with pytest.raises(UpstreamError):
        reader.feed(b"data: " + b"x" * 20 + b"\n\n")


def test_comments_without_a_blank_line_between_them_use_no_room() -> None:
    reader = sse.Reader(limit_bytes=50)
    for _ in range(100):
        assert reader.feed(b": still here\n") == []
    assert reader.feed(b"data: x\n\n") == [(b"", b"x")]


@given(st.text(alphabet=st.characters(blacklist_characters="\r\n\ufeff")))
def test_what_is_written_is_read(text: str) -> None:
    payload = text.encode("utf-8", "replace")
    written = sse.comment("a\nb") + sse.data(payload) + sse.event("ping", payload)
    assert sse.Reader().feed(written) == [(b"", payload), (b"ping", payload)]
