"""Time, handed in: nobody in the house reads a clock of its own.

``now_ms`` is wall time (unix milliseconds, UTC) for rows and months; ``monotonic`` is seconds that
only ever rise, for durations and deadlines. They are never mixed.
"""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Wall time in unix milliseconds, and a monotonic time in seconds."""

    def now_ms(self) -> int: ...

    def monotonic(self) -> float: ...


class SystemClock:
    """The machine's own clocks."""

    __slots__ = ()

    # read for every chunk of every stream: the C function itself, no frame around it
    monotonic = staticmethod(time.monotonic)

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000


class ManualClock:
    """A clock that moves only when told to; for tests and simulations."""

    __slots__ = ("_monotonic", "_now_ms")

    def __init__(self, now_ms: int = 1_767_225_600_000, monotonic: float = 0.0) -> None:
        self._now_ms = now_ms
        self._monotonic = monotonic

    def now_ms(self) -> int:
        return self._now_ms

    def monotonic(self) -> float:
        return self._monotonic

    def advance(self, seconds: float) -> None:
        """Move both clocks forward by ``seconds``."""
        self._now_ms += round(seconds * 1000)
        self._monotonic += seconds

    def set_wall(self, now_ms: int) -> None:
        """Set wall time alone, as an operator or NTP may (also backwards)."""
        self._now_ms = now_ms
