"""The operators' API as one ASGI application below ``/api/admin/v1``.

Who asks shows an access token of an operator; nobody else is told whether anything is there. Answers
are ``{"data": …}``, lists with ``next``; errors are in OpenAI's envelope, as all of ``/api``.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol
from urllib.parse import parse_qsl, unquote

import msgspec

from tokenhouse import ids
from tokenhouse.access import People, SignedIn, header_key, operators_only
from tokenhouse.api.admin.accounts import Accounts
from tokenhouse.api.admin.books import Books
from tokenhouse.api.admin.route import BASE, Act, AdminRoute, Asking
from tokenhouse.api.admin.routes import ROUTES
from tokenhouse.api.admin.running import RunningActs
from tokenhouse.api.envelopes import id_headers
from tokenhouse.api.http import (
    ClientGone,
    Headers,
    Receive,
    Respond,
    Scope,
    Send,
    header,
    read_body,
    retry_headers,
)
from tokenhouse.api.idempotency import HEADER, idempotency_name
from tokenhouse.billing import Desk, Prices
from tokenhouse.catalogue import Catalogue
from tokenhouse.clock import Clock
from tokenhouse.errors import AccountError, CallerError, HouseError, TokenhouseError
from tokenhouse.wire import decode_body, error_body, wrong_field

log = logging.getLogger("tokenhouse")

BODY_MAX: Final = 64 * 1024
BODY_S: Final = 30.0
"""How long a body may take to come."""

_HEADERS: Final = ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"))
_UNKNOWN: Final = "Object contains unknown field "
_CHALLENGE: Final = (b"www-authenticate", b'Bearer realm="operators"')


def admin(
    desk: Desk,
    people: People,
    prices: Prices,
    catalogue: Callable[[], Catalogue],
    *,
    ready: Callable[[str], bool],
    clock: Clock,
) -> Admin:
    """The operators' API of a house. ``ready``: can this model answer now?"""
    acts = {
        **Accounts(desk, people, catalogue, clock=clock).acts(),
        **RunningActs(desk, prices, catalogue, ready, clock=clock).acts(),
        **Books(desk, people).acts(),
    }
    return Admin(ROUTES, acts, people, clock=clock)


class Tokens(Protocol):
    """Who stands behind an access token."""

    async def by_token(self, secret: str, address: str) -> SignedIn: ...


class Admin:
    """``acts``: what answers each route, by its name."""

    def __init__(
        self,
        routes: Sequence[AdminRoute],
        acts: Mapping[str, Act],
        tokens: Tokens,
        *,
        clock: Clock,
    ) -> None:
        self._shapes: dict[tuple[str, ...], dict[str, tuple[AdminRoute, Act]]] = {}
        for route in routes:
            shape = tuple(route.path.strip("/").split("/"))
            self._shapes.setdefault(shape, {})[route.method] = (route, acts[route.name])
        self._tokens = tokens
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request_id = ids.new(ids.REQUEST, self._clock.now_ms())
        respond = Respond(send, [*id_headers(request_id), *_HEADERS])
        try:
            await self._answer(scope, receive, respond)
        except ClientGone:
            return
        except TokenhouseError as error:
            await self._refuse(respond, request_id, error)
        except Exception:  # the outermost wall: nothing else may reach the server
            log.exception("failed inside the house", extra={"request_id": request_id})
            bug = HouseError("Something went wrong inside this house; it was logged.")
            await self._refuse(respond, request_id, bug)

    async def _answer(self, scope: Scope, receive: Receive, respond: Respond) -> None:
        operator = await self._operator(scope)
        route, act, pieces = self._find(scope, respond.headers)
        reads_body = route.method != "GET"
        body = await _body(scope, receive) if reads_body else b""
        given = _from_body(body, route.takes) if reads_body else _from_query(scope, route.takes)
        once = None
        if route.money and header(scope["headers"], HEADER) is not None:
            once = idempotency_name(scope["headers"])
        asking = Asking(ids=pieces, operator=operator, scope=scope, respond=respond, once=once)
        told = await act(asking, given)
        if told.sent:
            return
        answer: dict[str, Any] = {"data": told.data}
        if route.many:
            answer["next"] = told.next
        await respond.json(200, msgspec.json.encode(answer))

    async def _operator(self, scope: Scope) -> SignedIn:
        secret = header_key(scope["headers"])
        if secret is None:
            raise AccountError(
                "No access token given. An operator sends theirs as `Authorization: Bearer …`.",
                code="missing_access_token",
            )
        client = scope.get("client")
        address = client[0] if client else ""
        signed = await self._tokens.by_token(secret.decode("utf-8", "replace"), address)
        if not signed.person.operator:
            raise operators_only()
        return signed

    def _find(self, scope: Scope, said: Headers) -> tuple[AdminRoute, Act, Mapping[str, str]]:
        """CallerError 404 ``unknown_path``, 405 ``method_not_allowed``."""
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        raw = scope.get("raw_path") or scope["path"].encode()
        below = raw.decode("latin-1").partition("?")[0].partition(BASE)[2].strip("/")
        pieces = tuple(map(unquote, below.split("/")))
        known: set[str] = set()
        for shape, routes in self._shapes.items():
            if len(shape) != len(pieces) or not all(map(_fits, shape, pieces)):
                continue
            known |= routes.keys()
            if method in routes:
                named = zip(shape, pieces, strict=True)
                return *routes[method], {w[1:-1]: text for w, text in named if w[0] == "{"}
        if not known:
            raise CallerError(
                f"There is nothing at {scope['path'][:200]}; /openapi.json lists what is.",
                status=404,
                code="unknown_path",
            )
        said.append((b"allow", ", ".join(sorted({*known, "OPTIONS"})).encode()))
        raise CallerError(
            f"{scope['method']} is not answered here; {', '.join(sorted(known))} is.",
            status=405,
            code="method_not_allowed",
        )

    async def _refuse(self, respond: Respond, request_id: str, error: TokenhouseError) -> None:
        more = retry_headers(error, self._clock.now_ms())
        if error.status == 401:
            more = [*more, _CHALLENGE]
        await respond.json(error.status, error_body(error, request_id), more)


def _fits(wanted: str, piece: str) -> bool:
    return piece != "" if wanted.startswith("{") else piece == wanted


async def _body(scope: Scope, receive: Receive) -> bytes:
    try:
        async with asyncio.timeout(BODY_S):
            return await read_body(scope, receive, BODY_MAX)
    except TimeoutError:
        raise CallerError(
            f"The request body did not come within {BODY_S:.0f} s.",
            status=408,
            code="request_timeout",
        ) from None


def _from_body(body: bytes, kind: type[msgspec.Struct]) -> msgspec.Struct:
    """CallerError 400 names the field at fault. No body is ``{}``."""
    return decode_body(msgspec.json.Decoder(kind), body if body.strip() else b"{}", _wrong)


def _wrong(text: str) -> CallerError:
    """What msgspec says of a body, in an operator's words."""
    if text.startswith(_UNKNOWN):
        name = text.split("`")[1]
        return CallerError(f"There is no field '{name}' here; leave it out.", param=name)
    return wrong_field(text)


def _from_query(scope: Scope, kind: type[msgspec.Struct]) -> msgspec.Struct:
    said = dict(parse_qsl(scope["query_string"].decode("latin-1"), errors="replace"))
    try:
        return msgspec.convert(said, kind, strict=False)
    except msgspec.ValidationError as error:
        raise wrong_field(str(error)) from None
