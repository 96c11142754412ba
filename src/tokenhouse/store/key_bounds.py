"""A key's own limits beside its account's, for one admission. Made only for keys that have some."""

from __future__ import annotations

from typing import NamedTuple

from tokenhouse.relay import Admission, Refused, Remaining
from tokenhouse.store.batch import Batch
from tokenhouse.store.limits import Window, Windows, exceeded, remaining, tighter
from tokenhouse.store.spending import KeyRow

BUSY_RETRY_S = 1.0
"""Nobody knows when another request of the account or key ends; a second is polite."""


class KeyBounds(NamedTuple):
    """``window``: the account's last minute, ``own``: the key's; None where there is no such limit."""

    key: KeyRow
    window: Window | None
    own: Window | None

    def refusal(self, admission: Admission, free: int, now: float) -> Refused | None:
        """What the key's own limits refuse; None when they don't. ``free``: the account's."""
        limits = self.key.limits
        if self.own is not None:
            over = exceeded(self.own, limits, tokens=admission.tokens, now=now)
            if over is not None:
                reason, limit, wait = over
                return Refused(reason, free, limit, wait, whose="key")
        limit = limits.concurrent_requests
        if limit is not None and self.key.open_holds >= limit:
            return Refused("concurrency", free, limit, BUSY_RETRY_S, whose="key")
        capped = self.key.over_cap(admission.amount, admission.at_ms)
        if capped is None:
            return None
        cap, limit, left = capped
        return Refused(cap, min(left, free), limit, whose="key")

    def admitted(self, batch: Batch, windows: Windows, admission: Admission) -> Remaining:
        """Count what was admitted. → what is left."""
        self.key.held(admission.amount, admission.at_ms)
        places = [window for window in (self.window, self.own) if window is not None]
        if places:
            taken = windows.take_all(admission.id, places, admission.tokens, batch.mono)
            batch.taken.append(taken)
        return self.remaining(admission, batch.mono)

    def remaining(self, admission: Admission, now: float) -> Remaining:
        """What is left, of the account's limits and the key's the tighter."""
        left = remaining(self.window, admission.limits, now)
        return tighter(left, remaining(self.own, self.key.limits, now))
