"""A transport's failure in the house's words. Hosts and headers are for the log, not the caller."""

from __future__ import annotations

import logging

from tokenhouse.errors import UpstreamError
from tokenhouse.transport import LimitReached, NotConnected, TimedOut, TransportError

log = logging.getLogger("tokenhouse.providers")

UNREACHABLE = "upstream_unreachable"
"""The code for a provider that could not be reached: nothing was sent."""


def transport_failure(error: TransportError, model: str) -> UpstreamError:
    """The UpstreamError for a request to ``model``'s provider that got no whole answer."""
    log.warning("%s: %s", model, error)
    match error:
        case TimedOut():
            return UpstreamError(
                f"The provider of {model} took too long ({error.limit}).",
                status=504,
                code="upstream_timeout",
            )
        case NotConnected():
            return UpstreamError(
                f"The provider of {model} could not be reached.",
                status=502,
                code="upstream_unreachable",
            )
        case LimitReached():
            return UpstreamError(
                f"The provider of {model} sent more than this house takes ({error.limit}).",
                code="upstream_too_large",
            )
        case _:
            return UpstreamError(
                f"The provider of {model} broke off its answer.", code="upstream_cut"
            )
