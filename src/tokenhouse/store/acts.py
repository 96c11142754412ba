"""What an operator does: a verb of the ledger or of the keys, and its row in the audit log, as one
operation. A verb that changes nothing (said before, undone already) leaves no second row.

``by`` is None where nobody acts for the house: tests and simulations of the ledger alone.
"""

from __future__ import annotations

from msgspec import structs

from tokenhouse.access import Key, KeyChange, Rotation
from tokenhouse.billing import By
from tokenhouse.ledger import Account, AccountState, Credited
from tokenhouse.store import keys, money
from tokenhouse.store.audit import Facts, record
from tokenhouse.store.batch import Batch


def create_account(batch: Batch, name: str, plan: str, at_ms: int, by: By | None) -> Account:
    made = money.create_account(batch, name, plan, at_ms)
    if by is not None:
        after = {"name": made.name, "plan": made.plan, "state": made.state}
        record(batch, by, "accounts create", made.id, account=made.id, change=(None, after))
    return made


def change_account(
    batch: Batch, id: str, plan: str | None, state: AccountState | None, by: By | None
) -> Account:
    batch.known(id)
    old = Account(*batch.execute("account_find", (id,)).fetchone())
    changed = money.change_account(batch, id, plan, state)
    before = {"plan": old.plan, "state": old.state}
    after = {"plan": changed.plan, "state": changed.state}
    if by is not None and before != after:
        record(batch, by, "accounts change", id, account=id, change=(before, after))
    return changed


def credit(
    batch: Batch, words: tuple[str, int], *, reason: str, id: str, at_ms: int, by: By | None
) -> Credited:
    """``words``: the account and the amount."""
    credited = money.credit(batch, *words, reason=reason, id=id, at_ms=at_ms)
    _record_credited(batch, "credit", credited, by)
    return credited


def reverse(batch: Batch, transfer: str, *, reason: str, at_ms: int, by: By | None) -> Credited:
    credited = money.reverse(batch, transfer, reason=reason, at_ms=at_ms)
    _record_credited(batch, "ledger reverse", credited, by)
    return credited


def add_key(batch: Batch, key: Key, by: By | None) -> None:
    keys.add_key(batch, key)
    if by is not None:
        record(batch, by, "keys create", key.id, account=key.account, change=(None, _facts(key)))


def revoke_key(batch: Batch, id: str, at_ms: int, by: By | None) -> Key | None:
    old = keys.find_key(batch, id)
    revoked = keys.revoke_key(batch, id, at_ms)
    _record_key(batch, "keys revoke", (old, revoked), by)
    return revoked


def change_key(batch: Batch, id: str, change: KeyChange, by: By | None) -> Key | None:
    old = keys.find_key(batch, id)
    changed = keys.change_key(batch, id, change)
    _record_key(batch, "keys change", (old, changed), by)
    return changed


def rotate_key(batch: Batch, rotation: Rotation, by: By | None) -> Key | None:
    old = keys.find_key(batch, rotation.key)
    rotated = keys.rotate_key(batch, rotation)
    _record_key(batch, "keys rotate", (old, rotated), by)
    return rotated


def add_audit(
    batch: Batch,
    act: str,
    subject: str,
    account: str | None,
    change: tuple[Facts | None, Facts | None],
    by: By,
) -> None:
    """An act that changed nothing here."""
    record(batch, by, act, subject, account=account, change=change)


def _record_key(
    batch: Batch, act: str, change: tuple[Key | None, Key | None], by: By | None
) -> None:
    old, new = change
    if by is None or old is None or new is None or old == new:
        return
    record(batch, by, act, new.id, account=new.account, change=(_facts(old), _facts(new)))


def _record_credited(batch: Batch, act: str, credited: Credited, by: By | None) -> None:
    if by is None or credited.replayed:
        return
    before = {"balance": credited.balance - credited.amount}
    after = {"balance": credited.balance, "amount": credited.amount}
    record(batch, by, act, credited.id, account=credited.account, change=(before, after))


def _facts(key: Key) -> Facts:
    """A key without its digest."""
    return {
        "name": key.name,
        "hint": key.hint,
        "expires_ms": key.expires_ms,
        "revoked_ms": key.revoked_ms,
        "old_until_ms": key.old_until_ms,
        **structs.asdict(key.limits),
    }
