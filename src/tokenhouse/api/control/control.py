"""The control plane as one ASGI application below ``/api/agents/v1``: it finds the route, who asks and
what they may, and puts every answer and every refusal into the one envelope."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Final

from tokenhouse.access import ACCESS_TOKEN, SignedIn, account_shut, header_key
from tokenhouse.api.control.budgets import Budgets
from tokenhouse.api.control.envelope import refusal, success
from tokenhouse.api.control.given import from_body, from_query
from tokenhouse.api.control.route import BASE, Act, Asking, ControlRoute
from tokenhouse.api.http import (
    Receive,
    Respond,
    Scope,
    header,
    retry_headers,
)
from tokenhouse.api.idempotency import HEADER, idempotency_name
from tokenhouse.api.section import Paths, Section, Tokens, short_body
from tokenhouse.billing import Once
from tokenhouse.clock import Clock
from tokenhouse.errors import AccountError, TokenhouseError

_CLI: Final = b"modelslab-cli/"
_KEY: Final = b"sk-th-"


class Control(Section):
    """``acts``: what answers each route, by its name."""

    def __init__(
        self,
        routes: Sequence[ControlRoute],
        acts: Mapping[str, Act],
        tokens: Tokens,
        *,
        budgets: Budgets,
        clock: Clock,
    ) -> None:
        super().__init__(clock)
        self._paths = Paths(BASE, routes)
        self._acts = {route.name: acts[route.act] for route in routes}
        self._tokens = tokens
        self._budgets = budgets

    async def _answer(
        self, scope: Scope, receive: Receive, respond: Respond, request_id: str
    ) -> None:
        route, pieces = self._paths.find(scope, respond.headers)
        address = _address(scope)
        signed = await self._signed(scope, route, address)
        person = "" if signed is None else signed.person.id
        limits = self._budgets.take(route.limiter, address, person)
        respond.headers.extend(limits)
        if route.who == "member" and signed is not None:
            _check_right(signed, route)
        reads_body = route.method in ("POST", "PUT", "PATCH")
        body = await short_body(scope, receive) if reads_body else b""
        given = from_body(body, route.takes) if reads_body else from_query(scope, route.takes)
        asking = Asking(
            ids=pieces,
            address=address,
            signed=signed,
            once=_once(scope, route, body),
            cli=(header(scope["headers"], b"user-agent") or b"").startswith(_CLI),
        )
        answer = await self._acts[route.name](asking, given)
        await respond.json(route.status, success(answer.data, request_id, answer.meta))

    async def _signed(self, scope: Scope, route: ControlRoute, address: str) -> SignedIn | None:
        """Who asks; None where anyone may and no token came. AccountError 401."""
        secret = header_key(scope["headers"])
        if secret is None:
            if route.who == "anyone":
                return None
            raise AccountError(
                "No access token given. Send one as `Authorization: Bearer …`. "
                f"POST {BASE}/auth/login gives one for e-mail address and password; so does "
                "`tokenhouse tokens create`.",
                code="missing_access_token",
            )
        if secret.startswith(_KEY):
            raise AccountError(
                "This is an API key, which is for asking models. Here an access token is wanted, "
                f"{ACCESS_TOKEN}…: POST {BASE}/auth/login gives one for e-mail address and password; so "
                "does `tokenhouse tokens create`.",
                code="key_not_an_access_token",
            )
        return await self._tokens.by_token(secret.decode("utf-8", "replace"), address)

    async def _refuse(self, respond: Respond, request_id: str, error: TokenhouseError) -> None:
        waits = retry_headers(error, self._clock.now_ms())
        if waits:  # they say when to come back; what is left of the minute would contradict them
            told = [pair for pair in respond.headers if not pair[0].startswith(b"x-ratelimit-")]
            respond.headers[:] = told
        if error.status == 429:
            waits = [*waits, (b"x-ratelimit-remaining", b"0")]
        if error.status == 401:
            waits = [*waits, (b"www-authenticate", b'Bearer realm="control plane"')]
        await respond.json(error.status, refusal(error, request_id), waits)


def _check_right(signed: SignedIn, route: ControlRoute) -> None:
    if signed.account is None:
        raise AccountError(
            "This access token acts for no account. Choose one: POST "
            f"{BASE}/auth/switch-account with its id; GET {BASE}/me lists them.",
            status=403,
            code="no_account",
        )
    if not signed.may(route.right):
        if signed.account_state != "open":
            raise account_shut(signed.account_state)
        raise AccountError(
            f"As {signed.role} of {signed.account_name!r} you may not do that; it takes the right "
            f"'{route.right}', which an owner of the account can give.",
            status=403,
            code="role_not_enough",
        )


def _once(scope: Scope, route: ControlRoute, body: bytes) -> Once | None:
    """The Idempotency-Key of a route that moves money, with what it stands for."""
    if not route.once or header(scope["headers"], HEADER) is None:
        return None
    digest = hashlib.sha256(route.path.encode() + b"\0" + body).digest()
    return Once(idempotency_name(scope["headers"]), digest)


def _address(scope: Scope) -> str:
    client = scope.get("client")
    return client[0] if client else ""
