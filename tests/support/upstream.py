"""A scripted OpenAI-shaped upstream on a real socket.

::

    async with Upstream() as up:                      # up.url is "http://127.0.0.1:PORT/v1"
        gate = asyncio.Event()
        up.script(replies.stream([answers.role(), answers.text("Hello"), gate, answers.end()]))
        ...                                           # the client has "Hello" and waits
        await up.wait_closed_by_client()              # seen: the gateway cancelled

What is not scripted is answered by ``answers.echo``. Alone, for benchmarks and by hand:
``python -m tests.support.upstream --port 9001 --chunks 50 --pace-ms 20``.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self, cast

from tests.support import answers, replies
from tests.support.connection import Connection
from tests.support.replies import Json, Reply

PATIENCE_S = 20.0


@dataclass(slots=True)
class Seen:
    """One request as it arrived. ``headers``: names in lower case, in the order sent."""

    number: int
    method: str
    path: str
    headers: list[tuple[str, str]]
    body: bytes
    connection: int
    answered: bool = False
    closed_by_client: bool = False

    @property
    def json(self) -> Json:
        return cast(Json, json.loads(self.body))

    def header(self, name: str) -> str | None:
        return next((value for known, value in self.headers if known == name), None)


class Upstream:
    """A server for one test. ``requests`` are those that arrived whole, in order."""

    def __init__(self, *, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[Seen] = []
        self.default: Callable[[Seen], Reply] = default_reply
        self.connections_made = 0
        self._tls = tls
        self._port = 0
        self._scripted: deque[Reply] = deque()
        self._connections: set[Connection[Seen]] = set()
        self._server: asyncio.Server | None = None
        self._changed = asyncio.Event()

    @property
    def url(self) -> str:
        return f"{'http' if self._tls is None else 'https'}://127.0.0.1:{self._port}/v1"

    @property
    def open_connections(self) -> int:
        return len(self._connections)

    def script(self, *scripted: Reply) -> None:
        """Say these next, one a request; after them the default speaks again."""
        self._scripted.extend(scripted)

    def always(self, reply: Reply) -> None:
        """Say this to every request that has no scripted reply."""
        self.default = lambda seen: reply

    async def refuse(self) -> None:
        """From now on nobody listens on the port; connections that are open stay."""
        if self._server is not None:
            self._server.close()
            self._server = None

    async def listen(self) -> None:
        """Listen (again), on the same port as before."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            self._connected, "127.0.0.1", self._port, ssl=self._tls, backlog=512
        )
        self._port = self._server.sockets[0].getsockname()[1]

    def drop_connections(self) -> None:
        """Close every open connection, idle ones too."""
        for connection in tuple(self._connections):
            connection.close()

    async def wait_requests(self, count: int) -> Seen:
        """Wait until ``count`` requests have arrived whole in all; → that request."""
        await self._until(lambda: len(self.requests) >= count)
        return self.requests[count - 1]

    async def wait_closed_by_client(self, number: int | None = None) -> Seen:
        """Wait until the client closes on an unfinished answer: of request ``number`` (0 is the
        first), else of any. Returns that request."""

        def closed() -> Seen | None:
            for seen in self.requests:
                if seen.closed_by_client and number in (None, seen.number):
                    return seen
            return None

        await self._until(lambda: closed() is not None)
        return cast(Seen, closed())

    async def wait_answered(self, number: int) -> Seen:
        """Wait until the reply to request ``number`` was said to its end."""
        await self._until(lambda: len(self.requests) > number and self.requests[number].answered)
        return self.requests[number]

    async def wait_no_connections(self) -> None:
        await self._until(lambda: not self._connections)

    async def __aenter__(self) -> Self:
        await self.listen()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.refuse()
        for connection in tuple(self._connections):
            await connection.end()

    # What the connections tell (see connection.Owner).

    def request_arrived(
        self, connection: Connection[Seen], head: bytes, body: bytes
    ) -> tuple[Seen, Reply]:
        start, *lines = head.decode("latin-1").split("\r\n")
        method, path, _ = start.split(" ", 2)
        pairs = (line.partition(":") for line in lines if line)
        headers = [(name.strip().lower(), value.strip()) for name, _, value in pairs]
        seen = Seen(len(self.requests), method, path, headers, body, connection.number)
        self.requests.append(seen)
        self._tell()
        return seen, self._scripted.popleft() if self._scripted else self.default(seen)

    def reply_ended(self, seen: Seen, *, by_client: bool) -> None:
        seen.closed_by_client = by_client
        seen.answered = not by_client
        self._tell()

    def connection_opened(self, connection: Connection[Seen]) -> None:
        self.connections_made += 1
        self._connections.add(connection)
        self._tell()

    def connection_closed(self, connection: Connection[Seen]) -> None:
        self._connections.discard(connection)
        self._tell()

    def _connected(self) -> Connection[Seen]:
        return Connection(self, self.connections_made)

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not holds():
                await self._changed.wait()


def default_reply(seen: Seen) -> Reply:
    """Chat completions are echoed, ``GET /v1/models`` lists one model, the rest is 404."""
    path = seen.path.partition("?")[0]
    if seen.method == "POST" and path.endswith("/chat/completions"):
        return answers.echo(seen.json)
    if seen.method == "GET" and path.endswith("/models"):
        row = {"id": answers.MODEL, "object": "model", "created": 0, "owned_by": "upstream"}
        return replies.whole({"object": "list", "data": [row]})
    return replies.error(404, f"no such path: {path}", type_="invalid_request_error")


if __name__ == "__main__":
    from tests.support.fast_upstream import main

    main()
