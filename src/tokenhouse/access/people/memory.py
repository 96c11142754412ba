"""A PeopleStore in memory: for tests and simulations. Same contract suite as the durable one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from tokenhouse.access.people.refusals import email_taken, last_owner, member_not_found
from tokenhouse.access.people.values import (
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


@dataclass(frozen=True, slots=True)
class _Part:
    role: Role
    since_ms: int


class MemoryPeople:
    """People, and the little that they need to know of accounts. Single loop, no threads. ``now_ms`` is
    what the clock says; ``acts`` is what an audit log would have: (actor, act, subject)."""

    def __init__(self, now_ms: int = 0) -> None:
        self.now_ms = now_ms
        self.acts: list[tuple[str, str, str]] = []
        self._accounts: dict[str, str] = {}
        self._people: dict[str, Known] = {}
        self._parts: dict[tuple[str, str], _Part] = {}
        self._sessions: dict[bytes, Session] = {}
        self._codes: dict[bytes, MailCode] = {}
        self._tokens: dict[str, AccessToken] = {}

    def put_account(self, account: str, name: str) -> None:
        """Make an account known under its id."""
        self._accounts[account] = name

    # who there is

    async def person(self, id: str) -> Known | None:
        return self._people.get(id)

    async def find_person(self, email: str) -> Known | None:
        found = (each for each in self._people.values() if each.person.email == email)
        return next(found, None) if email else None

    async def persons(self, *, search: str, after: str, limit: int) -> tuple[Person, ...]:
        part = search.lower()
        found = sorted((each.person for each in self._people.values()), key=lambda each: each.id)
        fits = (each for each in found if part in each.email or part in each.name.lower())
        return tuple(each for each in fits if each.id > after)[:limit]

    async def begin_person(self, new: NewPerson, code: MailCode) -> Person:
        known = await self.find_person(new.email)
        if known is None:
            known = self._put(_person(new), new.password)
        elif not known.person.verified:
            known = self._put(replace(known.person, name=new.name), new.password)
        person = known.person
        purpose = "reset" if person.verified else "verify"
        self._codes[code.digest] = replace(code, purpose=purpose, person=person.id)
        return person

    async def confirm_person(self, digest: bytes, *, plan: str, at_ms: int) -> Person | None:
        code = self._codes.get(digest)
        if code is None or not code.works("verify", at_ms) or code.person is None:
            return None
        self._use(code, at_ms)
        person = self._change(code.person, verified=True)
        if not await self.memberships(person.id):
            self._make_home(person, person.name)
        return person

    async def add_operator(self, new: NewPerson, account: str | None, *, by: str) -> Person | None:
        if any(each.person.operator for each in self._people.values()):
            return None
        self._put(replace(_person(new), operator=True), new.password)
        if account is not None:
            self._parts[account, new.id] = _Part(Role.OWNER, self.now_ms)
        self.acts.append((by, "people operator", new.id))
        return self._people[new.id].person

    async def change_person(self, id: str, *, email: str, name: str) -> Person | None:
        if id not in self._people:
            return None
        other = await self.find_person(email)
        if other is not None and other.person.id != id:
            raise email_taken()
        self.acts.append((f"person:{id}", "people change", id))
        return self._change(id, email=email, name=name, verified=True)

    async def set_password(
        self, id: str, password: str, *, at_ms: int, code: bytes | None = None
    ) -> bool:
        if code is not None:
            found = self._codes.get(code)
            if found is None or not found.works("reset", at_ms) or found.person != id:
                return False
            self._use(found, at_ms)
        if id not in self._people:
            return False
        self._put(self._people[id].person, password)
        await self.end_sessions(id)
        for token in await self.tokens(id):
            if token.revoked_ms is None:
                self._tokens[token.id] = replace(token, revoked_ms=at_ms)
        return True

    async def rehash(self, id: str, old: str, new: str) -> None:
        known = self._people.get(id)
        if known is not None and known.password == old:
            self._put(known.person, new)

    async def set_operator(self, id: str, operator: bool, *, by: str) -> Person | None:
        if id not in self._people:
            return None
        if self._people[id].person.operator is not operator:
            self.acts.append((by, "people operator", id))
        return self._change(id, operator=operator)

    async def set_person_state(self, id: str, state: PersonState, *, by: str) -> Person | None:
        if id not in self._people:
            return None
        if self._people[id].person.state != state:
            self.acts.append((by, "people state", id))
        if state == "suspended":
            await self.end_sessions(id)
        return self._change(id, state=state)

    # sessions and tokens

    async def add_session(self, session: Session) -> None:
        self._sessions[session.digest] = session

    async def find_session(self, digest: bytes) -> Seen | None:
        session = self._sessions.get(digest)
        return None if session is None else self._seen(session)

    async def touch_session(self, digest: bytes, at_ms: int) -> None:
        if digest in self._sessions:
            self._sessions[digest] = replace(self._sessions[digest], seen_ms=at_ms)

    async def choose_account(self, digest: bytes, account: str) -> bool:
        session = self._sessions.get(digest)
        if session is None or (account, session.person) not in self._parts:
            return False
        self._sessions[digest] = replace(session, account=account)
        return True

    async def end_session(self, digest: bytes) -> None:
        self._sessions.pop(digest, None)

    async def end_sessions(self, person: str) -> int:
        theirs = [digest for digest, each in self._sessions.items() if each.person == person]
        for digest in theirs:
            del self._sessions[digest]
        return len(theirs)

    async def add_token(self, token: AccessToken) -> None:
        self._tokens[token.id] = token
        self.acts.append((f"person:{token.person}", "tokens create", token.id))

    async def find_token(self, digest: bytes) -> tuple[AccessToken, Seen] | None:
        token = next((each for each in self._tokens.values() if each.digest == digest), None)
        if token is None:
            return None
        ends_ms = token.created_ms if token.ends_ms is None else token.ends_ms
        times = (token.created_ms, token.created_ms, ends_ms)
        return token, self._seen(Session(b"", token.person, token.account, "", *times))

    async def tokens(self, person: str) -> tuple[AccessToken, ...]:
        theirs = (each for each in self._tokens.values() if each.person == person)
        return tuple(sorted(theirs, key=lambda each: each.id, reverse=True))

    async def revoke_token(self, person: str, id: str, at_ms: int) -> AccessToken | None:
        token = self._tokens.get(id)
        if token is None or token.person != person:
            return None
        if token.revoked_ms is None:
            token = self._tokens[id] = replace(token, revoked_ms=at_ms)
            self.acts.append((f"person:{person}", "tokens revoke", id))
        return token

    # members and codes

    async def memberships(self, person: str) -> tuple[Membership, ...]:
        theirs = sorted(
            (part.since_ms, account, part.role)
            for (account, member), part in self._parts.items()
            if member == person
        )
        return tuple(Membership(id, self._accounts[id], role) for _, id, role in theirs)

    async def members(self, account: str) -> tuple[Member, ...]:
        theirs = sorted(
            (part.since_ms, person, part.role)
            for (of, person), part in self._parts.items()
            if of == account
        )
        return tuple(Member(self._people[id].person, role, at) for at, id, role in theirs)

    async def change_member(
        self, account: str, person: str, role: Role | None, *, by: str
    ) -> Member:
        members = await self.members(account)
        member = next((each for each in members if each.person.id == person), None)
        if member is None:
            raise member_not_found()
        if role is member.role:
            return member
        owners = sum(each.role is Role.OWNER for each in members)
        if member.role is Role.OWNER and owners < 2:
            raise last_owner()
        if role is None:
            del self._parts[account, person]
        else:
            self._parts[account, person] = _Part(role, member.since_ms)
        self.acts.append((by, "members remove" if role is None else "members change", person))
        return member

    async def add_code(self, code: MailCode) -> None:
        if code.purpose == "invite":
            self._drop_invitations(code.account, code.email, code.created_ms)
            self.acts.append((code.by, "people invite", code.email))
        self._codes[code.digest] = code

    async def find_code(self, digest: bytes) -> MailCode | None:
        code = self._codes.get(digest)
        return None if code is None else self._named(code)

    async def invitations(self, account: str | None, now_ms: int) -> tuple[MailCode, ...]:
        found = [
            self._named(each)
            for each in self._codes.values()
            if each.works("invite", now_ms) and each.account == account
        ]
        return tuple(sorted(found, key=lambda each: (-each.created_ms, each.email)))

    async def withdraw_invitation(
        self, account: str | None, email: str, *, at_ms: int, by: str
    ) -> bool:
        if not self._drop_invitations(account, email, at_ms):
            return False
        self.acts.append((by, "people withdraw", email))
        return True

    async def accept(self, digest: bytes, new: NewPerson, *, at_ms: int) -> Person | None:
        code = self._codes.get(digest)
        if code is None or not code.works("invite", at_ms):
            return None
        self._codes[digest] = replace(code, used_ms=at_ms)
        known = await self.find_person(code.email)
        if known is None:
            known = self._put(replace(_person(new), verified=True), new.password)
        elif not known.person.verified:
            known = self._put(replace(known.person, name=new.name, verified=True), new.password)
        id = known.person.id
        if code.account is not None and code.role is not None:
            self._parts.setdefault((code.account, id), _Part(code.role, at_ms))
            self.acts.append((f"person:{id}", "members add", id))
        elif new.home is not None and not await self.memberships(id):
            self._make_home(known.person, new.home)
        if code.operator:
            return await self.set_operator(id, True, by=code.by)
        return known.person

    def _put(self, person: Person, password: str | None) -> Known:
        known = self._people[person.id] = Known(person, password)
        return known

    def _change(self, id: str, **other: Any) -> Person:
        known = self._people[id]
        return self._put(replace(known.person, **other), known.password).person

    def _seen(self, session: Session) -> Seen:
        account = session.account or ""
        part = self._parts.get((account, session.person))
        mine = None if part is None else Membership(account, self._accounts[account], part.role)
        return Seen(session, self._people[session.person].person, mine)

    def _named(self, code: MailCode) -> MailCode:
        return replace(code, account_name=self._accounts.get(code.account or "", ""))

    def _use(self, code: MailCode, at_ms: int) -> None:
        for digest, each in self._codes.items():
            if (each.purpose, each.email) == (code.purpose, code.email) and each.used_ms is None:
                self._codes[digest] = replace(each, used_ms=at_ms)

    def _drop_invitations(self, account: str | None, email: str, at_ms: int) -> bool:
        found = [
            digest
            for digest, each in self._codes.items()
            if each.works("invite", at_ms) and (each.account, each.email) == (account, email)
        ]
        for digest in found:
            self._codes[digest] = replace(self._codes[digest], used_ms=at_ms)
        return bool(found)

    def _make_home(self, person: Person, name: str) -> None:
        taken = set(self._accounts.values())
        endings = ("", f" {person.id[-4:]}", f" {person.id[-12:]}")
        name = next(name + ending for ending in endings if name + ending not in taken)
        account = f"acc_{person.id}"
        self._accounts[account] = name
        self._parts[account, person.id] = _Part(Role.OWNER, self.now_ms)


def _person(new: NewPerson) -> Person:
    return Person(new.id, new.email, new.name, False, False, new.created_ms)
