"""Billing's sentences: what an operator, a page or a program may ask about money outside a request."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import TypeVar

from tokenhouse import ids
from tokenhouse.access import Key, KeyStore, NewKey, new_key
from tokenhouse.billing.figures import ModelFigures, figures
from tokenhouse.billing.port import ReceiptRow, Records, UsageRow
from tokenhouse.clock import Clock
from tokenhouse.errors import CallerError
from tokenhouse.ledger import (
    Account,
    AccountState,
    Balance,
    Conflict,
    Credited,
    Grant,
    Ledger,
    LedgerError,
    Posting,
    Verification,
)
from tokenhouse.money import AMOUNT_MAX

T = TypeVar("T")

FOREVER_MS = AMOUNT_MAX
"""The end of a range without an end."""


class Billing:
    """Accounts, keys, credit, receipts and usage, over the ports of others.

    ``account`` is a name or an id wherever it is asked for. CallerError (404, 409, 400) says what was
    wrong with the question; HouseError 503 that nothing could be read or written.
    """

    def __init__(self, ledger: Ledger, keys: KeyStore, records: Records, clock: Clock) -> None:
        self._ledger = ledger
        self._keys = keys
        self._records = records
        self._clock = clock

    async def create_account(self, name: str, plan: str) -> Account:
        """A new account; 409 when the name is taken."""
        return await _said(self._ledger.create_account(name, plan, self._clock.now_ms()))

    async def account(self, account: str) -> Account:
        """One account; 404 when there is none."""
        found = await _said(self._ledger.find_account(account))
        if found is None:
            raise CallerError(
                f"there is no account {account!r}", status=404, code="account_not_found"
            )
        return found

    async def accounts(self) -> tuple[Account, ...]:
        """Every account, oldest first."""
        return await _said(self._ledger.accounts())

    async def change_account(
        self, account: str, *, plan: str | None = None, state: AccountState | None = None
    ) -> Account:
        """Another plan or state; its keys feel it at once."""
        id = (await self.account(account)).id
        return await _said(self._ledger.change_account(id, plan=plan, state=state))

    async def balance(self, account: str) -> Balance:
        return await _said(self._ledger.balance((await self.account(account)).id))

    async def credit(
        self, account: str, amount: int, *, reason: str = "", idempotency_key: str | None = None
    ) -> Credited:
        """Put ``amount`` nanodollars in. The same key again is recognised; with other words, 409.

        The transfer's id is the key, or a fresh one; by it the credit can be reversed.
        """
        if idempotency_key == "":
            raise CallerError("an idempotency key can't be empty", param="idempotency_key")
        now_ms = self._clock.now_ms()
        transfer = ids.new(ids.POSTING, now_ms) if idempotency_key is None else idempotency_key
        id = (await self.account(account)).id
        return await _said(
            self._ledger.credit(id, amount, reason=reason, id=transfer, at_ms=now_ms)
        )

    async def reverse(self, transfer: str, *, reason: str) -> Credited:
        """Take a credit, or a request's charge, back; once."""
        return await _said(
            self._ledger.reverse(transfer, reason=reason, at_ms=self._clock.now_ms())
        )

    async def grants(self, account: str) -> tuple[Grant, ...]:
        """Earliest end first."""
        return await _said(self._ledger.grants((await self.account(account)).id))

    async def postings(self, account: str, *, limit: int = 100) -> tuple[Posting, ...]:
        """Newest first."""
        return await _said(self._ledger.postings((await self.account(account)).id, limit=limit))

    async def create_key(
        self, account: str, name: str = "", *, expires_ms: int | None = None
    ) -> NewKey:
        """A fresh key; its secret is in the answer and nowhere else."""
        found = await self.account(account)
        if found.state == "closed":
            raise CallerError(f"account {found.name!r} is closed", status=409, code="closed")
        made = new_key(found.id, name, now_ms=self._clock.now_ms(), expires_ms=expires_ms)
        await _said(self._keys.add_key(made.key))
        return made

    async def keys(self, account: str | None = None) -> tuple[Key, ...]:
        """An account's keys, or all, oldest first; revoked ones too."""
        id = None if account is None else (await self.account(account)).id
        return await _said(self._keys.keys(id))

    async def revoke_key(self, key: str) -> Key:
        """The key as it is now; 404 when there is none. Twice is once."""
        revoked = await _said(self._keys.revoke_key(key, self._clock.now_ms()))
        if revoked is None:
            raise CallerError(f"there is no key {key!r}", status=404, code="key_not_found")
        return revoked

    async def receipt(self, id: str, *, account: str | None = None) -> ReceiptRow:
        """By the request's id or its answer's; 404 too when it is not ``account``'s (an id)."""
        request = ids.request_id_of(id)
        row = None if request is None else await self._records.receipt(request)
        if row is None or (account is not None and row.account != account):
            raise CallerError(
                f"there is no receipt for {id!r}", status=404, code="receipt_not_found", param="id"
            )
        return row

    async def receipts(
        self,
        account: str,
        *,
        since_ms: int = 0,
        until_ms: int = FOREVER_MS,
        limit: int = 100,
    ) -> tuple[ReceiptRow, ...]:
        """Newest first."""
        id = (await self.account(account)).id
        return await self._records.receipts(id, since_ms=since_ms, until_ms=until_ms, limit=limit)

    async def usage(
        self, account: str | None = None, *, since_ms: int = 0, until_ms: int = FOREVER_MS
    ) -> tuple[UsageRow, ...]:
        """Requests, tokens and cost by UTC day, account and model."""
        id = None if account is None else (await self.account(account)).id
        return await self._records.usage(id, since_ms=since_ms, until_ms=until_ms)

    async def figures(self, *, since_ms: int, limit: int = 2000) -> Mapping[str, ModelFigures]:
        """Model id → what its latest requests since then say; ``limit`` requests of the whole house."""
        rows = await self._records.latest(since_ms=since_ms, limit=limit)
        return figures(rows, since_ms=since_ms, until_ms=self._clock.now_ms() + 1)

    async def verify(self) -> Verification:
        """Everything that must be true of the money."""
        return await _said(self._ledger.verify())


async def _said(sentence: Awaitable[T]) -> T:
    """The answer, or the ledger's refusal in the caller's words."""
    try:
        return await sentence
    except Conflict as error:
        raise CallerError(str(error), status=409, code="conflict") from error
    except LedgerError as error:
        raise CallerError(str(error)) from error
