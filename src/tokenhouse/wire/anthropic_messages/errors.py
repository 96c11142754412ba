"""Errors in Anthropic's words, both ways: the envelope of its routes, and what its providers answer.

Clients act upon the type, the status and a few sentences: an overflow of the context is told in exactly
the words that they look for (Claude Code compacts upon them).
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from tokenhouse.errors import CallerError, ContextExceeded, Kind, TokenhouseError, UpstreamError
from tokenhouse.wire.errors import retry_after_seconds
from tokenhouse.wire.faults import clean, house_side, no_credit

_TYPES: Final[dict[Kind, str]] = {
    "invalid_request": "invalid_request_error",
    "authentication": "authentication_error",
    "permission": "permission_error",
    "payment_required": "billing_error",
    "not_found": "not_found_error",
    "conflict": "invalid_request_error",
    "too_large": "request_too_large",
    "rate_limit": "rate_limit_error",
    "overloaded": "overloaded_error",
    "timeout": "timeout_error",
    "api": "api_error",
}
_STATUSES: Final = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "timeout_error": 504,
    "overloaded_error": 529,
}
_THREADS: Final[dict[str, dict[str, object]]] = {
    "thread_unsupported_request": {"unsupported": []},
    "thread_not_found": {},
}
"""Codes upon which the official SDKs send the whole conversation again, without its thread."""

THINKING_SIGNATURE: Final = "invalid_thinking_signature"
"""The code of a refusal of thinking that another endpoint minted: without it the request may pass."""

_PROMPT_ALONE: Final = re.compile(r"prompt is too long: (\d+) tokens > (\d+) maximum")
_WITH_ANSWER: Final = re.compile(
    r"input length and `max_tokens` exceed context limit: (\d+) \+ (\d+) > (\d+)"
)


class _Inner(msgspec.Struct):
    type: str | None = None
    message: str | None = None


class _Outer(msgspec.Struct):
    error: _Inner | str | None = None
    message: str | None = None
    detail: str | None = None


_OUTER: Final = msgspec.json.Decoder(_Outer)


def error_body(error: TokenhouseError, request_id: str | None = None) -> bytes:
    """The JSON body of ``error`` for Anthropic's routes; ``request_id`` stands in it when given."""
    inner: dict[str, object] = {"type": _TYPES[error.kind], "message": _message(error)}
    if error.code in _THREADS:
        inner["details"] = {"error_code": error.code, **_THREADS[error.code]}
    body: dict[str, object] = {"type": "error", "error": inner, "request_id": request_id}
    retry_after = retry_after_seconds(error)
    if retry_after is not None:
        body["retry_after"] = retry_after
    return msgspec.json.encode(body)


def error_status(error: TokenhouseError) -> int:
    """The HTTP status of ``error`` on Anthropic's routes: an overloaded provider is 529 there."""
    if error.status == 503 and isinstance(error, UpstreamError):
        return 529
    return error.status


def upstream_error(
    status: int,
    body: bytes,
    *,
    retry_after_s: float | None = None,
    upstream_model: str = "",
    public_model: str = "",
) -> TokenhouseError:
    """The error to raise for an Anthropic-shaped provider's answer of ``status`` ≥ 300.

    ``upstream_model`` is written ``public_model`` where the provider's message names it.
    """
    told = _read(body)
    text = told.message or ""
    overflow = _overflow(text)
    if overflow is not None:
        return overflow
    if status not in (400, 413, 422):
        return house_side(status, retry_after_s)
    lower = text.lower()
    if "credit balance is too low" in lower:
        return no_credit()
    message = clean(text, upstream_model, public_model)
    if "prompt is too long" in lower:
        return CallerError(message, code="context_length_exceeded", param="messages")
    foreign_thought = "signature" in lower and "thinking" in lower
    return UpstreamError(
        message or "The provider refused the request.",
        status=400 if status == 422 else status,
        code=THINKING_SIGNATURE if foreign_thought else "invalid_request",
        param="max_tokens" if text.startswith("max_tokens:") else None,
        retryable=False,
    )


def in_band_error(
    body: bytes, *, upstream_model: str = "", public_model: str = ""
) -> TokenhouseError:
    """An ``error`` event of a stream that began with status 200: ``body`` is its whole JSON."""
    status = _STATUSES.get(_read(body).type or "", 500)
    return upstream_error(status, body, upstream_model=upstream_model, public_model=public_model)


def _message(error: TokenhouseError) -> str:
    if isinstance(error, ContextExceeded):
        if error.max_tokens is None or error.prompt > error.context:
            return f"prompt is too long: {error.prompt} tokens > {error.context} maximum"
        return (
            "input length and `max_tokens` exceed context limit: "
            f"{error.prompt} + {error.max_tokens} > {error.context}, "
            "decrease input length or `max_tokens` and try again"
        )
    if error.code == "context_length_exceeded" and "prompt is too long" not in error.message:
        return f"prompt is too long: {error.message}"
    return error.message


def _overflow(text: str) -> ContextExceeded | None:
    match = _PROMPT_ALONE.search(text)
    if match is not None:
        return ContextExceeded(prompt=int(match[1]), max_tokens=None, context=int(match[2]))
    match = _WITH_ANSWER.search(text)
    if match is not None:
        prompt, answer, context = map(int, match.groups())
        return ContextExceeded(prompt=prompt, max_tokens=answer, context=context)
    return None


def _read(body: bytes) -> _Inner:
    """The error object of ``body``; an empty one for text, HTML and anything else."""
    try:
        outer = _OUTER.decode(body)
    except (ValueError, RecursionError):
        return _Inner()
    if isinstance(outer.error, _Inner):
        return outer.error
    return _Inner(None, outer.error or outer.message or outer.detail)
