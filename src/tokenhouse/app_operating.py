"""What the rooms for operators are given of the running house: its live requests."""

from __future__ import annotations

from collections.abc import Collection

from tokenhouse.ledger import Account
from tokenhouse.relay import Live, account_not_open


class LiveAccounts:
    """``billing.Patrol``'s view of the relay's live requests."""

    def __init__(self, live: Live) -> None:
        self._live = live

    def accounts(self) -> Collection[str]:
        return self._live.accounts()

    def stop_account(self, account: Account) -> int:
        error = account_not_open(account.name, account.state)
        return len(self._live.stop_account(account.id, error))
