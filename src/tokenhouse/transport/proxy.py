"""Which proxy, if any, a request goes through: the words of HTTPS_PROXY and NO_PROXY, as values."""

from __future__ import annotations

import base64
import ipaddress
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from tokenhouse.transport.origin import Origin


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy that tunnels by CONNECT; ``authorization`` is a whole header value or b""."""

    host: str
    port: int
    authorization: bytes = field(default=b"", repr=False)

    @classmethod
    def parse(cls, url: str) -> Proxy:
        """Read ``[http://][user:password@]host[:port]``; the port is 3128 when not said.

        Raises ValueError: another scheme (a proxy behind TLS, SOCKS), no host, a bad port.
        """
        parts = urlsplit(url if "://" in url else "http://" + url)
        if parts.scheme != "http":
            raise ValueError("a proxy is reached over http:// only")
        if not parts.hostname:
            raise ValueError("the proxy's URL names no host")
        authorization = b""
        if parts.username is not None:
            pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            authorization = b"Basic " + base64.b64encode(pair.encode())
        port = 3128 if parts.port is None else parts.port
        return cls(parts.hostname, port, authorization)


@dataclass(frozen=True, slots=True)
class Proxies:
    """``https``: the proxy for https origins, or None. ``no_proxy``: NO_PROXY's text.

    NO_PROXY is a list with commas: ``*`` (all), a host (itself and what lies below it, with or
    without a leading dot), an address, a network (``10.0.0.0/8``), each but the network with an
    optional ``:port``. Plain http origins and unix sockets are always reached directly.
    """

    https: Proxy | None = None
    no_proxy: str = ""

    def proxy_for(self, origin: Origin) -> Proxy | None:
        """The proxy through which ``origin`` is reached, or None for directly."""
        if self.https is None or origin.scheme != "https" or origin.socket_path is not None:
            return None
        for word in self.no_proxy.lower().replace(" ", ",").split(","):
            if word and _spares(word, origin):
                return None
        return self.https


def _spares(word: str, origin: Origin) -> bool:
    if word == "*":
        return True
    address = _address(origin.host)
    if address is not None and "/" in word:
        try:
            return address in ipaddress.ip_network(word, strict=False)
        except ValueError:
            return False
    host, port = _split_port(word)
    if port is not None and port != origin.port:
        return False
    if address is not None:
        return _address(host) == address
    name = host.lstrip(".")
    return origin.host == name or origin.host.endswith("." + name)


def _split_port(word: str) -> tuple[str, int | None]:
    if word.startswith("["):
        host, _, rest = word[1:].partition("]")
        port = rest.removeprefix(":")
    elif word.count(":") == 1:
        host, _, port = word.partition(":")
    else:
        host, port = word, ""
    return host, int(port) if port.isdecimal() else None


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
