"""The operators' API as one ASGI application below ``/api/admin/v1``.

Who asks shows an access token of an operator; nobody else is told whether anything is there. Answers
are ``{"data": …}``, lists with ``next``; errors are in OpenAI's envelope, as all of ``/api``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec

from tokenhouse.access import People, SignedIn, header_key, operators_only
from tokenhouse.api.admin.accounts import Accounts
from tokenhouse.api.admin.books import Books
from tokenhouse.api.admin.route import BASE, Act, AdminRoute, Asking
from tokenhouse.api.admin.routes import ROUTES
from tokenhouse.api.admin.running import RunningActs
from tokenhouse.api.http import (
    Receive,
    Respond,
    Scope,
    header,
    retry_headers,
)
from tokenhouse.api.idempotency import HEADER, idempotency_name
from tokenhouse.api.section import Paths, Section, Tokens, short_body
from tokenhouse.billing import Desk, Prices
from tokenhouse.catalogue import Catalogue
from tokenhouse.clock import Clock
from tokenhouse.errors import AccountError, CallerError, TokenhouseError
from tokenhouse.wire import decode_body, error_body, wrong_field

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


class Admin(Section):
    """``acts``: what answers each route, by its name."""

    def __init__(
        self,
        routes: Sequence[AdminRoute],
        acts: Mapping[str, Act],
        tokens: Tokens,
        *,
        clock: Clock,
    ) -> None:
        super().__init__(clock)
        self._paths = Paths(BASE, routes)
        self._acts = acts
        self._tokens = tokens

    async def _answer(
        self, scope: Scope, receive: Receive, respond: Respond, request_id: str
    ) -> None:
        del request_id
        operator = await self._operator(scope)
        route, pieces = self._paths.find(scope, respond.headers)
        reads_body = route.method != "GET"
        body = await short_body(scope, receive) if reads_body else b""
        given = _from_body(body, route.takes) if reads_body else _from_query(scope, route.takes)
        once = None
        if route.money and header(scope["headers"], HEADER) is not None:
            once = idempotency_name(scope["headers"])
        asking = Asking(ids=pieces, operator=operator, scope=scope, respond=respond, once=once)
        told = await self._acts[route.name](asking, given)
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

    async def _refuse(self, respond: Respond, request_id: str, error: TokenhouseError) -> None:
        more = retry_headers(error, self._clock.now_ms())
        if error.status == 401:
            more = [*more, _CHALLENGE]
        await respond.json(error.status, error_body(error, request_id), more)


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
