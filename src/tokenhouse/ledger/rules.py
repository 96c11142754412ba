"""What every ledger does alike, as arithmetic: how a charge falls, which grant pays, what an end takes.

No I/O and no state; amounts are integer nanodollars. Ledgers differ only in where rows live.
"""

from __future__ import annotations

from collections.abc import Sequence

from tokenhouse.ledger.values import GrantDue, LedgerError, PostingKind
from tokenhouse.money import AMOUNT_MAX

REVERSIBLE: frozenset[PostingKind] = frozenset({"credit", "settle", "expire"})
"""What can be taken back: money put in, and charges. Grants end by themselves."""


def charge(owed: int, *, held: int, free: int) -> tuple[int, int]:
    """→ (charged, lost): up to the hold, above it as far as the free balance reaches.

    ``free`` is balance - held while this hold still stands; after a reversal it may be negative.
    """
    if owed <= held:
        return owed, 0
    charged = held + min(owed - held, max(free, 0))
    return charged, owed - charged


def expiry_charge(noted: int, *, held: int) -> int:
    """What an expired hold is charged: its last note, never above the hold."""
    return min(noted, held)


def spend(rests: Sequence[int], amount: int) -> list[int]:
    """How much of ``amount`` each grant pays; ``rests`` in order of their ends, earliest first.

    Whatever the grants don't cover comes out of credit.
    """
    parts: list[int] = []
    for rest in rests:
        part = min(rest, amount)
        parts.append(part)
        amount -= part
    return parts


def taken_at_end(rest: int, *, free: int) -> int:
    """What a grant's end takes away: its rest, but never what is held or not there."""
    return max(0, min(rest, free))


def checked_amount(amount: int, *, least: int = 0) -> int:
    """``amount`` itself, when it is bookable and at least ``least``; else LedgerError."""
    if not least <= amount <= AMOUNT_MAX:
        raise LedgerError(
            f"{amount} nanodollars can't be booked: it must be {least} … {AMOUNT_MAX}"
        )
    return amount


def checked_sum(balance: int, amount: int) -> int:
    """The balance after ``amount`` more (or less); LedgerError when 64 bits can't hold it."""
    total = balance + amount
    if not -AMOUNT_MAX <= total <= AMOUNT_MAX:
        raise LedgerError(f"a balance of {total} nanodollars is more than this house can book")
    return total


def grant_due(grant: GrantDue, *, given: int, at_ms: int) -> int:
    """How much of ``grant`` is to be posted: what ``given`` in its period falls short of it. Nothing
    is taken back when a right has become smaller, and nothing given whose end has come."""
    return 0 if grant.ends_ms <= at_ms else max(0, grant.amount - given)


def grant_transfer(account: str, grant: GrantDue, due: int) -> str:
    """The transfer's id under which a period's grant is posted, or raised to ``grant.amount``."""
    raised = "" if due == grant.amount else f":{grant.amount}"
    return f"{grant_id(account, grant.period)}{raised}"


def grant_id(account: str, period: str) -> str:
    """A grant's id: one per account and period."""
    return f"{account}:grant:{period}"


def grant_end_transfer(account: str, period: str) -> str:
    """The transfer's id under which a period's grant ends."""
    return f"{account}:grant_end:{period}"


def reverse_transfer(transfer: str) -> str:
    """The transfer's id under which ``transfer`` is taken back; one, so it happens once."""
    return f"{transfer}:reverse"


def posting_id(transfer: str, *, house: bool) -> str:
    """A posting's id: its transfer's, and which side it is."""
    return f"{transfer}.{'house' if house else 'account'}"
