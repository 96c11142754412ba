"""Who one is, and who else is in one's account: profile and members."""

from __future__ import annotations

from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final

from tokenhouse.access import NewAccessToken, Right, Role, SignedIn
from tokenhouse.errors import AccountError, CallerError, HouseError, TokenhouseError
from tokenhouse.pages.private import Routes, failed
from tokenhouse.pages.session import (
    COOKIE,
    GoTo,
    Request,
    require,
    safe_next,
    same_account,
    sign_in_first,
)
from tokenhouse.pages.shown import Shown, Words

MEMBERS: Final = "/dashboard/members"
TOKEN_MS: Final = 365 * 86_400_000
_DONE: Final = MappingProxyType(
    {
        "password": "Your password is changed; other browsers are signed out.",
        "token": "The token works no more.",
        "introduction": "From now on you sign in with this address and password.",
    }
)


async def profile_page(request: Request) -> Shown:
    return await _profile(request)


async def introduce(request: Request) -> Shown:
    """The first operator says who they are."""
    form, signed = await request.form(), await _signed(request)
    email, name = form.get("email"), form.get("name").strip()
    try:
        secret, _ = await request.people.introduce(
            signed, email=email, name=name, password=form.get("password")
        )
    except (AccountError, CallerError, HouseError) as error:
        return await _profile(request, error=error, email=email, name=name)
    request.begin_session(secret)
    raise GoTo("/profile?done=introduction")


async def change_password(request: Request) -> Shown:
    form, signed = await request.form(), await _signed(request)
    try:
        secret, _ = await request.people.change_password(
            signed, form.get("current"), form.get("password"), request.address
        )
    except (AccountError, CallerError, HouseError) as error:
        return await _profile(request, error=error)
    request.begin_session(secret)
    raise GoTo("/profile?done=password")


async def choose_account(request: Request) -> Shown:
    """Look at another of one's accounts, then go where ``next`` says."""
    form = await request.form()
    await _signed(request)
    await request.people.choose_account(request.cookies.get(COOKIE, ""), form.get("account"))
    raise GoTo(safe_next(form.get("next")))


async def make_token(request: Request) -> Shown:
    """An access token for the account that is looked at; shown once, on this answer."""
    form, signed = await request.form(), await _signed(request)
    same_account(request, signed)
    people, name = request.people, form.get("token_name").strip()
    try:
        made = await people.new_token(
            signed.person.id, signed.account, name, ends_ms=people.now_ms() + TOKEN_MS
        )
    except (AccountError, CallerError, HouseError) as error:
        return await _profile(request, error=error)
    return await _profile(request, made=made)


async def revoke_token(request: Request) -> Shown:
    form, signed = await request.form(), await _signed(request)
    await request.people.revoke_token(signed.person.id, form.get("token"))
    raise GoTo("/profile?done=token")


async def members_page(request: Request) -> Shown:
    return await _members(request, await require(request, Right.SEE))


async def invite(request: Request) -> Shown:
    signed = await require(request, Right.MEMBERS)
    form = await request.form()
    email = form.get("email")
    try:
        link = await request.people.invite(signed.account, email, _role(form.get("role")), signed)
    except (AccountError, CallerError, HouseError) as error:
        return await _members(request, signed, error=error)
    # a link shows that its reader reads that mail: nobody but an operator may see it elsewhere
    shown = link if signed.person.operator else ""
    return await _members(request, signed, link=shown, invited=email)


async def withdraw(request: Request) -> Shown:
    signed = await require(request, Right.MEMBERS)
    form = await request.form()
    await request.people.withdraw_invitation(signed.account, form.get("email"), signed)
    raise GoTo(MEMBERS)


async def change_role(request: Request) -> Shown:
    signed = await require(request, Right.MEMBERS)
    form = await request.form()
    assert signed.account is not None
    try:
        await request.people.change_role(
            signed.account, form.get("person"), _role(form.get("role")), signed
        )
    except (AccountError, CallerError, HouseError) as error:
        return await _members(request, signed, error=error)
    raise GoTo(MEMBERS)


async def remove(request: Request) -> Shown:
    """Somebody, or oneself: then there is another account to look at, or none."""
    signed = await require(request, Right.SEE)
    form = await request.form()
    assert signed.account is not None
    try:
        await request.people.remove_member(signed.account, form.get("person"), signed)
    except (AccountError, CallerError, HouseError) as error:
        return await _members(request, signed, error=error)
    raise GoTo("/profile" if form.get("person") == signed.person.id else MEMBERS)


async def _profile(
    request: Request,
    *,
    error: TokenhouseError | None = None,
    email: str = "",
    name: str = "",
    made: NewAccessToken | None = None,
) -> Shown:
    signed = await _signed(request)
    now_ms = request.people.now_ms()
    tokens = await request.people.tokens(signed.person.id)
    words: Words = {
        "made": made,
        "tokens": tuple(each for each in tokens if each.live(now_ms)),
        "on": _day,
        "memberships": await request.people.memberships(signed.person.id),
        "done": _DONE.get(request.query.get("done", ""), ""),
        "email": email,
        "name": name,
    }
    return failed("profile.html", words, error)


async def _members(
    request: Request,
    signed: SignedIn,
    *,
    error: TokenhouseError | None = None,
    link: str = "",
    invited: str = "",
) -> Shown:
    people, may = request.people, signed.may(Right.MEMBERS)
    assert signed.account is not None
    words: Words = {
        "members": await people.members(signed.account),
        "invitations": await people.invitations(signed.account) if may else (),
        "may": may,
        "roles": tuple(Role),
        "on": _day,
        "link": link,
        "invited": invited,
    }
    return failed("members.html", words, error)


async def _signed(request: Request) -> SignedIn:
    signed = await request.visitor()
    if signed is None:
        raise sign_in_first(request)
    return signed


def _role(text: str) -> Role:
    try:
        return Role(text)
    except ValueError:
        raise CallerError("A role is owner, developer or viewer.", param="role") from None


def _day(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d")


PROFILE: Final[Routes] = MappingProxyType(
    {
        ("GET", "/profile"): profile_page,
        ("POST", "/profile/introduction"): introduce,
        ("POST", "/profile/password"): change_password,
        ("POST", "/profile/account"): choose_account,
        ("POST", "/profile/tokens"): make_token,
        ("POST", "/profile/tokens/revoke"): revoke_token,
        ("GET", MEMBERS): members_page,
        ("POST", f"{MEMBERS}/invite"): invite,
        ("POST", f"{MEMBERS}/withdraw"): withdraw,
        ("POST", f"{MEMBERS}/role"): change_role,
        ("POST", f"{MEMBERS}/remove"): remove,
    }
)
