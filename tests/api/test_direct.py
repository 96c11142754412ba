"""The direct way out of our server: what ASGI's ``send`` would have said, in fewer pieces."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.asking import HELLO, frames
from tests.api.asgi import head
from tests.api.serving import serving
from tests.support import answers, replies
from tests.support.house import upstream_house
from tokenhouse.api.direct import DirectOut
from tokenhouse.api.http import DIRECT

GET = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"
App = Callable[[DirectOut, Any], Awaitable[None]]


async def _said(handler: App, request: bytes = GET, *, until: bytes = b"") -> bytes:
    """What comes back for ``request``, up to ``until`` (default: the connection's end)."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await handler(scope[DIRECT], send)

    async with serving(app) as port, asyncio.timeout(30):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(request)
            return await (reader.readuntil(until) if until else reader.read())
        finally:
            writer.close()


async def test_a_whole_answer_is_one_head_and_one_body() -> None:
    async def whole(direct: DirectOut, send: Any) -> None:
        direct.whole(200, [(b"content-length", b"4"), (b"x-a", b"b")], b"fine")

    said = await _said(whole, until=b"fine")
    lines = said.split(b"\r\n")
    assert lines[0] == b"HTTP/1.1 200 OK"
    assert b"x-a: b" in lines
    assert b"transfer-encoding: chunked" not in lines
    assert said.endswith(b"\r\n\r\nfine")


async def test_a_stream_may_go_on_by_either_way() -> None:
    async def mixed(direct: DirectOut, send: Any) -> None:
        direct.begin(200, [], b"one", more=True)
        await send({"type": "http.response.body", "body": b"two", "more_body": True})
        direct.write(b"", more=True)  # an empty chunk would end the answer
        direct.write(b"three", more=True)
        direct.write(b"four", more=False)

    said = await _said(mixed, until=b"0\r\n\r\n")
    assert said.endswith(b"\r\n\r\n3\r\none\r\n3\r\ntwo\r\n5\r\nthree\r\n4\r\nfour\r\n0\r\n\r\n")


async def test_a_client_that_wants_no_further_answer_is_told_and_let_go() -> None:
    async def whole(direct: DirectOut, send: Any) -> None:
        direct.whole(200, [(b"content-length", b"4")], b"fine")

    said = await _said(whole, b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
    assert b"\r\nconnection: close\r\n" in said
    assert said.endswith(b"fine")


async def test_a_header_with_a_line_end_never_leaves() -> None:
    raised: list[str] = []

    async def smuggled(direct: DirectOut, send: Any) -> None:
        for value in (b"b\r\nx-evil: 1", b"b\n", b"b\r"):
            with pytest.raises(RuntimeError) as caught:
                direct.whole(200, [(b"content-length", b"4"), (b"x-a", value)], b"fine")
            raised.append(str(caught.value))
        direct.whole(200, [(b"content-length", b"4")], b"fine")

    said = await _said(smuggled, until=b"fine")
    assert b"x-evil" not in said
    assert len(raised) == 3


async def test_a_client_that_does_not_read_pauses_the_direct_way_and_send_waits() -> None:
    written = 0
    paused = asyncio.Event()
    reads = asyncio.Event()

    async def flood(direct: DirectOut, send: Any) -> None:
        nonlocal written
        direct.begin(200, [], b"x", more=True)
        while not direct.paused:
            direct.write(b"x" * 65_536)
            written += 65_536
        paused.set()
        await send({"type": "http.response.body", "body": b"end", "more_body": False})
        assert reads.is_set()  # else it was said before there was room

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await flood(scope[DIRECT], send)

    async with serving(app) as port, asyncio.timeout(60):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**16)
        writer.write(GET)
        await paused.wait()
        assert written < 64 * 2**20
        reads.set()
        body = await _all(reader)
        assert body.count(b"x") >= written
        writer.close()


async def _all(reader: asyncio.StreamReader) -> bytes:
    pieces: list[bytes] = []
    while not pieces or not pieces[-1].endswith(b"0\r\n\r\n"):
        pieces.append(await reader.read(2**20))
    return b"".join(pieces)


async def test_a_slow_client_gets_every_word_of_a_long_stream(tmp_path: Path) -> None:
    words = [f"{number:06d} " * 400 for number in range(1500)]
    async with upstream_house(tmp_path) as (running, up):
        up.always(replies.stream([answers.role(), *map(answers.text, words), answers.end()]))
        body = json.dumps({**HELLO, "stream": True}).encode()
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port, limit=2**16)
        writer.write(head(running, len(body), "connection: close") + body)
        async with asyncio.timeout(60):
            await reader.readuntil(b"\r\n\r\n")
            raw = await reader.read(-1)
        writer.close()
        told = [f for f in frames(_unchunked(raw).decode()) if f != "[DONE]"]
        said = "".join(f["choices"][0]["delta"].get("content") or "" for f in told if f["choices"])
        assert said == "".join(words)
        await running.clean()


def _unchunked(raw: bytes) -> bytes:
    pieces: list[bytes] = []
    while raw:
        size, _, raw = raw.partition(b"\r\n")
        length = int(size, 16)
        pieces.append(raw[:length])
        raw = raw[length + 2 :]
    return b"".join(pieces)


async def test_a_page_of_another_origin_gets_its_headers_on_a_stream_too(tmp_path: Path) -> None:
    async with upstream_house(tmp_path) as (running, _):
        body = json.dumps({**HELLO, "stream": True}).encode()
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        writer.write(head(running, len(body), "origin: https://page.example") + body)
        async with asyncio.timeout(30):
            said = await reader.readuntil(b"\r\n\r\n")
        assert b"access-control-allow-origin: *" in said
        writer.close()
        await running.until_no_hold()
