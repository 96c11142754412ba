"""The HTTP server: uvicorn with the limits that it lacks.

Its protocol has no time limit for a request's head (half a header may stay for ever) and no size
limit (it took 30 MB): both are added here, without a timer per request.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from tokenhouse.api.direct import DirectOut
from tokenhouse.api.http import DIRECT, ON_LEAVE

# Said before a path is known: in both protocols' envelopes at once.
_TOO_LARGE_BODY = (
    b'{"type":"error","error":{"message":"The request line and headers are too long.",'
    b'"type":"invalid_request_error","code":"headers_too_large","param":null},"status":"error",'
    b'"message":"The request line and headers are too long."}'
)
_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: application/json\r\n"
    b"content-length: %d\r\nconnection: close\r\n\r\n%s" % (len(_TOO_LARGE_BODY), _TOO_LARGE_BODY)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """Where to listen, how long to wait (seconds), and which proxies are believed when they say for
    whom they ask."""

    host: str = "127.0.0.1"
    port: int = 8080
    header_timeout_s: float = 10.0
    header_bytes_max: int = 64 * 1024
    shutdown_grace_s: int = 30
    idle_connection_s: int = 75
    trusted_proxies: tuple[str, ...] = ()


class BoundedProtocol(HttpToolsProtocol):
    """Closes a connection whose head is too long (431) or comes too slowly."""

    head_bytes_max = 64 * 1024
    head_timeout_s = 10.0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._in_head = True
        self._refused = False
        self._head_bytes = 0
        self._head_timer: asyncio.TimerHandle | None = None
        self._leave: Callable[[], None] | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._arm()

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        super().connection_lost(exc)
        if self._leave is not None:
            self._leave()

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        if not self._in_head:
            super().data_received(data)
            return
        self._head_bytes += len(data)
        super().data_received(data)
        if self._in_head and self._head_bytes:
            if self._head_bytes > self.head_bytes_max:
                self._refuse()
            elif self._head_timer is None:
                self._arm()

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._disarm()
        if self._head_bytes > self.head_bytes_max and self._head_size() > self.head_bytes_max:
            self._refuse()
        else:
            self.scope[ON_LEAVE] = self._on_leave  # type: ignore[typeddict-unknown-key]
            super().on_headers_complete()
            # the cycle's task has not run yet
            self.scope[DIRECT] = DirectOut(self.cycle)  # type: ignore[typeddict-unknown-key]

    def on_body(self, body: bytes) -> None:
        if not self._refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        self._in_head = True
        self._head_bytes = 0
        if not self._refused:
            super().on_message_complete()

    def _on_leave(self, leave: Callable[[], None] | None) -> None:
        """Whom to tell when the client is gone; one request at a time is answered."""
        self._leave = leave
        if leave is not None and not self.pipeline:
            # a large body stopped the reading, and a connection that isn't read is never lost
            self.flow.resume_reading()

    def _head_size(self) -> int:
        """The head's own bytes: what came may have the body's beginning with it."""
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def _refuse(self) -> None:
        self._refused = True
        self.transport.write(_TOO_LARGE)
        self.transport.close()

    def _arm(self) -> None:
        self._head_timer = self.loop.call_later(self.head_timeout_s, self._head_too_slow)

    def _disarm(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _head_too_slow(self) -> None:
        self._head_timer = None
        if self._in_head and not self.transport.is_closing():
            self.transport.close()


class Server(uvicorn.Server):
    """Says ``started`` once it listens, and ``stopping`` as it begins to end."""

    def __init__(
        self,
        config: uvicorn.Config,
        started: Callable[[], Awaitable[None]],
        stopping: Callable[[], None] | None = None,
    ) -> None:
        super().__init__(config)
        self._say_started = started
        self._say_stopping = stopping

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """SIGINT and SIGTERM begin the orderly end; that end is a success, not a death by signal."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            await self._say_started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._say_stopping is not None:
            self._say_stopping()
        await super().shutdown(sockets)


def listen(settings: ServerSettings) -> socket.socket:
    """A bound socket; OSError when the address is taken or not ours."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # asyncio's own loop leaves Nagle on for such a socket: 40 ms a request that is sent in two
        bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        bound.bind((settings.host, settings.port))
    except BaseException:
        bound.close()
        raise
    return bound


def uvicorn_server(
    app: Any,
    settings: ServerSettings,
    *,
    started: Callable[[], Awaitable[None]],
    stopping: Callable[[], None] | None = None,
) -> Server:
    """A server for ``app``: httptools, uvloop where there is one, no access log (it prints queries)."""

    class Protocol(BoundedProtocol):
        head_bytes_max = settings.header_bytes_max
        head_timeout_s = settings.header_timeout_s

    config = uvicorn.Config(
        app,
        http=Protocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=[*settings.trusted_proxies],
        timeout_keep_alive=settings.idle_connection_s,
        timeout_graceful_shutdown=settings.shutdown_grace_s,
        backlog=2048,
    )
    return Server(config, started, stopping)
