"""Faults of providers, told without their names: what every dialect says of an upstream that failed.

The house's own faults (its credentials, its credit, a model that is not there) are said as such. HTML,
hosts and keys of a provider never reach a caller.
"""

from __future__ import annotations

import re
from typing import Final

from tokenhouse.errors import UpstreamError

_MESSAGE_MOST: Final = 600

_SECRETS: Final = re.compile(
    r"https?://\S+"  # addresses
    r"|\b(?:sk|pk|key|rk)-[\w*-]{4,}"  # keys, whole or starred
    r"|\bBearer\s+\S+"
    r"|\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b"  # IPv4
    r"|\blocalhost(?::\d+)?\b"
    r"|\borg-\w+|\bproj_\w+"  # whose account it is
    r"|\b(?:[\w-]+\.)+(?:com|net|org|io|ai|dev|cloud|internal|local)\b(?::\d+)?",
    re.IGNORECASE,
)


_HOUSE_SIDE: Final[dict[int, tuple[str, str, int]]] = {
    401: ("upstream_auth", "The provider does not accept this house's credentials.", 502),
    403: ("upstream_auth", "The provider does not accept this house's credentials.", 502),
    402: ("upstream_quota", "The provider gives this house no more credit.", 503),
    404: ("upstream_model_not_found", "The provider does not have this model.", 502),
    408: ("upstream_timeout", "The provider took too long.", 504),
    429: ("rate_limit_exceeded", "The provider is rate limiting this model. Try again later.", 429),
    503: ("upstream_overloaded", "The provider is overloaded. Try again later.", 503),
    504: ("upstream_timeout", "The provider took too long.", 504),
    524: ("upstream_timeout", "The provider took too long.", 504),
    529: ("upstream_overloaded", "The provider is overloaded. Try again later.", 503),
}


def house_side(status: int, retry_after_s: float | None = None) -> UpstreamError:
    """The error for an answer of ``status`` that is not the caller's to mend."""
    row = _HOUSE_SIDE.get(status)
    if row is not None:
        code, message, outward = row
    elif status >= 500:
        code, message, outward = "upstream_error", "The provider failed.", 502
    else:
        code, message = "upstream_error", f"The provider answered with HTTP status {status}."
        outward = 502
    return UpstreamError(message, status=outward, code=code, retry_after_s=retry_after_s)


def no_credit() -> UpstreamError:
    """The provider refuses because the house has not paid."""
    return house_side(402)


def broken(detail: str, *, code: str = "upstream_protocol") -> UpstreamError:
    """The provider does not speak the protocol, or stopped in the middle."""
    return UpstreamError(f"The provider {detail}.", code=code)


def clean(message: str, upstream_model: str, public_model: str) -> str:
    """A provider's ``message`` as a caller may read it: the public model's name, no HTML, no hosts,
    no keys, not endless.
    """
    if "<html" in message.lower() or "<!doctype" in message.lower():
        return ""
    if upstream_model:
        alone = (
            rf"(?<!\w){re.escape(upstream_model)}(?!\w)"  # never within a word: names may be short
        )
        message = re.sub(alone, lambda _: public_model, message)
    message = _SECRETS.sub("[hidden]", message)
    return message if len(message) <= _MESSAGE_MOST else message[:_MESSAGE_MOST] + "…"
