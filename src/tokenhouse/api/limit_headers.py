"""What a caller is told of its limits per minute, in each dialect's headers. Pure.

OpenAI's: ``x-ratelimit-{limit,remaining,reset}-{requests,tokens}``, the reset as a duration (``1s``,
``6m0s``, ``120ms``). Anthropic's: ``anthropic-ratelimit-{requests,tokens}-{limit,remaining,reset}``,
the reset as an RFC 3339 time. Both say when all of the limit is back, were nothing more asked.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from tokenhouse.api.http import Headers, retry_headers
from tokenhouse.errors import TokenhouseError
from tokenhouse.relay import RefusedError, Remaining

_MINUTE_MS: Final = 60_000


def openai_limit_headers(remaining: Remaining, now_ms: int) -> Headers:
    """Headers of OpenAI's routes; none for a limit that there is not."""
    del now_ms
    headers: Headers = []
    if remaining.requests is not None and remaining.requests_limit is not None:
        headers += (
            (b"x-ratelimit-limit-requests", b"%d" % remaining.requests_limit),
            (b"x-ratelimit-remaining-requests", b"%d" % remaining.requests),
            (b"x-ratelimit-reset-requests", duration(remaining.requests_reset_ms)),
        )
    if remaining.tokens is not None and remaining.tokens_limit is not None:
        headers += (
            (b"x-ratelimit-limit-tokens", b"%d" % remaining.tokens_limit),
            (b"x-ratelimit-remaining-tokens", b"%d" % remaining.tokens),
            (b"x-ratelimit-reset-tokens", duration(remaining.tokens_reset_ms)),
        )
    return headers


def anthropic_limit_headers(remaining: Remaining, now_ms: int) -> Headers:
    """Headers of Anthropic's routes; none for a limit that there is not."""
    headers: Headers = []
    if remaining.requests is not None and remaining.requests_limit is not None:
        headers += (
            (b"anthropic-ratelimit-requests-limit", b"%d" % remaining.requests_limit),
            (b"anthropic-ratelimit-requests-remaining", b"%d" % remaining.requests),
            (
                b"anthropic-ratelimit-requests-reset",
                timestamp(now_ms + remaining.requests_reset_ms),
            ),
        )
    if remaining.tokens is not None and remaining.tokens_limit is not None:
        headers += (
            (b"anthropic-ratelimit-tokens-limit", b"%d" % remaining.tokens_limit),
            (b"anthropic-ratelimit-tokens-remaining", b"%d" % remaining.tokens),
            (b"anthropic-ratelimit-tokens-reset", timestamp(now_ms + remaining.tokens_reset_ms)),
        )
    return headers


def refusal_headers(error: TokenhouseError, now_ms: int) -> Headers:
    """``Retry-After`` and ``X-RateLimit-Reset`` of a 429 or 503, and ``x-should-retry: false`` (which
    the official SDKs obey) where no waiting helps. A 409, which they retry unasked, always says."""
    headers = retry_headers(error, now_ms)
    if isinstance(error, RefusedError) and error.final:
        headers.append((b"x-should-retry", b"false"))
    elif error.status == 409:
        waits = error.retry_after_s is not None
        headers.append((b"x-should-retry", b"true" if waits else b"false"))
    return headers


def duration(ms: int) -> bytes:
    """Milliseconds as OpenAI writes them: ``0s``, ``120ms``, ``8.64s``, ``6m0s``."""
    if 0 < ms < 1000:
        return b"%dms" % ms
    minutes, rest = divmod(max(0, ms), _MINUTE_MS)
    seconds = f"{rest // 1000}.{rest % 1000:03d}".rstrip("0").rstrip(".")
    return f"{minutes}m{seconds}s".encode() if minutes else f"{seconds}s".encode()


def timestamp(at_ms: int) -> bytes:
    """Unix milliseconds as RFC 3339, rounded up to the second: ``2026-11-22T17:20:00Z``."""
    at = datetime.fromtimestamp(-(-at_ms // 1000), UTC)
    return at.strftime("%Y-%m-%dT%H:%M:%SZ").encode()
