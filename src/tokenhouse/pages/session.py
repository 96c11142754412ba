"""Who asks for a page: cookies, forms, and the checks that every form of a signed-in person passes.

A session's cookie is HttpOnly, SameSite=Lax, and Secure behind TLS. A form carries ``csrf``: the
session's, or for who is not signed in the one of a cookie made for the form. Behind the session's stands
the account that was looked at: another tab may have turned to another account meanwhile.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl, quote

from tokenhouse.access import (
    SESSION_COOKIE,
    SESSION_COOKIE_S,
    People,
    Right,
    SignedIn,
    account_shut,
    cookie,
    not_allowed,
    operators_only,
)
from tokenhouse.errors import AccountError, CallerError
from tokenhouse.pages.answer import Receive, Scope

COOKIE: Final = SESSION_COOKIE
FORM_COOKIE: Final = "tokenhouse_form"
FORM_MAX: Final = 64 * 1024
FIELDS_MAX: Final = 256
FORM_DEADLINE_S: Final = 20.0
HOME: Final = "/dashboard"

_WHAT: Final[Mapping[Right, str]] = {
    Right.SEE: "look at it",
    Right.SPEND: "spend",
    Right.KEYS: "handle keys",
    Right.MONEY: "put money in",
    Right.MEMBERS: "decide who is a member",
    Right.PLAN: "change the plan",
}


class GoTo(Exception):
    """Answer with a redirect (303) to ``location``, a path of ours."""

    def __init__(self, location: str) -> None:
        super().__init__(location)
        self.location = location


class ClientLeft(Exception):
    """Nobody is left to answer."""


class Form:
    """The fields of a form, as text."""

    __slots__ = ("_fields",)

    def __init__(self, fields: list[tuple[str, str]]) -> None:
        self._fields = fields

    def get(self, name: str, default: str = "") -> str:
        """The last value of that name, as it was typed."""
        return next((value for each, value in reversed(self._fields) if each == name), default)

    def all(self, name: str) -> tuple[str, ...]:
        """Every value of that name: boxes that were ticked."""
        return tuple(value for each, value in self._fields if each == name)

    def __contains__(self, name: object) -> bool:
        return any(each == name for each, _ in self._fields)


class Request:
    """One request for a page. ``params``: what stands for the braces of its path."""

    __slots__ = (
        "_form",
        "_looked",
        "_receive",
        "_visitor",
        "about",
        "cookies",
        "params",
        "people",
        "query",
        "scope",
        "secure",
        "set_cookies",
    )

    def __init__(
        self, scope: Scope, receive: Receive, people: People, *, secure_site: bool
    ) -> None:
        self.scope = scope
        self.people = people
        self.params: Mapping[str, str] = {}
        self.query = dict(parse_qsl(scope["query_string"].decode("latin-1")))
        self.cookies = _cookies(scope)
        self.secure = secure_site or scope.get("scheme") == "https"
        self.set_cookies: list[bytes] = []
        self._receive = receive
        self.about = ""
        """The account (an id) that the form was shown for; "" where there is no form."""
        self._form: Form | None = None
        self._visitor: SignedIn | None = None
        self._looked = False

    @property
    def method(self) -> str:
        return self.scope["method"]

    @property
    def path(self) -> str:
        return self.scope["path"]

    @property
    def address(self) -> str:
        """The client's, as text."""
        client = self.scope.get("client")
        return client[0] if client else ""

    def header(self, name: bytes) -> bytes:
        """The first value of a lower-case name, or nothing."""
        return next((value for each, value in self.scope["headers"] if each == name), b"")

    def set_cookie(self, name: str, value: str, *, max_age: int, path: str = "/") -> None:
        """For this browser, for scripts of nobody. ``max_age`` 0 takes it away."""
        made = cookie(name, value, max_age=max_age, path=path, secure=self.secure)
        self.set_cookies.append(made)

    def begin_session(self, secret: str) -> None:
        """This browser is signed in: whatever session its cookie named before is not it."""
        self.set_cookie(COOKIE, secret, max_age=SESSION_COOKIE_S)
        self.set_cookie(FORM_COOKIE, "", max_age=0)
        self._visitor, self._looked = None, False
        self.cookies[COOKIE] = secret

    def forget_session(self) -> None:
        """This browser is signed out."""
        self.set_cookie(COOKIE, "", max_age=0)
        self._visitor, self._looked = None, True
        self.cookies.pop(COOKIE, None)

    async def visitor(self) -> SignedIn | None:
        """Who is signed in; looked up once a request."""
        if not self._looked:
            secret = self.cookies.get(COOKIE, "")
            self._visitor = await self.people.signed_in(secret) if secret else None
            self._looked = True
        return self._visitor

    async def csrf(self) -> str:
        """What the forms of this answer carry."""
        signed = await self.visitor()
        if signed is not None:
            return f"{signed.csrf}.{signed.account or ''}"
        token = self.cookies.get(FORM_COOKIE, "")
        if not 20 <= len(token) <= 80:
            token = self.cookies[FORM_COOKIE] = secrets.token_urlsafe(24)
            self.set_cookie(FORM_COOKIE, token, max_age=86_400)
        return token

    async def form(self) -> Form:
        """The form that was sent, and is ours: its ``csrf`` is checked here.

        CallerError 400, 408, 413, 415 for what is no form; AccountError 403 ``wrong_csrf``.
        """
        if self._form is None:
            form = _fields(await self._body(), self.header(b"content-type"))
            await self._check_csrf(form)
            self._form = form
        return self._form

    async def _check_csrf(self, form: Form) -> None:
        site = self.header(b"sec-fetch-site")
        signed = await self.visitor()
        wanted = self.cookies.get(FORM_COOKIE, "") if signed is None else signed.csrf
        given, _, self.about = form.get("csrf").partition(".")
        right = bool(wanted) and hmac.compare_digest(given.encode(), wanted.encode())
        if site not in (b"", b"same-origin", b"none") or not right:
            raise AccountError(
                "This form is from another page or too old. Go back, reload the page, try again.",
                status=403,
                code="wrong_csrf",
            )

    async def _body(self) -> bytes:
        try:
            async with asyncio.timeout(FORM_DEADLINE_S):
                return await self._read()
        except TimeoutError:
            raise CallerError(
                "The form came too slowly.", status=408, code="form_too_slow"
            ) from None

    async def _read(self) -> bytes:
        body = bytearray()
        more = True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientLeft
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > FORM_MAX:
                raise CallerError(
                    f"A form has at most {FORM_MAX} bytes.", status=413, code="request_too_large"
                )
        return bytes(body)


async def visitor(request: Request) -> SignedIn | None:
    """Who is signed in; None for a stranger."""
    return await request.visitor()


async def require(request: Request, right: Right = Right.SEE) -> SignedIn:
    """Who is signed in and may do that in the account they look at.

    A stranger is sent to sign in (GoTo) and comes back; AccountError 403 ``not_allowed`` for whose role
    does not allow it, ``no_account`` for who has no account.
    """
    signed = await _somebody(request)
    if signed.role is None:
        raise AccountError(
            "You belong to no open account. Accept an invitation to one, or ask the operator of this "
            "house.",
            status=403,
            code="no_account",
        )
    same_account(request, signed)
    if not signed.may(right):
        if signed.account_state != "open":
            raise account_shut(signed.account_state)
        raise not_allowed(_WHAT[right])
    return signed


def same_account(request: Request, signed: SignedIn) -> None:
    """AccountError 409 ``other_account`` for a form that was shown for another account than the one that
    is looked at now: nothing is done in an account that the page did not show."""
    if request.about and request.about != signed.account:
        raise AccountError(
            "This form was about another of your accounts: meanwhile you have turned to "
            f"{signed.account_name or 'none'}. Nothing was done. Turn back, reload the page, and send "
            "it again.",
            status=409,
            code="other_account",
        )


async def require_operator(request: Request) -> SignedIn:
    """Who is signed in and operates this house; AccountError 403 ``operators_only`` for others."""
    signed = await _somebody(request)
    if not signed.person.operator:
        raise operators_only()
    return signed


def safe_next(text: str) -> str:
    """Where to go after signing in: a path of ours, else the dashboard."""
    plain = all(" " < letter < "\x7f" and letter != "\\" for letter in text)
    if plain and text.startswith("/") and not text.startswith("//") and len(text) <= 2000:
        return text
    return HOME


def sign_in_first(request: Request) -> GoTo:
    """To the sign-in page, and back to where the request was."""
    query: str = request.scope["query_string"].decode("latin-1")
    back = request.path + (f"?{query}" if query else "")
    return GoTo(f"/sign-in?next={quote(back, safe='/')}")


async def _somebody(request: Request) -> SignedIn:
    signed = await request.visitor()
    if signed is None:
        raise sign_in_first(request)
    return signed


def _cookies(scope: Scope) -> dict[str, str]:
    """By name. One that is there twice with two values is none: a neighbour's site may have put it."""
    found: dict[str, str] = {}
    twice: set[str] = set()
    for name, value in scope["headers"]:
        if name != b"cookie":
            continue
        for piece in value.decode("latin-1").split(";"):
            key, _, text = piece.strip().partition("=")
            if key in found and found[key] != text:
                twice.add(key)
            found[key] = text
    return {name: value for name, value in found.items() if name not in twice}


def _fields(body: bytes, content_type: bytes) -> Form:
    kind = content_type.partition(b";")[0].strip().lower()
    if kind != b"application/x-www-form-urlencoded":
        raise CallerError("Send this page's own form.", status=415, code="not_a_form")
    try:
        fields = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=FIELDS_MAX,
        )
    except ValueError as error:  # UnicodeDecodeError is one
        raise CallerError("This is no form.", code="not_a_form") from error
    return Form(fields)
