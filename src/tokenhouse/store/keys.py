"""Keys as rows, and the point read behind every request."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any

from tokenhouse.access import Caller, Key
from tokenhouse.errors import HouseError
from tokenhouse.ledger import Conflict
from tokenhouse.store.batch import Batch


def add_key(batch: Batch, key: Key) -> None:
    """Conflict when its id or digest is known; LedgerError when there is no such account."""
    batch.known(key.account)
    row = (
        key.id,
        key.account,
        key.name,
        key.digest,
        key.hint,
        key.created_ms,
        key.revoked_ms,
        key.expires_ms,
    )
    try:
        batch.execute("key_new", row)
    except sqlite3.IntegrityError as error:
        raise Conflict(f"key {key.id} is known already") from error
    batch.execute("epoch_raise")


def list_keys(batch: Batch, account: str | None) -> tuple[Key, ...]:
    if account is None:
        return key_rows(batch.execute("key_list").fetchall())
    return key_rows(batch.execute("key_list_of", (account,)).fetchall())


def revoke_key(batch: Batch, id: str, at_ms: int) -> Key | None:
    """The key as it is now, revoked; None when there is none. Twice is once."""
    if batch.execute("key_revoke", (at_ms, id)).rowcount:
        batch.execute("epoch_raise")
    row = batch.execute("key_get", (id,)).fetchone()
    return None if row is None else Key(*row)


def key_rows(rows: Iterable[tuple[Any, ...]]) -> tuple[Key, ...]:
    return tuple(Key(*row) for row in rows)


class CallerReader:
    """Finds callers on a connection of its own, in the calling thread."""

    def __init__(self, db: sqlite3.Connection, sql: Mapping[str, str]) -> None:
        self._execute = db.execute
        self._find = sql["caller_find"]
        self._epoch = sql["epoch_get"]

    def find(self, digest: bytes) -> Caller | None:
        """The caller behind a live key."""
        row = self._one(self._find, (digest,))
        if row is None:
            return None
        key, account, account_name, state, plan, key_name, expires_ms = row
        return Caller(
            key=key,
            account=account,
            account_name=account_name,
            account_state=state,
            plan=plan,
            key_name=key_name,
            expires_ms=expires_ms,
        )

    def epoch(self) -> int:
        """Rises with every change to keys, accounts and plans."""
        (epoch,) = self._one(self._epoch, ())
        return epoch

    def _one(self, sql: str, words: tuple[Any, ...]) -> Any:
        try:
            return self._execute(sql, words).fetchone()
        except sqlite3.Error as error:
            raise HouseError(
                f"the keys can't be read at the moment ({error})",
                status=503,
                code="store_unavailable",
            ) from error
