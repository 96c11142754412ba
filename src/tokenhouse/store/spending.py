"""What a key with limits of its own has been charged and holds, by the UTC day of its requests' begin.

Nothing of it is stored: it is read from usage and open holds when such a key is first admitted, and
kept for as long as the account rows are (decision 0011). So a cap can't drift from the receipts, and a
new one counts what was spent before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Final, Literal

from tokenhouse.access import KeyLimits

if TYPE_CHECKING:
    from tokenhouse.store.batch import Batch

DAY_MS: Final = 24 * 3600 * 1000
_EPOCH_DAY: Final = 719_163
"""1970-01-01 as Python numbers days."""


@dataclass(slots=True)
class Day:
    """Nanodollars of the requests that began on one day."""

    charged: int = 0
    held: int = 0


@dataclass(slots=True)
class KeyRow:
    """A key with limits of its own. ``days`` by their first millisecond, none before ``since_ms``."""

    id: str
    limits: KeyLimits
    since_ms: int
    open_holds: int
    days: dict[int, Day]

    @property
    def per_minute(self) -> bool:
        """Does it have a limit per minute?"""
        limits = self.limits
        return limits.requests_per_minute is not None or limits.tokens_per_minute is not None

    def over_cap(
        self, amount: int, at_ms: int
    ) -> tuple[Literal["day_cap", "month_cap"], int, int] | None:
        """→ (which cap, its value, what is left under all caps) when ``amount`` more does not fit."""
        limits = self.limits
        left: list[tuple[int, Literal["day_cap", "month_cap"], int]] = []
        if limits.day_cap is not None:
            start = at_ms - at_ms % DAY_MS
            left.append((limits.day_cap - self._spent(start, start + DAY_MS), "day_cap", 0))
        if limits.month_cap is not None:
            left.append((limits.month_cap - self._spent(*month_of(at_ms)), "month_cap", 1))
        if not left:
            return None
        least, which, _ = min(left)
        if amount <= least:
            return None
        cap = limits.day_cap if which == "day_cap" else limits.month_cap
        return which, cap or 0, least

    def held(self, amount: int, at_ms: int) -> None:
        """One more hold of its is open."""
        self.open_holds += 1
        self._day(at_ms).held += amount

    def ended(self, amount: int, charged: int, at_ms: int) -> None:
        """A hold of ``amount``, made for a request that began at ``at_ms``, has ended."""
        self.open_holds -= 1
        day = self._day(at_ms)
        day.held -= amount
        day.charged += charged

    def _day(self, at_ms: int) -> Day:
        return self.days.setdefault(at_ms - at_ms % DAY_MS, Day())

    def _spent(self, start_ms: int, end_ms: int) -> int:
        return sum(
            day.charged + day.held for at, day in self.days.items() if start_ms <= at < end_ms
        )


def load(batch: Batch, id: str, account: str, at_ms: int) -> KeyRow | None:
    """The key ``id`` as the database has it; None when it has no limits of its own."""
    found = batch.execute("key_limits", (id,)).fetchone()
    if found is None or found == (None, None, None, None, None):
        return None
    day_cap, month_cap, requests, tokens, at_once = found
    limits = KeyLimits(
        day_cap=day_cap,
        month_cap=month_cap,
        requests_per_minute=requests,
        tokens_per_minute=tokens,
        concurrent_requests=at_once,
    )
    since_ms, _ = month_of(at_ms)
    days: dict[int, Day] = {}
    if day_cap is not None or month_cap is not None:
        for start, charged in batch.execute("key_charged", (account, id, since_ms)).fetchall():
            days[start] = Day(charged)
    open_holds = 0
    for start, count, amount in batch.execute("key_held", (id,)).fetchall():
        open_holds += count
        days.setdefault(start, Day()).held = amount
    return KeyRow(id, limits, since_ms, open_holds, days)


def month_of(at_ms: int) -> tuple[int, int]:
    """The first millisecond of the UTC month of ``at_ms``, and of the next."""
    now = datetime.fromtimestamp(at_ms // 1000, UTC)
    first = date(now.year, now.month, 1)
    after = date(now.year + now.month // 12, now.month % 12 + 1, 1)
    return (first.toordinal() - _EPOCH_DAY) * DAY_MS, (after.toordinal() - _EPOCH_DAY) * DAY_MS
