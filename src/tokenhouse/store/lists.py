"""What only operators read: lists of the whole house, on a connection that can't write."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any

from tokenhouse.billing import (
    AccountsAsked,
    AuditAsked,
    AuditRow,
    FailuresAsked,
    Folding,
    LeaseRow,
    OpenHold,
    Page,
    ReceiptRow,
)
from tokenhouse.ledger import Account
from tokenhouse.store.audit import audit_row
from tokenhouse.store.pages import below, page, written_place
from tokenhouse.store.receipts import ReceiptCodec

_AFTER_ALL_IDS = "~"

Row = tuple[Any, ...]


class Lists:
    """Named reads, each one statement."""

    def __init__(self, db: sqlite3.Connection, sql: Mapping[str, str]) -> None:
        self._db = db
        self._sql = sql
        self._codec = ReceiptCodec()

    def accounts(self, asked: AccountsAsked) -> Page[Account]:
        place = _AFTER_ALL_IDS if asked.after is None else asked.after
        wanted = asked.search.strip().lower()
        words = (place, asked.state, asked.plan, wanted, asked.limit + 1)
        return page(self._all("account_seek", *words), asked, _account, _first)

    def audit(self, asked: AuditAsked) -> Page[AuditRow]:
        place = (below(asked.after), asked.since_ms, asked.until_ms)
        sought = (asked.account, asked.actor.lower(), asked.act, asked.text.strip().lower())
        rows = self._all("audit_seek", *place, *sought, asked.limit + 1)
        return page(rows, asked, audit_row, _first)

    def failures(self, asked: FailuresAsked) -> Page[ReceiptRow]:
        words = (below(asked.after), asked.since_ms, asked.limit + 1)
        return page(self._all("receipts_failed", *words), asked, self._codec.row, written_place)

    def transfer_account(self, transfer: str) -> str | None:
        rows = self._all("transfer_account", transfer)
        return rows[0][0] if rows else None

    def open_holds(self, limit: int) -> tuple[OpenHold, ...]:
        return tuple(
            OpenHold(
                id=id,
                account=account,
                amount=amount,
                owed=owed,
                lease=lease,
                at_ms=at_ms,
                key=key,
                model=model,
            )
            for id, account, amount, owed, lease, at_ms, key, model in self._all(
                "holds_list", limit
            )
        )

    def leases(self) -> tuple[LeaseRow, ...]:
        return tuple(LeaseRow(*row) for row in self._all("lease_all"))

    def folding(self) -> Folding:
        return Folding(*self._all("folding")[0])

    def _all(self, statement: str, *parameters: Any) -> list[Row]:
        return self._db.execute(self._sql[statement], parameters).fetchall()


def _account(row: Row) -> Account:
    return Account(*row)


def _first(row: Row) -> str:
    return str(row[0])
