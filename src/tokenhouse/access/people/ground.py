"""What all parts of people stand on: the store, the clock, passwords, mail, and how a session begins."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import quote

from tokenhouse.access.people.bounds import Bounds
from tokenhouse.access.people.cookie import SESSION_COOKIE_S
from tokenhouse.access.people.errands import Errands
from tokenhouse.access.people.mail import ConsoleMail, Mail, Mailer
from tokenhouse.access.people.passwords import Passwords
from tokenhouse.access.people.port import PeopleStore
from tokenhouse.access.people.refusals import person_suspended, unusable_link
from tokenhouse.access.people.values import (
    MailCode,
    Membership,
    Person,
    Purpose,
    Seen,
    Session,
    SignedIn,
)
from tokenhouse.access.secret import MAIL_CODE, SESSION, hash_secret, new_secret
from tokenhouse.clock import Clock

MINUTE_MS: Final = 60_000
HOUR_MS: Final = 60 * MINUTE_MS
DAY_MS: Final = 24 * HOUR_MS

SESSION_MS: Final = SESSION_COOKIE_S * 1000
"""A session ends then, however busy."""
IDLE_MS: Final = 7 * DAY_MS
"""One that nobody has used for so long has ended."""
TOUCH_MS: Final = 5 * MINUTE_MS
"""How exactly it is known when a session was last used."""
LIFETIMES_MS: Final = {"verify": DAY_MS, "reset": HOUR_MS, "invite": 7 * DAY_MS}
LINKS: Final = {"verify": "/verify", "reset": "/reset", "invite": "/invitation"}
SECRET_MOST: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class PeopleSettings:
    """``url`` is the house's public one, without a closing slash. ``plan``: what new accounts get."""

    site: str
    url: str
    sign_up: Literal["closed", "open"]
    plan: Callable[[], str]
    failed_per_minute: int = 30


class Ground:
    """Shared by every part of :class:`People`."""

    def __init__(
        self, store: PeopleStore, clock: Clock, *, settings: PeopleSettings, mailer: Mailer
    ) -> None:
        self.settings = settings
        self.errands = Errands()
        self._store = store
        self._clock = clock
        self._mailer = mailer
        self._passwords = Passwords()
        self._bounds = Bounds(clock, failed_per_minute=settings.failed_per_minute)

    @property
    def prints_mail(self) -> bool:
        """Does mail go to the terminal, because no server takes it?"""
        return isinstance(self._mailer, ConsoleMail)

    def now_ms(self) -> int:
        """What the house's clock says, in unix milliseconds."""
        return self._clock.now_ms()

    def send_by(self, mailer: Mailer) -> None:
        """From now on mail goes this way."""
        self._mailer = mailer

    async def _begin(self, person: Person, account: str | None = None) -> tuple[str, SignedIn]:
        """A new session, never one that was there before. → (the cookie's secret, who signed in)"""
        if person.state != "open":
            raise person_suspended()
        now_ms = self._clock.now_ms()
        found = await self._store.memberships(person.id)
        chosen = _chosen(found, account)
        secret = new_secret(SESSION)
        session = Session(
            digest=hash_secret(secret),
            person=person.id,
            account=None if chosen is None else chosen.account,
            csrf=secrets.token_urlsafe(24),
            created_ms=now_ms,
            seen_ms=now_ms,
            ends_ms=now_ms + SESSION_MS,
        )
        await self._store.add_session(session)
        return secret, signed_in(Seen(session, person, chosen))

    def _code(
        self, purpose: Purpose, email: str, *, person: str | None = None
    ) -> tuple[str, MailCode]:
        """A new code. → (its secret, the code)"""
        secret = new_secret(MAIL_CODE)
        now_ms = self._clock.now_ms()
        code = MailCode(
            digest=hash_secret(secret),
            purpose=purpose,
            email=email,
            person=person,
            created_ms=now_ms,
            ends_ms=now_ms + LIFETIMES_MS[purpose],
        )
        return secret, code

    def _link(self, purpose: Purpose, secret: str) -> str:
        return f"{self.settings.url}{LINKS[purpose]}?code={quote(secret)}"

    def _mail(self, mail: Mail) -> None:
        self.errands.put(lambda: self._mailer.send(mail))

    async def peek(self, code: str, purpose: Purpose, address: str = "") -> MailCode:
        """What a code stands for, without using it. AccountError 403 ``unusable_link``."""
        self._bounds.check(address)
        found = None
        if 0 < len(code) <= SECRET_MOST:
            found = await self._store.find_code(hash_secret(code))
        if found is None or not found.works(purpose, self._clock.now_ms()):
            self._bounds.failed(address)
            raise unusable_link()
        return found


def signed_in(seen: Seen, session: str | None = None) -> SignedIn:
    """What pages and routes are told of a session."""
    mine = seen.membership
    return SignedIn(
        person=seen.person,
        account=None if mine is None else mine.account,
        role=None if mine is None else mine.role,
        csrf=seen.session.csrf,
        session=seen.session.digest.hex() if session is None else session,
        account_name="" if mine is None else mine.account_name,
        account_state="open" if mine is None else mine.account_state,
    )


def _chosen(found: tuple[Membership, ...], account: str | None) -> Membership | None:
    for each in found:
        if each.account == account:
            return each
    return found[0] if found else None
