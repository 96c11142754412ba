"""People's port on the store: who signs in, in which account, with what."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from tokenhouse.access import (
    AccessToken,
    Known,
    MailCode,
    Member,
    Membership,
    NewPerson,
    Person,
    PersonState,
    Role,
    Seen,
    Session,
)
from tokenhouse.store import people
from tokenhouse.store.people_rows import PeopleReads
from tokenhouse.store.writer import Writer

T = TypeVar("T")
P = ParamSpec("P")


class Registry:
    """``access.PeopleStore``."""

    @property
    def writer(self) -> Writer:
        raise NotImplementedError

    @property
    def _people(self) -> PeopleReads:
        raise NotImplementedError

    def _read(self, read: Callable[P, T], *words: P.args, **named: P.kwargs) -> asyncio.Future[T]:
        raise NotImplementedError

    # who there is

    def person(self, id: str) -> asyncio.Future[Known | None]:
        return self._read(self._people.person, id)

    def find_person(self, email: str) -> asyncio.Future[Known | None]:
        return self._read(self._people.find_person, email)

    def persons(self, *, search: str, after: str, limit: int) -> asyncio.Future[tuple[Person, ...]]:
        return self._read(self._people.persons, search, after, limit)

    def begin_person(self, new: NewPerson, code: MailCode) -> asyncio.Future[Person]:
        return self.writer.say(people.begin_person, new, code)

    def confirm_person(
        self, digest: bytes, *, plan: str, at_ms: int
    ) -> asyncio.Future[Person | None]:
        return self.writer.say(people.confirm_person, digest, plan, at_ms)

    def add_operator(
        self, new: NewPerson, account: str | None, *, by: str
    ) -> asyncio.Future[Person | None]:
        return self.writer.say(people.add_operator, new, account, by)

    def change_person(self, id: str, *, email: str, name: str) -> asyncio.Future[Person | None]:
        return self.writer.say(people.change_person, id, email, name)

    def set_password(
        self, id: str, password: str, *, at_ms: int, code: bytes | None = None
    ) -> asyncio.Future[bool]:
        return self.writer.say(people.set_password, id, password, at_ms, code)

    def rehash(self, id: str, old: str, new: str) -> asyncio.Future[None]:
        return self.writer.say(people.rehash, id, old, new)

    def set_operator(self, id: str, operator: bool, *, by: str) -> asyncio.Future[Person | None]:
        return self.writer.say(people.set_operator, id, operator, by)

    def set_person_state(
        self, id: str, state: PersonState, *, by: str
    ) -> asyncio.Future[Person | None]:
        return self.writer.say(people.set_person_state, id, state, by)

    # sessions and tokens

    def add_session(self, session: Session) -> asyncio.Future[None]:
        return self.writer.say(people.add_session, session)

    def find_session(self, digest: bytes) -> asyncio.Future[Seen | None]:
        return self._read(self._people.session, digest)

    def touch_session(self, digest: bytes, at_ms: int) -> asyncio.Future[None]:
        return self.writer.say(people.touch_session, digest, at_ms)

    def choose_account(self, digest: bytes, account: str) -> asyncio.Future[bool]:
        return self.writer.say(people.choose_account, digest, account)

    def end_session(self, digest: bytes) -> asyncio.Future[None]:
        return self.writer.say(people.end_session, digest)

    def end_sessions(self, person: str) -> asyncio.Future[int]:
        return self.writer.say(people.end_sessions, person)

    def add_token(self, token: AccessToken) -> asyncio.Future[None]:
        return self.writer.say(people.add_token, token)

    def find_token(self, digest: bytes) -> asyncio.Future[tuple[AccessToken, Seen] | None]:
        return self._read(self._people.token, digest)

    def tokens(self, person: str) -> asyncio.Future[tuple[AccessToken, ...]]:
        return self._read(self._people.tokens, person)

    def revoke_token(self, person: str, id: str, at_ms: int) -> asyncio.Future[AccessToken | None]:
        return self.writer.say(people.revoke_token, person, id, at_ms)

    # members and codes

    def memberships(self, person: str) -> asyncio.Future[tuple[Membership, ...]]:
        return self._read(self._people.memberships, person)

    def members(self, account: str) -> asyncio.Future[tuple[Member, ...]]:
        return self._read(self._people.members, account)

    def change_member(
        self, account: str, person: str, role: Role | None, *, by: str
    ) -> asyncio.Future[Member]:
        return self.writer.say(people.change_member, account, person, role, by)

    def add_code(self, code: MailCode) -> asyncio.Future[None]:
        return self.writer.say(people.add_code, code)

    def find_code(self, digest: bytes) -> asyncio.Future[MailCode | None]:
        return self._read(self._people.code, digest)

    def invitations(self, account: str | None, now_ms: int) -> asyncio.Future[tuple[MailCode, ...]]:
        return self._read(self._people.invitations, account, now_ms)

    def withdraw_invitation(
        self, account: str | None, email: str, *, at_ms: int, by: str
    ) -> asyncio.Future[bool]:
        return self.writer.say(people.withdraw_invitation, account, email, at_ms, by)

    def accept(self, digest: bytes, new: NewPerson, *, at_ms: int) -> asyncio.Future[Person | None]:
        return self.writer.say(people.accept, digest, new, at_ms)
