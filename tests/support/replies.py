"""What a scripted upstream says, byte by byte: steps to write, to wait for, to break off.

A ``Reply`` is a list of steps. ``bytes`` are written, an ``asyncio.Event`` holds the reply until the
test sets it, an ``Act`` ends or stalls it. Each ``bytes`` is one write of its own.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

Json: TypeAlias = Mapping[str, object]
Headers: TypeAlias = Sequence[tuple[str, str]]


class Act(Enum):
    CLOSE = "close the connection properly"
    RESET = "reset the connection"
    STALL = "say nothing more until the client goes away"


Step: TypeAlias = bytes | asyncio.Event | Act
Piece: TypeAlias = Mapping[str, object] | bytes | asyncio.Event | Act
"""One step of a stream: a dict becomes a ``data:`` frame, bytes pass as they stand."""


@dataclass(frozen=True, slots=True)
class Reply:
    steps: tuple[Step, ...]


def raw(*steps: Step) -> Reply:
    """Exactly these bytes on the socket, status line and all."""
    return Reply(steps)


def whole(body: Json | bytes, *, status: int = 200, headers: Headers = ()) -> Reply:
    """A complete JSON answer with its Content-Length."""
    return Reply((_whole(_octets(body), status, "application/json", headers),))


def html(status: int = 502, body: bytes = b"<html><h1>Bad Gateway</h1></html>") -> Reply:
    """What a proxy in between says when the real upstream is down."""
    return Reply((_whole(body, status, "text/html", ()),))


def error(
    status: int,
    message: str = "it broke",
    *,
    code: str | None = None,
    type_: str = "server_error",
    headers: Headers = (),
) -> Reply:
    """An OpenAI error envelope."""
    body = {"error": {"message": message, "type": type_, "param": None, "code": code}}
    return whole(body, status=status, headers=headers)


def stream(pieces: Iterable[Piece], *, done: bool = True, headers: Headers = ()) -> Reply:
    """A 200 stream, one HTTP chunk a piece; with ``[DONE]`` and a proper end unless an Act ends it.

    ``done=False`` leaves out ``[DONE]`` and still ends the HTTP body properly.
    """
    steps: list[Step] = [stream_head(headers=headers)]
    for piece in pieces:
        if isinstance(piece, (asyncio.Event, Act)):
            steps.append(piece)
        else:
            steps.append(http_chunk(piece if isinstance(piece, bytes) else frame(piece)))
    if done:
        steps.append(http_chunk(b"data: [DONE]\n\n"))
    if not any(isinstance(step, Act) for step in steps):
        steps.append(b"0\r\n\r\n")
    return Reply(tuple(steps))


def cut(pieces: Iterable[Piece]) -> Reply:
    """A stream whose connection closes after ``pieces``: no end of the HTTP body."""
    return stream([*pieces, Act.CLOSE], done=False)


def reset(pieces: Iterable[Piece]) -> Reply:
    """As ``cut``, with a TCP reset."""
    return stream([*pieces, Act.RESET], done=False)


def half_a_chunk(pieces: Iterable[Piece] = ()) -> Reply:
    """A stream that breaks in the middle of an HTTP chunk and of a frame."""
    steps = stream([*pieces, Act.CLOSE], done=False).steps
    return Reply((*steps[:-1], b'40\r\ndata: {"id":"x', Act.CLOSE))


def half_a_body(body: Json) -> Reply:
    """A whole answer with half of the bytes that its Content-Length promises."""
    octets = _whole(_octets(body), 200, "application/json", ())
    return Reply((octets[: len(octets) - len(_octets(body)) // 2], Act.CLOSE))


def surplus(body: Json) -> Reply:
    """A whole answer, and behind it bytes that nobody asked for: somebody else's answer."""
    stranger = _whole(b'{"id":"stranger"}', 200, "application/json", ())
    return Reply((_whole(_octets(body), 200, "application/json", ()) + stranger,))


def stall_before_headers() -> Reply:
    return Reply((Act.STALL,))


def stall_in_body(pieces: Iterable[Piece] = ()) -> Reply:
    """A stream that falls silent after ``pieces`` and stays open."""
    return stream([*pieces, Act.STALL], done=False)


def stall_in_headers() -> Reply:
    return Reply((b"HTTP/1.1 200 OK\r\ncontent-ty", Act.STALL))


def hang_up() -> Reply:
    """Takes the request and closes without a byte."""
    return Reply((Act.CLOSE,))


def error_in_stream(pieces: Iterable[Piece] = (), message: str = "it broke late") -> Reply:
    """An error frame inside a 200 stream, then the proper end of the HTTP body, without [DONE]."""
    late = {"error": {"message": message, "type": "server_error", "param": None, "code": 500}}
    return stream([*pieces, late], done=False)


def split(reply: Reply, at: Sequence[int]) -> Reply:
    """The same bytes in other writes: cut at these offsets of the whole reply's bytes."""
    if not all(isinstance(step, bytes) for step in reply.steps):
        raise ValueError("only a reply of bytes can be split")
    octets = b"".join(step for step in reply.steps if isinstance(step, bytes))
    edges = [0, *sorted(at), len(octets)]
    return Reply(tuple(octets[a:b] for a, b in itertools.pairwise(edges) if a < b))


def frame(body: Json) -> bytes:
    """One SSE frame, raw UTF-8 inside as real upstreams write it."""
    return b"data: " + _octets(body) + b"\n\n"


def http_chunk(octets: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(octets), octets)


def stream_head(*, headers: Headers = ()) -> bytes:
    own = [("content-type", "text/event-stream; charset=utf-8"), ("transfer-encoding", "chunked")]
    return _head(200, [*own, *headers])


def _whole(body: bytes, status: int, content_type: str, headers: Headers) -> bytes:
    own = [("content-type", content_type), ("content-length", str(len(body)))]
    return _head(status, [*own, *headers]) + body


def _head(status: int, headers: Headers) -> bytes:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
    return f"HTTP/1.1 {status} Scripted\r\n{lines}\r\n".encode("latin-1")


def _octets(body: Json | bytes) -> bytes:
    if isinstance(body, bytes):
        return body
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
