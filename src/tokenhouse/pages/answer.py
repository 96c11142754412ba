"""What a page is on the wire: body, validators, compression, and the headers that keep it safe."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
from collections.abc import AsyncGenerator, Awaitable, Callable, MutableMapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Final

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

HTML: Final = "text/html; charset=utf-8"
MARKDOWN: Final = "text/markdown; charset=utf-8"
TEXT: Final = "text/plain; charset=utf-8"
XML: Final = "application/xml; charset=utf-8"

FRESH: Final = "no-cache"
"""Kept by browsers, asked again each time: a price that changed is seen at once."""
NEVER: Final = "no-store"
"""Kept by nobody: it is one person's."""
FOR_EVER: Final = "public, max-age=31536000, immutable"

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "font-src 'self'; connect-src 'self'; manifest-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
"""No inline script, no inline style, nothing from elsewhere, in nobody's frame. Pictures may be of the
page's own making (``data:``, ``blob:``): what a visitor pastes is shown before it is sent."""

_SAFE: Final[tuple[tuple[bytes, bytes], ...]] = (
    (b"content-security-policy", POLICY.encode("ascii")),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
)
_GZIP_LEAST: Final = 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer. ``etag`` covers what it says, not when it was said."""

    body: bytes
    content_type: str
    status: int = 200
    cache: str = FRESH
    location: str | None = None
    zipped: bytes = field(init=False)
    etag: bytes = field(init=False)
    stable: bytes | None = None
    headers: tuple[tuple[bytes, bytes], ...] = ()

    def __post_init__(self) -> None:
        said = self.body if self.stable is None else self.stable
        digest = hashlib.sha256(said).hexdigest()[:20]
        object.__setattr__(self, "etag", f'W/"{digest}"'.encode("ascii"))
        texts = self.content_type.startswith(("text/", "application/", "image/svg"))
        # what is one person's may hold a secret beside what somebody else made them say (BREACH)
        worth = texts and len(self.body) >= _GZIP_LEAST and self.cache != NEVER
        object.__setattr__(self, "zipped", gzip.compress(self.body, 6, mtime=0) if worth else b"")


@dataclass(frozen=True, slots=True)
class Stream:
    """A long list as a file, sent while it is read. ``first`` was read before anything is sent: what is
    wrong with the question was told by then."""

    first: str
    rest: AsyncGenerator[str, None]
    content_type: str
    name: str

    @classmethod
    async def begun(cls, texts: AsyncGenerator[str, None], content_type: str, name: str) -> Stream:
        """Read the first of ``texts``."""
        return cls(await anext(texts, ""), texts, content_type, name)


def redirect(location: str, status: int = 301) -> Answer:
    """Go there; ``location`` is a path of ours."""
    return Answer(b"", TEXT, status, location=location)


async def send_stream(stream: Stream, scope: Scope, receive: Receive, send: Send) -> None:
    """All of it, until the client leaves."""
    headers: Headers = [
        *_SAFE,
        (b"cache-control", NEVER.encode("ascii")),
        (b"content-type", stream.content_type.encode("ascii")),
        (b"content-disposition", f'attachment; filename="{stream.name}"'.encode("ascii")),
    ]
    async with aclosing(stream.rest) as rest:
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        if scope["method"] != "HEAD":
            await _send_text(send, stream.first)
            async for text in rest:
                if await _gone(receive):
                    return
                await _send_text(send, text)
        await send({"type": "http.response.body", "body": b""})


async def _send_text(send: Send, text: str) -> None:
    await send({"type": "http.response.body", "body": text.encode(), "more_body": True})


async def _gone(receive: Receive) -> bool:
    """Has the client left by now?"""
    try:
        async with asyncio.timeout(0):
            while (await receive())["type"] != "http.disconnect":
                pass
    except TimeoutError:
        return False
    return True


async def send_answer(answer: Answer, scope: Scope, send: Send) -> None:
    """The answer, or 304 where the browser has it, or its headers alone for HEAD."""
    headers: Headers = [
        *_SAFE,
        (b"cache-control", answer.cache.encode("ascii")),
        (b"vary", b"accept, accept-encoding"),
        *answer.headers,
    ]
    if answer.location is not None:
        headers.append((b"location", answer.location.encode("ascii")))
    status, body = answer.status, answer.body
    if status == 200 and answer.cache != NEVER:
        headers.append((b"etag", answer.etag))
        if _has(_header(scope, b"if-none-match"), answer.etag):
            status, body = 304, b""
    if status != 304:
        headers.append((b"content-type", answer.content_type.encode("ascii")))
        if answer.zipped and b"gzip" in _header(scope, b"accept-encoding"):
            body = answer.zipped
            headers.append((b"content-encoding", b"gzip"))
        headers.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


def _header(scope: Scope, name: bytes) -> bytes:
    return b",".join(value for candidate, value in scope["headers"] if candidate == name)


def _has(tags: bytes, etag: bytes) -> bool:
    bare = etag.removeprefix(b"W/")
    given = [tag.strip().removeprefix(b"W/") for tag in tags.split(b",")]
    return b"*" in given or bare in given


def wants_markdown(scope: Scope) -> bool:
    """Does the client ask for Markdown and not for HTML?"""
    accept = _header(scope, b"accept").lower()
    return b"text/markdown" in accept and b"text/html" not in accept
