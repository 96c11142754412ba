"""What readers of every dialect's stream share: errors behind events, and telling an end from a cut."""

from __future__ import annotations

from tokenhouse.chat import Event, Passed
from tokenhouse.errors import TokenhouseError
from tokenhouse.wire import sse
from tokenhouse.wire.faults import broken


class StreamReader:
    """Bytes of a provider's stream → events; a dialect says how it is read and what ends it.

    An error found behind events of the same bytes is raised by the next call, so that no event is
    lost: call ``check`` before waiting for more bytes. ``done``: the proper end has been read.
    """

    __slots__ = ("_error", "_public", "_sse", "_upstream", "done")

    def __init__(self, public_model: str, upstream_model: str, limit_bytes: int) -> None:
        self._public = public_model
        self._upstream = upstream_model
        self._sse = sse.Reader(limit_bytes)
        self._error: TokenhouseError | None = None
        self.done = False

    def feed(self, data: bytes) -> list[Event]:
        """The events that ``data`` completes. UpstreamError for errors in the stream and garbage."""
        if self._error is not None:
            raise self._error
        events: list[Event] = []
        try:
            self._read(data, events)
        except TokenhouseError as error:
            self._error = error
            if not events:
                raise
        return events

    def plain(self, data: bytes) -> Passed | None:
        """``data``, where it is one frame of nothing but text that passes as it is; None: ``feed`` it.
        Most pieces of a stream are one, and nothing about it has to be kept."""
        del data
        return None

    def check(self) -> None:
        """Raise the error that was found behind the last events, if there was one."""
        if self._error is not None:
            raise self._error

    def closed(self) -> list[Event]:
        """The connection has ended: the last events, or UpstreamError when the answer was cut."""
        self.check()
        events: list[Event] = []
        if not self.done:
            if not self._complete():
                self._error = broken("stopped in the middle of the answer", code="upstream_cut")
                raise self._error
            self._finish(events)
        return events

    def _read(self, data: bytes, events: list[Event]) -> None:
        raise NotImplementedError

    def _complete(self) -> bool:
        """Has everything that began ended?"""
        raise NotImplementedError

    def _finish(self, events: list[Event]) -> None:
        """The proper end: set ``done`` and add the last events."""
        raise NotImplementedError
