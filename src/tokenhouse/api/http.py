"""The few HTTP words that every route says: read a body, answer, refuse. Raw ASGI (spec 3.0)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import parse_qsl

from tokenhouse.errors import CallerError, TokenhouseError
from tokenhouse.wire import retry_after_seconds

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]
Handler = Callable[[Scope, Receive, Send], Awaitable[None]]

ON_LEAVE = "tokenhouse.on_leave"
"""In the scope, where our server put it: a function that takes whom to call when the client leaves."""

DIRECT = "tokenhouse.direct"
"""In the scope, where our server put it: a :class:`Direct`. Who wraps ``send`` takes it out."""

JSON = (b"content-type", b"application/json")


class Direct(Protocol):
    """A way out beside ``send``: synchronous, head and body in one write."""

    @property
    def paused(self) -> bool: ...

    def whole(self, status: int, headers: Headers, body: bytes) -> None: ...

    def begin(self, status: int, headers: Headers, data: bytes, *, more: bool) -> None: ...

    def write(self, data: bytes, *, more: bool = True) -> None: ...

    def more(self, data: bytes) -> bool: ...


class ClientGone(Exception):
    """The client closed the connection: nobody is left to answer."""


@dataclass(frozen=True, slots=True)
class Respond:
    """Where a route's answer goes: its ``send`` and the headers every answer carries."""

    send: Send
    headers: Headers
    direct: Direct | None = None

    async def json(self, status: int, body: bytes, extra: Headers | None = None) -> None:
        headers = [
            JSON,
            (b"content-length", b"%d" % len(body)),
            *self.headers,
            *(extra or ()),
        ]
        direct = self.direct
        if direct is not None and not direct.paused:
            direct.whole(status, headers, body)
            return
        await self.send({"type": "http.response.start", "status": status, "headers": headers})
        await self.send({"type": "http.response.body", "body": body})


def header(headers: Headers, name: bytes) -> bytes | None:
    """The first value of a lower-case header name, or None."""
    for candidate, value in headers:
        if candidate == name:
            return value
    return None


def query(scope: Scope) -> dict[str, str]:
    """The query string's fields; the last of a name wins."""
    return dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))


async def read_body(scope: Scope, receive: Receive, limit: int, *, keyless: bool = False) -> bytes:
    """The whole request body. Raises CallerError 413 over ``limit`` bytes, ClientGone.

    ``keyless``: no header carries a key, so that the limit is lower; the refusal says so.
    """
    declared = header(scope["headers"], b"content-length")
    if declared is not None and declared.isdigit() and int(declared) > limit:
        raise _too_large(limit, keyless)
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ClientGone
    body: bytes = message.get("body", b"")
    if not message.get("more_body", False):
        if len(body) > limit:
            raise _too_large(limit, keyless)
        return body
    chunks = [body]
    size = len(body)
    while message.get("more_body", False):
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise _too_large(limit, keyless)
        chunks.append(chunk)
    return b"".join(chunks)


def _too_large(limit: int, keyless: bool) -> CallerError:
    hint = " Send the key as a header to send a longer one." if keyless else ""
    return CallerError(
        f"The request body is longer than {limit} bytes.{hint}",
        status=413,
        code="request_too_large",
    )


def retry_headers(error: TokenhouseError, now_ms: int) -> Headers:
    """``Retry-After`` (seconds) and ``X-RateLimit-Reset`` (unix seconds) of a 429 or 503, and of a 409
    that waiting ends."""
    waits = error.status == 409 and error.retry_after_s is not None
    if not waits and error.status not in (429, 503, 529):
        return []
    wait_s = retry_after_seconds(error) or 1
    return [
        (b"retry-after", b"%d" % wait_s),
        (b"x-ratelimit-reset", b"%d" % (now_ms // 1000 + wait_s)),
    ]
