"""A KeyStore in memory: for tests and simulations. Same contract suite as the durable one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from tokenhouse.access.values import Caller, Key, KeyChange, Rotation

State = Literal["open", "suspended", "closed"]


@dataclass(frozen=True, slots=True)
class _Account:
    name: str
    plan: str
    state: State


class MemoryKeys:
    """Keys and the little that a caller needs to know of its account. Single loop, no threads."""

    __slots__ = ("_accounts", "_epoch", "_keys", "_old", "lookups")

    def __init__(self) -> None:
        self._accounts: dict[str, _Account] = {}
        self._keys: dict[str, Key] = {}
        self._old: dict[bytes, tuple[str, int]] = {}
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
        old_key, until_ms = self._old.get(digest, ("", None))
        for key in self._keys.values():
            account = self._accounts.get(key.account)
            found = key.digest == digest or key.id == old_key
            if found and key.revoked_ms is None and account is not None:
                ends = [at for at in (key.expires_ms, until_ms) if at is not None]
                return Caller(
                    key=key.id,
                    account=key.account,
                    account_name=account.name,
                    account_state=account.state,
                    plan=account.plan,
                    key_name=key.name,
                    expires_ms=min(ends, default=None),
                    models=key.limits.models,
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

    async def change_key(self, key_id: str, change: KeyChange) -> Key | None:
        key = self._keys.get(key_id)
        if key is not None:
            key = self._keys[key_id] = change.applied(key)
            self._epoch += 1
        return key

    async def rotate_key(self, rotation: Rotation) -> Key | None:
        key = self._keys.get(rotation.key)
        if key is None or key.revoked_ms is not None:
            return key
        if rotation.from_hint not in (None, key.hint):
            return key
        until_ms = rotation.old_until_ms
        if until_ms > rotation.at_ms:
            self._old[key.digest] = (key.id, until_ms)
        ends = [until for of, until in self._old.values() if of == key.id]
        key = self._keys[key.id] = replace(
            key,
            digest=rotation.digest,
            hint=rotation.hint,
            old_until_ms=max(ends, default=None),
        )
        self._epoch += 1
        return key
