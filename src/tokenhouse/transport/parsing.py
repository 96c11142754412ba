"""One answer as its bytes come: what httptools tells, and what it lets through that we refuse.

httptools neither bounds a head nor stops at the answer's end: bytes after it would begin a second
answer, and the next request on the connection would be given it. Here that is surplus.
"""

from __future__ import annotations

import httptools

from tokenhouse.transport.errors import Malformed, TooBig, TransportError, UnexpectedUpgrade

_FRAMING = frozenset((b"content-encoding", b"content-length", b"transfer-encoding"))
_PLAIN = frozenset((b"", b"identity"))
_PACKED = frozenset((b"deflate", b"gzip", b"x-gzip"))


class _Stop(Exception):
    """Leaves the parser from inside a callback; ``fault`` or ``done`` says why."""


class Incoming:
    """The answer to one request, as far as it has come.

    ``head_in``: status and headers are whole. ``chunks``: body bytes not yet taken. ``done``: the
    end was seen. ``fault``: why no more will come. ``unread``: wire bytes since the last ``take``.
    """

    __slots__ = (
        "_head_only",
        "_header_bytes_max",
        "_parser",
        "chunks",
        "coding",
        "done",
        "fault",
        "head_in",
        "headers",
        "keep_alive",
        "length_known",
        "on_body",
        "reason",
        "status",
        "surplus",
        "unread",
    )

    def __init__(self, header_bytes_max: int, head_only: bool) -> None:
        self.chunks: list[bytes] = []
        self.on_body = self.chunks.append  # the parser calls the list itself: no frame per chunk
        self.headers: list[tuple[bytes, bytes]] = []
        self.status = 0
        self.reason = b""
        self.coding = b""
        self.head_in = False
        self.done = False
        self.fault: TransportError | None = None
        self.keep_alive = False
        self.length_known = True
        self.surplus = False
        self.unread = 0
        self._head_only = head_only
        self._header_bytes_max = header_bytes_max
        self._parser: httptools.HttpResponseParser | None = httptools.HttpResponseParser(self)

    def feed(self, data: bytes) -> None:
        """Read bytes from the wire; sets ``fault`` or ``surplus`` where they are not of the answer."""
        if self.done or self._parser is None:
            self.surplus = True
            return
        self.unread += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if self.done:
                self.surplus = True
            elif self.fault is None:
                message = f"the upstream's answer is malformed: {error}"
                self.fault = Malformed(message, may_have_run=True)
            return
        if self.unread > self._header_bytes_max and not self.chunks and not self.done:
            # No content in so many bytes: an endless head, trailer or chunk extension.
            self.fault = _headers_too_big()

    def take(self) -> bytes:
        """All body bytes that have come since the last call, joined; b"" when none have."""
        self.unread = 0
        chunks = self.chunks
        if not chunks:
            return b""
        data = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        chunks.clear()
        return data

    def close(self) -> None:
        """Let go of the parser, which holds this object in turn."""
        self._parser = None

    # Called by the parser.

    def on_message_begin(self) -> None:
        if self.done:
            raise _Stop

    def on_status(self, reason: bytes) -> None:
        self.reason += reason

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.head_in:  # else a trailer, which means nothing to us
            self.headers.append((name.lower(), value.rstrip(b" \t")))

    def on_headers_complete(self) -> None:
        parser = self._parser
        assert parser is not None
        self.status = status = parser.get_status_code()
        if status < 200:
            if 100 <= status != 101:
                return  # interim: on_message_complete clears it
            self.fault = _no_answer(status)
            raise _Stop
        self.keep_alive = parser.should_keep_alive()
        self.fault = self._check_head(self._head_only or status in (204, 304))
        if self.fault is not None:
            raise _Stop
        self.head_in = True
        self.unread = 0
        if self._head_only:
            # The parser would wait for the body that a HEAD's answer only announces.
            self.done = True
            self.keep_alive = False
            raise _Stop

    def on_message_complete(self) -> None:
        if self.head_in:
            self.done = True
        else:
            self.headers.clear()
            self.reason = b""

    def _check_head(self, bodiless: bool) -> TransportError | None:
        if self.unread > self._header_bytes_max:
            size = sum(len(name) + len(value) + 4 for name, value in self.headers)
            if size > self._header_bytes_max:
                return _headers_too_big()
        length_known = bodiless
        for name, value in self.headers:
            if name not in _FRAMING:
                continue
            if name == b"content-length":
                length_known = True
            elif name == b"transfer-encoding":
                # httptools lets "gzip, chunked" and "chunked" twice through, undecoded.
                if value.lower() != b"chunked" or (length_known and not bodiless):
                    message = "the answer's transfer-encoding is other than chunked"
                    return Malformed(message, may_have_run=True)
                length_known = True
            elif not bodiless and value.lower() not in _PLAIN:
                if self.coding or value.lower() not in _PACKED:
                    message = "the answer is in a content-encoding that was not asked for"
                    return Malformed(message, may_have_run=True)
                self.coding = value.lower()
        self.length_known = length_known
        return None


def _headers_too_big() -> TooBig:
    message = "the answer's headers or trailers are larger than header_bytes_max"
    return TooBig(message, limit="header_bytes_max", may_have_run=True)


def _no_answer(status: int) -> Malformed:
    if status == 101:
        message = "the upstream switched protocols (101), which was not asked for"
        return UnexpectedUpgrade(message, may_have_run=True)
    return Malformed(f"{status} is no HTTP status", may_have_run=True)
