"""What every page for operators is made from: where it reads, who acts, and the words all of them use."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlencode

from tokenhouse import money
from tokenhouse.access import People, SignedIn
from tokenhouse.billing import Desk, Prices, export
from tokenhouse.catalogue import Catalogue
from tokenhouse.clock import Clock
from tokenhouse.errors import CallerError, TokenhouseError
from tokenhouse.pages.answer import Answer, Stream
from tokenhouse.pages.dashboard.clerk import Deed, day, moment
from tokenhouse.pages.facts import tokens
from tokenhouse.pages.private import see_other
from tokenhouse.pages.session import Form, Request, require_operator
from tokenhouse.pages.shown import Shown, Words
from tokenhouse.pages.site import Site

Given = Shown | Answer | Stream
Handler = Callable[[Request], Awaitable[Given]]

DONE: Final[Mapping[str, str]] = {
    "made": "The account was made.",
    "credited": "The credit was posted.",
    "replayed": "This credit was posted before; nothing was posted again.",
    "reversed": "The transfer was taken back.",
    "plan": "The account is on its new plan.",
    "open": "The account is open.",
    "suspended": "The account is suspended; what ran for it was ended and settled.",
    "closed": "The account is closed; what ran for it was ended and settled.",
    "revoked": "The key is revoked; every process refuses it within two seconds.",
    "cancelled": "The request was ended; what was delivered is settled.",
    "reset": "The route may be tried again.",
    "taken": "The settings were taken.",
    "person": "Changed.",
    "withdrawn": "The invitation works no more.",
    "invited": "The invitation is on its way.",
}
"""What was just done, by the word that stands in the address."""


@dataclass(frozen=True, slots=True)
class Office:
    """Who the pages ask, and through whom they act. ``ready``: can this model answer now?"""

    desk: Desk
    people: People
    prices: Prices
    catalogue: Callable[[], Catalogue]
    ready: Callable[[str], bool]
    site: Site
    clock: Clock

    async def account_names(self, ids: Iterable[str]) -> dict[str, str]:
        """Account id → its name."""
        found: dict[str, str] = {}
        for id in dict.fromkeys(ids):
            found[id] = (await self.desk.billing.account(id)).name
        return found

    async def actor_names(self, actors: Iterable[str]) -> dict[str, str]:
        """Actor → how an operator knows them."""
        found: dict[str, str] = {}
        for actor in dict.fromkeys(actors):
            kind, _, id = actor.partition(":")
            if kind != "person":
                continue
            try:
                person = await self.people.person(id)
            except CallerError:
                continue
            found[actor] = person.name or person.email
        return found


@dataclass(frozen=True, slots=True)
class Acting:
    """An operator, and what they were asked with."""

    who: SignedIn
    request: Request

    @property
    def actor(self) -> str:
        return self.who.actor

    def asked(self, name: str) -> str:
        """A field of the query, "" where it is not there."""
        return self.request.query.get(name, "").strip()

    async def form(self) -> Form:
        return await self.request.form()


Page = Callable[[Acting], Awaitable[Given]]
Act = Callable[[Acting, Form], Awaitable[str]]
"""Does what a form says. → where it is told."""
Again = Callable[[Acting, Deed], Awaitable[Given]]
"""The page of a form that could not be done, with what was typed."""


def shown(office: Office, page: Page, section: str) -> Handler:
    """A page for operators; who is a stranger signs in first, who is none is refused."""

    async def answer(request: Request) -> Given:
        who = await require_operator(request)
        acting = Acting(who, request)
        return _furnished(office, await page(acting), acting, section)

    return answer


def done(office: Office, act: Act, again: Again, section: str) -> Handler:
    """A form of operators: done, and told elsewhere; or shown again with what is wrong with it."""

    async def answer(request: Request) -> Given:
        who = await require_operator(request)
        acting = Acting(who, request)
        form = await request.form()
        try:
            return see_other(await act(acting, form))
        except TokenhouseError as error:
            given = await again(acting, Deed(form, error))
            return _furnished(office, given, acting, section)

    return answer


def page(template: str, words: Words, deed: Deed | None = None) -> Shown:
    """A page without the words that all of them have."""
    deed = deed or Deed()
    return Shown(f"admin/{template}.html", {"deed": deed, **words}, deed.status)


def told(path: str, word: str, **query: str) -> str:
    """Where an act is told: ``path`` with the word of DONE."""
    return f"{path}?{urlencode({'done': word, **query})}"


def dollars(text: str) -> int:
    """A typed amount → nanodollars; CallerError 400 naming ``amount``."""
    try:
        amount = money.amount_from_usd(text.strip().removeprefix("$"))
    except money.MoneyError as error:
        raise CallerError(str(error), param="amount") from None
    if amount == 0:
        raise CallerError("An amount is more than 0.", param="amount")
    return amount


def _furnished(office: Office, given: Given, acting: Acting, section: str) -> Given:
    if not isinstance(given, Shown):
        return given
    words: Words = {
        "site": office.site,
        "page": "admin",
        "section": section,
        "me": acting.who.person,
        "usd": money.usd,
        "tokens": tokens,
        "iso": export.utc,
        "moment": moment,
        "day": day,
        "age": age,
        "quote": quote,
        "now_ms": office.clock.now_ms(),
        "done": DONE.get(acting.asked("done"), ""),
        "asked": acting.asked,
        **given.words,
    }
    return Shown(given.template, words, given.status)


def age(ms: int) -> str:
    """How long, in one unit: ``3 s``, ``4 min``, ``2 h``, ``5 d``."""
    seconds = ms // 1000
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
