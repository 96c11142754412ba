"""What people ask of a store. Each verb is one operation: all of it happens, or nothing."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Protocol

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


class Persons(Protocol):
    """Who there is, and how they came in. ``by`` is who does it, as the audit log names them."""

    def person(self, id: str) -> Awaitable[Known | None]: ...

    def find_person(self, email: str) -> Awaitable[Known | None]: ...

    def persons(self, *, search: str, after: str, limit: int) -> Awaitable[tuple[Person, ...]]:
        """By id, those behind ``after``; ``search`` is a part of an address or a name."""
        ...

    def begin_person(self, new: NewPerson, code: MailCode) -> Awaitable[Person]:
        """Keep who signs up, and the code that proves their address.

        An address not yet proven takes the newer name and password. One that is proven keeps
        everything, and the code becomes one for a new password: the person says ``verified``.
        """
        ...

    def confirm_person(self, digest: bytes, *, plan: str, at_ms: int) -> Awaitable[Person | None]:
        """Use a ``verify`` code: the address is proven, and whoever has no account gets one by their
        name on ``plan``. None: the code can't be used."""
        ...

    def add_operator(
        self, new: NewPerson, account: str | None, *, by: str
    ) -> Awaitable[Person | None]:
        """A person who operates this house, owner of ``account``. None when there is an operator."""
        ...

    def change_person(self, id: str, *, email: str, name: str) -> Awaitable[Person | None]:
        """CallerError 409 ``email_taken`` when the address is somebody else's."""
        ...

    def set_password(
        self, id: str, password: str, *, at_ms: int, code: bytes | None = None
    ) -> Awaitable[bool]:
        """A new hash, and every session and access token of the person ends. ``code`` is used with
        it: False, and nothing changes, when it can't be."""
        ...

    def rehash(self, id: str, old: str, new: str) -> Awaitable[None]:
        """The same password under another hash, unless it was changed meanwhile."""
        ...

    def set_operator(self, id: str, operator: bool, *, by: str) -> Awaitable[Person | None]: ...

    def set_person_state(self, id: str, state: PersonState, *, by: str) -> Awaitable[Person | None]:
        """One who is suspended has no session from then on."""
        ...


class Sessions(Protocol):
    """Browsers that are signed in, and access tokens, by the digest of their secret."""

    def add_session(self, session: Session) -> Awaitable[None]: ...

    def find_session(self, digest: bytes) -> Awaitable[Seen | None]: ...

    def touch_session(self, digest: bytes, at_ms: int) -> Awaitable[None]: ...

    def choose_account(self, digest: bytes, account: str) -> Awaitable[bool]:
        """Look at another account of the session's person; False when it is none of theirs."""
        ...

    def end_session(self, digest: bytes) -> Awaitable[None]: ...

    def end_sessions(self, person: str) -> Awaitable[int]: ...

    def add_token(self, token: AccessToken) -> Awaitable[None]: ...

    def find_token(self, digest: bytes) -> Awaitable[tuple[AccessToken, Seen] | None]:
        """The token and what it stands for; its ``Seen`` has a session without digest or csrf."""
        ...

    def tokens(self, person: str) -> Awaitable[tuple[AccessToken, ...]]:
        """Newest first; revoked ones too."""
        ...

    def revoke_token(self, person: str, id: str, at_ms: int) -> Awaitable[AccessToken | None]:
        """The person's token as it is now; None when it is none of theirs. Twice is once."""
        ...


class Members(Protocol):
    """Who belongs to which account, who is asked to, and codes that mails carry."""

    def memberships(self, person: str) -> Awaitable[tuple[Membership, ...]]:
        """Oldest first; those of closed accounts are none."""
        ...

    def members(self, account: str) -> Awaitable[tuple[Member, ...]]:
        """Oldest first."""
        ...

    def change_member(
        self, account: str, person: str, role: Role | None, *, by: str
    ) -> Awaitable[Member]:
        """Another role; None takes them out. → the member as they were before.

        CallerError 404 ``member_not_found``, 409 ``last_owner``."""
        ...

    def add_code(self, code: MailCode) -> Awaitable[None]:
        """An invitation takes the place of one to the same address and account."""
        ...

    def find_code(self, digest: bytes) -> Awaitable[MailCode | None]: ...

    def invitations(self, account: str | None, now_ms: int) -> Awaitable[tuple[MailCode, ...]]:
        """Those that can still be accepted, newest first; None: those to no account."""
        ...

    def withdraw_invitation(
        self, account: str | None, email: str, *, at_ms: int, by: str
    ) -> Awaitable[bool]: ...

    def accept(self, digest: bytes, new: NewPerson, *, at_ms: int) -> Awaitable[Person | None]:
        """Use an invitation: ``new`` comes in, or whoever has its address proven already stays as they
        are; they become a member, and an operator where it says so. None: it can't be used."""
        ...


class PeopleStore(Persons, Sessions, Members, Protocol):
    """All that people ask of one store."""
