"""Keys for visitors who have none: lent for the rest of the day, paid by the house's account for them.

A visitor is an address (an IPv6 one counts by its /64). What one key may spend is bounded by its cap; what
all of them may spend, by the plan of the account that they spend from. Which key is lent to whom is
remembered by this process alone: after a restart a visitor gets another one.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Final

from tokenhouse.access import KeyLimits, network
from tokenhouse.billing.billing import Billing
from tokenhouse.billing.values import DAY_MS
from tokenhouse.clock import Clock
from tokenhouse.errors import AccountError, CallerError

VISITORS: Final = "visitors"
"""The name of their account, and of its plan."""

LENT_MOST: Final = 20_000
"""Keys lent on one day; whoever comes after that is told to come back."""


@dataclass(frozen=True, slots=True)
class LentKey:
    """``cap``: nanodollars that it may spend until ``ends_ms``, the end of the UTC day."""

    secret: str = field(repr=False)
    ends_ms: int
    cap: int


class Visitors:
    """Lends keys of at most ``cap`` nanodollars a day each. A ``cap`` of 0: lends none."""

    def __init__(self, billing: Billing, *, cap: int, clock: Clock) -> None:
        self.cap = cap
        self._billing = billing.as_actor(VISITORS)
        self._clock = clock
        self._day = -1
        self._lent: dict[str, LentKey] = {}
        self._lending = asyncio.Lock()

    async def lend(self, address: str) -> LentKey:
        """The key of whoever asks from ``address``, the same all day long.

        CallerError 404 ``no_visitors`` where nothing is lent; AccountError 429 ``too_many_visitors``.
        """
        if not self.cap:
            raise CallerError(
                "This house lends visitors no keys: make an account, or ask its operator.",
                status=404,
                code="no_visitors",
            )
        place = network(address)
        async with self._lending:
            day = self._clock.now_ms() // DAY_MS
            if day != self._day:
                self._day = day
                self._lent.clear()
            lent = self._lent.get(place)
            if lent is None:
                lent = self._lent[place] = await self._lend(day)
            return lent

    async def _lend(self, day: int) -> LentKey:
        ends_ms = (day + 1) * DAY_MS
        if len(self._lent) >= LENT_MOST:
            wait_s = (ends_ms - self._clock.now_ms()) / 1000
            raise AccountError(
                "Too many visitors have tried this house today; come back tomorrow.",
                status=429,
                code="too_many_visitors",
                retry_after_s=wait_s,
            )
        account = await self._account()
        made = await self._billing.create_key(
            account,
            f"visitor {len(self._lent) + 1} of the day",
            expires_ms=ends_ms,
            limits=KeyLimits(day_cap=self.cap, concurrent_requests=1),
        )
        return LentKey(made.secret, ends_ms, self.cap)

    async def _account(self) -> str:
        try:
            return (await self._billing.account(VISITORS)).id
        except CallerError:
            return (await self._billing.create_account(VISITORS, VISITORS)).id
