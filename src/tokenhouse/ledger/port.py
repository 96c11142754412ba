"""The ledger's port: the sentences that can be said to it. One contract suite runs on every ledger."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Protocol

from tokenhouse.ledger.values import (
    Account,
    AccountState,
    Balance,
    Credited,
    Grant,
    Held,
    HoldAsked,
    NotEnough,
    Posting,
    Released,
    Settled,
    Verification,
)

HOUSE = "house"
"""The account that bears the other side of every posting (income, credit given, losses)."""


class Ledger(Protocol):
    """Every verb is queued when it is *called*, not when it is awaited: a caller that is cancelled
    between the two has still said it. Verbs queued later see the effect of those queued earlier.

    Awaiting raises LedgerError (Conflict) for sentences that make no sense, OSError-like store
    errors when nothing could be made durable.
    """

    def create_account(self, name: str, plan: str, at_ms: int) -> Awaitable[Account]:
        """Name unique among open accounts, else Conflict."""
        ...

    def change_account(
        self, account: str, *, plan: str | None = None, state: AccountState | None = None
    ) -> Awaitable[Account]:
        """Another plan or state; what is None stays. A closed account stays closed: Conflict."""
        ...

    def find_account(self, name_or_id: str) -> Awaitable[Account | None]: ...

    def accounts(self) -> Awaitable[tuple[Account, ...]]: ...

    def balance(self, account: str) -> Awaitable[Balance]: ...

    def credit(
        self, account: str, amount: int, *, reason: str, id: str, at_ms: int
    ) -> Awaitable[Credited]:
        """Put money in. ``id`` makes it idempotent: the same again is recognised, other words: Conflict."""
        ...

    def reverse(self, transfer: str, *, reason: str, at_ms: int) -> Awaitable[Credited]:
        """Take a credit or a charge back, once; the balance may go below zero, and only so."""
        ...

    def hold(self, asked: HoldAsked) -> Awaitable[Held | NotEnough]: ...

    def settle(self, hold: str, owed: int, *, at_ms: int) -> Awaitable[Settled]:
        """Charge what is owed: up to the hold, and above it as far as the free balance reaches."""
        ...

    def release(self, hold: str, *, at_ms: int) -> Awaitable[Released]: ...

    def note(self, hold: str, owed: int) -> Awaitable[None]:
        """What the hold owes so far: what an expiry will charge, never more than the hold. The last
        note counts; one for a hold that has ended, or never was, is ignored."""
        ...

    def expire(self, lease: str, *, at_ms: int) -> Awaitable[int]:
        """End every open hold of a dead lease: charge its last note, release the rest. → how many."""
        ...

    def grants(self, account: str) -> Awaitable[tuple[Grant, ...]]: ...

    def postings(self, account: str, *, limit: int = 100) -> Awaitable[tuple[Posting, ...]]:
        """Newest first."""
        ...

    def verify(self) -> Awaitable[Verification]: ...
