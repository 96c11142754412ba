"""What an OpenAI-shaped provider answers instead of an answer → whose fault it is.

A fault that the caller can mend passes with its message and field. The house's own (its credentials,
its credit, a model that is not there) is said as such. HTML, hosts and keys never reach a caller.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from tokenhouse.errors import CallerError, ContextExceeded, TokenhouseError, UpstreamError
from tokenhouse.wire.faults import clean, house_side, no_credit

_WITH_COMPLETION: Final = re.compile(
    r"context length (?:is|of) (\d+) tokens.{0,80}?requested[^(]{0,40}?\d+ tokens[^\d]{1,3}"
    r"(\d+)[^\d]{1,40}(\d+)",
    re.DOTALL,
)
_PROMPT_ALONE: Final = re.compile(
    r"context length is (\d+) tokens.{0,80}?(?:resulted in|has) (\d+) (?:input )?tokens", re.DOTALL
)
_LONGER_THAN: Final = re.compile(r"\((\d+) tokens\) is longer than .{0,60}?\((\d+) tokens\)")


class _Inner(msgspec.Struct):
    message: str | None = None
    type: str | None = None
    param: str | None = None
    code: str | int | None = None
    n_prompt_tokens: int | None = None
    n_ctx: int | None = None


class _Outer(msgspec.Struct):
    error: _Inner | str | None = None
    message: str | None = None
    detail: str | None = None
    type: str | None = None
    param: str | None = None
    code: str | int | None = None


_OUTER: Final = msgspec.json.Decoder(_Outer)


def upstream_error(
    status: int,
    body: bytes,
    *,
    retry_after_s: float | None = None,
    upstream_model: str = "",
    public_model: str = "",
) -> TokenhouseError:
    """The error to raise for an answer of ``status`` ≥ 300 with ``body``.

    ``upstream_model`` is written ``public_model`` where the provider's message names it.
    """
    told = _read(body)
    message = clean(told.message or "", upstream_model, public_model)
    if status in (400, 413, 422) or _is_context(told):
        if _is_context(told):
            return _context(told, message)
        return UpstreamError(
            message or "The provider refused the request.",
            status=400 if status == 422 else status,
            code=told.code if isinstance(told.code, str) and told.code else "invalid_request",
            param=told.param,
            retryable=False,
        )
    if status == 429 and _is_quota(told):
        return no_credit()
    return house_side(status, retry_after_s)


def in_band_error(
    raw: bytes, *, upstream_model: str = "", public_model: str = ""
) -> TokenhouseError:
    """An ``{"error": …}`` inside an answer of status 200: ``raw`` is the value of ``error``."""
    told = _read(b'{"error":' + raw + b"}")
    status = told.code if isinstance(told.code, int) and 400 <= told.code < 600 else 502
    return upstream_error(
        status,
        b'{"error":' + raw + b"}",
        upstream_model=upstream_model,
        public_model=public_model,
    )


def _read(body: bytes) -> _Inner:
    """The error object of ``body``; an empty one for text, HTML and anything else."""
    try:
        outer = _OUTER.decode(body)
    except (ValueError, RecursionError):
        return _Inner()
    if isinstance(outer.error, _Inner):
        return outer.error
    message = outer.error or outer.message or outer.detail
    return _Inner(message, outer.type, outer.param, outer.code)


def _is_quota(told: _Inner) -> bool:
    return told.code == "insufficient_quota" or told.type == "insufficient_quota"


def _is_context(told: _Inner) -> bool:
    if told.code == "context_length_exceeded" or told.type == "exceed_context_size_error":
        return True
    message = (told.message or "").lower()
    return "context length" in message and any(map(message.__contains__, _CONTEXT_WORDS))


_CONTEXT_WORDS: Final = ("maximum context", "longer than", "exceed", "too long")


def _context(told: _Inner, message: str) -> TokenhouseError:
    text = told.message or ""
    if told.n_prompt_tokens is not None and told.n_ctx is not None:
        return ContextExceeded(prompt=told.n_prompt_tokens, max_tokens=None, context=told.n_ctx)
    match = _WITH_COMPLETION.search(text)
    if match is not None:
        context, prompt, completion = map(int, match.groups())
        return ContextExceeded(prompt=prompt, max_tokens=completion, context=context)
    match = _PROMPT_ALONE.search(text)
    if match is not None:
        return ContextExceeded(prompt=int(match[2]), max_tokens=None, context=int(match[1]))
    match = _LONGER_THAN.search(text)
    if match is not None:
        return ContextExceeded(prompt=int(match[1]), max_tokens=None, context=int(match[2]))
    return CallerError(
        message or "The prompt and max_tokens are longer than the model's context.",
        code="context_length_exceeded",
        param="messages",
    )
