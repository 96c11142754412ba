"""An account that is suspended or closed, by whatever process, has its running requests ended.

The process that suspends may be the command line, or another server: what they share is the database,
whose epoch rises with every change to accounts. Nothing is read while nothing changes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection
from typing import Final, Protocol

from tokenhouse.errors import TokenhouseError
from tokenhouse.ledger import Account, Ledger

PATROL_EVERY_S: Final = 1.0

_log = logging.getLogger("tokenhouse.billing")


class Running(Protocol):
    """The requests that this process answers now."""

    def accounts(self) -> Collection[str]:
        """Whose they are, by id."""
        ...

    def stop_account(self, account: Account) -> int:
        """End those of an account that is not open. → how many."""
        ...


class Patrol:
    """``run`` goes on until it is cancelled; ``turn`` looks once. ``epoch``: as ``KeyStore.epoch``."""

    def __init__(self, ledger: Ledger, running: Running, epoch: Callable[[], int]) -> None:
        self._ledger = ledger
        self._running = running
        self._epoch = epoch
        self._seen: int | None = None

    async def run(self) -> None:
        """A turn every second; what can't be read now is read with the next."""
        while True:
            await asyncio.sleep(PATROL_EVERY_S)
            try:
                await self.turn()
            except TokenhouseError as error:
                _log.warning("accounts are looked at later: %s", error)

    async def turn(self) -> int:
        """End what runs for accounts that are not open, if anything has changed. → how many."""
        accounts = self._running.accounts()
        if not accounts:
            return 0
        epoch = self._epoch()
        if epoch == self._seen:
            return 0
        stopped = 0
        for id in accounts:
            account = await self._ledger.find_account(id)
            if account is not None and account.state != "open":
                stopped += self._running.stop_account(account)
        self._seen = epoch
        return stopped
