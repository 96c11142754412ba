"""What is only read, on a connection that can't write: lists, receipts, sums, and the verification."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from tokenhouse.access import Key
from tokenhouse.billing import (
    DAY_MS,
    HOUR_MS,
    AuditRow,
    Funds,
    KeyUse,
    Line,
    Page,
    PageAsked,
    PriceVersion,
    ReceiptRow,
    Spending,
    Statement,
    Sum,
    UsageRow,
    Voucher,
)
from tokenhouse.ledger import HOUSE, Account, Grant, LedgerError, Posting, Verification, rules
from tokenhouse.relay import Kept
from tokenhouse.store.audit import audit_rows
from tokenhouse.store.keys import key_rows
from tokenhouse.store.pages import of_filters, page, posting_place
from tokenhouse.store.prices import price_versions
from tokenhouse.store.receipts import ReceiptCodec, usage_rows
from tokenhouse.store.vouchers import voucher_rows

_AFTER_ALL_IDS = "~"


class Reads:
    """Named reads, each in a transaction of its own: what they return belongs together."""

    def __init__(self, db: sqlite3.Connection, sql: Mapping[str, str]) -> None:
        self._db = db
        self._sql = sql
        self._codec = ReceiptCodec()

    def accounts(self) -> tuple[Account, ...]:
        return tuple(Account(*row) for row in self._all("account_list"))

    def holds_open(self) -> tuple[int, int | None]:
        """→ (how many holds are open, unix milliseconds of the earliest; None without any)."""
        count, earliest = self._all("holds_open")[0]
        return count, earliest

    def grants(self, account: str) -> tuple[Grant, ...]:
        self._must_know(account)
        return tuple(
            Grant(rules.grant_id(row[0], row[1]), *row) for row in self._all("grant_list", account)
        )

    def postings(self, account: str, limit: int) -> tuple[Posting, ...]:
        house = account == HOUSE
        if house:
            rows = self._all("postings_of_house", limit)
        else:
            self._must_know(account)
            rows = self._all("postings_of", account, limit)
        return tuple(Posting(rules.posting_id(row[0], house=house), *row) for row in rows)

    def keys(self, account: str | None) -> tuple[Key, ...]:
        if account is None:
            return key_rows(self._all("key_list"))
        return key_rows(self._all("key_list_of", account))

    def receipt(self, request: str) -> ReceiptRow | None:
        rows = self._all("receipt_get", request)
        return self._codec.row(rows[0]) if rows else None

    def receipts(
        self, account: str, since_ms: int, until_ms: int, limit: int
    ) -> tuple[ReceiptRow, ...]:
        every = of_filters(PageAsked())
        rows = self._all("receipts_down", account, since_ms, until_ms, 0, *every, limit)
        return tuple(map(self._codec.row, rows))

    def receipts_page(
        self,
        words: tuple[str, tuple[object, ...]],
        asked: PageAsked,
        place: Callable[[tuple[Any, ...]], str],
    ) -> Page[ReceiptRow]:
        """``words``: a statement and its parameters but for the limit."""
        rows = self._all(words[0], *words[1], asked.limit + 1)
        return page(rows, asked, self._codec.row, place)

    def postings_page(
        self, words: tuple[str, tuple[object, ...]], asked: PageAsked
    ) -> Page[Posting]:
        rows = self._all(words[0], *words[1], asked.limit + 1)
        return page(rows, asked, _posting, posting_place)

    def lines_page(self, words: tuple[str, tuple[object, ...]], asked: PageAsked) -> Page[Line]:
        with self._moment():
            found = self.postings_page(words, asked)
            if not found.rows:
                return Page((), found.next, found.last)
            newest = found.rows[-1 if asked.oldest_first else 0]
            place = (newest.account, newest.at_ms, newest.transfer, newest.kind)
            ((balance,),) = self._all("balance_after", *place)
        lines: list[Line] = []
        for posting in reversed(found.rows) if asked.oldest_first else found.rows:
            lines.append(Line(posting, balance))
            balance -= posting.amount
        if asked.oldest_first:
            lines.reverse()
        return Page(tuple(lines), found.next, found.last)

    def statement(self, account: str, start_ms: int, end_ms: int, lines: int) -> Statement:
        with self._moment():
            ((opening,),) = self._all("balance_before", account, start_ms)
            kinds = self._all("posted_by_kind", account, start_ms, end_ms)
            others = self._all("posted_otherwise", account, start_ms, end_ms, lines)
            used = self._all("usage_models_of", account, start_ms, end_ms)
        sums = {kind: Sum(count, amount) for kind, count, amount in kinds}
        return Statement(
            account=account,
            start_ms=start_ms,
            end_ms=end_ms,
            opening=opening,
            closing=opening + sum(each.amount for each in sums.values()),
            sums=sums,
            lines=tuple(map(_posting, others)),
            usage=tuple(replace(row, start_ms=None) for row in usage_rows(used)),
        )

    def latest(self, since_ms: int, limit: int) -> tuple[ReceiptRow, ...]:
        return tuple(map(self._codec.row, self._all("receipts_latest", since_ms, limit)))

    def kept(self, account: str, name: str, now_ms: int) -> Kept | None:
        rows = self._all("idempotency_get", account, name, now_ms)
        return Kept(*rows[0]) if rows else None

    def usage(
        self, account: str | None, since_ms: int, until_ms: int, *, hourly: bool
    ) -> tuple[UsageRow, ...]:
        step = HOUR_MS if hourly else DAY_MS
        first = since_ms - since_ms % step
        if account is None:
            rows = self._all("usage_hours" if hourly else "usage_days", first, until_ms)
        else:
            statement = "usage_hours_of" if hourly else "usage_days_of"
            rows = self._all(statement, account, first, until_ms)
        return usage_rows(rows)

    def spending(self, account: str, key: str, starts: tuple[int, int, int]) -> Spending:
        return Spending(*self._all("spent_by_key", account, key, *starts)[0])

    def key_uses(self, account: str, starts: tuple[int, int, int]) -> Mapping[str, KeyUse]:
        return {
            key: KeyUse(requests, Spending(*spent), last_ms)
            for key, requests, *spent, last_ms in self._all("key_uses", account, *starts)
        }

    def funds(self, account: str) -> Funds | None:
        rows = self._all("funds_of", account)
        if not rows:
            return None
        balance, held, used, paid = rows[0]
        return Funds(balance, held, used, bool(paid))

    def audit(self, account: str | None, before: int, limit: int) -> tuple[AuditRow, ...]:
        if account is None:
            return audit_rows(self._all("audit_page", before, limit))
        return audit_rows(self._all("audit_page_of", account, before, limit))

    def vouchers(self, before: str | None, limit: int) -> tuple[Voucher, ...]:
        place = _AFTER_ALL_IDS if before is None else before
        return voucher_rows(self._all("vouchers_page", place, limit))

    def voucher(self, digest: bytes) -> Voucher | None:
        return next(iter(voucher_rows(self._all("voucher_by_digest", digest))), None)

    def price_version(self, version: str) -> PriceVersion | None:
        found = price_versions(self._all("price_get", version))
        return found[0] if found else None

    def price_versions(self, model: str | None) -> tuple[PriceVersion, ...]:
        if model is None:
            return price_versions(self._all("price_list"))
        return price_versions(self._all("price_list_of", model))

    def verify(self) -> Verification:
        """Everything that must be true of the money, checked on one snapshot."""
        with self._moment():
            (open_holds,) = self._all("verify_open_holds")[0]
            errors = [
                sentence.format(*row)
                for statement, sentence in _CHECKS
                for row in self._all(statement)
            ]
        return Verification(not errors, open_holds, tuple(errors))

    @contextmanager
    def _moment(self) -> Generator[None]:
        """All that is read within is of one moment."""
        self._db.execute("BEGIN")
        try:
            yield
        finally:
            self._db.execute("ROLLBACK")

    def _must_know(self, account: str) -> None:
        if account == HOUSE or not self._all("account_find", account):
            raise LedgerError(f"there is no account {account}")

    def _all(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        return self._db.execute(self._sql[statement], parameters).fetchall()


def _posting(row: tuple[Any, ...]) -> Posting:
    return Posting(rules.posting_id(row[0], house=False), *row)


_CHECKS = (
    ("verify_balances", "account {0}: its balance is {1}, its postings sum to {2}"),
    ("verify_strangers", "account {0} has postings but is not there"),
    ("verify_held", "account {0}: held {1} in {2} holds, its open holds are {3} in {4}"),
    ("verify_orphans", "hold {0} is of no account ({1}) or of no lease ({2}) there is"),
    ("verify_twice", "hold {0} is open and has ended"),
    ("verify_grants", "account {0}: {1} open grants counted, {2} there"),
    ("verify_charges", "hold {0} cost {1}, but {2} was posted"),
    ("verify_uncaused", "a charge was posted for {0}, which never was a hold"),
    ("verify_spent", "account {0}: its usage sums to {1}, its charges to {2}"),
    (
        "verify_hours",
        "account {0}, hour {1}, key {2}, model {3}: the rollup has {4} requests and {5} nanodollars"
        " more than the receipts",
    ),
    (
        "verify_days",
        "account {0}, day {1}, key {2}, model {3}: the rollup has {4} requests and {5} nanodollars"
        " more than its hours",
    ),
    (
        "verify_overdrawn",
        "account {0}: balance {1} is below the {2} held, and nothing was reversed",
    ),
    ("verify_keys", "idempotency key {0} of account {1} runs, but its hold {2} is not open"),
)
