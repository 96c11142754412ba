"""ModelsLab's envelope: ``{"data", "error", "meta": {"request_id"}}``, and a ``message`` on top of
errors, where its command line looks for one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from tokenhouse.errors import TokenhouseError
from tokenhouse.wire import retry_after_seconds

VALIDATION: Final = "validation_error"
"""What the platform calls a request that is wrong, whichever of our words it has."""

_WRONG: Final = frozenset(("invalid_request", "invalid_value", "invalid_type"))


def success(data: Any, request_id: str, meta: Mapping[str, Any]) -> bytes:
    """The body of an answer."""
    told = {"data": data, "error": None, "meta": {"request_id": request_id, **meta}}
    return msgspec.json.encode(told)


def refusal(error: TokenhouseError, request_id: str) -> bytes:
    """The body of an error. ``details`` names the field at fault, with what is wrong with it."""
    details = {} if error.param is None else {error.param: [error.message]}
    wrong = error.status == 400 and error.code in _WRONG
    body: dict[str, Any] = {
        "data": None,
        "error": {
            "code": VALIDATION if wrong else error.code,
            "message": error.message,
            "details": details,
        },
        "meta": {"request_id": request_id},
        "message": error.message,
    }
    retry_after = retry_after_seconds(error)
    if retry_after is not None:
        body["retry_after"] = retry_after
    return msgspec.json.encode(body)
