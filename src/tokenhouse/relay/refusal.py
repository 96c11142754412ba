"""A store's refusal, in the words of the field."""

from __future__ import annotations

from tokenhouse import money
from tokenhouse.errors import AccountError
from tokenhouse.relay.port import Refused


def refusal_error(refused: Refused, *, asked_tokens: int, affordable_tokens: int) -> AccountError:
    """The error for a refused admission. Token counts are the answer's, in tokens."""
    match refused.reason:
        case "credit":
            return AccountError(
                "This request requires more credits, or fewer max_tokens. You requested up to "
                f"{asked_tokens} tokens, but can only afford {affordable_tokens}. "
                f"Your free balance is ${money.usd(refused.free)}.",
                status=402,
                code="insufficient_quota",
                param="max_tokens",
            )
        case "requests":
            return _limited(refused, f"{refused.limit} requests per minute")
        case "tokens":
            return _limited(refused, f"{refused.limit} tokens per minute")
        case "concurrency":
            return _limited(refused, f"{refused.limit} requests at once")
        case "account":
            return AccountError(
                "This account may not spend: it is closed, suspended or owes money.",
                status=403,
                code="account_closed",
            )
        case "replayed":
            return AccountError(
                "A request with this id was admitted before.", status=409, code="replayed"
            )


def _limited(refused: Refused, limit: str) -> AccountError:
    wait_s = 1.0 if refused.retry_after_s is None else refused.retry_after_s
    return AccountError(
        f"Rate limit reached: this account may make {limit}. Try again in {wait_s:.0f} s.",
        status=429,
        code="rate_limit_exceeded",
        retry_after_s=wait_s,
    )
