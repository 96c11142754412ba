"""Cross-origin requests (Fetch standard): open on inference routes, by ``server.cors_origins``."""

from __future__ import annotations

from tokenhouse.api.http import Headers, Message, Receive, Scope, Send, header

_EXPOSED = (
    b"x-request-id, request-id, x-tokenhouse-request-id, x-tokenhouse-max-tokens, "
    b"x-tokenhouse-left-out, retry-after, "
    b"x-should-retry, idempotent-replayed, x-ratelimit-reset, "
    b"x-ratelimit-limit-requests, x-ratelimit-remaining-requests, x-ratelimit-reset-requests, "
    b"x-ratelimit-limit-tokens, x-ratelimit-remaining-tokens, x-ratelimit-reset-tokens, "
    b"anthropic-ratelimit-requests-limit, anthropic-ratelimit-requests-remaining, "
    b"anthropic-ratelimit-requests-reset, anthropic-ratelimit-tokens-limit, "
    b"anthropic-ratelimit-tokens-remaining, anthropic-ratelimit-tokens-reset"
)


class Cors:
    """``origins``: allowed origins, ``*`` for all. Credentials are never allowed: keys are headers."""

    def __init__(self, origins: tuple[str, ...]) -> None:
        self._all = "*" in origins
        self._origins = frozenset(origin.encode() for origin in origins)

    def concerns(self, scope: Scope) -> bool:
        """Does a browser ask from another origin, on an inference path?"""
        return header(scope["headers"], b"origin") is not None and _open_path(scope["path"])

    def sender(self, scope: Scope, send: Send) -> Send:
        """``send``, adding the headers that let the browser hand the answer to its page."""
        added = self._headers(scope)

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *added]
            await send(message)

        return with_headers

    async def preflight(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer an OPTIONS request; without an allowed origin it says nothing but 204."""
        del receive
        headers: Headers = []
        if _open_path(scope["path"]):
            wanted = header(scope["headers"], b"access-control-request-headers")
            headers = [
                (b"access-control-allow-methods", b"GET, POST, DELETE, OPTIONS"),
                (b"access-control-allow-headers", wanted if wanted is not None else b"*"),
                (b"access-control-max-age", b"86400"),
            ]
        await send({"type": "http.response.start", "status": 204, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    def _headers(self, scope: Scope) -> Headers:
        origin = header(scope["headers"], b"origin")
        if origin is None or not (self._all or origin in self._origins):
            return []
        allowed = b"*" if self._all else origin
        headers = [
            (b"access-control-allow-origin", allowed),
            (b"access-control-expose-headers", _EXPOSED),
        ]
        return headers if self._all else [*headers, (b"vary", b"Origin")]


def _open_path(path: str) -> bool:
    return path.startswith(("/v1/", "/api/v7/llm/", "/api/v1/"))
