"""An upstream's answer: its head is here, its body is read as it comes."""

from __future__ import annotations

import zlib
from types import TracebackType
from typing import Self

from tokenhouse.transport.connection import Connection, Take
from tokenhouse.transport.decoding import Inflater
from tokenhouse.transport.errors import Malformed, TooBig
from tokenhouse.transport.origin import Limits
from tokenhouse.transport.parsing import Incoming
from tokenhouse.transport.pool import Pool


class Answer:
    """Status, headers and a body to read. Use it with ``async with``, or ``aclose`` it always.

    ``status``: 200–999. ``reason``: as sent, may be b"". ``headers``: (lower-case name, value)
    pairs in order. One reader at a time.
    """

    __slots__ = (
        "_abandoned",
        "_connection",
        "_incoming",
        "_inflater",
        "_limits",
        "_pool",
        "headers",
        "reason",
        "status",
    )

    def __init__(
        self, incoming: Incoming, connection: Connection, pool: Pool, limits: Limits
    ) -> None:
        self.status = incoming.status
        self.reason = incoming.reason
        self.headers = incoming.headers
        self._incoming = incoming
        self._connection: Connection | None = connection
        self._pool = pool
        self._limits = limits
        self._inflater = Inflater(incoming.coding) if incoming.coding else None
        self._abandoned = False

    def header(self, name: bytes) -> bytes | None:
        """The first value of a header, by its lower-case name; None when it was not sent."""
        for known, value in self.headers:
            if known == name:
                return value
        return None

    @property
    def end_known(self) -> bool:
        """False: the body has no length and ends with the connection, so that an end and a cut
        look alike; what the bytes say must decide."""
        return self._incoming.length_known

    async def read(self) -> bytes:
        """The body's next bytes, all that have arrived, decoded; b"" when it ended properly.

        At most 256 KiB at a time of a compressed body. What arrived before a fault is given first.
        Raises ClosedEarly, TimedOut (``idle_timeout_s``), Malformed, TooBig, ClientClosed; the same
        again when called again. A cancelled read may be repeated.
        """
        if self._inflater is None:
            return await self._read_wire()
        return await self._read_decoded(self._inflater)

    async def pump(self, take: Take) -> None:
        """Give the body's bytes to ``take`` as they come, inside the event loop's own callback: no
        task is woken for them. Returns when ``take`` says False, and where ``read`` has to go on (an
        end, a fault, a compressed body, bytes that came before); raises only what ``take`` raises.
        """
        connection = self._connection
        incoming = self._incoming
        if self._inflater is not None or connection is None or self._abandoned:
            return
        if not incoming.chunks and not incoming.done and incoming.fault is None:
            await connection.pump(take, self._limits.idle_timeout_s)

    async def read_all(self, limit: int | None = None) -> bytes:
        """The rest of the body, at most ``limit`` decoded bytes (default ``body_bytes_max``).

        Raises what ``read`` raises, and TooBig, having closed the connection.
        """
        bound = self._limits.body_bytes_max if limit is None else limit
        pieces: list[bytes] = []
        size = 0
        while piece := await self.read():
            size += len(piece)
            if size > bound:
                await self.aclose()
                message = "the answer's body is larger than body_bytes_max"
                raise TooBig(message, limit="body_bytes_max", may_have_run=True)
            pieces.append(piece)
            if self._inflater is None and self._incoming.done and not self._incoming.chunks:
                break
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def aclose(self) -> None:
        """Done with it. Before the body's end this closes the connection at once, which tells the
        upstream to stop; after it the connection serves others. Idempotent; never waits."""
        self._abandoned = True
        self._let_go()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    def _let_go(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            self._pool.release(connection)

    async def _read_wire(self) -> bytes:
        if self._abandoned:
            raise RuntimeError("the answer was closed")
        incoming = self._incoming
        while True:
            if incoming.chunks:
                data = incoming.take()
                if self._connection is not None:
                    self._connection.took()
                    if incoming.done:
                        self._let_go()
                return data
            if incoming.done:
                self._let_go()
                return b""
            if incoming.fault is not None:
                self._let_go()
                raise incoming.fault
            assert self._connection is not None
            await self._connection.read_more(self._limits.idle_timeout_s)

    async def _read_decoded(self, inflater: Inflater) -> bytes:
        try:
            while True:
                data = inflater.take()
                if data:
                    return data
                wire = await self._read_wire()
                if wire:
                    inflater.feed(wire)
                elif inflater.complete:
                    return b""
                else:
                    raise zlib.error("it ends in the middle")
        except zlib.error as error:
            message = f"the answer's content-encoding is broken: {error}"
            self._incoming.fault = Malformed(message, may_have_run=True)
            self._incoming.done = False
            self._let_go()
            raise self._incoming.fault from error
