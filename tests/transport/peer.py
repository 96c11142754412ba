"""A server that sends exactly the bytes a test says, over a real socket."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import struct
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from tokenhouse.transport import Origin

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


def open_sockets() -> set[str]:
    """The inodes of this process's open TCP sockets; an event loop's own are of another kind."""
    ours: set[str] = set()
    for name in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{name}")
        except OSError:
            continue
        if target.startswith("socket:["):
            ours.add(target[8:-1])
    tcp: set[str] = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        if os.path.exists(table):
            tcp.update(line.split()[9] for line in Path(table).read_text().splitlines()[1:])
    # One that is bound or connected to nothing yet, or no more, is in no table.
    return ours & tcp


async def nothing_left(sockets: set[str]) -> None:
    """Assert that all sockets but these close, and all tasks but this one end, within some turns
    of the event loop: no waiting for anything but what has been set off already."""
    for _ in range(50):
        await asyncio.sleep(0)
        if open_sockets() <= sockets and len(asyncio.all_tasks()) == 1:
            return
    assert open_sockets() <= sockets
    assert asyncio.all_tasks() == {asyncio.current_task()}


class Wire:
    """One connection as the server has it."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int
    ) -> None:
        self.reader = reader
        self.writer = writer
        self.number = number  # 0 for the first connection to this peer

    async def head(self) -> bytes:
        """A request's head, its empty line included."""
        return await self.reader.readuntil(b"\r\n\r\n")

    async def request(self) -> bytes:
        """A whole request: head and body."""
        head = await self.head()
        length = 0
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
        return head + await self.reader.readexactly(length)

    async def say(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def spell(self, data: bytes) -> None:
        """One byte in each packet."""
        for at in range(len(data)):
            self.writer.write(data[at : at + 1])
            await asyncio.sleep(0)

    async def hung_up(self) -> None:
        """Wait until the client has closed its end, whatever it wrote before."""
        try:
            while await self.reader.read(65536):
                pass
        except ConnectionError:
            pass

    def reset(self) -> None:
        """Close at once with a TCP reset."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Script = Callable[[Wire], Awaitable[None]]


class Peer:
    """Runs a script for each connection; a script's own failure is raised on the way out."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.connections = 0
        self.origin = Origin("http", "127.0.0.1", 0)
        self.failures: list[BaseException] = []
        self.running: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.running.add(task)
        wire = Wire(reader, writer, self.connections)
        self.connections += 1
        try:
            await self.script(wire)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client hung up: for the client's side of the test to judge
        except AssertionError as failure:
            self.failures.append(failure)
        except asyncio.CancelledError:
            writer.transport.abort()  # the test is over
        finally:
            self.running.discard(task)
            writer.close()


@asynccontextmanager
async def peer(
    script: Script, *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> AsyncGenerator[Peer]:
    """Serve ``script`` on a free port, with TLS if a context is given."""
    made = Peer(script)
    server = await asyncio.start_server(made.serve, host, 0, ssl=tls, limit=2**20)
    port = server.sockets[0].getsockname()[1]
    made.origin = Origin("http" if tls is None else "https", host, port)
    try:
        yield made
    finally:
        await _close(made, server)


@asynccontextmanager
async def unix_peer(script: Script, path: Path) -> AsyncGenerator[Peer]:
    """Serve ``script`` on a unix socket."""
    made = Peer(script)
    server = await asyncio.start_unix_server(made.serve, path)
    made.origin = Origin("http", "localhost", 80, str(path))
    try:
        yield made
    finally:
        await _close(made, server)


async def _close(made: Peer, server: asyncio.AbstractServer) -> None:
    server.close()
    for task in list(made.running):
        task.cancel()
    await asyncio.gather(*made.running)
    await server.wait_closed()
    if made.failures:
        raise made.failures[0]


def always(answer: bytes) -> Script:
    """Give the same answer to every request on every connection."""

    async def script(wire: Wire) -> None:
        while True:
            await wire.request()
            await wire.say(answer)

    return script


def once(answer: bytes) -> Script:
    """Answer one request, then hang up."""

    async def script(wire: Wire) -> None:
        await wire.request()
        await wire.say(answer)

    return script
