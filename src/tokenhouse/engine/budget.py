"""How much memory the loaded models of a house may take together, and who makes room for whom.

A model takes its need before its process starts and gives it back when that has ended. Where there
is no room, the idle model that was used longest ago is unloaded. A model in use never is: who wants
room waits. Loads make room one after another, in the order in which they were asked for; one that has
waited for `PATIENCE_S` lets the model used longest ago take no more requests, so that it ends
what it does, and its turn comes after.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Protocol

from .memory import bytes_of_machine

SHARE_OF_MACHINE: Final = 0.9
"""Of the machine's memory, what models may take where nothing else is said."""

PATIENCE_S: Final = 15.0


class Member(Protocol):
    """A model that may be loaded."""

    @property
    def idle(self) -> bool:
        """Nobody uses it or waits for it."""
        ...

    @property
    def busy(self) -> bool:
        """Somebody uses it."""
        ...

    @property
    def wanted(self) -> bool:
        """Somebody waits for it."""
        ...

    @property
    def used_at(self) -> float:
        """When it was last in use; seconds on a clock of all members."""
        ...

    async def unload(self) -> None:
        """End its process; returns when the memory is free."""
        ...

    def close_door(self) -> None:
        """Take no more requests; who comes waits until it was unloaded and loaded again."""
        ...


class CalledOff(Exception):
    """Whoever wanted the load has left before there was room."""


@dataclass(slots=True)
class Counts:
    """What happened since the start, over all engines of a house."""

    loads: int = 0
    unloads: int = 0
    crashes: int = 0


class Budget:
    """One for all engines of a house. `limit` in bytes; None: `SHARE_OF_MACHINE` of what the machine
    has, and no limit where it doesn't tell."""

    def __init__(
        self,
        limit: int | None = None,
        *,
        machine: Callable[[], int | None] = bytes_of_machine,
        patience_s: float = PATIENCE_S,
    ) -> None:
        if limit is None:
            there = machine()
            limit = None if there is None else int(there * SHARE_OF_MACHINE)
        self.limit = limit
        self.counts = Counts()
        self._patience_s = patience_s
        self._taken: dict[Member, int] = {}
        self._turn = asyncio.Lock()
        self._changed = asyncio.Event()

    @property
    def taken(self) -> int:
        """Bytes that the loaded models are counted with."""
        return sum(self._taken.values())

    def allows(self, need: int) -> bool:
        """Could it ever be loaded?"""
        return self.limit is None or need <= self.limit

    async def take(self, member: Member, need: int) -> None:
        """Make room and take it. Waits for models in use. Raises CalledOff when nobody wants it any
        more; the need must be allowed."""
        async with self._turn:
            loop = asyncio.get_running_loop()
            deadline = loop.time() + self._patience_s
            while self.limit is not None and self.taken + need > self.limit:
                victim = self._idle(member)
                if victim is not None:
                    await victim.unload()
                    continue
                if not member.wanted:
                    raise CalledOff
                if loop.time() >= deadline:
                    self._close_a_door()
                    deadline = loop.time() + self._patience_s
                self._changed.clear()
                try:
                    async with asyncio.timeout_at(deadline):
                        await self._changed.wait()
                except TimeoutError:
                    continue
            self._taken[member] = need

    async def make_room(self, member: Member) -> bool:
        """Unload the idle model used longest ago, though the budget allows it: the machine itself is
        short. → whether there was one."""
        victim = self._idle(member)
        if victim is None:
            return False
        await victim.unload()
        return True

    def give_back(self, member: Member) -> None:
        """Its process has ended. Idempotent."""
        self._taken.pop(member, None)
        self.changed()

    def changed(self) -> None:
        """A member came out of use, or is no longer wanted."""
        self._changed.set()

    def _close_a_door(self) -> None:
        victim = self._least_used(one for one in self._taken if one.busy)
        if victim is not None:
            victim.close_door()

    def _idle(self, beside: Member) -> Member | None:
        return self._least_used(one for one in self._taken if one.idle and one is not beside)

    @staticmethod
    def _least_used(members: Iterable[Member]) -> Member | None:
        return min(members, key=lambda one: one.used_at, default=None)
