"""One connection: a request's bytes out, its answer's bytes in, one exchange at a time.

What has come is plain state (``incoming``) and one waiter is woken to look at it: no task, no queue
and no reader object. One timer serves every limit: what is moved is the deadline it checks.
"""

from __future__ import annotations

import asyncio
import math
import select
import sys
from collections.abc import Callable
from typing import Protocol, cast

from tokenhouse.transport.errors import ClosedEarly, TimedOut, TransportError
from tokenhouse.transport.origin import Limits
from tokenhouse.transport.parsing import Incoming

READ_AHEAD_BYTES = 256 * 1024  # wire bytes held for a slow reader before the socket is left alone
WRITE_SLICE_BYTES = 128 * 1024  # of a large body, handed to the event loop at a time

Poll = Callable[[int], list[tuple[int, int]]]
Take = Callable[[bytes], bool]


class Keeper(Protocol):
    """Who must hear that a connection is gone (the pool)."""

    def lost(self, connection: Connection) -> None: ...


class Connection(asyncio.Protocol):
    """A socket to one origin, idle (``incoming`` is None) or in an exchange."""

    __slots__ = (
        "_awaiting_head",
        "_deadline",
        "_heard",
        "_keeper",
        "_limit",
        "_loop",
        "_poll",
        "_reading_paused",
        "_sent",
        "_take",
        "_take_idle_s",
        "_timer",
        "_timer_at",
        "_waiter",
        "_writing_paused",
        "closed",
        "gone",
        "incoming",
        "reused",
        "transport",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop, keeper: Keeper) -> None:
        self.closed = False  # the peer has ended it, or we have noticed that it is gone
        self.gone = False
        self.incoming: Incoming | None = None
        self.reused = False
        self._awaiting_head = False
        self._heard = False
        self._sent = False
        self._keeper = keeper
        self._loop = loop
        self._poll: Poll | None = None
        self.transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._take: Take | None = None
        self._take_idle_s = 0.0
        self._deadline = math.inf
        self._limit = ""
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = math.inf
        self._reading_paused = False
        self._writing_paused = False

    @property
    def stale(self) -> bool:
        """Whether it has served before and not a byte came in answer to the present request."""
        return self.reused and not self._heard

    async def exchange(
        self, head: bytes, body: bytes, limits: Limits, *, head_only: bool
    ) -> Incoming:
        """Send a request and return when the head of its answer is in.

        Raises the TransportError that ended it. However it ends, ``finish`` must follow.
        """
        incoming = self.incoming = Incoming(limits.header_bytes_max, head_only)
        self._heard = self._sent = False
        self._awaiting_head = True
        transport = self.transport
        if transport is None or self.closed:
            raise self._closed_early(None)
        if len(body) <= WRITE_SLICE_BYTES:
            transport.write(head + body if body else head)
            self._sent = True
        else:
            await self._write_slices(transport, head, body, limits.write_timeout_s)
        if not incoming.head_in and incoming.fault is None:
            deadline = self._loop.time() + limits.headers_timeout_s
            while not incoming.head_in and incoming.fault is None:
                await self._wait_until(deadline, "headers_timeout_s")
        self._awaiting_head = False
        if not incoming.head_in and incoming.fault is not None:
            raise incoming.fault
        return incoming

    async def _write_slices(
        self, transport: asyncio.Transport, head: bytes, body: bytes, timeout_s: float
    ) -> None:
        """Write as fast as the peer reads; stop where it has answered already."""
        incoming = self.incoming
        assert incoming is not None
        transport.write(head)
        view = memoryview(body)
        for start in range(0, len(view), WRITE_SLICE_BYTES):
            await self._listen(incoming)
            if incoming.head_in or incoming.fault is not None:
                return
            transport.write(view[start : start + WRITE_SLICE_BYTES])
            deadline = self._loop.time() + timeout_s
            while self._writing_paused and not incoming.head_in and incoming.fault is None:
                await self._wait_until(deadline, "write_timeout_s")
        self._sent = not self._writing_paused

    async def _listen(self, incoming: Incoming) -> None:
        """Let the event loop read what has come before more is written.

        A write to a peer that has answered and hung up fails, and the answer is lost with it.
        """
        await asyncio.sleep(0)
        while not incoming.head_in and incoming.fault is None:
            if self._poll is None or not self._poll(0):
                return
            await asyncio.sleep(0)

    async def read_more(self, idle_timeout_s: float) -> None:
        """Wait until ``incoming`` has chunks, its end or a fault. Cancelling it loses nothing."""
        await self._wait_until(self._loop.time() + idle_timeout_s, "idle_timeout_s")

    async def pump(self, take: Take, idle_timeout_s: float) -> None:
        """Give each body chunk to ``take`` as it comes, until it says False, or there is an end or a
        fault. What ``take`` raises is raised here. Cancelling it loses nothing that was not given."""
        self._take = take
        self._take_idle_s = idle_timeout_s
        try:
            await self._wait_until(self._loop.time() + idle_timeout_s, "idle_timeout_s")
        finally:
            self._take = None

    def took(self) -> None:
        """The reader has taken what there was: listen again if the socket was left alone."""
        if self._reading_paused:
            self._reading_paused = False
            if self.transport is not None and not self.transport.is_closing():
                self.transport.resume_reading()

    def finish(self, idle_connection_s: float) -> bool:
        """End the exchange. True: idle now and fit for another. False: it has been closed."""
        incoming, self.incoming = self.incoming, None
        if incoming is None:
            return False
        incoming.close()
        transport = self.transport
        if (
            not incoming.done
            or not incoming.keep_alive
            or incoming.surplus
            or not self._sent
            or self.closed
            or transport is None
            or transport.is_closing()
            or transport.get_write_buffer_size()
        ):
            self.abort()
            return False
        self.took()
        self.reused = True
        self._set_deadline(self._loop.time() + idle_connection_s, "idle_connection_s")
        return True

    def still_quiet(self) -> bool:
        """Whether an idle connection may serve again: open, and nothing lies in its socket.

        Asks the kernel: a close or surplus bytes that came since the event loop last looked are
        not known to it yet.
        """
        if self.closed or self.transport is None or self.transport.is_closing():
            return False
        return self._poll is None or not self._poll(0)

    def fail(self, fault: TransportError) -> None:
        """Close at once; ``fault`` is what the exchange, if one is unfinished, ends with."""
        incoming = self.incoming
        if incoming is not None and incoming.fault is None and not incoming.done:
            incoming.fault = fault
        self.abort()
        self._wake()

    def abort(self) -> None:
        """Close at once, dropping what is not written or read. Idempotent."""
        self._stop_timer()
        if self.transport is not None and not self.closed:
            self.transport.abort()

    # The one timer: it fires at ``_timer_at`` and looks whether ``_deadline`` has moved.

    async def _wait_until(self, deadline: float, limit: str) -> None:
        self._set_deadline(deadline, limit)
        waiter = self._waiter = self._loop.create_future()
        try:
            await waiter
        finally:
            self._waiter = None
            self._deadline = math.inf

    def _set_deadline(self, deadline: float, limit: str) -> None:
        self._deadline = deadline
        self._limit = limit
        if deadline < self._timer_at:
            self._stop_timer()
            self._timer_at = deadline
            self._timer = self._loop.call_at(deadline, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self._timer_at = math.inf
        deadline, limit = self._deadline, self._limit
        if deadline == math.inf:
            return
        if deadline - self._loop.time() > 0.001:  # uvloop's clock ticks in milliseconds
            self._set_deadline(deadline, limit)
            return
        message = f"{limit} ran out"
        self.fail(TimedOut(message, limit=limit, may_have_run=self._sent or self._heard))

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._timer_at = math.inf

    # Called by the event loop.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._poll = _poll_of(transport)

    def data_received(self, data: bytes) -> None:
        incoming = self.incoming
        if incoming is None:  # idle: nobody asked for these bytes
            self.abort()
            return
        self._heard = True
        incoming.feed(data)
        if incoming.fault is not None or incoming.surplus:
            self.abort()
            self._wake()
            return
        take = self._take
        if take is not None and incoming.chunks:
            self._deadline = self._loop.time() + self._take_idle_s
            try:
                if take(incoming.take()) and not incoming.done:
                    return
            except Exception as error:
                if not self._take_failed(error):
                    raise
                return
            self._take = None
            self._wake()
            return
        if incoming.unread > READ_AHEAD_BYTES and not self._reading_paused:
            assert self.transport is not None
            self.transport.pause_reading()
            self._reading_paused = True
        waiter = self._waiter
        if (
            waiter is not None
            and (incoming.chunks or incoming.done or (self._awaiting_head and incoming.head_in))
            and not waiter.done()
        ):
            waiter.set_result(None)

    def _take_failed(self, error: Exception) -> bool:
        """Raise ``error`` where ``pump`` is awaited; False when nobody awaits it any more."""
        self._take = None
        waiter = self._waiter
        if waiter is None or waiter.done():
            return False
        waiter.set_exception(error)
        return True

    def eof_received(self) -> None:
        self._ended(None)
        if self.transport is not None:
            self.transport.abort()  # else a request still being written would keep it open

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended(exc)
        self._stop_timer()
        self._poll = None
        self.gone = True
        self._keeper.lost(self)

    def pause_writing(self) -> None:
        self._writing_paused = True

    def resume_writing(self) -> None:
        self._writing_paused = False
        self._wake()

    def _ended(self, exc: Exception | None) -> None:
        incoming = self.incoming
        if incoming is not None and not incoming.done and incoming.fault is None:
            if incoming.head_in and not incoming.length_known and exc is None:
                incoming.done = True
            else:
                incoming.fault = self._closed_early(exc)
        self.closed = True
        self._wake()

    def _closed_early(self, exc: Exception | None) -> ClosedEarly:
        where = "body" if self.incoming is not None and self.incoming.head_in else "head"
        why = "" if exc is None else f": {exc}"
        return ClosedEarly(
            f"the connection ended before the {where} of the answer did{why}",
            where=where,
            may_have_run=self._sent or self._heard,
        )

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)


def _poll_of(transport: asyncio.BaseTransport) -> Poll | None:
    if sys.platform == "win32":
        return None
    sock = transport.get_extra_info("socket")
    if sock is None:
        return None
    poller = select.poll()
    poller.register(sock.fileno(), select.POLLIN)
    return poller.poll
