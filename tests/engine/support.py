"""A hand-made HTTP client for the engine's unix socket: enough for these tests, no more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing

from tokenhouse.engine import (
    PATH,
    Chunk,
    Completion,
    Done,
    Engine,
    Piece,
    completion_body,
    read_chunk,
    read_error,
)


async def stream(engine: Engine, asked: Completion | bytes) -> AsyncGenerator[Chunk, None]:
    """Chunks of one completion; closing the generator closes the connection."""
    body = asked if isinstance(asked, bytes) else completion_body(asked)
    reader, writer = await asyncio.open_unix_connection(engine.socket_path)
    try:
        writer.write(_head(engine, f"POST {PATH}", len(body)) + body)
        status, chunked, length = await _answer_head(reader)
        if status != 200:
            raise read_error(status, await _rest(reader, chunked, length))
        rest = b""
        async for block in _blocks(reader):
            *frames, rest = (rest + block).split(b"\n\n")
            for frame in frames:
                if frame.startswith(b"data: "):
                    yield read_chunk(frame[6:])
    finally:
        writer.close()


async def ask(engine: Engine, asked: Completion | bytes) -> list[Chunk]:
    async with aclosing(stream(engine, asked)) as chunks:
        return [chunk async for chunk in chunks]


def text_of(chunks: Sequence[Chunk]) -> str:
    return "".join(chunk.text for chunk in chunks if isinstance(chunk, Piece | Done))


def end_of(chunks: Sequence[Chunk]) -> Done:
    end = chunks[-1]
    assert isinstance(end, Done)
    return end


async def get(engine: Engine, path: str, key: str | None = None) -> tuple[int, bytes]:
    return await _whole(engine, _head(engine, f"GET {path}", 0, key))


async def post(engine: Engine, path: str, body: bytes) -> tuple[int, bytes]:
    return await _whole(engine, _head(engine, f"POST {path}", len(body)) + body)


async def _whole(engine: Engine, request: bytes) -> tuple[int, bytes]:
    reader, writer = await asyncio.open_unix_connection(engine.socket_path)
    try:
        writer.write(request)
        status, chunked, length = await _answer_head(reader)
        return status, await _rest(reader, chunked, length)
    finally:
        writer.close()


async def metric(engine: Engine, name: str) -> float:
    _, body = await get(engine, "/metrics")
    for line in body.decode().splitlines():
        if line.startswith(f"llamacpp:{name} "):
            return float(line.split()[1])
    raise AssertionError(f"no metric {name}")


async def until(happens: Callable[[], Awaitable[bool]], within_s: float = 20.0) -> None:
    """Ask again and again (each asking is a round trip to the child) until it has happened."""
    async with asyncio.timeout(within_s):
        while not await happens():
            pass


def _head(engine: Engine, request: str, length: int, key: str | None = None) -> bytes:
    return (
        f"{request} HTTP/1.1\r\nHost: engine\r\nConnection: close\r\n"
        f"Authorization: Bearer {engine.api_key if key is None else key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    ).encode()


async def _answer_head(reader: asyncio.StreamReader) -> tuple[int, bool, int]:
    lines = (await reader.readuntil(b"\r\n\r\n")).decode().lower().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines[1:] if ": " in line)
    chunked = headers.get("transfer-encoding") == "chunked"
    return int(lines[0].split()[1]), chunked, int(headers.get("content-length", "0"))


async def _rest(reader: asyncio.StreamReader, chunked: bool, length: int) -> bytes:
    if not chunked:
        return await reader.readexactly(length)
    return b"".join([block async for block in _blocks(reader)])


async def _blocks(reader: asyncio.StreamReader) -> AsyncGenerator[bytes, None]:
    while size := int(await reader.readuntil(b"\r\n"), 16):
        yield (await reader.readexactly(size + 2))[:-2]
    await reader.readuntil(b"\r\n")
