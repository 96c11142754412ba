"""The connections to one origin: idle ones, a bound on all, and a fair queue before it.

A *permit* to have a connection is held by each idle connection, each exchange and each attempt to
connect; there are ``connections_per_origin_max``. Whoever waits gets the next connection or permit
in the order of asking.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque

from tokenhouse.transport.connection import Connection
from tokenhouse.transport.dial import Dialer
from tokenhouse.transport.errors import ClientClosed, TimedOut, TransportError
from tokenhouse.transport.head import origin_lines
from tokenhouse.transport.origin import Limits, Origin


class Pool:
    """Connections to one origin. Implements ``Keeper`` for them."""

    __slots__ = (
        "_closed",
        "_dialer",
        "_dials",
        "_gone",
        "_idle",
        "_idle_connection_s",
        "_most",
        "_open",
        "_origin",
        "_permits",
        "_queue",
        "lines",
    )

    def __init__(self, origin: Origin, dialer: Dialer, limits: Limits) -> None:
        self.lines = origin_lines(origin.authority)
        self._origin = origin
        self._dialer = dialer
        self._most = self._permits = limits.connections_per_origin_max
        self._idle_connection_s = limits.idle_connection_s
        self._idle: dict[Connection, None] = {}  # in the order of coming back
        self._open: set[Connection] = set()
        self._dials: set[asyncio.Timeout] = set()
        # A result is a connection, or None: a permit to open one.
        self._queue: deque[asyncio.Future[Connection | None]] = deque()
        self._closed = False
        self._gone = asyncio.Event()

    @property
    def unused(self) -> bool:
        """No connection, nobody who waits for one, no socket that is still closing."""
        return self._permits == self._most and not self._open and not self._queue

    def take(self) -> Connection | None:
        """An idle connection, the one used last, if there is a good one and nobody waits."""
        while self._idle:
            connection, _ = self._idle.popitem()
            if connection.still_quiet():
                return connection
            connection.abort()
            self._free()
        return None

    async def acquire(self, limits: Limits) -> Connection:
        """A connection, waiting for one if need be: idle, handed over, or newly made.

        Raises TimedOut (``pool_timeout_s``, ``connect_timeout_s``), a NotConnected, ClientClosed.
        """
        if self._closed:
            raise _client_closed(may_have_run=False)
        connection = self.take()
        if connection is not None:
            return connection
        if self._permits > 0:
            self._permits -= 1
        else:
            connection = await self._wait_in_line(limits.pool_timeout_s)
            if connection is not None:
                if connection.still_quiet():
                    return connection
                connection.abort()
        return await self._connect(limits)

    async def replace(self, connection: Connection, limits: Limits) -> Connection:
        """A fresh connection on the permit of one that turned out stale."""
        connection.finish(0.0)
        return await self._connect(limits)

    def release(self, connection: Connection) -> None:
        """The exchange is over, well or not; must be called once for each connection got."""
        if not connection.finish(self._idle_connection_s):
            self._free()
        elif not self._hand_over(connection):
            self._idle[connection] = None

    async def aclose(self) -> None:
        """Close everything and wait until no socket is left."""
        self._closed = True
        while self._queue:
            waiter = self._queue.popleft()
            if not waiter.done():
                waiter.set_exception(_client_closed(may_have_run=False))
        for connection in list(self._open):
            connection.fail(_client_closed(may_have_run=True))
        for dial in self._dials:
            if not dial.expired():
                dial.reschedule(-math.inf)  # now; _connect sees that the pool is closed
        while self._open or self._dials:
            self._gone.clear()
            await self._gone.wait()

    def lost(self, connection: Connection) -> None:
        """A connection's socket is gone (``Keeper``)."""
        self._open.discard(connection)
        if connection in self._idle:
            del self._idle[connection]
            self._free()
        self._gone.set()

    # Permits.

    def _free(self) -> None:
        if not self._hand_over(None):
            self._permits += 1

    def _hand_over(self, what: Connection | None) -> bool:
        while self._queue:
            waiter = self._queue.popleft()
            if not waiter.done():
                waiter.set_result(what)
                return True
        return False

    async def _wait_in_line(self, timeout_s: float) -> Connection | None:
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[Connection | None] = loop.create_future()
        self._queue.append(waiter)
        timer = None if timeout_s == math.inf else loop.call_later(timeout_s, _expire, waiter)
        try:
            return await waiter
        except BaseException:
            if waiter in self._queue:
                self._queue.remove(waiter)
            elif not waiter.cancelled() and waiter.exception() is None:
                self._pass_on(waiter.result())  # cancelled after it was served
            raise
        finally:
            if timer is not None:
                timer.cancel()

    def _pass_on(self, what: Connection | None) -> None:
        if what is None or what.closed:
            self._free()
        elif not self._hand_over(what):
            self._idle[what] = None

    async def _connect(self, limits: Limits) -> Connection:
        timeout_s = limits.connect_timeout_s
        try:
            async with asyncio.timeout(None if timeout_s == math.inf else timeout_s) as dial:
                self._dials.add(dial)
                try:
                    connection = await self._dialer.dial(self._origin, self)
                finally:
                    self._dials.discard(dial)
                    self._gone.set()
        except TimeoutError:
            self._free()
            raise self._too_slow() from None
        except BaseException:
            self._free()
            raise
        # Not sooner: uvloop never reports the loss of one whose making was cancelled.
        if not connection.gone:
            self._open.add(connection)
        if self._closed:
            connection.abort()
            self._free()
            raise _client_closed(may_have_run=False)
        return connection

    def _too_slow(self) -> TransportError:
        if self._closed:
            return _client_closed(may_have_run=False)
        message = f"no connection to {self._origin} within connect_timeout_s"
        return TimedOut(message, limit="connect_timeout_s", may_have_run=False)


def _expire(waiter: asyncio.Future[Connection | None]) -> None:
    if not waiter.done():
        message = "no connection came free within pool_timeout_s"
        waiter.set_exception(TimedOut(message, limit="pool_timeout_s", may_have_run=False))


def _client_closed(*, may_have_run: bool) -> ClientClosed:
    return ClientClosed("the client is closed", may_have_run=may_have_run)
