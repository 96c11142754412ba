"""A batch: the operations that share one transaction, and what they have changed so far.

Accounts and grants are read once, changed in memory and written back once before the commit, sorted,
the house last. While the batch's transaction is open nobody else can write. What was read outlives the
batch only until the file's version shows that another connection has written, or a batch is undone:
what is in memory is what the database says, never a guess at it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tokenhouse.ledger import HOUSE, GrantDue, LedgerError, PostingKind, rules
from tokenhouse.store import spending
from tokenhouse.store.limits import Taken
from tokenhouse.store.spending import KeyRow


@dataclass(slots=True)
class AccountRow:
    """One account's money, as this batch sees it."""

    id: str
    state: str
    balance: int
    held: int
    open_holds: int
    grants_open: int
    grant_ends_ms: int | None
    changed: bool = False
    grants: list[GrantRow] | None = None
    given: GrantDue | None = None
    """The grant of which nothing is due any more: asked once, not with every request."""

    @property
    def free(self) -> int:
        return self.balance - self.held


@dataclass(slots=True)
class GrantRow:
    """What is left of an open grant."""

    period: str
    rest: int
    ends_ms: int
    changed: bool = False


class Batch:
    """One transaction's working set. ``execute`` runs a named statement."""

    __slots__ = (
        "_accounts",
        "_keys",
        "_touched",
        "corrections",
        "cursor",
        "ended",
        "house",
        "made",
        "mono",
        "now_ms",
        "sql",
        "taken",
    )

    def __init__(
        self,
        cursor: sqlite3.Cursor,
        sql: Mapping[str, str],
        accounts: dict[str, AccountRow],
        keys: dict[str, KeyRow | None],
        *,
        now_ms: int,
        mono: float,
    ) -> None:
        self.cursor = cursor
        self._accounts = accounts
        self._keys = keys
        self._touched: dict[str, AccountRow] = {}
        self.house = 0
        self.sql = sql
        self.now_ms = now_ms
        self.mono = mono
        self.taken: list[Taken] = []
        self.corrections: list[tuple[str, int]] = []
        self.made: list[str] = []
        self.ended: str | None = None

    def execute(self, statement: str, parameters: tuple[Any, ...] = ()) -> sqlite3.Cursor:
        """Run a named statement. The cursor is the batch's one: read it before the next."""
        return self.cursor.execute(self.sql[statement], parameters)

    def account(self, id: str) -> AccountRow | None:
        """The account's row; None when there is none."""
        account = self._touched.get(id)
        if account is not None:
            return account
        account = self._accounts.get(id)
        if account is None:
            row = self.cursor.execute(self.sql["account_get"], (id,)).fetchone()
            if row is None:
                return None
            account = self._accounts[id] = AccountRow(*row)
        self._touched[id] = account
        return account

    def known(self, id: str) -> AccountRow:
        """The customer's account, or LedgerError."""
        account = self.account(id)
        if account is None or id == HOUSE:
            raise LedgerError(f"there is no account {id}")
        return account

    def key(self, id: str, account: str, at_ms: int) -> KeyRow | None:
        """The key behind an admission; None when it has no limits of its own."""
        keys = self._keys
        if id in keys:
            key = keys[id]
            if key is None or key.since_ms <= at_ms:
                return key
        key = keys[id] = spending.load(self, id, account, at_ms)
        return key

    def hold_ended(self, key: str, amount: int, charged: int, at_ms: int) -> None:
        """A hold of the key has ended. One that was not read yet will be read with that."""
        row = self._keys.get(key)
        if row is not None:
            row.ended(amount, charged, at_ms)

    def forget_key(self, id: str) -> None:
        """The key has changed: read it again when it is next asked for."""
        self._keys.pop(id, None)

    def post(
        self,
        account: AccountRow,
        amount: int,
        kind: PostingKind,
        *,
        id: str,
        at_ms: int,
        reason: str = "",
    ) -> None:
        """Post ``amount`` to the account and its opposite to the house."""
        self.cursor.execute(self.sql["transfer_new"], (account.id, at_ms, id, kind, amount, reason))
        account.balance += amount
        account.changed = True
        self.house -= amount

    def flush(self) -> None:
        """Write the working set back: accounts sorted, the house once and last."""
        execute, sql = self.cursor.execute, self.sql
        accounts = self._touched
        for id in sorted(accounts) if len(accounts) > 1 else accounts:
            account = accounts[id]
            if not account.changed:
                continue
            account.changed = False
            if account.grants is not None:
                self._flush_grants(account, account.grants)
            execute(
                sql["account_put"],
                (
                    account.balance,
                    account.held,
                    account.open_holds,
                    account.grants_open,
                    account.grant_ends_ms,
                    id,
                ),
            )
        if self.house:
            execute(sql["house_add"], (self.house,))

    def open_grants(self, account: AccountRow) -> list[GrantRow]:
        """The account's open grants, earliest end first."""
        if account.grants is None:
            rows = self.execute("grants_open", (account.id,)).fetchall()
            account.grants = [GrantRow(*row) for row in rows]
        return [grant for grant in account.grants if grant.rest]

    def grant_due(self, account: AccountRow, grant: GrantDue | None, at_ms: int) -> int:
        """How much of ``grant`` is to be posted now: what its period was not yet given."""
        if grant is None or grant is account.given or grant == account.given:
            return 0
        known = self.execute("grant_known", (account.id, grant.period)).fetchone()
        due = rules.grant_due(grant, given=0 if known is None else known[0], at_ms=at_ms)
        if due == 0 and grant.ends_ms > at_ms:
            account.given = grant
        return due

    def post_grant(self, account: AccountRow, grant: GrantDue, due: int, at_ms: int) -> None:
        """Give ``due`` of ``grant``: the posting, and the open grant or more of it."""
        rules.checked_sum(account.balance, due)
        self.open_grants(account)
        assert account.grants is not None
        if due == grant.amount:
            self.execute("grant_new", (account.id, grant.period, due, grant.ends_ms))
        else:
            self.execute("grant_raise", (due, account.id, grant.period))
        id = rules.grant_transfer(account.id, grant, due)
        self.post(account, due, "grant", id=id, at_ms=at_ms, reason=grant.period)
        for open in account.grants:
            if open.period == grant.period:
                open.rest += due
                open.changed = True
                break
        else:
            account.grants.append(GrantRow(grant.period, due, grant.ends_ms))
            account.grants.sort(key=_by_end)
        account.given = grant
        self._recount(account)

    def spend_grants(self, account: AccountRow, amount: int) -> None:
        """Let the open grants pay what they can of a charge already posted."""
        grants = self.open_grants(account)
        for grant, part in zip(
            grants, rules.spend([grant.rest for grant in grants], amount), strict=True
        ):
            if part:
                grant.rest -= part
                grant.changed = True
        self._recount(account)

    def end_grants(self, account: AccountRow, at_ms: int) -> None:
        """Take away the rest of every grant whose end has come."""
        ends_ms = account.grant_ends_ms
        if ends_ms is None or ends_ms > at_ms:
            return
        for grant in self.open_grants(account):
            if grant.ends_ms > at_ms:
                break
            taken = rules.taken_at_end(grant.rest, free=account.free)
            grant.rest, grant.changed, account.changed = 0, True, True
            if taken:
                id = rules.grant_end_transfer(account.id, grant.period)
                self.post(account, -taken, "grant_end", id=id, at_ms=at_ms, reason=grant.period)
        self._recount(account)

    def _recount(self, account: AccountRow) -> None:
        grants = self.open_grants(account)
        account.grants_open = len(grants)
        account.grant_ends_ms = grants[0].ends_ms if grants else None

    def _flush_grants(self, account: AccountRow, grants: list[GrantRow]) -> None:
        for grant in grants:
            if grant.changed:
                grant.changed = False
                self.execute("grant_put", (grant.rest, account.id, grant.period))
        account.grants = [grant for grant in grants if grant.rest]


def _by_end(grant: GrantRow) -> tuple[int, str]:
    return (grant.ends_ms, grant.period)
