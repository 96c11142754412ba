"""The HTTP server: uvicorn with the limits that it lacks.

Its protocol has no time limit for a request's head (half a header may stay for ever) and no size
limit (it took 30 MB): both are added here, without a timer per request.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_BYTES_MAX = 64 * 1024
HEAD_TIMEOUT_S = 10.0

_TOO_LARGE_BODY = (
    b'{"error":{"message":"The request line and headers are longer than 65536 bytes.",'
    b'"type":"invalid_request_error","code":"headers_too_large","param":null},"status":"error",'
    b'"message":"The request line and headers are longer than 65536 bytes."}'
)
_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: application/json\r\n"
    b"content-length: %d\r\nconnection: close\r\n\r\n%s" % (len(_TOO_LARGE_BODY), _TOO_LARGE_BODY)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """Where to listen and how long to wait. Seconds."""

    host: str = "127.0.0.1"
    port: int = 8080
    shutdown_grace_s: int = 30
    idle_connection_s: int = 75


class BoundedProtocol(HttpToolsProtocol):
    """Closes a connection whose head is too long (431) or comes too slowly."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._in_head = True
        self._refused = False
        self._head_bytes = 0
        self._head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._arm()

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        if not self._in_head:
            super().data_received(data)
            return
        self._head_bytes += len(data)
        super().data_received(data)
        if self._in_head and self._head_bytes:
            if self._head_bytes > HEAD_BYTES_MAX:
                self._refuse()
            elif self._head_timer is None:
                self._arm()

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._disarm()
        if self._head_bytes > HEAD_BYTES_MAX and self._head_size() > HEAD_BYTES_MAX:
            self._refuse()
        else:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if not self._refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        self._in_head = True
        self._head_bytes = 0
        if not self._refused:
            super().on_message_complete()

    def _head_size(self) -> int:
        """The head's own bytes: what came may have the body's beginning with it."""
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def _refuse(self) -> None:
        self._refused = True
        self.transport.write(_TOO_LARGE)
        self.transport.close()

    def _arm(self) -> None:
        self._head_timer = self.loop.call_later(HEAD_TIMEOUT_S, self._head_too_slow)

    def _disarm(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _head_too_slow(self) -> None:
        self._head_timer = None
        if self._in_head and not self.transport.is_closing():
            self.transport.close()


def uvicorn_server(app: Any, settings: ServerSettings) -> uvicorn.Server:
    """A server for ``app``: httptools, uvloop where there is one, no access log (it prints queries)."""
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http=BoundedProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=settings.idle_connection_s,
        timeout_graceful_shutdown=settings.shutdown_grace_s,
        backlog=2048,
    )
    return uvicorn.Server(config)
