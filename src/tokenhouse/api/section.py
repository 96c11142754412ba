"""A section of the API with routes of its own: which route a path asks for and with which ids, and the
wall around it, behind which every fault becomes an answer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Final, Generic, Protocol, TypeVar
from urllib.parse import unquote

from tokenhouse import ids
from tokenhouse.access import SignedIn
from tokenhouse.api.envelopes import id_headers
from tokenhouse.api.http import ClientGone, Headers, Receive, Respond, Scope, Send, read_body
from tokenhouse.clock import Clock
from tokenhouse.errors import CallerError, HouseError, TokenhouseError

log = logging.getLogger("tokenhouse")

BODY_MAX: Final = 64 * 1024
BODY_S: Final = 30.0
"""How long a body may take to come."""

_HEADERS: Final = ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"))

_REST: Final = "...}"
_ID_MAX: Final = 512


class Placed(Protocol):
    """What a section must know of a route; ``path`` stands below the section's."""

    @property
    def method(self) -> str: ...

    @property
    def path(self) -> str: ...


R = TypeVar("R", bound=Placed)


class Tokens(Protocol):
    """Who stands behind an access token."""

    async def by_token(self, secret: str, address: str) -> SignedIn: ...


class Section:
    """One ASGI application; what it is for says how it answers, and how it refuses."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request_id = ids.new(ids.REQUEST, self._clock.now_ms())
        respond = Respond(send, [*id_headers(request_id), *_HEADERS])
        try:
            await self._answer(scope, receive, respond, request_id)
        except ClientGone:
            return
        except TokenhouseError as error:
            await self._refuse(respond, request_id, error)
        except Exception:  # the outermost wall: nothing else may reach the server
            log.exception("failed inside the house", extra={"request_id": request_id})
            bug = HouseError("The house failed; it has been written down. Try again.")
            await self._refuse(respond, request_id, bug)

    async def _answer(
        self, scope: Scope, receive: Receive, respond: Respond, request_id: str
    ) -> None:
        raise NotImplementedError

    async def _refuse(self, respond: Respond, request_id: str, error: TokenhouseError) -> None:
        raise NotImplementedError


async def short_body(scope: Scope, receive: Receive) -> bytes:
    """The body of a request that says little. CallerError 413, or 408 when it does not come."""
    try:
        async with asyncio.timeout(BODY_S):
            return await read_body(scope, receive, BODY_MAX)
    except TimeoutError:
        raise CallerError(
            f"The request body did not come within {BODY_S:.0f} s.",
            status=408,
            code="request_timeout",
        ) from None


class Paths(Generic[R]):
    """Routes below ``base`` by the pieces of their path; a piece that is a word comes before one that is
    an id."""

    def __init__(self, base: str, routes: Sequence[R]) -> None:
        self._base = base
        self._shapes: dict[tuple[str, ...], dict[str, R]] = {}
        for route in routes:
            pieces = tuple(route.path.strip("/").split("/"))
            self._shapes.setdefault(pieces, {})[route.method] = route
        self._in_order = sorted(self._shapes, key=_words_first)

    def find(self, scope: Scope, said: Headers) -> tuple[R, Mapping[str, str]]:
        """The route and the ids in its path. CallerError 404 ``unknown_path``, or 405
        ``method_not_allowed``, when ``said`` gets the methods that there are."""
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        pieces = _pieces(scope, self._base)
        for shape in self._in_order:
            found = _ids(shape, pieces)
            if found is None:
                continue
            routes = self._shapes[shape]
            if method in routes:
                return routes[method], found
            allowed = sorted({*routes, "OPTIONS"} | ({"HEAD"} if "GET" in routes else set()))
            said.append((b"allow", ", ".join(allowed).encode()))
            raise CallerError(
                f"{scope['method']} is not answered here; {', '.join(sorted(routes))} is.",
                status=405,
                code="method_not_allowed",
            )
        raise CallerError(
            f"There is no answer to {scope['method']} {scope['path'][:200]}; /openapi.json lists what "
            f"stands below {self._base}.",
            status=404,
            code="unknown_path",
        )


def _pieces(scope: Scope, base: str) -> tuple[str, ...]:
    """Each piece decoded by itself: an id may have a slash in it, as %2F."""
    raw = scope.get("raw_path") or scope["path"].encode()
    path = raw.decode("latin-1").partition("?")[0]
    below = path.partition(base)[2].strip("/")
    return tuple(unquote(piece) for piece in below.split("/"))


def _words_first(shape: tuple[str, ...]) -> tuple[tuple[bool, str], ...]:
    return tuple((piece.startswith("{"), piece) for piece in shape)


def _ids(shape: tuple[str, ...], pieces: tuple[str, ...]) -> dict[str, str] | None:
    """The ids of a path of that shape; None for a path of another one."""
    found: dict[str, str] = {}
    for number, wanted in enumerate(shape):
        if wanted.endswith(_REST):
            found[wanted[1 : -len(_REST)]] = "/".join(pieces[number:])
            return found if len(found["id"]) <= _ID_MAX and found["id"] else None
        if number >= len(pieces):
            return None
        if not wanted.startswith("{"):
            if wanted != pieces[number]:
                return None
        elif not pieces[number] or len(pieces[number]) > _ID_MAX:
            return None
        else:
            found[wanted[1:-1]] = pieces[number]
    return found if len(shape) == len(pieces) else None
