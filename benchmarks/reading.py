"""One streamed answer, read as it comes: when the first token was there, when the last, how many.

The same reader on both sides of the comparison, so that its own cost cancels.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass

import httptools
import msgspec

from benchmarks.load import Asked
from tokenhouse.engine import (
    PATH,
    Completion,
    Done,
    Engine,
    Piece,
    Sampling,
    completion_body,
    read_chunk,
)

QUESTION = "Tell me in plain words what a traders' token is good for."


@dataclass(frozen=True, slots=True)
class Read:
    """Seconds since it was asked, and tokens by the engine's own count."""

    first_s: float
    last_s: float
    tokens: int


class _Delta(msgspec.Struct):
    content: str | None = None


class _Choice(msgspec.Struct):
    delta: _Delta | None = None
    finish_reason: str | None = None


class _Usage(msgspec.Struct):
    completion_tokens: int


class _Chunk(msgspec.Struct):
    choices: list[_Choice] = msgspec.field(default_factory=list[_Choice])
    usage: _Usage | None = None


_decode_chunk = msgspec.json.Decoder(_Chunk).decode


async def through_api(
    asked: Asked, question: str, max_tokens: int, begun: asyncio.Event | None = None
) -> Read:
    """Ask the house; ``asked`` says where and with which key. ``begun`` is set at the first token; who
    cancels this leaves as a client does."""
    body = {
        "model": asked.model,
        "messages": [{"role": "user", "content": question}],
        "max_tokens": max_tokens,
        "temperature": 0,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    reader, writer = await asyncio.open_connection("127.0.0.1", asked.port)
    frames = await _Frames.ask(
        (reader, writer), asked.path, key=asked.key, body=msgspec.json.encode(body)
    )
    first, tokens = 0.0, 0
    with contextlib.closing(writer):
        while (frame := await frames.next()) is not None:
            if frame == b"[DONE]":
                continue
            chunk = _decode_chunk(frame)
            if not first and any(
                (c.delta is not None and c.delta.content) or c.finish_reason for c in chunk.choices
            ):
                first = _first(frames, begun)
            if chunk.usage is not None:
                tokens = chunk.usage.completion_tokens
    return Read(first, frames.elapsed(), tokens)


async def from_engine(
    engine: Engine, prompt: list[int], max_tokens: int, begun: asyncio.Event | None = None
) -> Read:
    """Ask the engine's own socket for the same."""
    reader, writer = await asyncio.open_unix_connection(engine.socket_path)
    body = completion_body(Completion(prompt, max_tokens, Sampling(temperature=0)))
    frames = await _Frames.ask((reader, writer), PATH, key=engine.api_key, body=body)
    first, tokens = 0.0, 0
    with contextlib.closing(writer):
        while (frame := await frames.next()) is not None:
            chunk = read_chunk(frame)
            if isinstance(chunk, Piece | Done):
                if not first and (chunk.text or isinstance(chunk, Done)):
                    first = _first(frames, begun)
                if isinstance(chunk, Done):
                    tokens = chunk.tokens_predicted
    return Read(first, frames.elapsed(), tokens)


def _first(frames: _Frames, begun: asyncio.Event | None) -> float:
    if begun is not None:
        begun.set()
    return frames.elapsed()


class _Frames:
    """The ``data:`` frames of one answer."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._parser = httptools.HttpResponseParser(self)
        self._rest = b""
        self._ready: list[bytes] = []
        self._ended = False
        self._since = time.perf_counter()

    @classmethod
    async def ask(
        cls,
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        path: str,
        *,
        key: str,
        body: bytes,
    ) -> _Frames:
        head = (
            f"POST {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        frames = cls(*streams)
        frames._writer.write(head.encode() + body)
        return frames

    def elapsed(self) -> float:
        return time.perf_counter() - self._since

    async def next(self) -> bytes | None:
        """The next frame's payload; None at the end of the answer."""
        while not self._ready and not self._ended:
            data = await self._reader.read(65536)
            if not data:
                raise ConnectionError("the answer ended too early")
            self._parser.feed_data(data)
        if self._ready:
            return self._ready.pop(0)
        self._writer.close()
        return None

    def on_body(self, body: bytes) -> None:
        if self._parser.get_status_code() != 200:
            raise ConnectionError(f"status {self._parser.get_status_code()}: {body[:200]!r}")
        *frames, self._rest = (self._rest + body).split(b"\n\n")
        self._ready += [frame[6:] for frame in frames if frame.startswith(b"data: ")]

    def on_message_complete(self) -> None:
        self._ended = True
