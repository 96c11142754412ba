"""Transport: one HTTP/1.1 client for providers, over TCP, TLS or a unix socket.

Knows bytes, connections, their limits and what can go wrong with them: a pool per origin, proxy
tunnels, certificates, timeouts, bodies read as they come. Refuses to know what the bytes say: no
JSON, no event stream, no model, no key, no retry of a request that an upstream may be working on
(but for a pooled connection that was closed before its first byte of answer).
"""

from tokenhouse.transport.answer import Answer
from tokenhouse.transport.client import Client
from tokenhouse.transport.dial import Address, Resolve, resolve_with_system
from tokenhouse.transport.errors import (
    ClientClosed,
    ClosedEarly,
    ConnectFailed,
    LimitReached,
    Malformed,
    NameNotResolved,
    NotConnected,
    ProxyFailed,
    TimedOut,
    TlsFailed,
    TooBig,
    TransportError,
    UnexpectedUpgrade,
)
from tokenhouse.transport.head import HeaderBlock, header_block
from tokenhouse.transport.origin import Limits, Origin
from tokenhouse.transport.proxy import Proxies, Proxy

__all__ = [
    "Address",
    "Answer",
    "Client",
    "ClientClosed",
    "ClosedEarly",
    "ConnectFailed",
    "HeaderBlock",
    "LimitReached",
    "Limits",
    "Malformed",
    "NameNotResolved",
    "NotConnected",
    "Origin",
    "Proxies",
    "Proxy",
    "ProxyFailed",
    "Resolve",
    "TimedOut",
    "TlsFailed",
    "TooBig",
    "TransportError",
    "UnexpectedUpgrade",
    "header_block",
    "resolve_with_system",
]
