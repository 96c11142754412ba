"""What proxies in front of the house say of who asks, where the operator trusts them to know.

``X-Forwarded-For`` is read from its end: each proxy adds whom it was asked by, so that what stands
before the last address not trusted is hearsay. ``X-Forwarded-Proto`` is the scheme that the client used.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from tokenhouse.api.http import Scope, header

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Proxies:
    """``trusted``: addresses and networks, as the settings have them."""

    def __init__(self, trusted: Sequence[str]) -> None:
        self._trusted: tuple[_Network, ...] = tuple(
            ipaddress.ip_network(each, strict=False) for each in trusted
        )

    def believe(self, scope: Scope) -> None:
        """Put the client's own address and scheme in the scope, if a trusted proxy says them."""
        client = scope.get("client")
        if client is None or not self._trusts(client[0]):
            return
        proto = header(scope["headers"], b"x-forwarded-proto")
        if proto is not None:
            last = proto.rpartition(b",")[2].strip().lower()
            if last in (b"http", b"https"):
                scope["scheme"] = last.decode()
        said = b",".join(value for name, value in scope["headers"] if name == b"x-forwarded-for")
        address = self._first_untrusted(said.decode("latin-1").split(","))
        if address is not None:
            scope["client"] = (address, 0)

    def _first_untrusted(self, said: Sequence[str]) -> str | None:
        found: str | None = None
        for each in reversed(said):
            text = _bare(each.strip())
            try:
                ipaddress.ip_address(text)
            except ValueError:
                return found
            found = text
            if not self._trusts(text):
                return found
        return found

    def _trusts(self, address: str) -> bool:
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        mapped = getattr(parsed, "ipv4_mapped", None)
        return any((mapped or parsed) in network for network in self._trusted)


def _bare(text: str) -> str:
    """Some proxies write a port: ``1.2.3.4:567``, ``[::1]:567``."""
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text
