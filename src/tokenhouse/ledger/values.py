"""The nouns of the ledger. Amounts are integer nanodollars; times are unix milliseconds UTC.

A hold ends exactly once::

    state      settle             release     expire
    held    →  settled            released    expired (charged what it owed at its last note)
    settled →  same: recognised   Conflict    recognised
    released → Conflict           recognised  recognised
    expired →  Settled(late=True) recognised  recognised

A settle of 0 is a settle; a hold said again with the same words is recognised in whatever state.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

HoldState = Literal["held", "settled", "released", "expired"]
AccountState = Literal["open", "suspended", "closed"]
PostingKind = Literal["credit", "grant", "grant_end", "settle", "expire", "reverse"]


class LedgerError(Exception):
    """A sentence to the ledger that it can't follow; the message names the id and the reason."""


class Unknown(LedgerError):
    """There is nothing of that id."""


class Conflict(LedgerError):
    """The id is known already, with other words: nothing was posted."""


@dataclass(frozen=True, slots=True)
class NotEnough:
    """The free balance (balance - held, with the grant that is due) does not reach; nothing changed."""

    free: int


@dataclass(frozen=True, slots=True)
class GrantDue:
    """The grant that the account has a right to in ``period`` (``2026-11``), in all: what its period
    was not yet given is posted. A smaller right than before takes nothing back."""

    period: str
    amount: int
    ends_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldAsked:
    """Hold ``amount`` of ``account`` under ``id``; ``terms`` is opaque (what it was priced under).

    ``lease`` is the live process that answers for it. ``grant`` is posted first if it is due.
    """

    id: str
    account: str
    amount: int
    lease: str
    at_ms: int
    terms: str = ""
    grant: GrantDue | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """The hold stands. ``free`` is what the account can still spend beside it."""

    free: int
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Settled:
    """``charged`` of what was owed; ``lost`` is the house's. ``late``: the hold had expired, nothing
    more was posted, and ``charged`` is what the expiry charged. ``over``: more was owed than held."""

    charged: int
    lost: int = 0
    over: bool = False
    late: bool = False
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Released:
    """Nothing was charged. ``found`` is False when no such hold was ever made."""

    found: bool = True


@dataclass(frozen=True, slots=True)
class Account:
    """Who pays. ``state``: open | suspended | closed."""

    id: str
    name: str
    plan: str
    balance: int
    held: int
    state: AccountState = "open"
    created_ms: int = 0


@dataclass(frozen=True, slots=True)
class Balance:
    """``free`` = balance - held."""

    balance: int
    held: int

    @property
    def free(self) -> int:
        return self.balance - self.held


@dataclass(frozen=True, slots=True)
class Grant:
    """Credit given, with an end; ``rest`` is what is not yet spent of it."""

    id: str
    account: str
    period: str
    amount: int
    rest: int
    ends_ms: int


@dataclass(frozen=True, slots=True)
class Posting:
    """One immutable line. All postings of one ``transfer`` sum to zero."""

    id: str
    transfer: str
    account: str
    amount: int
    kind: PostingKind
    at_ms: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Credited:
    """``id`` is the transfer's id, by which it can be reversed."""

    id: str
    account: str
    amount: int
    balance: int
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Verification:
    """``ok`` when ``errors`` is empty: postings sum to zero per transfer and in all, balance = sum of
    postings, held = sum of open holds, no hold of a dead lease, no admission below zero."""

    ok: bool
    open_holds: int
    errors: tuple[str, ...] = ()
