"""Requests to free variants per UTC day, counted beside the hold that each of them makes.

A day's count is its own row: a clock that is set back finds what that day has had already.
"""

from __future__ import annotations

from tokenhouse.relay import Admission, Refused
from tokenhouse.store.batch import Batch

DAY_MS = 86_400_000
KEPT_DAYS = 62


def refusal(batch: Batch, admission: Admission, limit: int) -> Refused | None:
    """None when the account may make one more such request today."""
    day, into_ms = divmod(admission.at_ms, DAY_MS)
    found = batch.execute("free_day_get", (admission.account, day)).fetchone()
    if (0 if found is None else found[0]) < limit:
        return None
    return Refused("free_requests", 0, limit, (DAY_MS - into_ms) / 1000)


def take(batch: Batch, admission: Admission) -> None:
    """Count one, in the operation that makes its hold."""
    batch.execute("free_day_take", (admission.account, admission.at_ms // DAY_MS))


def drop_past(batch: Batch) -> None:
    """Forget the days that are long over."""
    batch.execute("free_days_drop", (batch.now_ms // DAY_MS - KEPT_DAYS,))
