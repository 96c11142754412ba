"""Which envelope a refusal goes out in, when no dialect has parsed the request: by path and headers."""

from __future__ import annotations

from tokenhouse.api.http import Headers, Scope, header
from tokenhouse.errors import TokenhouseError
from tokenhouse.wire import anthropic_messages, error_body


def speaks_anthropic(scope: Scope) -> bool:
    """Does the client speak Anthropic's protocol? It says so in ``anthropic-version``."""
    return header(scope["headers"], b"anthropic-version") is not None


def envelope(scope: Scope, error: TokenhouseError, request_id: str) -> bytes:
    """``error`` in Anthropic's shape for its clients and below its paths, else in OpenAI's."""
    if _is_messages(scope["path"]) or speaks_anthropic(scope):
        return anthropic_messages.error_body(error, request_id)
    return error_body(error, request_id)


def id_headers(request_id: str) -> Headers:
    """The request's id under each name that a client may look for."""
    text = request_id.encode()
    return [(b"x-request-id", text), (b"request-id", text), (b"x-tokenhouse-request-id", text)]


def _is_messages(path: str) -> bool:
    before, found, after = path.partition("/messages")
    return bool(found) and before in _BEFORE and after[:1] in ("", "/")


_BEFORE = ("/v1", "/api/v7/llm/v1", "/api/v7/llm", "/api/v1")
