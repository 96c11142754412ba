"""Vouchers as rows: made, revoked, redeemed; each an operation on a batch, with its row in the audit log."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from tokenhouse import ids
from tokenhouse.billing import By, Once, Voucher, not_a_voucher, refusal
from tokenhouse.ledger import Conflict, Credited
from tokenhouse.store import idempotency, money
from tokenhouse.store.audit import record
from tokenhouse.store.batch import Batch


def add(
    batch: Batch, made: Sequence[tuple[Voucher, bytes]], by: By
) -> tuple[tuple[Voucher, ...], bool]:
    """→ (the vouchers of the lot, were they there before?)"""
    first = made[0][0]
    known = _named(batch, first.lot)
    if known:
        words = {(each.amount, each.reason, each.expires_ms) for each in known}
        if len(known) != len(made) or words != {(first.amount, first.reason, first.expires_ms)}:
            raise Conflict(
                f"the vouchers {first.lot} are known with another count, amount, reason or end"
            )
        return known, True
    for voucher, digest in made:
        row = (voucher.id, voucher.lot, digest, voucher.hint, voucher.amount, voucher.reason)
        batch.execute("voucher_new", (*row, voucher.created_ms, voucher.expires_ms))
    after = {"amount": first.amount, "count": len(made), "expires_ms": first.expires_ms}
    record(batch, by, "vouchers create", first.lot, account=None, change=(None, after))
    return tuple(voucher for voucher, _ in made), False


def revoke(batch: Batch, name: str, at_ms: int, by: By) -> tuple[Voucher, ...]:
    """By a voucher's id or a lot's; what was redeemed stays redeemed."""
    named = _named(batch, name)
    revoked = [
        voucher.id
        for voucher in named
        if batch.execute("voucher_revoke", (voucher.id, at_ms)).rowcount
    ]
    if revoked:
        change = ({"open": revoked}, {"revoked": revoked})
        record(batch, by, "vouchers revoke", name, account=None, change=change)
    return _named(batch, name)


def redeem(
    batch: Batch, digest: bytes, account: str, at_ms: int, by: By, once: Once | None
) -> Credited:
    """Credit it once. CallerError says why not; then ``once`` is not taken."""
    if once is not None and idempotency.is_same(batch, account, once):
        once = None
    found = batch.execute("voucher_by_digest", (digest,)).fetchone()
    if found is None:
        raise not_a_voucher()
    voucher = _voucher(*found)
    refused = refusal(voucher, account, at_ms)
    if refused is not None:
        raise refused
    reason = voucher.reason or "voucher"
    credited = money.credit(
        batch, account, voucher.amount, reason=reason, id=voucher.id, at_ms=at_ms
    )
    if not credited.replayed:
        batch.execute("voucher_redeem", (voucher.id, at_ms, account))
        before = {"balance": credited.balance - credited.amount}
        after = {"balance": credited.balance, "amount": credited.amount}
        record(batch, by, "vouchers redeem", voucher.id, account=account, change=(before, after))
    if once is not None:
        idempotency.keep_act(batch, account, once, ids.new(ids.REQUEST, at_ms))
    return credited


def voucher_rows(rows: Iterable[tuple[Any, ...]]) -> tuple[Voucher, ...]:
    """Rows of ``vouchers_page`` → what billing reads."""
    return tuple(_voucher(*row) for row in rows)


def _named(batch: Batch, name: str) -> tuple[Voucher, ...]:
    return voucher_rows(batch.execute("vouchers_named", (name,)).fetchall())


def _voucher(id: str, lot: str, hint: str, amount: int, reason: str, *times: Any) -> Voucher:
    created_ms, expires_ms, revoked_ms, redeemed_ms, account = times
    return Voucher(
        id=id,
        lot=lot,
        hint=hint,
        amount=amount,
        reason=reason,
        created_ms=created_ms,
        expires_ms=expires_ms,
        revoked_ms=revoked_ms,
        redeemed_ms=redeemed_ms,
        account=account,
    )
