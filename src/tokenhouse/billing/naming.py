"""What accounts, keys and repeated acts may be called."""

from __future__ import annotations

import unicodedata

from tokenhouse import ids
from tokenhouse.errors import CallerError

NAME_MAX = 200
IDEMPOTENCY_KEY_MAX = 255

_BREAKING = frozenset({"Cc", "Zl", "Zp"})
"""Unicode's categories of what would break a line of a table or steer a terminal."""


def check_account_name(name: str) -> None:
    """CallerError 400 for a name that no list could show, or that is an id: ids are found first."""
    _check(name, "an account's name", least=1)
    if ids.begins_with_id(name):
        raise CallerError("an account's name can't be an id of this house", param="name")


def check_key_name(name: str) -> None:
    """CallerError 400 for a name that no list could show. A key need not have one."""
    _check(name, "a key's name", least=0)


def key_or(idempotency_key: str | None, prefix: str, now_ms: int) -> str:
    """The key itself, or a fresh id. CallerError 400 for one that is empty or too long, or that the
    house could give to a transfer of its own: one id names one transfer."""
    if idempotency_key is None:
        return ids.new(prefix, now_ms)
    if not 1 <= len(idempotency_key) <= IDEMPOTENCY_KEY_MAX:
        raise CallerError(
            f"an idempotency key has 1 … {IDEMPOTENCY_KEY_MAX} characters", param="idempotency_key"
        )
    if ids.begins_with_id(idempotency_key) or idempotency_key.endswith(":reverse"):
        raise CallerError(
            "an idempotency key can't be an id of this house", param="idempotency_key"
        )
    return idempotency_key


def _check(name: str, what: str, *, least: int) -> None:
    if not least <= len(name) <= NAME_MAX:
        raise CallerError(f"{what} has {least} … {NAME_MAX} characters", param="name")
    if name != name.strip():
        raise CallerError(f"{what} has no space at its ends", param="name")
    if any(unicodedata.category(letter) in _BREAKING for letter in name):
        raise CallerError(f"{what} is one line, without control characters", param="name")
