"""What access asks of a store."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Protocol

from tokenhouse.access.values import Caller, Key, KeyChange, Rotation


class KeyStore(Protocol):
    """Keys by the SHA-256 of their secret."""

    def find_caller(self, digest: bytes) -> Caller | None:
        """The caller behind a live key (not revoked), or None. A point read, microseconds.

        By its secret of now, or one from before a rotation: then it expires with that."""
        ...

    def epoch(self) -> int:
        """Rises with every change to keys, accounts and plans, by whatever process."""
        ...

    def add_key(self, key: Key) -> Awaitable[None]: ...

    def keys(self, account: str | None = None) -> Awaitable[tuple[Key, ...]]: ...

    def revoke_key(self, key_id: str, at_ms: int) -> Awaitable[Key | None]: ...

    def change_key(self, key_id: str, change: KeyChange) -> Awaitable[Key | None]:
        """The key as it is now; None when there is none."""
        ...

    def rotate_key(self, rotation: Rotation) -> Awaitable[Key | None]:
        """The key as it is now; None when there is none. One that is revoked stays as it was, and
        one whose hint is not what the rotation says."""
        ...
