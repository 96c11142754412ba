"""Idempotency keys as rows: taken with the hold, finished with it, forgotten after a day."""

from __future__ import annotations

from tokenhouse.billing import Once
from tokenhouse.errors import CallerError
from tokenhouse.relay import Admission, Keep, KeyAsked, Outcome
from tokenhouse.store.batch import Batch

KEPT_MS = 24 * 60 * 60 * 1000
"""How long an answer is kept after it ended."""


def taken(batch: Batch, account: str, asked: KeyAsked) -> bool:
    """Has another request of the account taken this key? A key whose day is over is forgotten."""
    words = (account, asked.name, batch.now_ms)
    if batch.execute("idempotency_taken", words).fetchone() is not None:
        return True
    batch.execute("idempotency_forget", words)
    return False


def take(batch: Batch, admission: Admission, asked: KeyAsked) -> None:
    """The admitted request takes its key; its hold was made in this operation."""
    batch.execute("idempotency_new", (admission.id, admission.account, asked.name, asked.digest))


def end(batch: Batch, id: str, outcome: Outcome, charged: int, keep: Keep) -> None:
    """The request's hold has ended with ``charged``: keep its answer, or say why there is none.

    A request that failed and cost nothing leaves its key free, so that asking again begins anew.
    """
    answer = keep(charged)
    ends_ms = batch.now_ms + KEPT_MS
    if outcome != "finished" and not charged:
        batch.execute("idempotency_drop", (id,))
    elif answer is not None:
        batch.execute("idempotency_end", (id, "kept", ends_ms, answer))
    else:
        state = "too_large" if outcome == "finished" else "cut"
        batch.execute("idempotency_end", (id, state, ends_ms, None))


def cut(batch: Batch, id: str, charged: int) -> None:
    """The hold of a request expired: what it was charged for is gone with its process."""
    if charged:
        batch.execute("idempotency_end", (id, "cut", batch.now_ms + KEPT_MS, None))
    else:
        batch.execute("idempotency_drop", (id,))


def is_same(batch: Batch, account: str, once: Once) -> bool:
    """Has this very act taken the account's key before? CallerError 409 when another one has."""
    words = (account, once.name, batch.now_ms)
    row = batch.execute("idempotency_get", words).fetchone()
    if row is None:
        batch.execute("idempotency_forget", words)
        return False
    if row[1] != once.digest:
        raise CallerError(
            "This Idempotency-Key was sent before with another request; send another key.",
            status=409,
            code="idempotency_key_reused",
            param="Idempotency-Key",
        )
    return True


def keep_act(batch: Batch, account: str, once: Once, id: str) -> None:
    """An act that is done takes its key for a day, under an ``id`` of its own. What it did is in the
    books, so no answer is kept: the act recognises itself."""
    batch.execute("idempotency_new", (id, account, once.name, once.digest))
    batch.execute("idempotency_end", (id, "cut", batch.now_ms + KEPT_MS, None))


def prune(batch: Batch) -> None:
    """Forget some of the keys whose time is over."""
    batch.execute("idempotency_prune", (batch.now_ms,))
