"""Leases: how a process shows that it lives, and how another tells that it doesn't.

No wall clocks are compared. A lease is dead when its counter stood still for ten seconds of the
observer's own monotonic clock while the observer could read the database.
"""

from __future__ import annotations

from collections.abc import Mapping

from tokenhouse.store import free_days, idempotency, money
from tokenhouse.store.batch import Batch

BEAT_S = 2.0
DEAD_AFTER_S = 10.0
_BLIND_AFTER_S = 2 * BEAT_S + 1.0


class LeaseWatch:
    """What one observer has seen of other leases."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[int, float]] = {}
        self._last: float | None = None

    def observe(self, counters: Mapping[str, int], now: float) -> list[str]:
        """``counters``: every other lease as just read; ``now``: monotonic seconds. → the dead.

        A gap between two observations means that we could not look: nothing seen before it counts.
        """
        if self._last is not None and now - self._last > _BLIND_AFTER_S:
            self._seen.clear()
        self._last = now
        seen: dict[str, tuple[int, float]] = {}
        for lease, counter in counters.items():
            before = self._seen.get(lease)
            seen[lease] = before if before and before[0] == counter else (counter, now)
        self._seen = seen
        return [lease for lease, (_, since) in seen.items() if now - since >= DEAD_AFTER_S]


def begin(batch: Batch, lease: str) -> int:
    """Make our lease; older ones of this directory are dead: expire their holds. → how many.

    Grants that ended while nobody served end here too.
    """
    batch.execute("lease_new", (lease, batch.now_ms))
    expired = money.expire_others(batch, lease, at_ms=batch.now_ms)
    batch.execute("leases_drop_others", (lease,))
    money.end_due_grants(batch)
    free_days.drop_past(batch)
    return expired


def beat(batch: Batch, watch: LeaseWatch, lease: str) -> int:
    """Show that we live, and expire the holds of those that don't. → how many holds."""
    if not batch.execute("lease_beat", (lease,)).rowcount:
        # We stood still for so long that somebody took us for dead: what we held has expired, what
        # we hold from now on has a lease again.
        batch.execute("lease_new", (lease, batch.now_ms))
    counters = dict(batch.execute("lease_list", (lease,)).fetchall())
    expired = 0
    for dead in watch.observe(counters, batch.mono):
        expired += money.expire(batch, dead, at_ms=batch.now_ms)
        batch.execute("lease_drop", (dead,))
    idempotency.prune(batch)
    return expired


def end(batch: Batch, lease: str) -> None:
    """Our lease goes, unless a hold of ours is still open: the next start expires that."""
    batch.execute("lease_drop", (lease,))
