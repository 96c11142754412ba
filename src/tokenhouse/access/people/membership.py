"""Who belongs to an account, and as what."""

from __future__ import annotations

from tokenhouse.access.naming import check_line
from tokenhouse.access.people.ground import Ground
from tokenhouse.access.people.refusals import (
    not_allowed,
    operators_only,
    person_not_found,
)
from tokenhouse.access.people.values import (
    Member,
    Membership,
    Person,
    PersonState,
    Right,
    Role,
    SignedIn,
)
from tokenhouse.errors import CallerError


class Belonging(Ground):
    """Members of accounts, and all people of the house for its operators. ``by`` is a member who may, an
    operator, or another actor's name."""

    async def members(self, account: str) -> tuple[Member, ...]:
        """An account's people, oldest first."""
        return await self._store.members(account)

    async def memberships(self, person: str) -> tuple[Membership, ...]:
        """A person's accounts, oldest first."""
        return await self._store.memberships(person)

    async def change_role(
        self, account: str, person: str, role: Role, by: SignedIn | str
    ) -> Member:
        """→ the member as they were. CallerError 404 ``member_not_found``, 409 ``last_owner``."""
        return await self._change(account, person, role, by)

    async def remove_member(self, account: str, person: str, by: SignedIn | str) -> Member:
        """Take somebody out of an account; anybody may take themselves. → the member as they were"""
        return await self._change(account, person, None, by)

    async def person(self, person: str) -> Person:
        """CallerError 404 ``person_not_found``."""
        known = await self._store.person(person)
        if known is None:
            raise person_not_found()
        return known.person

    async def rename(self, signed: SignedIn, name: str) -> Person:
        """Another name for who is signed in; CallerError 400 for one that no list could show."""
        check_line(name, "a name", least=1)
        person = signed.person
        changed = await self._store.change_person(person.id, email=person.email, name=name)
        return _there(changed)

    async def find_person(self, email_or_id: str) -> Person:
        """By id or by e-mail address; CallerError 404 ``person_not_found``."""
        known = await self._store.person(email_or_id)
        known = known or await self._store.find_person(email_or_id.strip().lower())
        if known is None:
            raise person_not_found()
        return known.person

    async def persons(
        self, *, search: str = "", after: str = "", limit: int = 100
    ) -> tuple[Person, ...]:
        """Everybody, by id; ``after``: the last id already seen."""
        return await self._store.persons(search=search, after=after, limit=limit)

    async def set_operator(self, person: str, operator: bool, by: SignedIn | str) -> Person:
        """Make somebody an operator, or no more."""
        actor = _operating(by, person)
        return _there(await self._store.set_operator(person, operator, by=actor))

    async def suspend_person(self, person: str, by: SignedIn | str) -> Person:
        """Sign somebody out everywhere and let them in no more. What keys do goes on."""
        return await self._set_state(person, "suspended", by)

    async def open_person(self, person: str, by: SignedIn | str) -> Person:
        """Let somebody in again."""
        return await self._set_state(person, "open", by)

    async def _set_state(self, person: str, state: PersonState, by: SignedIn | str) -> Person:
        actor = _operating(by, person)
        return _there(await self._store.set_person_state(person, state, by=actor))

    async def _change(
        self, account: str, person: str, role: Role | None, by: SignedIn | str
    ) -> Member:
        if isinstance(by, SignedIn):
            leaves = role is None and by.person.id == person
            may = by.account == account and by.may(Right.MEMBERS)
            if not (leaves or may or by.person.operator):
                raise not_allowed("decide who is a member")
        actor = by.actor if isinstance(by, SignedIn) else by
        return await self._store.change_member(account, person, role, by=actor)


def _operating(by: SignedIn | str, person: str) -> str:
    """The actor's name. AccountError 403 for who is no operator, CallerError 409 for oneself: a house
    must not lose its operator by a wrong click."""
    if isinstance(by, str):
        return by
    if not by.person.operator:
        raise operators_only()
    if by.person.id == person:
        raise CallerError("You can't do this to yourself.", status=409, code="yourself")
    return by.actor


def _there(found: Person | None) -> Person:
    if found is None:
        raise person_not_found()
    return found
