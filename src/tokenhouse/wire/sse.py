"""Server-sent events, both ways, as the WHATWG HTML standard parses them (§9.2.6), sans-I/O.

The reader takes bytes cut anywhere, also inside a character or a line end, and gives the same events
for every cutting. Bytes stay bytes: whoever decodes an event's JSON meets bad UTF-8 there. ``id`` and
``retry`` are for reconnecting clients and are dropped; an event that the stream's end cuts off is
never given.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from tokenhouse.errors import UpstreamError

DEFAULT_LIMIT_BYTES: Final = 16 * 1024 * 1024
"""Largest single event: a whole answer's tool call or image may stand in one."""

Sse = tuple[bytes, bytes]
"""An event: its name (``b""`` when the stream names none) and its data, lines joined by LF."""

_BOM: Final = b"\xef\xbb\xbf"


class Reader:
    """Bytes → events. UpstreamError (``upstream_frame_too_large``) beyond ``limit_bytes`` an event."""

    __slots__ = ("_after_cr", "_rest", "_scanned", "_started", "between", "limit")

    def __init__(self, limit_bytes: int = DEFAULT_LIMIT_BYTES) -> None:
        self.limit = limit_bytes
        self._rest = bytearray()
        self._scanned = 0
        self._after_cr = False
        self._started = False
        self.between = False
        """All that came is complete: the next byte begins an event."""

    def feed(self, data: bytes) -> list[Sse]:
        """All events that ``data`` completes, in order."""
        if self._after_cr or b"\r" in data:
            data = self._line_feeds(data)
        if self.between and data.endswith(b"\n\n"):
            if data.startswith(b"data: ") and data.find(b"\n") == len(data) - 2 <= self.limit:
                return [(b"", data[6:-2])]
            return _events(data[:-2].split(b"\n\n"), self.limit)
        return _events(self._complete(data), self.limit)

    def blocks(self, data: bytes) -> list[bytes]:
        """The same events as they stand, line ends as LF and without the blank line behind them: for
        dialects whose frames are known by sight. Comments and empty blocks are among them.
        """
        if self._after_cr or b"\r" in data:
            data = self._line_feeds(data)
        if self.between and data.endswith(b"\n\n"):
            blocks = data[:-2].split(b"\n\n")
            if len(data) <= self.limit:
                return blocks
        else:
            blocks = self._complete(data)
        if any(len(block) > self.limit for block in blocks):
            raise _too_large(self.limit)
        return blocks

    def _complete(self, data: bytes) -> list[bytes]:
        """What ``data`` completes, where it begins or ends in the middle of something."""
        blocks = self._cut_off(data)
        self.between = self._started and not self._rest and not self._after_cr
        return blocks

    def _cut_off(self, data: bytes) -> list[bytes]:
        rest = self._rest
        rest += data
        if not self._started:
            if len(rest) < len(_BOM) and _BOM.startswith(rest):
                return []
            self._started = True
            if rest.startswith(_BOM):
                del rest[: len(_BOM)]
        cut = rest.rfind(b"\n\n", self._scanned)
        if cut < 0:
            self._bound()
            return []
        blocks = bytes(rest[:cut]).split(b"\n\n")
        del rest[: cut + 2]
        self._scanned = 0
        self._bound()
        return blocks

    def _bound(self) -> None:
        """Forget whole comment lines, remember how far was looked, refuse an endless event."""
        rest = self._rest
        while rest.startswith(b":"):
            end = rest.find(b"\n")
            if end < 0:
                break
            del rest[: end + 1]
            if rest.startswith(b"\n"):
                break
        self._scanned = max(0, len(rest) - 1)
        if len(rest) > self.limit:
            raise _too_large(self.limit)

    def _line_feeds(self, data: bytes) -> bytes:
        """CRLF and CR → LF, also where a CRLF is cut in two."""
        if self._after_cr and data:
            self._after_cr = False
            if data.startswith(b"\n"):
                data = data[1:]
                if b"\r" not in data:
                    return data
        if data:
            self._after_cr = data.endswith(b"\r")
            self.between = self.between and not self._after_cr
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def data(payload: bytes) -> bytes:
    """One unnamed event. ``payload`` holds no line end (JSON text as we encode it has none)."""
    return b"data: " + payload + b"\n\n"


def event(name: str, payload: bytes) -> bytes:
    """One event named ``name``; ``payload`` holds no line end."""
    return b"event: " + name.encode() + b"\ndata: " + payload + b"\n\n"


def comment(text: str) -> bytes:
    """A comment, which every reader skips: keeps a silent connection alive."""
    return b": " + text.replace("\r", " ").replace("\n", " ").encode() + b"\n\n"


def parse(block: bytes) -> Sse | None:
    """One event's lines → the event, or None when they carry no data."""
    name = b""
    lines: list[bytes] = []
    for line in block.split(b"\n"):
        field, _, value = line.partition(b":")
        if field == b"data":
            lines.append(value[1:] if value.startswith(b" ") else value)
        elif field == b"event":
            name = value[1:] if value.startswith(b" ") else value
    return (name, b"\n".join(lines)) if lines else None


def _events(blocks: Iterable[bytes], limit: int) -> list[Sse]:
    events: list[Sse] = []
    for block in blocks:
        if len(block) > limit:
            raise _too_large(limit)
        if block.startswith(b"data: ") and b"\n" not in block:
            events.append((b"", block[6:]))
        else:
            found = parse(block)
            if found is not None:
                events.append(found)
    return events


def _too_large(limit: int) -> UpstreamError:
    return UpstreamError(
        f"The provider sent an event of more than {limit} bytes.", code="upstream_frame_too_large"
    )
