"""The relay's operations: admit and close, each one operation on a batch, all or none."""

from __future__ import annotations

from msgspec import structs

from tokenhouse.billing import Pace
from tokenhouse.ledger import Conflict, rules
from tokenhouse.money import AMOUNT_MAX
from tokenhouse.relay import Admission, Admitted, Closed, Keep, Receipt, Refused
from tokenhouse.store import free_days, idempotency, money, usage
from tokenhouse.store.batch import AccountRow, Batch
from tokenhouse.store.key_bounds import BUSY_RETRY_S, KeyBounds
from tokenhouse.store.limits import Window, Windows, exceeded, remaining
from tokenhouse.store.receipts import usage_counts


def admit(
    batch: Batch, windows: Windows, lease: str, admission: Admission, terms: str
) -> Admitted | Refused:
    """Account, limits, the month's grant and the hold; refused → nothing changes."""
    account = batch.account(admission.account)
    if account is None or account.state != "open" or account.id == "house":
        return Refused("account")
    asked = admission.idempotency
    if asked is not None and idempotency.taken(batch, account.id, asked):
        return Refused("taken", account.balance - account.held)
    rules.checked_amount(admission.amount)
    batch.end_grants(account, admission.at_ms)
    grant = admission.grant
    due = 0 if grant is None else batch.grant_due(account, grant, admission.at_ms)
    free = account.balance - account.held + due
    limits, now = admission.limits, batch.mono
    window: Window | None = None
    if limits.requests_per_minute is not None or limits.tokens_per_minute is not None:
        window = windows.window(account.id, now)
    key = batch.key(admission.key, account.id, admission.at_ms)
    bounds: KeyBounds | None = None
    if key is None:
        refused = _refusal(account, admission, window, free, now)
    else:
        bounds = KeyBounds(key, window, windows.window(key.id, now) if key.per_minute else None)
        refused = bounds.refusal(admission, free, now)
        refused = refused or _refusal(account, admission, window, free, now)
    if refused is None and admission.free_per_day is not None:
        refused = free_days.refusal(batch, admission, admission.free_per_day)
    if refused is not None:
        known = batch.execute("hold_words", (admission.id,)).fetchone()
        if bounds is not None:
            refused = structs.replace(refused, remaining=bounds.remaining(admission, now))
        return refused if known is None else Refused("replayed", free)
    if not _hold(batch, lease, admission, terms):
        return Refused("replayed", free)
    if due and grant is not None:
        batch.post_grant(account, grant, due, admission.at_ms)
    money.count_hold(account, admission.amount)
    _take(batch, admission)
    free -= admission.amount
    if bounds is not None:
        return Admitted(free, bounds.admitted(batch, windows, admission))
    if window is None:
        return Admitted(free)
    batch.taken.append(windows.take(admission.id, window, admission.tokens, now))
    return Admitted(free, remaining(window, limits, now))


def close(
    batch: Batch, receipt: Receipt, detail: bytes, tokens: int, keep: Keep | None = None
) -> Closed:
    """Settle what is owed, or release, and write the receipt (and what the request's key keeps)."""
    owed = rules.checked_amount(receipt.owed)
    found = batch.execute("hold_end", (receipt.id,)).fetchone()
    if found is None:
        return _closed_before(batch, receipt, detail, keep)
    row = money.HoldRow(*found)
    charged, lost, account = money.end_hold(batch, row, owed, kind="settle", at_ms=batch.now_ms)
    batch.execute(
        "receipt_new",
        (
            row.id,
            row.account,
            row.amount,
            "settled" if owed else "released",
            owed,
            charged,
            lost,
            batch.now_ms,
            row.terms,
            row.at_ms,
            row.key,
            row.model,
            receipt.outcome,
            *usage_counts(receipt),
            detail,
        ),
    )
    batch.ended = row.id
    if keep is not None:
        idempotency.end(batch, row.id, receipt.outcome, charged, keep)
    batch.corrections.append((row.id, tokens))
    return Closed(charged, lost, owed > row.amount, False, account.balance - account.held)


def pace(batch: Batch, windows: Windows, id: str) -> Pace:
    """What counts against an account's limits now; LedgerError when there is no such account."""
    account = batch.known(id)
    window = windows.window(id, batch.mono)
    return Pace(window.requests, window.tokens, account.open_holds)


def stands(batch: Batch) -> bool:
    """Does the database have this batch, whose COMMIT failed? One hold's row tells of all."""
    if batch.ended is not None:
        return money.ended_hold(batch, batch.ended) is not None
    if batch.made:
        return batch.execute("hold_words", (batch.made[0],)).fetchone() is not None
    return False


def forget(batch: Batch, id: str) -> None:
    """Release a hold whose request was told that it was never made; and its key."""
    money.release(batch, id, at_ms=batch.now_ms)
    idempotency.cut(batch, id, 0)


def _hold(batch: Batch, lease: str, admission: Admission, terms: str) -> bool:
    """Make the hold's row. → False when its id was ever used."""
    row = (
        admission.id,
        admission.account,
        admission.amount,
        lease,
        admission.at_ms,
        admission.key,
        admission.model,
        terms,
    )
    return bool(batch.execute("hold_new", row).rowcount)


def _take(batch: Batch, admission: Admission) -> None:
    """What the admitted request takes beside money: a place in the day, its idempotency key."""
    batch.made.append(admission.id)
    if admission.free_per_day is not None:
        free_days.take(batch, admission)
    if admission.idempotency is not None:
        idempotency.take(batch, admission, admission.idempotency)


def _refusal(
    account: AccountRow, admission: Admission, window: Window | None, free: int, now: float
) -> Refused | None:
    limits = admission.limits
    if window is not None:
        over = exceeded(window, limits, tokens=admission.tokens, now=now)
        if over is not None:
            reason, limit, wait = over
            return Refused(reason, free, limit, wait, remaining(window, limits, now))
    limit = limits.concurrent_requests
    if limit is not None and account.open_holds >= limit:
        left = remaining(window, limits, now)
        return Refused("concurrency", free, limit, BUSY_RETRY_S, left)
    if admission.amount > free:
        return Refused("credit", free, remaining=remaining(window, limits, now))
    return None


def _closed_before(batch: Batch, receipt: Receipt, detail: bytes, keep: Keep | None) -> Closed:
    ended = money.ended_hold(batch, receipt.id)
    if ended is None:
        return Closed(0)
    if ended.state == "released":
        if receipt.owed:
            raise Conflict(f"hold {receipt.id} was released already")
        return Closed(0)
    settled = money.settled_before(receipt.id, ended, receipt.owed)
    if keep is not None:
        idempotency.end(batch, receipt.id, receipt.outcome, settled.charged, keep)
    if ended.state == "expired" and not ended.late:
        usage.take_out(batch, receipt.id)
        batch.execute(
            "receipt_late",
            (
                receipt.id,
                min(receipt.owed, AMOUNT_MAX),
                settled.lost,
                receipt.outcome,
                *usage_counts(receipt),
                detail,
            ),
        )
        usage.put_in(batch, receipt.id)
    return Closed(settled.charged, settled.lost, settled.over, settled.late)
