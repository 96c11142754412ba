"""Token buckets per account, in this process: for what costs nothing and still must end somewhere."""

from __future__ import annotations

from typing import Final

from tokenhouse.clock import Clock

ACCOUNTS_MOST: Final = 10_000
"""Buckets remembered; a full one says nothing and may be forgotten."""


class Buckets:
    """Each account may do something ``per_minute`` times, all at once or evenly spread."""

    __slots__ = ("_clock", "_left", "per_minute")

    def __init__(self, per_minute: int, clock: Clock) -> None:
        self.per_minute = per_minute
        self._clock = clock
        self._left: dict[str, tuple[float, float]] = {}

    def take(self, account: str) -> float | None:
        """None when it may be done now, else how many seconds until it may."""
        now = self._clock.monotonic()
        left = self._now(account, now)
        if left < 1.0:
            return (1.0 - left) * 60.0 / self.per_minute
        if len(self._left) >= ACCOUNTS_MOST and account not in self._left:
            self._forget_full(now)
        self._left[account] = (left - 1.0, now)
        return None

    def left(self, account: str) -> tuple[int, float]:
        """→ how often it may be done now, and in how many seconds all of it is back."""
        left = self._now(account, self._clock.monotonic())
        return int(left), (self.per_minute - left) * 60.0 / self.per_minute

    def _now(self, account: str, now: float) -> float:
        """What is left in the bucket now: it fills up evenly."""
        left, at = self._left.get(account, (float(self.per_minute), now))
        return min(float(self.per_minute), left + (now - at) * self.per_minute / 60.0)

    def _forget_full(self, now: float) -> None:
        full = [name for name in self._left if self._now(name, now) >= self.per_minute]
        for name in full:
            del self._left[name]
