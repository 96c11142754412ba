"""A KeyStore in memory: for tests and simulations. Same contract suite as the durable one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from tokenhouse.access.values import Caller, Key

State = Literal["open", "suspended", "closed"]


@dataclass(frozen=True, slots=True)
class _Account:
    name: str
    plan: str
    state: State


class MemoryKeys:
    """Keys and the little that a caller needs to know of its account. Single loop, no threads."""

    __slots__ = ("_accounts", "_epoch", "_keys", "lookups")

    def __init__(self) -> None:
        self._accounts: dict[str, _Account] = {}
        self._keys: dict[str, Key] = {}
        self._epoch = 0
        self.lookups = 0
        """How often ``find_caller`` was asked, so that a test can see what a cache saves."""

    def put_account(
        self, account: str, *, name: str, plan: str = "free", state: State = "open"
    ) -> None:
        """Make an account known under its id, or change what is known of it."""
        self._accounts[account] = _Account(name, plan, state)
        self._epoch += 1

    def find_caller(self, digest: bytes) -> Caller | None:
        self.lookups += 1
        for key in self._keys.values():
            account = self._accounts.get(key.account)
            if key.digest == digest and key.revoked_ms is None and account is not None:
                return Caller(
                    key=key.id,
                    account=key.account,
                    account_name=account.name,
                    account_state=account.state,
                    plan=account.plan,
                    key_name=key.name,
                    expires_ms=key.expires_ms,
                )
        return None

    def epoch(self) -> int:
        return self._epoch

    async def add_key(self, key: Key) -> None:
        self._keys[key.id] = key
        self._epoch += 1

    async def keys(self, account: str | None = None) -> tuple[Key, ...]:
        return tuple(k for k in self._keys.values() if account is None or k.account == account)

    async def revoke_key(self, key_id: str, at_ms: int) -> Key | None:
        key = self._keys.get(key_id)
        if key is not None and key.revoked_ms is None:
            key = self._keys[key_id] = replace(key, revoked_ms=at_ms)
            self._epoch += 1
        return key
