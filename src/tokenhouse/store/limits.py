"""Limits per minute: what an account, or a key, has had in the last sixty seconds.

Kept in the writer's memory (one serving process per directory; windows are not money): one bucket per
second, so that what was taken at second *s* comes back at *s* + 60, and Retry-After is exact to the
second. Times are monotonic seconds.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from tokenhouse.relay import Remaining

WINDOW_S = 60
NO_LIMITS = Remaining()


class PerMinute(Protocol):
    """An account's limits per minute, or a key's own."""

    @property
    def requests_per_minute(self) -> int | None: ...

    @property
    def tokens_per_minute(self) -> int | None: ...


@dataclass(slots=True)
class Bucket:
    """What was taken in one second."""

    second: int
    requests: int = 0
    tokens: int = 0


@dataclass(slots=True)
class Window:
    """One account's last sixty seconds: its buckets, and their sums."""

    buckets: deque[Bucket] = field(default_factory=deque[Bucket])
    requests: int = 0
    tokens: int = 0


Place = tuple[Window, Bucket]
Taken = tuple[str, tuple[Place, ...], int]
"""What one admission took: its hold's id, where from, and how many tokens."""


class Windows:
    """Every account's window, and what each open hold has reserved of it."""

    def __init__(self) -> None:
        self._windows: dict[str, Window] = {}
        self._reserved: dict[str, Taken] = {}
        self._sweep_at = 0.0

    def window(self, whose: str, now: float) -> Window:
        """The window of an account or key (its id) with what is past taken out."""
        window = self._windows.get(whose)
        if window is None:
            window = self._windows[whose] = Window()
        buckets = window.buckets
        while buckets and buckets[0].second + WINDOW_S <= now:
            past = buckets.popleft()
            window.requests -= past.requests
            window.tokens -= past.tokens
        return window

    def take(self, id: str, window: Window, tokens: int, now: float) -> Taken:
        """Count one request and reserve its tokens."""
        return self.take_all(id, (window,), tokens, now)

    def take_all(self, id: str, windows: Sequence[Window], tokens: int, now: float) -> Taken:
        """The same in several windows at once: the account's and the key's own."""
        second = int(now)
        places: list[Place] = []
        for window in windows:
            buckets = window.buckets
            if not buckets or buckets[-1].second != second:
                buckets.append(Bucket(second))
            bucket = buckets[-1]
            bucket.requests += 1
            bucket.tokens += tokens
            window.requests += 1
            window.tokens += tokens
            places.append((window, bucket))
        taken = self._reserved[id] = (id, tuple(places), tokens)
        return taken

    def give_back(self, taken: Taken) -> None:
        """Undo ``take``: the operation it belonged to was rolled back."""
        id, places, tokens = taken
        if self._reserved.pop(id, None) is not None:
            for window, bucket in places:
                bucket.requests -= 1
                window.requests -= 1
                self._add(window, bucket, -tokens)

    def correct(self, id: str, tokens: int) -> None:
        """The hold has ended: count the ``tokens`` that really passed instead of those reserved."""
        taken = self._reserved.pop(id, None)
        if taken is not None:
            _, places, reserved = taken
            for window, bucket in places:
                self._add(window, bucket, tokens - reserved)

    def forget_idle(self, now: float) -> None:
        """Drop the windows of accounts that have had nothing for a minute; looks once a minute."""
        if now < self._sweep_at:
            return
        self._sweep_at = now + WINDOW_S
        idle = [account for account in self._windows if not self.window(account, now).buckets]
        for account in idle:
            del self._windows[account]

    def _add(self, window: Window, bucket: Bucket, tokens: int) -> None:
        if window.buckets and bucket.second >= window.buckets[0].second:
            bucket.tokens += tokens
            window.tokens += tokens


def exceeded(
    window: Window, limits: PerMinute, *, tokens: int, now: float
) -> tuple[Literal["requests", "tokens"], int, float | None] | None:
    """→ (which limit, its value, seconds until there is room, None for never), or None: it fits."""
    limit = limits.requests_per_minute
    if limit is not None and window.requests + 1 > limit:
        return "requests", limit, _wait(window, "requests", window.requests + 1 - limit, now)
    limit = limits.tokens_per_minute
    if limit is not None and window.tokens + tokens > limit:
        excess = window.tokens + tokens - limit
        return "tokens", limit, _wait(window, "tokens", excess, now)
    return None


def remaining(window: Window | None, limits: PerMinute, now: float) -> Remaining:
    """What is left of the limits, and in how many milliseconds all of it is back."""
    if window is None:
        return NO_LIMITS
    requests, tokens = limits.requests_per_minute, limits.tokens_per_minute
    last = window.buckets[-1].second + WINDOW_S if window.buckets else now
    reset_ms = max(0, round((last - now) * 1000))
    return Remaining(
        None if requests is None else max(0, requests - window.requests),
        None if tokens is None else max(0, tokens - window.tokens),
        reset_ms,
        reset_ms,
        requests,
        tokens,
    )


def tighter(one: Remaining, other: Remaining) -> Remaining:
    """Of two, for requests and for tokens, the one of which less is left."""
    requests = _less(one.requests, other.requests, one, other)
    tokens = _less(one.tokens, other.tokens, one, other)
    return Remaining(
        requests.requests,
        tokens.tokens,
        requests.requests_reset_ms,
        tokens.tokens_reset_ms,
        requests.requests_limit,
        tokens.tokens_limit,
    )


def _less(left: int | None, other_left: int | None, one: Remaining, other: Remaining) -> Remaining:
    if left is None:
        return other
    return one if other_left is None or left <= other_left else other


def _wait(
    window: Window, what: Literal["requests", "tokens"], excess: int, now: float
) -> float | None:
    for bucket in window.buckets:
        excess -= bucket.requests if what == "requests" else bucket.tokens
        if excess <= 0:
            return max(0.0, bucket.second + WINDOW_S - now)
    return None
