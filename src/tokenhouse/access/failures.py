"""Failed keys per address, over a sliding minute.

Keys can't be guessed; what this saves is the lookup that each guess would cost, and it turns a
misconfigured client in a loop into cheap refusals. IPv6 addresses count by their /64, the smallest
piece that one customer gets.
"""

from __future__ import annotations

import ipaddress
from collections import deque

from tokenhouse.errors import AccountError

WINDOW_S = 60.0
MAX_ADDRESSES = 8192


class Failures:
    """At most ``most`` failures per address in ``window_s`` seconds; a bounded table, the longest quiet
    goes first. An address may be any text: what is no IP address counts as it stands."""

    __slots__ = ("_at", "_most", "_window_s")

    def __init__(self, most: int, *, window_s: float = WINDOW_S) -> None:
        if most < 1:
            raise ValueError("failed_keys_per_minute must be at least 1")
        self._most = most
        self._window_s = window_s
        self._at: dict[str, deque[float]] = {}

    def __len__(self) -> int:
        return len(self._at)

    def wait_s(self, address: str, now: float) -> float | None:
        """Seconds until ``address`` may fail again; None when it may now. ``now`` is monotonic."""
        times = self._at.get(network(address))
        if times is None or len(times) < self._most:
            return None
        left = times[0] + self._window_s - now
        return left if left > 0 else None

    def check(self, address: str, now: float, *, message: str, code: str) -> None:
        """AccountError 429 with that ``message`` and ``code`` where ``address`` has to wait."""
        wait_s = self.wait_s(address, now)
        if wait_s is not None:
            raise AccountError(message, status=429, code=code, retry_after_s=wait_s)

    def add(self, address: str, now: float) -> None:
        """``address`` failed at ``now``."""
        place = network(address)
        times = self._at.pop(place, None)
        if times is None:
            times = deque[float](maxlen=self._most)
        times.append(now)
        self._at[place] = times  # behind all others: the table is ordered by last failure
        self._forget(now)

    def _forget(self, now: float) -> None:
        while self._at:
            oldest = next(iter(self._at))
            if len(self._at) <= MAX_ADDRESSES and self._at[oldest][-1] + self._window_s > now:
                return
            del self._at[oldest]


def network(address: str) -> str:
    """What counts as one address: an IPv4 address, an IPv6 /64, else the text as it stands."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(parsed), 64), strict=False))
