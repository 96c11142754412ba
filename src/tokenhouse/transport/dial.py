"""From an origin to an open connection: name, sockets, proxy tunnel, TLS.

Names are looked up anew for each connection, so a host that moves is followed as connections turn
over. Several addresses are tried in turn, the next one 250 ms after the last (RFC 8305).
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from itertools import chain, zip_longest
from typing import TypeAlias, cast

from tokenhouse.transport.connection import Connection, Keeper
from tokenhouse.transport.errors import ConnectFailed, NameNotResolved, ProxyFailed, TlsFailed
from tokenhouse.transport.origin import Origin
from tokenhouse.transport.proxy import Proxies, Proxy

NEXT_ADDRESS_S = 0.25
_TUNNEL_HEAD_BYTES_MAX = 16 * 1024

Address: TypeAlias = tuple[int, tuple[str | int, ...]]
"""An address family and a socket address, as ``socket.getaddrinfo`` gives them."""

Resolve: TypeAlias = Callable[[str, int], Awaitable[Sequence[Address]]]
"""Looks up (host, port); raises OSError when there is no such name."""


def tls_context(ca_file: str | None) -> ssl.SSLContext:
    """Verify certificates and host names; trust ``ca_file`` alone, or the system's when None.

    Raises OSError (ssl.SSLError is one) when the file cannot be read or holds no certificate.
    """
    context = ssl.create_default_context(cafile=ca_file)
    context.set_alpn_protocols(["http/1.1"])
    return context


async def resolve_with_system(host: str, port: int) -> Sequence[Address]:
    """The addresses of a host; written as numbers it needs no look-up."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except socket.gaierror:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [(int(family), cast("tuple[str | int, ...]", where)) for family, _, _, _, where in found]


class Dialer:
    """Opens connections. Holds no connection and no state but the TLS context."""

    __slots__ = ("_ca_file", "_proxies", "_resolve", "_tls")

    def __init__(self, ca_file: str | None, proxies: Proxies, resolve: Resolve) -> None:
        self._ca_file = ca_file
        self._proxies = proxies
        self._resolve = resolve
        # The system's certificates take 40 ms to read: not before an https origin is met.
        self._tls = None if ca_file is None else tls_context(ca_file)

    async def dial(self, origin: Origin, keeper: Keeper) -> Connection:
        """Connect; raises a NotConnected. Cancelled, it leaves no socket and no task behind."""
        loop = asyncio.get_running_loop()
        connection = Connection(loop, keeper)
        if origin.socket_path is not None:
            try:
                await loop.create_unix_connection(lambda: connection, origin.socket_path)
            except OSError as error:
                raise ConnectFailed(f"cannot connect to {origin.socket_path}: {error}") from error
            return connection
        proxy = self._proxies.proxy_for(origin)
        if proxy is not None:
            await self._through(proxy, origin, connection)
            return connection
        sock = await self._connect(origin.host, origin.port)
        if origin.scheme != "https":
            await loop.create_connection(lambda: connection, sock=sock)
            return connection
        try:
            await loop.create_connection(
                lambda: connection, sock=sock, ssl=self._context(), server_hostname=origin.host
            )
        except OSError as error:
            raise _tls_failed(origin, error) from error
        return connection

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = tls_context(self._ca_file)
        return self._tls

    async def _connect(self, host: str, port: int) -> socket.socket:
        try:
            addresses = await self._resolve(host, port)
        except (OSError, UnicodeError) as error:
            raise NameNotResolved(f"cannot resolve {host}: {error}") from error
        if not addresses:
            raise NameNotResolved(f"cannot resolve {host}: no address")
        try:
            return await connect_first(_interleave(addresses))
        except OSError as error:
            raise ConnectFailed(f"cannot connect to {host} port {port}: {error}") from error

    async def _through(self, proxy: Proxy, origin: Origin, connection: Connection) -> None:
        loop = asyncio.get_running_loop()
        try:
            sock = await self._connect(proxy.host, proxy.port)
        except (NameNotResolved, ConnectFailed) as error:
            raise ProxyFailed(f"the proxy: {error}") from error
        tunnel = _Tunnel(loop)
        transport, _ = await loop.create_connection(lambda: tunnel, sock=sock)
        try:
            transport.write(_connect_request(proxy, origin))
            await tunnel.opened
            try:
                secured = await loop.start_tls(
                    transport, connection, self._context(), server_hostname=origin.host
                )
            except OSError as error:
                raise _tls_failed(origin, error) from error
            if secured is None:
                raise _tls_failed(origin, ConnectionResetError("connection lost"))
        except BaseException:
            transport.abort()
            raise
        connection.connection_made(secured)


class _Tunnel(asyncio.Protocol):
    """Reads a proxy's answer to CONNECT; after it the bytes are the origin's."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.opened: asyncio.Future[None] = loop.create_future()
        self._head = b""

    def data_received(self, data: bytes) -> None:
        self._head += data
        head, end, rest = self._head.partition(b"\r\n\r\n")
        if not end:
            if len(self._head) > _TUNNEL_HEAD_BYTES_MAX:
                self._fail("the proxy's answer has no end")
            return
        version, _, status = head.partition(b"\r\n")[0].partition(b" ")
        if not version.startswith(b"HTTP/1.") or not status[:3].isdigit():
            self._fail("the proxy's answer is malformed")
        elif not status.startswith(b"2"):
            self._fail(f"the proxy refused the tunnel: {status[:3].decode('ascii')}")
        elif rest:
            self._fail("the proxy sent bytes into the tunnel before the origin could")
        elif not self.opened.done():
            self.opened.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail("the proxy closed the connection")

    def _fail(self, message: str) -> None:
        if not self.opened.done():
            self.opened.set_exception(ProxyFailed(message))
            self.opened.exception()  # a cancelled dial never asks for it


async def connect_first(addresses: Sequence[Address]) -> socket.socket:
    """The first socket to connect; a next address is tried after 250 ms or the last one's failure.

    Raises OSError when none does. The losers close themselves.
    """
    if len(addresses) == 1:
        return await _connect_one(addresses[0])
    loop = asyncio.get_running_loop()
    untried = deque(addresses)
    trying: set[asyncio.Task[socket.socket]] = set()
    reasons: list[str] = []
    try:
        while untried or trying:
            if untried:
                trying.add(loop.create_task(_connect_one(untried.popleft())))
            done, trying = await asyncio.wait(
                trying,
                timeout=NEXT_ADDRESS_S if untried else None,
                return_when=asyncio.FIRST_COMPLETED,
            )
            winner = _pick(done, reasons)
            if winner is not None:
                return winner
        raise OSError("; ".join(dict.fromkeys(reasons)))
    finally:
        # Nothing to wait for: a task cancelled before it is done closes its socket and is gone.
        for task in trying:
            task.cancel()


def _pick(done: set[asyncio.Task[socket.socket]], reasons: list[str]) -> socket.socket | None:
    winner: socket.socket | None = None
    for task in done:
        error = task.exception()
        if error is not None:
            reasons.append(str(error))
        elif winner is None:
            winner = task.result()
        else:
            task.result().close()
    return winner


async def _connect_one(address: Address) -> socket.socket:
    family, where = address
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        _tune(sock)
        await asyncio.get_running_loop().sock_connect(sock, cast("tuple[str, int]", where))
    except BaseException:
        sock.close()
        raise
    return sock


def _tune(sock: socket.socket) -> None:
    """Small writes leave at once; a peer that vanished is noticed within a minute."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3)):
        option = getattr(socket, name, None)
        if option is not None:
            with contextlib.suppress(OSError):  # a platform may know the name and refuse it
                sock.setsockopt(socket.IPPROTO_TCP, option, value)


def _interleave(addresses: Sequence[Address]) -> list[Address]:
    """Alternate the families, beginning with the one that the resolver put first."""
    first = [one for one in addresses if one[0] == addresses[0][0]]
    other = [one for one in addresses if one[0] != addresses[0][0]]
    pairs = zip_longest(first, other)
    return [one for one in chain.from_iterable(pairs) if one is not None]


def _connect_request(proxy: Proxy, origin: Origin) -> bytes:
    host = f"[{origin.host}]" if ":" in origin.host else origin.host
    where = f"{host}:{origin.port}".encode("ascii")
    credentials = b""
    if proxy.authorization:
        credentials = b"proxy-authorization: %b\r\n" % proxy.authorization
    return b"CONNECT %b HTTP/1.1\r\nhost: %b\r\n%b\r\n" % (where, where, credentials)


def _tls_failed(origin: Origin, error: OSError) -> TlsFailed:
    if isinstance(error, ssl.SSLCertVerificationError):
        return TlsFailed(f"{origin} is not to be trusted: {error.verify_message}")
    return TlsFailed(f"no TLS with {origin}: {error or type(error).__name__}")
