"""Keys as rows, and the point read behind every request."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from tokenhouse.access import Caller, Key, KeyChange, KeyLimits, Rotation
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
        *_limits_columns(key.limits),
        key.created_by,
    )
    try:
        batch.execute("key_new", row)
    except sqlite3.IntegrityError as error:
        raise Conflict(f"key {key.id} is known already") from error
    _changed(batch, key.id)


def find_key(batch: Batch, id: str) -> Key | None:
    row = batch.execute("key_get", (id,)).fetchone()
    return None if row is None else key_row(row)


def revoke_key(batch: Batch, id: str, at_ms: int) -> Key | None:
    """The key as it is now, revoked; None when there is none. Twice is once."""
    if batch.execute("key_revoke", (at_ms, id)).rowcount:
        _changed(batch, id)
    return find_key(batch, id)


def change_key(batch: Batch, id: str, change: KeyChange) -> Key | None:
    """The key as it is now, changed; None when there is none."""
    key = find_key(batch, id)
    if key is None:
        return None
    changed = change.applied(key)
    if changed != key:
        columns = _limits_columns(changed.limits)
        batch.execute("key_change", (id, changed.name, changed.expires_ms, *columns))
        _changed(batch, id)
    return changed


def rotate_key(batch: Batch, rotation: Rotation) -> Key | None:
    """The key as it is now, with its new secret; None when there is none. A revoked one stays,
    and one that has been rotated already."""
    id = rotation.key
    if rotation.from_hint is not None:
        key = find_key(batch, id)
        if key is None or key.hint != rotation.from_hint:
            return key
    batch.execute("old_secrets_drop", (id, rotation.at_ms))
    if rotation.old_until_ms > rotation.at_ms:
        batch.execute("old_secret_new", (id, rotation.old_until_ms))
    if batch.execute("key_rotate", (id, rotation.digest, rotation.hint)).rowcount:
        _changed(batch, id)
    return find_key(batch, id)


def key_row(row: tuple[Any, ...]) -> Key:
    """A row of ``key_get``."""
    models, day_cap, month_cap, requests, tokens, at_once, old_until_ms, created_by = row[8:]
    limits = KeyLimits(
        models=_models(models),
        day_cap=day_cap,
        month_cap=month_cap,
        requests_per_minute=requests,
        tokens_per_minute=tokens,
        concurrent_requests=at_once,
    )
    return Key(*row[:8], limits=limits, old_until_ms=old_until_ms, created_by=created_by)


def key_rows(rows: Iterable[tuple[Any, ...]]) -> tuple[Key, ...]:
    return tuple(map(key_row, rows))


def _changed(batch: Batch, id: str) -> None:
    batch.forget_key(id)
    batch.execute("epoch_raise")


def _limits_columns(limits: KeyLimits) -> tuple[str | int | None, ...]:
    models = None if limits.models is None else msgspec.json.encode(limits.models).decode()
    return (
        models,
        limits.day_cap,
        limits.month_cap,
        limits.requests_per_minute,
        limits.tokens_per_minute,
        limits.concurrent_requests,
    )


def _models(text: str | None) -> tuple[str, ...] | None:
    return None if text is None else msgspec.json.decode(text, type=tuple[str, ...])


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
        key, account, account_name, state, plan, key_name, expires_ms, models, until_ms = row
        ends = [at for at in (expires_ms, until_ms) if at is not None]
        return Caller(
            key=key,
            account=account,
            account_name=account_name,
            account_state=state,
            plan=plan,
            key_name=key_name,
            expires_ms=min(ends, default=None),
            models=_models(models),
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
