"""Where a request goes (``Origin``) and how long and how much it may take (``Limits``)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

_DEFAULT_PORTS = {"http": 80, "https": 443}
_PATH = re.compile(r"[\x21-\x7e]*")


@dataclass(frozen=True, slots=True)
class Origin:
    """One server: scheme, host and port, or a unix socket (``socket_path``, at most 107 bytes).

    ``host`` is lower-case ASCII (IDNA), an IPv6 address without brackets.
    """

    scheme: str
    host: str
    port: int
    socket_path: str | None = None

    @classmethod
    def parse(cls, url: str) -> tuple[Origin, str]:
        """Split a base URL into its origin and its path without a closing slash.

        Takes ``http://``, ``https://`` and ``http+unix://%2Frun%2Fengine.sock/path``.
        Raises ValueError, naming what is wrong: a user or password (keys have their own field), a
        query, a fragment, another scheme, no host, a bad port.
        """
        parts = urlsplit(url)
        scheme = parts.scheme
        if scheme not in ("http", "https", "http+unix"):
            raise ValueError("the URL must start with http://, https:// or http+unix://")
        if "@" in parts.netloc:
            raise ValueError("the URL must not carry a user or a password")
        if parts.query or parts.fragment:
            raise ValueError("the URL must end with its path: no query and no fragment")
        if _PATH.fullmatch(parts.path) is None:
            raise ValueError("the URL's path must be printable ASCII without spaces")
        path = parts.path.rstrip("/")
        if scheme == "http+unix":
            socket_path = unquote(parts.netloc)
            if not socket_path.startswith("/"):
                raise ValueError("http+unix:// takes a socket's whole path with / written as %2F")
            return cls("http", "localhost", 80, socket_path), path
        host = _ascii_host(parts.hostname)
        port = parts.port  # urlsplit itself raises ValueError for a bad one
        if port == 0:
            raise ValueError("port 0 is no port")
        return cls(scheme, host, _DEFAULT_PORTS[scheme] if port is None else port), path

    @property
    def authority(self) -> str:
        """``host[:port]`` as the Host header says it: the scheme's own port is left out."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return self.socket_path if self.socket_path is not None else self.authority


@dataclass(frozen=True, slots=True)
class Limits:
    """Named limits: seconds unless the name says otherwise; ``math.inf`` is no limit.

    ``connections_per_origin_max`` and ``idle_connection_s`` belong to the pool: they are read from
    the limits the client was made with, not from those given with one request.
    """

    connect_timeout_s: float = 10.0  # name, TCP, proxy and TLS together
    write_timeout_s: float = 30.0  # with no progress while the request is written
    headers_timeout_s: float = 600.0  # from the request written to the answer's headers
    idle_timeout_s: float = 300.0  # waiting for the body's next bytes
    pool_timeout_s: float = 10.0  # waiting for a connection to come free
    connections_per_origin_max: int = 10_000  # in use, idle and being made
    idle_connection_s: float = 4.0  # below the 5 s after which vLLM and uvicorn hang up
    header_bytes_max: int = 64 * 1024  # status, headers and interim answers; also trailers
    body_bytes_max: int = 64 * 1024 * 1024  # decoded; what Answer.read_all takes by default


def _ascii_host(host: str | None) -> str:
    if not host:
        raise ValueError("the URL names no host")
    try:
        ascii_host = host if host.isascii() else host.encode("idna").decode("ascii")
    except UnicodeError as error:
        raise ValueError("the URL's host is no valid name") from error
    if not re.fullmatch(r"[a-z0-9._:%-]+", ascii_host):
        raise ValueError("the URL's host is no valid name")
    return ascii_host
