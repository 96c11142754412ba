"""The order in which those who wait are served: round the shares, by arrival within one.

The next is the first of the share that was served longest ago; a share that nobody remembers being
served comes before all that were. While a request waits at the head of its share, no other share is
served twice.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from typing import Final

from .errors import EngineError

REMEMBERED: Final = 1024
"""Shares whose last turn is remembered. The one forgotten is the one served longest ago: it would be
first anyway."""


class Waiter:
    """One who waits for `tokens`; `turn` is done when it may run or is refused."""

    __slots__ = ("arrival", "share", "started", "tokens", "turn")

    def __init__(self, tokens: int, share: int) -> None:
        self.tokens = tokens
        self.share = share
        self.arrival = 0
        self.started = False
        self.turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def refuse(self, error: EngineError) -> None:
        if not self.turn.done():
            self.turn.set_exception(error)

    def leave(self) -> None:
        """It waits no more; what it was told goes unheard."""
        if not self.turn.cancel() and not self.turn.cancelled():
            self.turn.exception()


class Queue:
    """Those who wait, by share. Only the event loop's thread may use it."""

    def __init__(self) -> None:
        self._lines: dict[int, deque[Waiter]] = {}
        self._served: OrderedDict[int, int] = OrderedDict()
        self._arrivals = 0
        self._turns = 0
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def add(self, waiter: Waiter) -> None:
        self._arrivals += 1
        waiter.arrival = self._arrivals
        self._lines.setdefault(waiter.share, deque()).append(waiter)
        self._length += 1

    def remove(self, waiter: Waiter) -> None:
        """Take it out, wherever it stands; nothing when it is gone already."""
        line = self._lines.get(waiter.share)
        if line is None or waiter not in line:
            return
        line.remove(waiter)
        self._length -= 1
        if not line:
            del self._lines[waiter.share]

    def first(self) -> Waiter | None:
        """Whose turn it is; None when nobody waits."""
        return min(
            (line[0] for line in self._lines.values()),
            key=lambda head: (self._served.get(head.share, 0), head.arrival),
            default=None,
        )

    def served(self, share: int) -> None:
        """The share had a turn."""
        self._turns += 1
        self._served[share] = self._turns
        self._served.move_to_end(share)
        if len(self._served) > REMEMBERED:
            self._served.popitem(last=False)

    def pushed_out_by(self, share: int) -> Waiter | None:
        """Who gives up its place to a newcomer of `share`: the last of the share that waits most.
        None when the newcomer's own would then wait as much."""
        longest = max(self._lines.values(), key=len, default=None)
        own = len(self._lines.get(share, ()))
        if longest is None or len(longest) <= own + 1:
            return None
        return longest[-1]

    def clear(self) -> list[Waiter]:
        """Empty it; who waited, by arrival."""
        waited = [waiter for line in self._lines.values() for waiter in line]
        self._lines.clear()
        self._length = 0
        return sorted(waited, key=lambda waiter: waiter.arrival)
