"""Which route a path asks for, and with which ids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import unquote

from tokenhouse.api.control.route import BASE, ControlRoute
from tokenhouse.api.http import Headers, Scope
from tokenhouse.errors import CallerError

_REST: Final = "...}"
_ID_MAX: Final = 512


class Paths:
    """Routes by the pieces of their path; a piece that is a word comes before one that is an id."""

    def __init__(self, routes: Sequence[ControlRoute]) -> None:
        self._shapes: dict[tuple[str, ...], dict[str, ControlRoute]] = {}
        for route in routes:
            pieces = tuple(route.path.strip("/").split("/"))
            self._shapes.setdefault(pieces, {})[route.method] = route
        self._in_order = sorted(self._shapes, key=_words_first)

    def find(self, scope: Scope, said: Headers) -> tuple[ControlRoute, Mapping[str, str]]:
        """The route and the ids in its path. CallerError 404 ``unknown_path``, or 405
        ``method_not_allowed``, when ``said`` gets the methods that there are."""
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        pieces = _pieces(scope)
        for shape in self._in_order:
            ids = _ids(shape, pieces)
            if ids is None:
                continue
            routes = self._shapes[shape]
            if method in routes:
                return routes[method], ids
            allowed = sorted({*routes, "OPTIONS"} | ({"HEAD"} if "GET" in routes else set()))
            said.append((b"allow", ", ".join(allowed).encode()))
            raise CallerError(
                f"{scope['method']} is not answered here; {', '.join(sorted(routes))} is.",
                status=405,
                code="method_not_allowed",
            )
        raise CallerError(
            f"The control plane has no answer to {scope['method']} {scope['path'][:200]}; "
            f"/openapi.json lists what stands below {BASE}.",
            status=404,
            code="unknown_path",
        )


def _pieces(scope: Scope) -> tuple[str, ...]:
    """Each piece decoded by itself: an id may have a slash in it, as %2F."""
    raw = scope.get("raw_path") or scope["path"].encode()
    path = raw.decode("latin-1").partition("?")[0]
    below = path.partition(BASE)[2].strip("/")
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
