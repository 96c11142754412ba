"""What keys and repeated acts may be called."""

from __future__ import annotations

from tokenhouse import ids
from tokenhouse.access import check_line
from tokenhouse.errors import CallerError

IDEMPOTENCY_KEY_MAX = 255


def check_key_name(name: str) -> None:
    """CallerError 400 for a name that no list could show. A key need not have one."""
    check_line(name, "a key's name", least=0)


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
