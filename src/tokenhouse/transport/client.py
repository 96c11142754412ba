"""The client: one request in, one answer's head out, over pooled connections."""

from __future__ import annotations

from collections.abc import Sequence

from tokenhouse.transport.answer import Answer
from tokenhouse.transport.dial import Dialer, Resolve, resolve_with_system
from tokenhouse.transport.errors import ClientClosed, ClosedEarly
from tokenhouse.transport.head import HeaderBlock, header_block, request_head
from tokenhouse.transport.origin import Limits, Origin
from tokenhouse.transport.pool import Pool
from tokenhouse.transport.proxy import Proxies


class Client:
    """An HTTP/1.1 client for one event loop. Follows no redirect and keeps no cookie.

    ``ca_file`` replaces the system's certificates and is read at once (raises OSError). ``proxies``
    says which origins are reached through a proxy. ``resolve`` replaces the system's name look-up.
    ``origins_max`` is for clients whose origins strangers choose: beyond it, those without a
    connection are forgotten.
    """

    __slots__ = ("_closed", "_dialer", "_limits", "_origins_max", "_pools")

    def __init__(
        self,
        limits: Limits | None = None,
        *,
        ca_file: str | None = None,
        proxies: Proxies | None = None,
        resolve: Resolve = resolve_with_system,
        origins_max: int | None = None,
    ) -> None:
        self._limits = Limits() if limits is None else limits
        self._dialer = Dialer(ca_file, Proxies() if proxies is None else proxies, resolve)
        self._origins_max = origins_max
        self._pools: dict[Origin, Pool] = {}
        self._closed = False

    async def send(
        self,
        origin: Origin,
        method: bytes,
        target: bytes,
        *,
        headers: HeaderBlock | Sequence[tuple[bytes, bytes]] = (),
        body: bytes = b"",
        limits: Limits | None = None,
    ) -> Answer:
        """Send a request and return when the headers of its answer are in.

        ``target`` is the path with its query. ``headers`` come without those that the client writes
        (Host, Content-Length, Accept-Encoding …); ``header_block`` checks them once for many uses.
        ``limits`` replace the client's for this request. A request whose reused connection turns
        out to be closed before a byte of the answer is sent once more, on a fresh connection.

        Raises a TransportError (tree: ``errors.py``); ValueError for a method, target or header
        that cannot be sent. However it ends, nothing of it is left behind.
        """
        pool = self._pools.get(origin)
        if pool is None:
            pool = self._add_pool(origin)
        if limits is None:
            limits = self._limits
        block = headers if isinstance(headers, bytes) else header_block(headers)
        head = request_head(method, target, pool.lines, block, len(body))
        connection = pool.take()
        if connection is None:
            connection = await pool.acquire(limits)
        while True:
            try:
                incoming = await connection.exchange(
                    head, body, limits, head_only=method == b"HEAD"
                )
                return Answer(incoming, connection, pool, limits)
            except BaseException as error:
                if not (isinstance(error, ClosedEarly) and connection.stale):
                    pool.release(connection)
                    raise
            # Fresh ones are never stale: this happens once.
            connection = await pool.replace(connection, limits)

    async def aclose(self) -> None:
        """Close every connection at once; requests under way end with ClientClosed. Idempotent."""
        self._closed = True
        for pool in list(self._pools.values()):
            await pool.aclose()

    def _add_pool(self, origin: Origin) -> Pool:
        if self._closed:
            raise ClientClosed("the client is closed", may_have_run=False)
        if self._origins_max is not None and len(self._pools) >= self._origins_max:
            self._pools = {known: pool for known, pool in self._pools.items() if not pool.unused}
        pool = self._pools[origin] = Pool(origin, self._dialer, self._limits)
        return pool
