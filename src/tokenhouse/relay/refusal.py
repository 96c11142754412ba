"""A store's refusal, in the words of the field."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from tokenhouse import money
from tokenhouse.errors import AccountError
from tokenhouse.relay.port import Refused, Remaining

NEVER_RETRY_S: Final = 60.0
"""Told with a request that no waiting lets in: it has to be a smaller one."""


class RefusedError(AccountError):
    """What a limit, a cap or the balance refused; ``remaining``: what is left of the limits.

    ``final``: the same request is refused again, however long the caller waits.
    """

    def __init__(
        self,
        message: str,
        refused: Refused,
        *,
        status: int,
        code: str,
        param: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(
            message, status=status, code=code, param=param, retry_after_s=retry_after_s
        )
        self.remaining: Remaining = refused.remaining
        self.final = refused.reason == "tokens" and refused.retry_after_s is None


def refusal_error(
    refused: Refused, *, asked_tokens: int, affordable_tokens: int, reserved_tokens: int
) -> AccountError:
    """The error for a refused admission. Token counts are the answer's, ``reserved_tokens`` is what
    the request wanted of the tokens per minute."""
    match refused.reason:
        case "credit":
            return RefusedError(
                "This request requires more credits, or fewer max_tokens. You requested up to "
                f"{asked_tokens} tokens, but can only afford {affordable_tokens}. "
                f"Your free balance is {_dollars(refused.free)}.",
                refused,
                status=402,
                code="insufficient_quota",
                param="max_tokens",
            )
        case "day_cap" | "month_cap":
            return _capped(refused, asked_tokens, affordable_tokens)
        case "requests" | "free_requests" | "concurrency" | "queue" | "queue_wait":
            return _limited(refused)
        case "tokens":
            if refused.retry_after_s is None:
                return _never(refused, reserved_tokens)
            return _limited(refused)
        case "account":
            return AccountError(
                "This account may not spend: it is closed or suspended.",
                status=403,
                code="account_closed",
            )
        case "taken":
            return AccountError(
                "Another request with this Idempotency-Key has just begun; try again in a moment.",
                status=409,
                code="idempotency_key_in_use",
                param="Idempotency-Key",
                retry_after_s=1.0,
            )
        case "replayed":
            return AccountError(
                "A request with this id was admitted before.", status=409, code="replayed"
            )


def not_allowed(model: str, allowed: Sequence[str]) -> AccountError:
    """The error for a model that the caller's key may not use. Ids."""
    return AccountError(
        f"This API key may not use the model {model}; it may use: {', '.join(allowed) or 'none'}.",
        status=403,
        code="model_not_allowed",
        param="model",
    )


def _capped(refused: Refused, asked_tokens: int, affordable_tokens: int) -> RefusedError:
    period = "day" if refused.reason == "day_cap" else "month"
    cap = 0 if refused.limit is None else refused.limit
    return RefusedError(
        f"This request requires more than is left of this API key's cap of ${money.usd(cap)} a "
        f"{period} (UTC), or fewer max_tokens. You requested up to {asked_tokens} tokens, but can "
        f"only afford {affordable_tokens}. ${money.usd(max(0, refused.free))} is left, less what "
        f"running requests hold. Wait for the next {period}, or have the cap raised.",
        refused,
        status=402,
        code="key_cap_reached",
        param="max_tokens",
    )


def _dollars(amount: int) -> str:
    return f"{'-' if amount < 0 else ''}${money.usd(abs(amount))}"


def _limited(refused: Refused) -> RefusedError:
    wait_s = 1.0 if refused.retry_after_s is None else refused.retry_after_s
    return RefusedError(
        f"Rate limit reached: {_limit(refused)}. Try again in {math.ceil(wait_s)} s.",
        refused,
        status=429,
        code="rate_limit_exceeded",
        retry_after_s=wait_s,
    )


def _limit(refused: Refused) -> str:
    who = "this API key" if refused.whose == "key" else "this account"
    match refused.reason:
        case "requests":
            return f"{who} may make {_count(refused, 'request')} per minute"
        case "free_requests":
            return f"{who} may make {_count(refused, 'request')} to free models per day (UTC)"
        case "tokens":
            return f"{who} may use {_count(refused, 'token')} per minute"
        case "queue":
            return f"maximum {refused.limit} queued requests allowed for {who}"
        case "queue_wait":
            return f"no other request of {who} ended while this one waited"
        case _:
            return f"{who} may make {_count(refused, 'request')} at once"


def _count(refused: Refused, what: str) -> str:
    return f"{refused.limit} {what}{'' if refused.limit == 1 else 's'}"


def _never(refused: Refused, reserved_tokens: int) -> RefusedError:
    who = "this API key" if refused.whose == "key" else "this account"
    return RefusedError(
        f"This request is too large: {who} may use {refused.limit} tokens per minute, and prompt "
        f"and max_tokens together can come to {reserved_tokens}. Shorten the messages or lower "
        "max_tokens.",
        refused,
        status=429,
        code="rate_limit_exceeded",
        param="max_tokens",
        retry_after_s=NEVER_RETRY_S,
    )
