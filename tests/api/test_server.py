"""The server's own limits, on raw sockets: heads too long or too slow, requests in a row."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.acceptance.asking import HELLO
from tests.api.asgi import head, read_answer
from tests.api.serving import serving
from tests.support.house import Running, upstream_house

BODY = json.dumps(HELLO).encode()


async def test_one_connection_carries_many_requests_after_each_other(tmp_path: Path) -> None:
    async with upstream_house(tmp_path) as (running, up), _connected(running) as (reader, writer):
        for _ in range(5):
            writer.write(head(running, len(BODY)) + BODY)
            status, body = await read_answer(reader)
            assert status == 200
            assert json.loads(body)["object"] == "chat.completion"
        assert len(up.requests) == 5
        await running.clean()


async def test_requests_that_are_sent_ahead_are_answered_in_order(tmp_path: Path) -> None:
    async with upstream_house(tmp_path) as (running, _), _connected(running) as (reader, writer):
        bodies = [
            json.dumps({**HELLO, "messages": [{"role": "user", "content": f"no {i}"}]}).encode()
            for i in range(4)
        ]
        writer.write(b"".join(head(running, len(body)) + body for body in bodies))
        for i in range(4):
            status, body = await read_answer(reader)
            assert status == 200
            assert json.loads(body)["choices"][0]["message"]["content"] == f"You said: no {i}"
        await running.clean()


async def test_a_client_that_leaves_with_requests_in_the_queue_leaves_no_hold(
    tmp_path: Path,
) -> None:
    async with upstream_house(tmp_path) as (running, _):
        async with _connected(running) as (reader, writer):
            writer.write((head(running, len(BODY)) + BODY) * 20)
            assert (await read_answer(reader))[0] == 200
        await running.until_no_hold()


async def test_a_head_that_comes_byte_by_byte_is_read(tmp_path: Path) -> None:
    async with upstream_house(tmp_path) as (running, _), _connected(running) as (reader, writer):
        for byte in head(running, len(BODY)):
            writer.write(bytes([byte]))
            await writer.drain()
        writer.write(BODY)
        assert (await read_answer(reader))[0] == 200


async def test_a_head_that_is_too_long_is_refused_on_the_first_and_on_a_later_request(
    tmp_path: Path,
) -> None:
    long = "x-much: " + "y" * 70_000
    async with upstream_house(tmp_path) as (running, up):
        async with _connected(running) as (reader, writer):
            writer.write(head(running, len(BODY), long) + BODY)
            await _is_431(reader)
        async with _connected(running) as (reader, writer):
            writer.write(head(running, len(BODY)) + BODY)
            assert (await read_answer(reader))[0] == 200
            writer.write(head(running, len(BODY), long) + BODY)
            await _is_431(reader)
        async with _connected(running) as (reader, writer):
            writer.write(b"GET /" + b"a" * 70_000)  # a line that never ends
            await _is_431(reader)
        assert len(up.requests) == 1
        await running.clean()


async def test_a_long_body_behind_a_short_head_is_no_long_head(tmp_path: Path) -> None:
    body = json.dumps({**HELLO, "messages": [{"role": "user", "content": "z" * 90_000}]}).encode()
    async with upstream_house(tmp_path) as (running, _), _connected(running) as (reader, writer):
        for _ in range(2):
            writer.write(head(running, len(body)) + body)
            assert (await read_answer(reader))[0] == 200


async def test_a_head_that_stops_half_way_is_cut_off_and_an_idle_connection_is_not() -> None:
    async with serving(_fine, header_timeout_s=0.3, idle_connection_s=60) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n")
        async with asyncio.timeout(20):
            assert await reader.read() == b""
        writer.close()

        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        assert await read_answer(reader) == (200, b"fine")
        writer.write(b"GET / HTTP/1.1\r\nhos")  # a later request's head is bounded as well
        async with asyncio.timeout(20):
            assert await reader.read() == b""
        writer.close()

        silent, quiet = await asyncio.open_connection("127.0.0.1", port)
        async with asyncio.timeout(20):
            assert await silent.read() == b""  # it never said anything
        quiet.close()


async def test_what_is_no_http_is_refused_and_the_connection_closed(tmp_path: Path) -> None:
    async with upstream_house(tmp_path) as (running, _):
        for said in (
            b"\x16\x03\x01\x02\x00\x01\x00",
            b"HELO me\r\n\r\n",
            b"GET / HTTP/9.9\r\n\r\n",
        ):
            async with _connected(running) as (reader, writer):
                writer.write(said)
                async with asyncio.timeout(20):
                    told = await reader.read()
                assert told.startswith(b"HTTP/1.1 400")
        await running.clean()


async def _is_431(reader: asyncio.StreamReader) -> None:
    status, body = await read_answer(reader)
    assert status == 431
    assert json.loads(body)["error"]["code"] == "headers_too_large"
    async with asyncio.timeout(20):
        assert await _rest(reader) == b""


async def _rest(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read()
    except ConnectionResetError:  # bytes that nobody read any more were under way
        return b""


@asynccontextmanager
async def _connected(
    running: Running,
) -> AsyncGenerator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def _fine(scope: Any, receive: Any, send: Any) -> None:
    del scope, receive
    headers = [(b"content-length", b"4")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"fine"})
