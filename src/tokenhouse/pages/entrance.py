"""The pages by which people come in and go: signing up, in and out, proving an address, a new password."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from tokenhouse.errors import AccountError, CallerError, HouseError, TokenhouseError
from tokenhouse.pages.private import Routes, failed
from tokenhouse.pages.session import COOKIE, GoTo, Request, safe_next
from tokenhouse.pages.shown import Shown, Words

CODE_COOKIE: Final = "tokenhouse_code"
CODE_S: Final = 900
"""How long a code that came in an address waits in a cookie for its form."""


async def sign_in_page(request: Request) -> Shown:
    """The form, or onwards for who is signed in already."""
    onward = safe_next(request.query.get("next", ""))
    if await request.visitor() is not None:
        raise GoTo(onward)
    return _sign_in(request, next=onward)


async def sign_in(request: Request) -> Shown:
    form = await request.form()
    onward, email = safe_next(form.get("next")), form.get("email")
    try:
        secret, _ = await request.people.sign_in(email, form.get("password"), request.address)
    except (AccountError, CallerError, HouseError) as error:
        return _sign_in(request, next=onward, email=email, error=error)
    await _begin(request, secret)
    raise GoTo(onward)


async def sign_up_page(request: Request) -> Shown:
    if "sent" in request.query:
        return _sent(request, "A link that confirms your address is on its way.", "/sign-up")
    return _sign_up(request)


async def sign_up(request: Request) -> Shown:
    form = await request.form()
    email, name = form.get("email"), form.get("name")
    try:
        await request.people.sign_up(email, form.get("password"), name, request.address)
    except (AccountError, CallerError, HouseError) as error:
        return _sign_up(request, email=email, name=name, error=error)
    raise GoTo("/sign-up?sent=1")


async def sign_out_page(request: Request) -> Shown:
    if await request.visitor() is None:
        raise GoTo("/")
    return Shown("sign_out.html", {})


async def sign_out(request: Request) -> Shown:
    """This browser, or with ``everywhere`` all of the person's."""
    form = await request.form()
    signed = await request.visitor()
    if signed is not None and "everywhere" in form:
        await request.people.sign_out_everywhere(signed.person.id)
    await request.people.sign_out(request.cookies.get(COOKIE, ""))
    request.forget_session()
    raise GoTo("/")


async def verify_page(request: Request) -> Shown:
    await _take_code(request, "/verify")
    return _verify(request)


async def verify(request: Request) -> Shown:
    form = await request.form()
    code = request.cookies.get(CODE_COOKIE, "")
    try:
        secret, _ = await request.people.verify(code, form.get("password"), request.address)
    except (AccountError, CallerError, HouseError) as error:
        return _verify(request, error)
    _drop_code(request, "/verify")
    await _begin(request, secret)
    raise GoTo("/dashboard")


async def reset_page(request: Request) -> Shown:
    if "sent" in request.query:
        message = (
            "If somebody signs in here with that address, a link for a new password is on its way."
        )
        return _sent(request, message, "/reset")
    if "again" in request.query:
        _drop_code(request, "/reset")
        raise GoTo("/reset")
    await _take_code(request, "/reset")
    return _reset(request)


async def reset(request: Request) -> Shown:
    """Ask for a link, or, with one, choose a password."""
    form = await request.form()
    try:
        if "password" not in form:
            await request.people.ask_reset(form.get("email"), request.address)
            raise GoTo("/reset?sent=1")
        code = request.cookies.get(CODE_COOKIE, "")
        secret, _ = await request.people.reset(code, form.get("password"), request.address)
    except (AccountError, CallerError, HouseError) as error:
        return _reset(request, error)
    _drop_code(request, "/reset")
    await _begin(request, secret)
    raise GoTo("/dashboard")


async def invitation_page(request: Request) -> Shown:
    await _take_code(request, "/invitation")
    return await _invitation(request)


async def invitation(request: Request) -> Shown:
    form = await request.form()
    code, name = request.cookies.get(CODE_COOKIE, ""), form.get("name")
    signed = await request.visitor()
    try:
        secret, _ = await request.people.accept(
            code, form.get("password"), name, request.address, signed=signed
        )
    except (AccountError, CallerError, HouseError) as error:
        return await _invitation(request, name=name, error=error)
    _drop_code(request, "/invitation")
    await _begin(request, secret)
    raise GoTo("/dashboard")


async def _begin(request: Request, secret: str) -> None:
    """Sign this browser in; the session that it had before, whoever's it was, ends."""
    before = request.cookies.get(COOKIE)
    if before:
        await request.people.sign_out(before)
    request.begin_session(secret)


async def _take_code(request: Request, path: str) -> None:
    """A code in the address goes into a cookie, and the address is clean before anything is shown."""
    code = request.query.get("code")
    if code is not None:
        # only what a code is made of: it stands in a header next
        if code.isascii() and code.replace("-", "").replace("_", "").isalnum():
            request.set_cookie(CODE_COOKIE, code[:200], max_age=CODE_S, path=path)
        raise GoTo(path)


def _drop_code(request: Request, path: str) -> None:
    request.set_cookie(CODE_COOKIE, "", max_age=0, path=path)
    request.cookies.pop(CODE_COOKIE, None)


def _sign_in(
    request: Request, *, next: str, email: str = "", error: TokenhouseError | None = None
) -> Shown:
    words: Words = {"next": next, "email": email, "open": _open(request)}
    return failed("sign_in.html", words | {"ended": "ended" in request.query}, error)


def _sign_up(
    request: Request, *, email: str = "", name: str = "", error: TokenhouseError | None = None
) -> Shown:
    words: Words = {"email": email, "name": name, "open": _open(request)}
    return failed("sign_up.html", words, error)


def _verify(request: Request, error: TokenhouseError | None = None) -> Shown:
    return failed("verify.html", {"coded": CODE_COOKIE in request.cookies}, error)


def _reset(request: Request, error: TokenhouseError | None = None) -> Shown:
    words: Words = {"coded": CODE_COOKIE in request.cookies, "email": ""}
    return failed("reset.html", words, error)


async def _invitation(
    request: Request, *, name: str = "", error: TokenhouseError | None = None
) -> Shown:
    people, code = request.people, request.cookies.get(CODE_COOKIE, "")
    words: Words = {"invitation": None, "way": "", "name": name}
    if not code:
        return failed("invitation.html", words, error)
    try:
        found = await people.peek(code, "invite", request.address)
    except AccountError as wrong:
        return failed("invitation.html", words, error or wrong)
    signed = await request.visitor()
    words["invitation"] = found
    if not await people.has_password(found):
        words["way"] = "new"
    else:
        same = signed is not None and signed.person.email == found.email
        words["way"] = "signed" if same else "known"
    return failed("invitation.html", words, error)


def _sent(request: Request, message: str, again: str) -> Shown:
    words: Words = {"message": message, "again": again, "printed": request.people.prints_mail}
    return Shown("sent.html", words)


def _open(request: Request) -> bool:
    return request.people.settings.sign_up == "open"


ENTRANCE: Final[Routes] = MappingProxyType(
    {
        ("GET", "/sign-in"): sign_in_page,
        ("POST", "/sign-in"): sign_in,
        ("GET", "/sign-up"): sign_up_page,
        ("POST", "/sign-up"): sign_up,
        ("GET", "/sign-out"): sign_out_page,
        ("POST", "/sign-out"): sign_out,
        ("GET", "/verify"): verify_page,
        ("POST", "/verify"): verify,
        ("GET", "/reset"): reset_page,
        ("POST", "/reset"): reset,
        ("GET", "/invitation"): invitation_page,
        ("POST", "/invitation"): invitation,
    }
)
