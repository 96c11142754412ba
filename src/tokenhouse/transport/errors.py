"""What can go wrong between this house and an upstream. One tree, drawn here:

    TransportError                 ``may_have_run``: could the upstream have begun to work on it?
    ├── NotConnected               never reached it; ``may_have_run`` is False
    │   ├── NameNotResolved        DNS knows no such host
    │   ├── ConnectFailed          refused, unreachable, no such socket
    │   ├── TlsFailed              certificate, host name, handshake
    │   └── ProxyFailed            the proxy could not be used or refused the tunnel
    ├── LimitReached               ``limit`` names the field of ``Limits`` that ran out
    │   ├── TimedOut               … of seconds
    │   └── TooBig                 … of bytes
    ├── ClosedEarly                the connection ended before the answer did; ``where`` it was
    ├── Malformed                  bytes that are no answer to what was asked
    │   └── UnexpectedUpgrade      101: it wants to speak another protocol
    └── ClientClosed               this client was closed underneath the request

Messages name hosts and limits, never header values: they may be shown to an operator.
"""

from __future__ import annotations

from typing import Literal

Where = Literal["head", "body"]


class TransportError(Exception):
    """A request that got no whole answer.

    ``may_have_run`` is False only where the upstream cannot have had the whole request; otherwise a
    second try may run it twice.
    """

    def __init__(self, message: str, *, may_have_run: bool) -> None:
        super().__init__(message)
        self.may_have_run = may_have_run


class NotConnected(TransportError):
    """No connection came about, so nothing was sent."""

    def __init__(self, message: str) -> None:
        super().__init__(message, may_have_run=False)


class NameNotResolved(NotConnected):
    """The host's name has no address."""


class ConnectFailed(NotConnected):
    """No address of the host accepted a connection."""


class TlsFailed(NotConnected):
    """The TLS handshake failed or the certificate does not vouch for this host."""


class ProxyFailed(NotConnected):
    """The proxy could not be used, or refused the tunnel."""


class LimitReached(TransportError):
    """A named limit ran out; ``limit`` is the field of ``Limits``."""

    def __init__(self, message: str, *, limit: str, may_have_run: bool) -> None:
        super().__init__(message, may_have_run=may_have_run)
        self.limit = limit


class TimedOut(LimitReached):
    """A limit of seconds ran out."""


class TooBig(LimitReached):
    """A limit of bytes ran out."""


class ClosedEarly(TransportError):
    """The connection ended before the answer did, in its head or in its body."""

    def __init__(self, message: str, *, where: Where, may_have_run: bool) -> None:
        super().__init__(message, may_have_run=may_have_run)
        self.where: Where = where


class Malformed(TransportError):
    """The bytes that came are no HTTP/1.1 answer to what was asked."""


class UnexpectedUpgrade(Malformed):
    """101 Switching Protocols, which was not asked for."""


class ClientClosed(TransportError):
    """The client was closed while, or before, the request was under way."""
