"""What every page of an account is made from: where it reads, who looks, and the words all of them use."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import quote

from tokenhouse import money
from tokenhouse.access import Membership, Right, SignedIn, SignInCodes
from tokenhouse.billing import Billing, Prices, export
from tokenhouse.catalogue import Catalogue, Model
from tokenhouse.clock import Clock
from tokenhouse.errors import CallerError, HouseError, TokenhouseError
from tokenhouse.pages.facts import tokens
from tokenhouse.pages.private import sentence
from tokenhouse.pages.session import Form
from tokenhouse.pages.shown import Shown, Words
from tokenhouse.pages.site import Site


@dataclass(frozen=True, slots=True)
class Clerk:
    """Who the pages ask, and through whom they act. ``ready``: can this model answer now?
    ``changed``: to be told when a key was changed."""

    billing: Billing
    prices: Prices
    catalogue: Callable[[], Catalogue]
    ready: Callable[[str], bool]
    site: Site
    clock: Clock
    changed: Callable[[], None]
    codes: SignInCodes | None = None

    def offered(self) -> tuple[Model, ...]:
        """The models that have a price, as the catalogue lists them."""
        return tuple(each for each in self.catalogue().models if each.price is not None)

    def first_model(self, models: Sequence[str] | None = None) -> Model | None:
        """One to begin with: it can answer, where any can, and is among ``models``."""
        fit = [each for each in self.offered() if models is None or each.id in models]
        if models is None:
            try:
                return self.catalogue().default_model(lambda model: self.ready(model.id))
            except HouseError:
                pass
        return next((each for each in fit if self.ready(each.id)), fit[0] if fit else None)


@dataclass(frozen=True, slots=True)
class Looking:
    """Somebody signed in who looks at one of their accounts. ``account`` is its id."""

    who: SignedIn
    account: str
    account_name: str
    account_state: Literal["open", "suspended", "closed"]
    plan: str
    memberships: tuple[Membership, ...]
    names: Mapping[str, str] = field(default_factory=dict[str, str])
    """Person id → their name, of the account's members."""

    def may(self, right: Right) -> bool:
        """Their role allows it, and the account is open."""
        return self.who.may(right)

    def must(self, right: Right) -> None:
        """CallerError 403 where they may not."""
        if self.account_state != "open":
            raise CallerError(
                f"This account is {self.account_state}.",
                status=403,
                code=f"account_{self.account_state}",
            )
        if not self.who.may(right):
            raise CallerError(
                f"Your role in this account ({self.who.role or 'none'}) does not allow that.",
                status=403,
                code="not_allowed",
            )

    def named(self, actor: str) -> str:
        """Who did something, as this visitor knows them."""
        if actor == self.who.actor:
            return "you"
        kind, _, id = actor.partition(":")
        if kind == "person":
            return self.names.get(id, "somebody who has left")
        return {"key": "a key", "cli": "the operator", "house": "the house"}.get(kind, actor)


@dataclass(frozen=True, slots=True)
class Deed:
    """A form that was sent: ``typed`` is what stood in it; ``error`` why it can't be done."""

    typed: Form = field(default_factory=lambda: Form([]))
    error: TokenhouseError | None = None

    @property
    def status(self) -> int:
        return 200 if self.error is None else self.error.status

    def wrong(self, name: str) -> str:
        """What to say at a field."""
        return self.wrong_at_all if self.error is not None and self.error.param == name else ""

    @property
    def wrong_at_all(self) -> str:
        """What to say above the form: the error, wherever it belongs."""
        return "" if self.error is None else sentence(self.error)


def page(section: str, template: str, words: Words, *, status: int = 200) -> Shown:
    """A page of the account, without the words that all of them have."""
    return Shown(f"dashboard/{template}.html", {"section": section, **words}, status)


def furnished(shown: Shown, clerk: Clerk, looking: Looking) -> Shown:
    """With them."""
    words: Words = {
        "site": clerk.site,
        "page": "dashboard",
        "memberships": looking.memberships,
        "looking": looking,
        "may_keys": looking.may(Right.KEYS),
        "may_money": looking.may(Right.MONEY),
        "usd": money.usd,
        "tokens": tokens,
        "iso": export.utc,
        "moment": moment,
        "day": day,
        "quote": quote,
        "now_ms": clerk.clock.now_ms(),
        **shown.words,
    }
    return Shown(shown.template, words, shown.status)


def moment(at_ms: int) -> str:
    """Unix milliseconds for people, in UTC: ``22 Nov 2026, 20:15``."""
    at = datetime.datetime.fromtimestamp(at_ms / 1000, datetime.UTC)
    return f"{at.day} {at:%b %Y, %H:%M}"


def day(at_ms: int) -> str:
    """``22 Nov 2026``, in UTC."""
    at = datetime.datetime.fromtimestamp(at_ms / 1000, datetime.UTC)
    return f"{at.day} {at:%b %Y}"
