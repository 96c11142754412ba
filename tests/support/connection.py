"""One HTTP/1.1 connection of a scripted server: reads whole requests, plays one reply at a time.

Reading never stops, so that a client that goes away is noticed while a reply waits or stalls.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Generic, Protocol, TypeVar

from tests.support.replies import Act, Reply

S = TypeVar("S")


class Owner(Protocol[S]):
    """The server behind a connection; ``S`` is its record of one request."""

    def request_arrived(
        self, connection: Connection[S], head: bytes, body: bytes
    ) -> tuple[S, Reply]: ...

    def reply_ended(self, seen: S, *, by_client: bool) -> None: ...

    def connection_opened(self, connection: Connection[S]) -> None: ...

    def connection_closed(self, connection: Connection[S]) -> None: ...


class Connection(asyncio.Protocol, Generic[S]):
    def __init__(self, owner: Owner[S], number: int) -> None:
        self.number = number
        self._owner = owner
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None
        self._playing: asyncio.Task[None] | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._gone = asyncio.Event()
        self._continued = False

    def close(self) -> None:
        """Close as a server does: what was written is sent, then FIN."""
        if self._transport is not None:
            self._transport.close()

    async def end(self) -> None:
        """Stop whatever is playing, drop the connection and wait until nothing is left of it."""
        if self._playing is not None:
            self._playing.cancel()
            await asyncio.gather(self._playing, return_exceptions=True)
        if self._transport is not None:
            self._transport.abort()
        await self._gone.wait()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._owner.connection_opened(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._gone.set()
        self._writable.set()
        self._owner.connection_closed(self)

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self._playing is None:
            self._next_request()

    def _next_request(self) -> None:
        head, found, rest = bytes(self._buffer).partition(b"\r\n\r\n")
        if not found:
            return
        if b"100-continue" in head.lower() and not self._continued:
            self._continued = True
            self._write(b"HTTP/1.1 100 Continue\r\n\r\n")
        taken = _body(head.lower(), rest)
        if taken is None:
            return
        body, length = taken
        del self._buffer[: len(head) + 4 + length]
        self._continued = False
        seen, reply = self._owner.request_arrived(self, head, body)
        self._playing = asyncio.get_running_loop().create_task(self._play(seen, reply))

    async def _play(self, seen: S, reply: Reply) -> None:
        finished = False
        try:
            finished = await self._steps(reply)
        finally:
            self._playing = None
            self._owner.reply_ended(seen, by_client=not finished)
        if not self._gone.is_set():
            self._next_request()

    async def _steps(self, reply: Reply) -> bool:
        """→ whether the reply was said to its end, before the client went away."""
        for step in reply.steps:
            if self._gone.is_set():
                return False
            if isinstance(step, bytes):
                self._write(step)
                await self._writable.wait()
                await asyncio.sleep(0)  # the reader's turn: each write is a read of its own
            elif isinstance(step, asyncio.Event):
                if not await self._reached(step):
                    return False
            elif step is Act.STALL:
                await self._gone.wait()
                return False
            else:
                return await self._hang_up(reset=step is Act.RESET)
        return not self._gone.is_set()

    async def _reached(self, gate: asyncio.Event) -> bool:
        """Wait for the gate, or for the client to go. A gate that is open counts as reached."""
        waits = {asyncio.ensure_future(gate.wait()), asyncio.ensure_future(self._gone.wait())}
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)
        return gate.is_set() and not self._gone.is_set()

    async def _hang_up(self, *, reset: bool) -> bool:
        assert self._transport is not None
        if reset:
            raw = self._transport.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._transport.abort()
        else:
            self._transport.close()
        await self._gone.wait()
        return True

    def _write(self, octets: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(octets)


def _body(head: bytes, rest: bytes) -> tuple[bytes, int] | None:
    """→ (body, bytes taken), None while it is not whole. ``head`` in lower case."""
    if b"\r\ntransfer-encoding: chunked" in head:
        return _chunked(rest)
    mark = b"\r\ncontent-length:"
    if mark not in head:
        return b"", 0
    length = int(head.partition(mark)[2].partition(b"\r\n")[0])
    return (rest[:length], length) if len(rest) >= length else None


def _chunked(rest: bytes) -> tuple[bytes, int] | None:
    body, place = bytearray(), 0
    while True:
        line_end = rest.find(b"\r\n", place)
        if line_end < 0:
            return None
        size = int(rest[place:line_end].partition(b";")[0], 16)
        start = line_end + 2
        if len(rest) < start + size + 2:
            return None
        body += rest[start : start + size]
        place = start + size + 2
        if size == 0:
            return bytes(body), place
