"""The ledger's verbs, each an operation on a batch. What they mean is told in ``ledger.port``."""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

from tokenhouse import ids
from tokenhouse.ledger import (
    HOUSE,
    Account,
    AccountState,
    Balance,
    Conflict,
    Credited,
    Held,
    HoldAsked,
    LedgerError,
    NotEnough,
    PostingKind,
    Released,
    Settled,
    Unknown,
    rules,
)
from tokenhouse.money import AMOUNT_MAX
from tokenhouse.store import idempotency
from tokenhouse.store.batch import AccountRow, Batch


class HoldRow(NamedTuple):
    """An open hold, as it comes off the books."""

    id: str
    account: str
    amount: int
    owed: int
    at_ms: int
    key: str | None
    model: str | None
    terms: str


class EndedRow(NamedTuple):
    """How a hold ended."""

    account: str
    held: int
    state: str
    owed: int
    cost: int
    lost: int
    late: int


def create_account(batch: Batch, name: str, plan: str, at_ms: int) -> Account:
    taken = Conflict(f"there is an account named {name!r} already")
    if not name or name == HOUSE:
        raise taken
    id = ids.new(ids.ACCOUNT, at_ms)
    try:
        batch.execute("account_new", (id, name, plan, at_ms))
    except sqlite3.IntegrityError as error:
        raise taken from error
    batch.execute("epoch_raise")
    return Account(id, name, plan, 0, 0, "open", at_ms)


def change_account(batch: Batch, id: str, plan: str | None, state: AccountState | None) -> Account:
    row = batch.known(id)
    if state is not None and state != "closed" and row.state == "closed":
        raise Conflict(f"account {id} is closed and stays so")
    old = Account(*batch.execute("account_find", (id,)).fetchone())
    plan = old.plan if plan is None else plan
    row.state = row.state if state is None else state
    batch.execute("account_change", (plan, row.state, id))
    batch.execute("epoch_raise")
    return Account(id, old.name, plan, row.balance, row.held, state or old.state, old.created_ms)


def find_account(batch: Batch, name_or_id: str) -> Account | None:
    for statement in ("account_find", "account_find_by_name"):
        found = batch.execute(statement, (name_or_id,)).fetchone()
        if found is not None:
            account = Account(*found)
            row = batch.known(account.id)
            return Account(
                account.id,
                account.name,
                account.plan,
                row.balance,
                row.held,
                account.state,
                account.created_ms,
            )
    return None


def balance(batch: Batch, id: str) -> Balance:
    if id == HOUSE:
        (amount,) = batch.execute("house_balance").fetchone()
        return Balance(amount + batch.house, 0)
    account = batch.known(id)
    batch.end_grants(account, batch.now_ms)
    return Balance(account.balance, account.held)


def credit(
    batch: Batch, account_id: str, amount: int, *, reason: str, id: str, at_ms: int
) -> Credited:
    account = batch.known(account_id)
    rules.checked_amount(amount, least=1)
    known = batch.execute("transfer_find", (id,)).fetchone()
    known = known or batch.execute("charge_find", (id,)).fetchone()
    if known is not None:
        if tuple(known) != (account_id, "credit", amount, reason):
            raise Conflict(f"transfer {id} is known with another account, amount or reason")
        return Credited(id, account_id, amount, account.balance, replayed=True)
    rules.checked_sum(account.balance, amount)
    rules.checked_sum(balance(batch, HOUSE).balance, -amount)
    batch.post(account, amount, "credit", id=id, at_ms=at_ms, reason=reason)
    return Credited(id, account_id, amount, account.balance)


def reverse(batch: Batch, transfer: str, *, reason: str, at_ms: int) -> Credited:
    found = batch.execute("transfer_find", (transfer,)).fetchone()
    if found is None:
        row = batch.execute("charge_find", (transfer,)).fetchone()
        found = None if row is None else (*row, "")
    if found is None:
        raise Unknown(f"there is no credit and no charge {transfer}")
    account_id, kind, amount, _ = found
    if kind not in rules.REVERSIBLE:
        raise LedgerError(f"a {kind} can't be reversed (transfer {transfer})")
    account = batch.known(account_id)
    id = rules.reverse_transfer(transfer)
    known = batch.execute("transfer_find", (id,)).fetchone()
    if known is not None:
        if tuple(known) != (account_id, "reverse", -amount, reason):
            raise Conflict(f"transfer {transfer} was reversed already, for another reason")
        return Credited(id, account_id, -amount, account.balance, replayed=True)
    rules.checked_sum(account.balance, -amount)
    batch.post(account, -amount, "reverse", id=id, at_ms=at_ms, reason=reason)
    return Credited(id, account_id, -amount, account.balance)


def hold(batch: Batch, asked: HoldAsked) -> Held | NotEnough:
    account = batch.known(asked.account)
    rules.checked_amount(asked.amount)
    words = batch.execute("hold_words", (asked.id,)).fetchone()
    if words is not None:
        if tuple(words) != (asked.account, asked.amount, asked.terms):
            raise Conflict(f"hold {asked.id} is known with another account, amount or terms")
        return Held(account.free, replayed=True)
    if account.state != "open":
        raise LedgerError(f"account {account.id} is {account.state}")
    batch.end_grants(account, asked.at_ms)
    due = batch.grant_due(account, asked.grant, asked.at_ms)
    free = account.free + due
    if asked.amount > free:
        return NotEnough(free)
    if due and asked.grant is not None:
        batch.post_grant(account, asked.grant, due, asked.at_ms)
    batch.execute(
        "hold_new",
        (
            asked.id,
            asked.account,
            asked.amount,
            asked.lease,
            asked.at_ms,
            None,
            None,
            asked.terms,
        ),
    )
    count_hold(account, asked.amount)
    return Held(account.free)


def count_hold(account: AccountRow, amount: int) -> None:
    """The account's side of a hold whose row has just been made."""
    account.held += amount
    account.open_holds += 1
    account.changed = True


def settle(batch: Batch, id: str, owed: int, *, at_ms: int) -> Settled:
    rules.checked_amount(owed)
    found = batch.execute("hold_end", (id,)).fetchone()
    if found is None:
        ended = ended_hold(batch, id)
        if ended is None:
            raise LedgerError(f"there is no hold {id}")
        return settled_before(id, ended, owed)
    row = HoldRow(*found)
    charged, lost, _ = end_hold(batch, row, owed, kind="settle", at_ms=at_ms)
    _write_ended(batch, row, "settled", owed, charged, at_ms=at_ms)
    return Settled(charged, lost, over=owed > row.amount)


def settled_before(id: str, ended: EndedRow, owed: int) -> Settled:
    """What a settle of a hold that has ended already means; Conflict when it makes no sense."""
    if ended.state == "expired":
        return Settled(ended.cost, max(0, owed - ended.cost), late=True)
    if ended.state == "released":
        raise Conflict(f"hold {id} was released already")
    if ended.owed != owed:
        raise Conflict(f"hold {id} was settled already, for {ended.owed} nanodollars")
    return Settled(ended.cost, ended.lost, over=owed > ended.held, replayed=True)


def release(batch: Batch, id: str, *, at_ms: int) -> Released:
    found = batch.execute("hold_end", (id,)).fetchone()
    if found is None:
        ended = ended_hold(batch, id)
        if ended is None:
            return Released(found=False)
        if ended.state == "settled":
            raise Conflict(f"hold {id} was settled already")
        return Released()
    row = HoldRow(*found)
    end_hold(batch, row, 0, kind="settle", at_ms=at_ms)
    _write_ended(batch, row, "released", 0, 0, at_ms=at_ms)
    return Released()


def note(batch: Batch, id: str, owed: int) -> None:
    rules.checked_amount(owed)
    batch.execute("hold_note", (owed, id))


def expire(batch: Batch, lease: str, *, at_ms: int) -> int:
    return _expire(batch, "holds_of_lease", lease, at_ms)


def expire_others(batch: Batch, lease: str, *, at_ms: int) -> int:
    """Expire every open hold that does not belong to ``lease``."""
    return _expire(batch, "holds_of_others", lease, at_ms)


def _expire(batch: Batch, statement: str, lease: str, at_ms: int) -> int:
    held = batch.execute(statement, (lease,)).fetchall()
    for (id,) in held:
        row = HoldRow(*batch.execute("hold_end", (id,)).fetchone())
        owed = rules.expiry_charge(row.owed, held=row.amount)
        charged, _, _ = end_hold(batch, row, owed, kind="expire", at_ms=at_ms)
        _write_ended(batch, row, "expired", row.owed, charged, at_ms=at_ms)
        idempotency.cut(batch, id, charged)
    return len(held)


def end_due_grants(batch: Batch) -> None:
    """Take away the rest of every account's grants that have ended by now."""
    for (id,) in batch.execute("grants_ended", (batch.now_ms,)).fetchall():
        batch.end_grants(batch.known(id), batch.now_ms)


def ended_hold(batch: Batch, id: str) -> EndedRow | None:
    found = batch.execute("ended_get", (id,)).fetchone()
    return None if found is None else EndedRow(*found)


def end_hold(
    batch: Batch, row: HoldRow, owed: int, *, kind: PostingKind, at_ms: int
) -> tuple[int, int, AccountRow]:
    """Give back what was held and charge what is owed. → (charged, lost, the account)."""
    account = batch.account(row.account)
    if account is None:
        raise RuntimeError(f"hold {row.id} is of no account there is ({row.account})")
    charged, lost = rules.charge(owed, held=row.amount, free=account.balance - account.held)
    account.held -= row.amount
    account.open_holds -= 1
    account.changed = True
    if charged:
        batch.post(account, -charged, kind, id=row.id, at_ms=at_ms)
        if account.grants_open:
            batch.spend_grants(account, charged)
    if account.grant_ends_ms is not None:
        batch.end_grants(account, at_ms)
    if row.key is not None:
        batch.hold_ended(row.key, row.amount, charged, row.at_ms)
    return charged, lost, account


def _write_ended(
    batch: Batch, row: HoldRow, state: str, owed: int, charged: int, *, at_ms: int
) -> None:
    owed = min(owed, AMOUNT_MAX)
    outcome = None
    if row.key is not None:
        outcome = "crashed" if state == "expired" else "cancelled"
    batch.execute(
        "receipt_new",
        (
            row.id,
            row.account,
            row.amount,
            state,
            owed,
            charged,
            owed - charged,
            at_ms,
            row.terms,
            row.at_ms,
            row.key,
            row.model,
            outcome,
            *(0, 0, 0, 0, 0, 0),
            None,
        ),
    )
