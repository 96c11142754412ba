"""Errors → the envelope of OpenAI's routes: ``{"error": {…}, "status": "error", "message": …}``.

The inner object is OpenAI's, the outer fields are for clients of the platform API that look there.
"""

from __future__ import annotations

import math
from typing import Final

import msgspec

from tokenhouse.errors import Kind, TokenhouseError

_TYPES: Final[dict[Kind, str]] = {
    "invalid_request": "invalid_request_error",
    "authentication": "authentication_error",
    "permission": "permission_error",
    "payment_required": "insufficient_quota",
    "not_found": "invalid_request_error",
    "conflict": "invalid_request_error",
    "too_large": "invalid_request_error",
    "rate_limit": "rate_limit_error",
    "overloaded": "server_error",
    "timeout": "server_error",
    "api": "server_error",
}


def error_body(error: TokenhouseError, request_id: str | None = None) -> bytes:
    """The JSON body of ``error`` for OpenAI's routes; ``request_id`` stands in it when given."""
    body: dict[str, object] = {
        "error": {
            "message": error.message,
            "type": _TYPES[error.kind],
            "code": error.code,
            "param": error.param,
        },
        "status": "error",
        "message": error.message,
    }
    retry_after = retry_after_seconds(error)
    if retry_after is not None:
        body["retry_after"] = retry_after
    if request_id is not None:
        body["request_id"] = request_id
    return msgspec.json.encode(body)


def retry_after_seconds(error: TokenhouseError) -> int | None:
    """Whole seconds, one at least, for ``Retry-After`` and ``retry_after``: always on 429 and 503, else
    as told."""
    if error.retry_after_s is not None:
        return max(1, math.ceil(error.retry_after_s))
    return 1 if error.status in (429, 503) else None
