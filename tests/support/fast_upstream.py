"""The upstream for benchmarks and manual work: answers built beforehand, nothing parsed but lengths.

Each request gets the same bytes, streamed when its body asks for ``"stream": true``. A paced stream
writes one chunk every ``--pace-ms``; an unpaced one writes them one after the other in one go.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import sys

from tests.support import answers, replies
from tests.support import anthropic_answers as native

_STREAM = re.compile(rb'"stream"\s*:\s*true')
_USAGE = re.compile(rb'"include_usage"\s*:\s*true')
_LENGTH = re.compile(rb"content-length:\s*(\d+)", re.IGNORECASE)


class Answers:
    """Prebuilt bytes: a whole answer of ``chunks`` words, and the same as a stream."""

    def __init__(self, chunks: int, pace_ms: float) -> None:
        said = [" token" if number else "token" for number in range(chunks)]
        (whole,) = answers.said("".join(said)).steps
        assert isinstance(whole, bytes)
        self.whole = whole
        self.streamed = _joined(answers.said_in_pieces(said))
        bare = [answers.role(), *(answers.text(piece) for piece in said), answers.end()]
        self.streamed_bare = _joined(replies.stream(bare))
        self.models = _joined(replies.whole({"object": "list", "data": [{"id": answers.MODEL}]}))[0]
        content: list[native.Object] = [{"type": "text", "text": "".join(said)}]
        used = native.usage(5, chunks)
        (self.message,) = _joined(native.whole(content, "end_turn", used))
        begin, *text = native.started(used | {"output_tokens": 1}), *native.text(0, *said)
        end = [native.ended(chunks), native.stopped()]
        self.events = _joined(native.stream([begin, native.ping(), *text, *end]))
        self.pace_s = pace_ms / 1000


class FastConnection(asyncio.Protocol):
    def __init__(self, prebuilt: Answers) -> None:
        self._answers = prebuilt
        self._buffer = b""
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._timer is not None:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        head_end = self._buffer.find(b"\r\n\r\n")
        if head_end < 0:
            return
        stated = _LENGTH.search(self._buffer, 0, head_end)
        end = head_end + 4 + (int(stated[1]) if stated else 0)
        if len(self._buffer) < end:
            return
        request, self._buffer = self._buffer[:end], self._buffer[end:]
        self._answer(request, head_end)

    def _answer(self, request: bytes, head_end: int) -> None:
        assert self._transport is not None
        streamed = _STREAM.search(request, head_end) is not None
        if request.startswith(b"GET"):
            self._transport.write(self._answers.models)
        elif request.startswith(b"POST /v1/messages"):
            if streamed:
                self._say(self._answers.events, 0)
            else:
                self._transport.write(self._answers.message)
        elif not streamed:
            self._transport.write(self._answers.whole)
        else:
            asked = _USAGE.search(request, head_end) is not None
            parts = self._answers.streamed if asked else self._answers.streamed_bare
            self._say(parts, 0)

    def _say(self, parts: list[bytes], place: int) -> None:
        if self._transport is None:
            return
        if self._answers.pace_s <= 0:
            for part in parts:
                self._transport.write(part)
            return
        self._transport.write(parts[place])
        if place + 1 < len(parts):
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._answers.pace_s, self._say, parts, place + 1)


def main() -> None:
    """``python -m tests.support.upstream --port N [--chunks 50] [--pace-ms 20]``"""
    parser = argparse.ArgumentParser(prog="python -m tests.support.upstream", description=__doc__)
    parser.add_argument("--port", type=int, default=9001)
    parser.add_argument("--chunks", type=int, default=50)
    parser.add_argument("--pace-ms", type=float, default=0)
    given = parser.parse_args()
    asyncio.run(_serve(given.port, Answers(given.chunks, given.pace_ms)))


async def _serve(port: int, prebuilt: Answers) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: FastConnection(prebuilt), "127.0.0.1", port, backlog=4096
    )
    sys.stdout.write(f"listening on http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1\n")
    sys.stdout.flush()
    await server.serve_forever()


def _joined(reply: replies.Reply) -> list[bytes]:
    """The reply's writes: the first one holds the head and the first piece, the last two are one."""
    writes = [step for step in reply.steps if isinstance(step, bytes)]
    if len(writes) < 4:
        return writes
    return [writes[0] + writes[1], *writes[2:-2], writes[-2] + writes[-1]]
