"""Requests over their account's concurrency that may wait: first come, first served, an account a line.

Nothing is held while a request waits, and nothing is counted: it asks again when a request of its
account has ended and nobody is before it. Lines are of this process alone, and no row.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final, Literal, Protocol, TypeVar

from tokenhouse.access import Caller, Limits
from tokenhouse.errors import HouseError
from tokenhouse.relay.port import Admitted, Refused


class Planned(Protocol):
    """What a line must know of a request."""

    @property
    def caller(self) -> Caller: ...

    @property
    def limits(self) -> Limits: ...


T = TypeVar("T", bound=Planned)
Asked = tuple[T, Admitted | Refused]
Ask = Callable[[T], Awaitable[Asked[T]]]

FULL_RETRY_S: Final = 1.0
"""Nobody knows when a line moves on; a second is polite."""


class Waiting:
    """The lines. All methods are called in one event loop."""

    __slots__ = ("_closed", "_lines")

    def __init__(self) -> None:
        self._lines: dict[str, deque[asyncio.Event]] = {}
        self._closed = False

    def __len__(self) -> int:
        return sum(map(len, self._lines.values()))

    async def admit(self, plan: T, ask: Ask[T]) -> Asked[T]:
        """``ask`` once nobody waits before, and again whenever a request of the account has ended,
        until the answer is another than "too many at once".

        At most ``plan.limits.queue_depth`` wait (else ``queue``), each ``queue_wait_s`` seconds at
        most (then ``queue_wait``). HouseError 503 when the house shuts down meanwhile.
        """
        account = plan.caller.account
        if account not in self._lines:
            asked = await ask(plan)
            if not _at_once(asked[1]):
                return asked
        depth = plan.limits.queue_depth or 0
        line = self._lines.get(account)
        if line is not None and len(line) >= depth:
            return plan, _full("queue", depth)
        if self._closed:
            raise _shutting_down()
        if line is None:
            line = self._lines[account] = deque()
        place = asyncio.Event()
        line.append(place)
        if line[0] is place:
            place.set()  # a request may have ended between its refusal and this line
        try:
            return await self._turns(plan, ask, place)
        finally:
            line.remove(place)
            if line:
                line[0].set()
            else:
                del self._lines[account]

    def ended(self, account: str) -> None:
        """A request of the account has ended: whoever is first in its line asks again."""
        if self._lines:
            line = self._lines.get(account)
            if line is not None:
                line[0].set()

    def close(self) -> None:
        """Refuse whoever waits, and whoever would: the house shuts down."""
        self._closed = True
        for line in self._lines.values():
            for place in line:
                place.set()

    async def _turns(self, plan: T, ask: Ask[T], place: asyncio.Event) -> Asked[T]:
        until = asyncio.get_running_loop().time() + plan.limits.queue_wait_s
        while True:
            try:
                # only the wait is timed: what was asked of the store has to be answered
                async with asyncio.timeout_at(until):
                    await place.wait()
            except TimeoutError:
                return plan, _full("queue_wait", None)
            if self._closed:
                raise _shutting_down()
            place.clear()
            asked = await ask(plan)
            if not _at_once(asked[1]):
                return asked


def _at_once(result: Admitted | Refused) -> bool:
    """Did the account's own concurrency refuse it? (A key's own limit lets nobody wait.)"""
    return (
        isinstance(result, Refused) and result.reason == "concurrency" and result.whose == "account"
    )


def _full(reason: Literal["queue", "queue_wait"], limit: int | None) -> Refused:
    return Refused(reason, limit=limit, retry_after_s=FULL_RETRY_S)


def _shutting_down() -> HouseError:
    return HouseError(
        "This house is shutting down; try again in a moment.",
        status=503,
        code="shutting_down",
        retry_after_s=5,
    )
