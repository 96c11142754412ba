"""Billing's port on the store: what it reads, what an operator does, what happens in the background."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import ParamSpec, TypeVar

from tokenhouse.billing import (
    AccountsAsked,
    AuditAsked,
    AuditRow,
    By,
    FailuresAsked,
    Folding,
    Funds,
    KeyUse,
    LeaseRow,
    Line,
    Once,
    OpenHold,
    Page,
    PageAsked,
    ReceiptRow,
    Spending,
    Statement,
    UsageRow,
    Voucher,
)
from tokenhouse.ledger import Account, Credited, Posting
from tokenhouse.store import acts, pages, usage, vouchers
from tokenhouse.store.lists import Lists
from tokenhouse.store.reads import Reads
from tokenhouse.store.writer import Writer

T = TypeVar("T")
P = ParamSpec("P")


class Office:
    """``billing.Office`` but for the verbs that are the ledger's and the keys' too."""

    @property
    def writer(self) -> Writer:
        raise NotImplementedError

    @property
    def _reads(self) -> Reads:
        raise NotImplementedError

    @property
    def _lists(self) -> Lists:
        raise NotImplementedError

    def _read(self, read: Callable[P, T], *words: P.args, **named: P.kwargs) -> asyncio.Future[T]:
        raise NotImplementedError

    def receipt(self, request: str) -> asyncio.Future[ReceiptRow | None]:
        return self._read(self._reads.receipt, request)

    def receipts(
        self, account: str, *, since_ms: int, until_ms: int, limit: int
    ) -> asyncio.Future[tuple[ReceiptRow, ...]]:
        return self._read(self._reads.receipts, account, since_ms, until_ms, limit)

    def receipts_page(
        self, account: str | None, asked: PageAsked
    ) -> asyncio.Future[Page[ReceiptRow]]:
        written = account is None or asked.as_written
        place = pages.written_place if written else pages.receipt_place
        words = pages.of_receipts(account, asked)
        return self._read(self._reads.receipts_page, words, asked, place)

    def postings_page(self, account: str, asked: PageAsked) -> asyncio.Future[Page[Posting]]:
        return self._read(self._reads.postings_page, pages.of_postings(account, asked), asked)

    def lines_page(self, account: str, asked: PageAsked) -> asyncio.Future[Page[Line]]:
        return self._read(self._reads.lines_page, pages.of_postings(account, asked), asked)

    def statement(
        self, account: str, start_ms: int, end_ms: int, *, lines: int
    ) -> asyncio.Future[Statement]:
        return self._read(self._reads.statement, account, start_ms, end_ms, lines)

    def latest(self, *, since_ms: int, limit: int) -> asyncio.Future[tuple[ReceiptRow, ...]]:
        return self._read(self._reads.latest, since_ms, limit)

    def usage(
        self, account: str | None, *, since_ms: int, until_ms: int, hourly: bool = False
    ) -> asyncio.Future[tuple[UsageRow, ...]]:
        return self._read(self._reads.usage, account, since_ms, until_ms, hourly=hourly)

    def spending(
        self, account: str, key: str, *, day_ms: int, week_ms: int, month_ms: int
    ) -> asyncio.Future[Spending]:
        return self._read(self._reads.spending, account, key, (day_ms, week_ms, month_ms))

    def key_uses(
        self, account: str, *, day_ms: int, week_ms: int, month_ms: int
    ) -> asyncio.Future[Mapping[str, KeyUse]]:
        return self._read(self._reads.key_uses, account, (day_ms, week_ms, month_ms))

    def funds(self, account: str) -> asyncio.Future[Funds | None]:
        return self._read(self._reads.funds, account)

    def audit(
        self, account: str | None, *, before: int, limit: int
    ) -> asyncio.Future[tuple[AuditRow, ...]]:
        return self._read(self._reads.audit, account, before, limit)

    def fold(self, *, limit: int) -> asyncio.Future[int]:
        return self.writer.say(usage.fold, limit)

    def prune_receipts(self, ended_before_ms: int, *, limit: int) -> asyncio.Future[int]:
        return self.writer.say(usage.prune_receipts, ended_before_ms, limit)

    def prune_hours(self, begun_before_ms: int, *, limit: int) -> asyncio.Future[int]:
        return self.writer.say(usage.prune_hours, begun_before_ms, limit)

    def add_vouchers(
        self, made: Sequence[tuple[Voucher, bytes]], *, by: By
    ) -> asyncio.Future[tuple[tuple[Voucher, ...], bool]]:
        return self.writer.say(vouchers.add, made, by)

    def revoke_vouchers(
        self, name: str, at_ms: int, *, by: By
    ) -> asyncio.Future[tuple[Voucher, ...]]:
        return self.writer.say(vouchers.revoke, name, at_ms, by)

    def redeem_voucher(
        self, digest: bytes, account: str, at_ms: int, *, by: By, once: Once | None = None
    ) -> asyncio.Future[Credited]:
        return self.writer.say(vouchers.redeem, digest, account, at_ms, by, once)

    def find_voucher(self, digest: bytes) -> asyncio.Future[Voucher | None]:
        return self._read(self._reads.voucher, digest)

    def vouchers(self, *, before: str | None, limit: int) -> asyncio.Future[tuple[Voucher, ...]]:
        return self._read(self._reads.vouchers, before, limit)

    # billing.Lists

    def accounts_page(self, asked: AccountsAsked) -> asyncio.Future[Page[Account]]:
        return self._read(self._lists.accounts, asked)

    def audit_page(self, asked: AuditAsked) -> asyncio.Future[Page[AuditRow]]:
        pages.below(asked.after)
        return self._read(self._lists.audit, asked)

    def failures(self, asked: FailuresAsked) -> asyncio.Future[Page[ReceiptRow]]:
        pages.below(asked.after)
        return self._read(self._lists.failures, asked)

    def transfer_account(self, transfer: str) -> asyncio.Future[str | None]:
        return self._read(self._lists.transfer_account, transfer)

    def open_holds(self, *, limit: int) -> asyncio.Future[tuple[OpenHold, ...]]:
        return self._read(self._lists.open_holds, limit)

    def leases(self) -> asyncio.Future[tuple[LeaseRow, ...]]:
        return self._read(self._lists.leases)

    def folding(self) -> asyncio.Future[Folding]:
        return self._read(self._lists.folding)

    def add_audit(
        self,
        act: str,
        subject: str,
        account: str | None,
        change: tuple[Mapping[str, object] | None, Mapping[str, object] | None],
        *,
        by: By,
    ) -> asyncio.Future[None]:
        return self.writer.say(acts.add_audit, act, subject, account, change, by)
