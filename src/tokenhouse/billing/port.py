"""What billing asks of a store, beyond the ledger and the keys."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from typing import Protocol

from tokenhouse.access import Key, KeyChange, Rotation
from tokenhouse.billing.operating import (
    AccountsAsked,
    AuditAsked,
    FailuresAsked,
    Folding,
    LeaseRow,
    OpenHold,
)
from tokenhouse.billing.statement import Line, Statement
from tokenhouse.billing.values import (
    AuditRow,
    By,
    Funds,
    KeyUse,
    Once,
    Pace,
    Page,
    PageAsked,
    ReceiptRow,
    Spending,
    UsageRow,
    Voucher,
)
from tokenhouse.ledger import Account, AccountState, Credited, Posting


class Records(Protocol):
    """Receipts, postings and what they sum to. Ranges are unix milliseconds, the end excluded.

    Pages with a place that is none raise CallerError 400, naming ``after``.
    """

    def receipt(self, request: str) -> Awaitable[ReceiptRow | None]: ...

    def receipts(
        self, account: str, *, since_ms: int, until_ms: int, limit: int
    ) -> Awaitable[tuple[ReceiptRow, ...]]:
        """Newest first."""
        ...

    def receipts_page(self, account: str | None, asked: PageAsked) -> Awaitable[Page[ReceiptRow]]:
        """An account's by when they began; every account's (None) in the order of their writing,
        oldest first always."""
        ...

    def postings_page(self, account: str, asked: PageAsked) -> Awaitable[Page[Posting]]: ...

    def lines_page(self, account: str, asked: PageAsked) -> Awaitable[Page[Line]]:
        """The same postings, each with the balance after it; all at one moment."""
        ...

    def statement(
        self, account: str, start_ms: int, end_ms: int, *, lines: int
    ) -> Awaitable[Statement]:
        """A month of an account, with the first ``lines`` of what is not a charge; all at one moment."""
        ...

    def pace(self, account: str) -> Awaitable[Pace]:
        """What counts against its limits now, in this process."""
        ...

    def latest(self, *, since_ms: int, limit: int) -> Awaitable[tuple[ReceiptRow, ...]]:
        """Of the last ``limit`` written in the house, those begun since then; in any order."""
        ...

    def usage(
        self, account: str | None, *, since_ms: int, until_ms: int, hourly: bool = False
    ) -> Awaitable[tuple[UsageRow, ...]]:
        """By day (or hour) begun within the range, account, key and model; every account's when
        ``account`` is None. Equal to the sum of all receipts ever written, pruned ones too."""
        ...

    def spending(
        self, account: str, key: str, *, day_ms: int, week_ms: int, month_ms: int
    ) -> Awaitable[Spending]:
        """What a key has spent, in all and since the days that begin at these times."""
        ...

    def key_uses(
        self, account: str, *, day_ms: int, week_ms: int, month_ms: int
    ) -> Awaitable[Mapping[str, KeyUse]]:
        """The same of every key of an account that was ever used, by its id."""
        ...

    def funds(self, account: str) -> Awaitable[Funds | None]:
        """All of it at one moment."""
        ...

    def audit(
        self, account: str | None, *, before: int, limit: int
    ) -> Awaitable[tuple[AuditRow, ...]]:
        """Newest first, of seq below ``before``; every account's when ``account`` is None."""
        ...

    def fold(self, *, limit: int) -> Awaitable[int]:
        """Add the next ``limit`` receipts to the rollups, once. → how many seqs that were."""
        ...

    def prune_receipts(self, ended_before_ms: int, *, limit: int) -> Awaitable[int]:
        """Of the oldest ``limit`` receipts, delete those folded and ended before then. → how many."""
        ...

    def prune_hours(self, begun_before_ms: int, *, limit: int) -> Awaitable[int]:
        """Delete ``limit`` of the hourly rollups that began before then. → how many."""
        ...


class Acts(Protocol):
    """What an operator does, each act one operation with its row in the audit log. What is said twice
    and changes nothing the second time leaves one row."""

    def create_account(self, name: str, plan: str, at_ms: int, *, by: By) -> Awaitable[Account]: ...

    def change_account(
        self,
        account: str,
        *,
        plan: str | None = None,
        state: AccountState | None = None,
        by: By,
    ) -> Awaitable[Account]: ...

    def credit(
        self, account: str, amount: int, *, reason: str, id: str, at_ms: int, by: By
    ) -> Awaitable[Credited]: ...

    def reverse(self, transfer: str, *, reason: str, at_ms: int, by: By) -> Awaitable[Credited]: ...

    def add_key(self, key: Key, *, by: By) -> Awaitable[None]: ...

    def revoke_key(self, key_id: str, at_ms: int, *, by: By) -> Awaitable[Key | None]: ...

    def change_key(self, key_id: str, change: KeyChange, *, by: By) -> Awaitable[Key | None]: ...

    def rotate_key(self, rotation: Rotation, *, by: By) -> Awaitable[Key | None]: ...

    def add_vouchers(
        self, made: Sequence[tuple[Voucher, bytes]], *, by: By
    ) -> Awaitable[tuple[tuple[Voucher, ...], bool]]:
        """A lot of vouchers with their digests. → (the lot's vouchers, were they there before?);
        Conflict when the lot is known with another count, amount, reason or end."""
        ...

    def revoke_vouchers(self, name: str, at_ms: int, *, by: By) -> Awaitable[tuple[Voucher, ...]]:
        """By a voucher's id or a lot's: all of them as they are now; none when there is none."""
        ...

    def redeem_voucher(
        self, digest: bytes, account: str, at_ms: int, *, by: By, once: Once | None = None
    ) -> Awaitable[Credited]:
        """Credit what it is worth, once; the same account again is recognised. ``once`` is kept with
        it for a day: CallerError 409 ``idempotency_key_reused`` for another act under the same key.

        CallerError 404 ``voucher_not_found``, 409 ``voucher_redeemed`` | ``voucher_revoked`` |
        ``voucher_expired``."""
        ...

    def find_voucher(self, digest: bytes) -> Awaitable[Voucher | None]: ...

    def vouchers(self, *, before: str | None, limit: int) -> Awaitable[tuple[Voucher, ...]]:
        """Newest first, of ids below ``before``."""
        ...


class Lists(Protocol):
    """What only operators ask: lists of the whole house. Pages with a place that is none raise
    CallerError 400, naming ``after``."""

    def accounts_page(self, asked: AccountsAsked) -> Awaitable[Page[Account]]: ...

    def audit_page(self, asked: AuditAsked) -> Awaitable[Page[AuditRow]]: ...

    def failures(self, asked: FailuresAsked) -> Awaitable[Page[ReceiptRow]]:
        """Those that failed or crashed, whatever ``asked.text`` says; newest written first."""
        ...

    def transfer_account(self, transfer: str) -> Awaitable[str | None]:
        """Whose a credit, a reversal or a request's charge is; None when there is none of that id."""
        ...

    def open_holds(self, *, limit: int) -> Awaitable[tuple[OpenHold, ...]]:
        """Oldest first."""
        ...

    def leases(self) -> Awaitable[tuple[LeaseRow, ...]]: ...

    def folding(self) -> Awaitable[Folding]: ...

    def add_audit(
        self,
        act: str,
        subject: str,
        account: str | None,
        change: tuple[Mapping[str, object] | None, Mapping[str, object] | None],
        *,
        by: By,
    ) -> Awaitable[None]:
        """A row for an act that changed nothing in the store: what was before, and after."""
        ...


class Office(Records, Acts, Lists, Protocol):
    """Everything that billing asks of one store."""
