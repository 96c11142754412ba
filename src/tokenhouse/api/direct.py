"""The shortest way out of our own server: an answer's bytes straight to the socket.

ASGI says an answer in messages, each awaited, each a write of its own, and uvicorn looks at every
header name with regular expressions. ``DirectOut`` writes head and body as one piece, synchronously.
It keeps uvicorn's response cycle true all the while, so that its ``send`` may go on at any point.
"""

from __future__ import annotations

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from tokenhouse.api.http import Headers


class DirectOut:
    """One request's way out. Headers are the house's own: RuntimeError for one with a line end."""

    __slots__ = ("_cycle",)

    def __init__(self, cycle: RequestResponseCycle) -> None:
        self._cycle = cycle

    @property
    def paused(self) -> bool:
        """The client does not take what was written: the next piece must wait in ``send``."""
        return self._cycle.flow.write_paused

    def whole(self, status: int, headers: Headers, body: bytes) -> None:
        """The whole answer; ``headers`` hold its content-length."""
        cycle = self._cycle
        if cycle.disconnected:
            return
        cycle.chunked_encoding = False
        cycle.transport.write(self._head(status, headers) + body)
        self._complete()

    def begin(self, status: int, headers: Headers, data: bytes, *, more: bool) -> None:
        """The head of an answer without a known length, and its first piece."""
        cycle = self._cycle
        if cycle.disconnected:
            return
        cycle.chunked_encoding = True
        head = self._head(status, [*headers, (b"transfer-encoding", b"chunked")])
        cycle.transport.write(head + _chunk(data, more))
        if not more:
            self._complete()

    def write(self, data: bytes, *, more: bool = True) -> None:
        """A further piece of an answer that has begun, by either way."""
        cycle = self._cycle
        if cycle.disconnected:
            return
        cycle.transport.write(_chunk(data, more))
        if not more:
            self._complete()

    def more(self, data: bytes) -> bool:
        """``write`` for a piece in the middle; False: the next one must wait in ``send``."""
        cycle = self._cycle
        if data and not cycle.disconnected:
            cycle.transport.write(b"%x\r\n%b\r\n" % (len(data), data))
        return not cycle.flow.write_paused

    def _head(self, status: int, headers: Headers) -> bytes:
        cycle = self._cycle
        cycle.response_started = True
        cycle.waiting_for_100_continue = False
        lines = [b"%b: %b\r\n" % header for header in cycle.default_headers]
        lines += [b"%b: %b\r\n" % header for header in headers]
        if not cycle.keep_alive:
            lines.append(b"connection: close\r\n")
        head = b"".join(lines)
        if head.count(b"\n") != len(lines) or head.count(b"\r") != len(lines):
            raise RuntimeError("a header of an answer holds a line end")
        return STATUS_LINE[status] + head + b"\r\n"

    def _complete(self) -> None:
        cycle = self._cycle
        cycle.response_complete = True
        cycle.message_event.set()
        if not cycle.keep_alive:
            cycle.transport.close()
        cycle.on_response()


def _chunk(data: bytes, more: bool) -> bytes:
    """``data`` as RFC 9112 §7.1 frames it; the last chunk behind it unless ``more``."""
    if not data:
        return b"" if more else b"0\r\n\r\n"
    end = b"" if more else b"0\r\n\r\n"
    return b"%x\r\n%b\r\n%b" % (len(data), data, end)
