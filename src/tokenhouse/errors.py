"""What can go wrong, told by whose fault it is. One tree, drawn here:

    TokenhouseError
    ├── CallerError          the request is wrong: 400 · 404 · 409 · 413 · 431
    │   └── ContextExceeded  the prompt, or prompt + max_tokens, is longer than the model's context
    ├── AccountError         no key, no right, no credit, over a limit: 401 · 402 · 403 · 429
    ├── UpstreamError        the provider failed: 502 · 503 · 504 (and its own 4xx where it is the
    │                        caller's to mend); knows whether another route may be tried
    └── HouseError           we failed, or can't now: 500 · 503

Each carries ``status`` (the HTTP status), ``code`` (a stable word), ``param`` (the field at fault, or
None) and ``retry_after_s``. A dialect renders its envelope from these; nobody else knows HTTP bodies.
``kind`` is the dialect-free family that a dialect maps to its own ``type``.
"""

from __future__ import annotations

from typing import ClassVar, Literal

Kind = Literal[
    "invalid_request",
    "authentication",
    "permission",
    "payment_required",
    "not_found",
    "conflict",
    "too_large",
    "rate_limit",
    "overloaded",
    "timeout",
    "api",
]

_KINDS: dict[int, Kind] = {
    400: "invalid_request",
    401: "authentication",
    402: "payment_required",
    403: "permission",
    404: "not_found",
    405: "invalid_request",
    408: "timeout",
    409: "conflict",
    413: "too_large",
    415: "invalid_request",
    422: "invalid_request",
    429: "rate_limit",
    431: "too_large",
    500: "api",
    502: "api",
    503: "overloaded",
    504: "timeout",
    529: "overloaded",
}


class TokenhouseError(Exception):
    """Anything the house answers with an error. ``str(error)`` is the sentence for the caller."""

    default_status: ClassVar[int] = 500
    default_code: ClassVar[str] = "internal_error"

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: str | None = None,
        param: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = self.default_status if status is None else status
        self.code = self.default_code if code is None else code
        self.param = param
        self.retry_after_s = retry_after_s

    @property
    def kind(self) -> Kind:
        """The dialect-free family of this error."""
        known = _KINDS.get(self.status)
        if known is not None:
            return known
        return "invalid_request" if self.status < 500 else "api"


class CallerError(TokenhouseError):
    """The request is wrong; ``param`` names the field, the message names the mend."""

    default_status = 400
    default_code = "invalid_request"


class ContextExceeded(CallerError):
    """The prompt, or prompt + max_tokens, does not fit the model's context (all in tokens)."""

    default_code = "context_length_exceeded"

    def __init__(self, *, prompt: int, max_tokens: int | None, context: int) -> None:
        self.prompt = prompt
        self.max_tokens = max_tokens
        self.context = context
        asked = f"{prompt} tokens" if max_tokens is None else f"{prompt} + {max_tokens} tokens"
        super().__init__(
            f"This model's maximum context length is {context} tokens, but the request asks for "
            f"{asked}. Shorten the messages or lower max_tokens.",
            param="messages",
        )


class AccountError(TokenhouseError):
    """The caller may not, cannot pay, or asks too often."""

    default_status = 401
    default_code = "invalid_api_key"


class UpstreamError(TokenhouseError):
    """The provider failed. ``retryable``: another route may be tried before anything was delivered."""

    default_status = 502
    default_code = "upstream_error"

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: str | None = None,
        param: str | None = None,
        retry_after_s: float | None = None,
        retryable: bool = True,
    ) -> None:
        super().__init__(
            message, status=status, code=code, param=param, retry_after_s=retry_after_s
        )
        self.retryable = retryable


class HouseError(TokenhouseError):
    """We failed, or are not ready: the caller did nothing wrong."""
