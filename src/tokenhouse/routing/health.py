"""A breaker per route, moved by what is told to it and by a clock; nothing runs in the background.

::

    closed  → resting   after N failures in a row, or half of the last 20 outcomes
    resting → probing   after a time: the next request that asks may try it (one per such time)
    probing → closed    that request succeeds
    probing → resting   it fails; the time doubles, up to eight times the first
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from tokenhouse.clock import Clock

Key = tuple[str, str]

WINDOW: Final = 20
"""Outcomes over which the share of failures is taken; it counts once there are that many."""

_BACKOFF_MAX: Final = 8


@dataclass(frozen=True, slots=True)
class Resting:
    """A route that should not be tried now; ``since`` on the clock's monotonic time."""

    since: float


@dataclass(frozen=True, slots=True)
class RouteHealth:
    """How one route fares. ``in_row``: its last failures; ``failed`` of its last ``seen`` outcomes;
    ``rests_s``: for how many more seconds it is left out, None where it may be tried."""

    state: Literal["closed", "resting", "probing"] = "closed"
    in_row: int = 0
    failed: int = 0
    seen: int = 0
    rests_s: float | None = None


Snapshot = Mapping[Key, Resting]
"""The routes at rest; a route that is not in it may be tried."""

ALL_WELL: Final[Snapshot] = MappingProxyType({})


class Health:
    """How routes fare. Say ``started`` when a route is tried, and ``succeeded`` or ``failed`` when
    it is known; an attempt that the client ended says neither. Failures are the route's own: refused
    connections, timeouts, 5xx and 429, never an answer that blames the request."""

    __slots__ = ("_breakers", "_clock", "_failures_to_open", "_probe_after_s")

    def __init__(self, clock: Clock, *, failures_to_open: int, probe_after_s: float) -> None:
        self._clock = clock
        self._failures_to_open = failures_to_open
        self._probe_after_s = probe_after_s
        # only routes that have failed lately stand here, so all's well costs nothing
        self._breakers: dict[Key, _Breaker] = {}

    def snapshot(self) -> Snapshot:
        """The routes that rest now."""
        if not self._breakers:
            return ALL_WELL
        now = self._clock.monotonic()
        return {
            key: Resting(breaker.opened)
            for key, breaker in self._breakers.items()
            if breaker.opened is not None and now < breaker.probe_at
        }

    def of(self, key: Key) -> RouteHealth:
        """How the route ``key`` fares; one that has not failed lately is as good as new."""
        breaker = self._breakers.get(key)
        if breaker is None:
            return RouteHealth()
        failed = breaker.outcomes.bit_count()
        if breaker.opened is None:
            return RouteHealth("closed", breaker.in_row, failed, breaker.seen)
        rests_s = breaker.probe_at - self._clock.monotonic()
        if breaker.probing or rests_s <= 0:
            return RouteHealth("probing", breaker.in_row, failed, breaker.seen)
        return RouteHealth("resting", breaker.in_row, failed, breaker.seen, rests_s)

    def reset(self, key: Key) -> None:
        """Forget how it fared: the next request that asks may try it."""
        self._breakers.pop(key, None)

    def started(self, key: Key) -> None:
        """The route is being tried; if that is its probe, nobody else probes it for a while."""
        breaker = self._breakers.get(key)
        if breaker is None or breaker.opened is None:
            return
        now = self._clock.monotonic()
        if now >= breaker.probe_at:
            breaker.probing = True
            breaker.probe_at = now + self._probe_after_s

    def succeeded(self, key: Key) -> None:
        """The route answered."""
        breaker = self._breakers.get(key)
        if breaker is None:
            return
        breaker.saw(failed=False)
        if breaker.opened is not None or breaker.outcomes == 0:
            del self._breakers[key]

    def failed(self, key: Key) -> None:
        """The route failed, by its own fault."""
        breaker = self._breakers.setdefault(key, _Breaker())
        breaker.saw(failed=True)
        if breaker.opened is not None:
            # answers that were on their way when it opened, and last resorts, prolong nothing
            if not breaker.probing:
                return
            breaker.rests = min(breaker.rests * 2, _BACKOFF_MAX)
        elif breaker.in_row < self._failures_to_open and not breaker.half_failed():
            return
        now = self._clock.monotonic()
        breaker.probing = False
        breaker.opened = now
        breaker.probe_at = now + self._probe_after_s * breaker.rests


class _Breaker:
    """``outcomes``: the last WINDOW of them, newest in the lowest bit, 1 is a failure."""

    __slots__ = ("in_row", "opened", "outcomes", "probe_at", "probing", "rests", "seen")

    def __init__(self) -> None:
        self.outcomes = 0
        self.seen = 0
        self.in_row = 0
        self.opened: float | None = None
        self.probe_at = 0.0
        self.probing = False
        self.rests = 1

    def saw(self, *, failed: bool) -> None:
        self.outcomes = (self.outcomes << 1 | failed) & ((1 << WINDOW) - 1)
        self.seen = min(self.seen + 1, WINDOW)
        self.in_row = self.in_row + 1 if failed else 0

    def half_failed(self) -> bool:
        return self.seen == WINDOW and self.outcomes.bit_count() * 2 >= WINDOW
