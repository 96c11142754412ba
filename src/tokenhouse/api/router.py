"""Which handler answers which path. One dictionary look-up a request.

Every inference path stands also below ``/api/v7/llm`` with and without the inner ``/v1``, and its POST
below ``/api/v1``. Unknown paths below ``/v1`` and ``/api`` get 404 in the envelope of the dialect that
the path belongs to.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tokenhouse import ids
from tokenhouse.api.cors import Cors
from tokenhouse.api.envelopes import envelope, id_headers
from tokenhouse.api.http import DIRECT, Handler, Receive, Respond, Scope, Send
from tokenhouse.clock import Clock
from tokenhouse.errors import CallerError

_MACHINES = ("/v1/", "/api/")
"""Below these there are no pages: what is unknown gets JSON."""


class Router:
    """An ASGI application: exact paths first, then prefixes (longest first), then ``pages``, then 404."""

    def __init__(
        self,
        exact: Mapping[tuple[str, str], Handler],
        prefixes: Mapping[tuple[str, str], Handler],
        *,
        clock: Clock,
        cors: Cors,
        sections: Mapping[str, Handler] | None = None,
        pages: Handler | None = None,
    ) -> None:
        """``sections``: path → what answers everything at and below it, its own 404s and 405s too."""
        self._exact = dict(exact)
        self._prefixes = sorted(prefixes.items(), key=lambda item: -len(item[0][1]))
        self._allowed = allowed(exact)
        self._clock = clock
        self._cors = cors
        self._sections = tuple((sections or {}).items())
        self._pages = pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        handler = self._exact.get((scope["method"], scope["path"]))
        if handler is None:
            handler = self._find(scope)
        if self._cors.concerns(scope):
            send = self._cors.sender(scope, send)
            scope.pop(DIRECT, None)  # it would go around the headers just added
        await handler(scope, receive, send)

    def _find(self, scope: Scope) -> Handler:
        method, path = scope["method"], scope["path"]
        for section, handler in self._sections:
            if path == section or path.startswith(section + "/"):
                return handler if method != "OPTIONS" else self._cors.preflight
        if method == "OPTIONS":
            return self._cors.preflight
        if method == "HEAD" and ("GET", path) in self._exact:
            return self._exact["GET", path]
        for (wanted, prefix), handler in self._prefixes:
            if method in (wanted, "HEAD") and path.startswith(prefix) and len(path) > len(prefix):
                return handler
        if (
            self._pages is not None
            and path not in self._allowed
            and not f"{path}/".startswith(_MACHINES)
        ):
            return self._pages
        return self._unknown

    async def _unknown(self, scope: Scope, receive: Receive, send: Send) -> None:
        del receive
        path = scope["path"]
        known = path in self._allowed
        status = 405 if known else 404
        said = "does not take" if known else "has no answer to"
        error = CallerError(
            f"This house {said} {scope['method']} {path}.",
            status=status,
            code="method_not_allowed" if known else "unknown_path",
        )
        request_id = ids.new(ids.REQUEST, self._clock.now_ms())
        allow = [(b"allow", self._allowed[path])] if known else []
        respond = Respond(send, [*id_headers(request_id), *allow])
        await respond.json(status, envelope(scope, error, request_id))


def allowed(exact: Iterable[tuple[str, str]]) -> dict[str, bytes]:
    """→ path → the methods that it takes, as a 405 must name them (RFC 9110, section 15.5.6)."""
    methods: dict[str, list[str]] = {}
    for method, path in exact:
        methods.setdefault(path, []).append(method)
    return {
        path: ", ".join(
            sorted({*taken, "OPTIONS"} | ({"HEAD"} if "GET" in taken else set()))
        ).encode()
        for path, taken in methods.items()
    }
