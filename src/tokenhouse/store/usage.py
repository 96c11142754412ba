"""Rollups: receipts folded into hours and days, and pruned once they are. Each an operation on a batch.

A receipt is folded when its ``seq`` is not above the watermark, which rises in the same transaction that
adds it: it counts once, whatever happens between two folds.
"""

from __future__ import annotations

from tokenhouse.store.batch import Batch


def fold(batch: Batch, limit: int) -> int:
    """Add the next ``limit`` receipts to their hours and days. → how many that were."""
    (folded,) = batch.execute("meta_get", ("folded",)).fetchone()
    (end,) = batch.execute("fold_end", (folded, limit)).fetchone()
    if end is None:
        return 0
    counted = batch.execute("fold_count", (folded, end)).fetchone()[0]
    batch.execute("fold_hours", (folded, end))
    batch.execute("fold_days", (folded, end))
    batch.execute("meta_raise", ("folded", end))
    return counted


def take_out(batch: Batch, id: str) -> None:
    """Before a receipt that may be folded is written again: its share leaves the rollups."""
    batch.execute("refold_hour", (id, -1))
    batch.execute("refold_day", (id, -1))


def put_in(batch: Batch, id: str) -> None:
    """After that: its new share goes in."""
    batch.execute("refold_hour", (id, 1))
    batch.execute("refold_day", (id, 1))


def prune_receipts(batch: Batch, ended_before_ms: int, limit: int) -> int:
    """Of the oldest ``limit``, delete what is folded and ended before then. → how many."""
    pruned = batch.execute("prune_receipts", (ended_before_ms, limit)).fetchall()
    if pruned:
        begun, ended = map(max, zip(*pruned, strict=True))
        batch.execute("meta_raise", ("pruned_created_ms", begun))
        batch.execute("meta_raise", ("pruned_ended_ms", ended))
    return len(pruned)


def prune_hours(batch: Batch, begun_before_ms: int, limit: int) -> int:
    """Delete ``limit`` of the hours that began before then. → how many."""
    pruned = batch.execute("prune_hours", (begun_before_ms, limit)).fetchall()
    if pruned:
        batch.execute("meta_raise", ("pruned_hour_ms", max(pruned)[0]))
    return len(pruned)
