"""The nouns of people. Times are unix milliseconds UTC; e-mail addresses are lower case."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

PersonState = Literal["open", "suspended"]
Purpose = Literal["verify", "reset", "invite"]


class Role(StrEnum):
    """What a person is in an account."""

    OWNER = "owner"
    DEVELOPER = "developer"
    VIEWER = "viewer"


class Right(StrEnum):
    """What one may do in an account: look, spend, handle keys, put money in, decide who is a member,
    change the plan."""

    SEE = "see"
    SPEND = "spend"
    KEYS = "keys"
    MONEY = "money"
    MEMBERS = "members"
    PLAN = "plan"


_DEVELOPER = frozenset((Right.SEE, Right.SPEND, Right.KEYS))


def allows(role: Role | None, right: Right) -> bool:
    """May one in this role do that? Without a role, nothing."""
    if role is None:
        return False
    if role is Role.OWNER:
        return True
    return right in _DEVELOPER if role is Role.DEVELOPER else right is Right.SEE


@dataclass(frozen=True, slots=True)
class Person:
    """Someone who signs in. ``email`` is "" for the first operator until they give one;
    ``verified``: they have read a mail sent there."""

    id: str
    email: str
    name: str
    verified: bool
    operator: bool
    created_ms: int
    state: PersonState = "open"


@dataclass(frozen=True, slots=True)
class Known:
    """A person as the store has them; ``password`` is an argon2id hash, None when there is none."""

    person: Person
    password: str | None = field(repr=False, default=None)


@dataclass(frozen=True, slots=True)
class Membership:
    """An account that a person belongs to, and as what."""

    account: str
    account_name: str
    role: Role
    account_state: Literal["open", "suspended", "closed"] = "open"


@dataclass(frozen=True, slots=True)
class Member:
    """A person of an account."""

    person: Person
    role: Role
    since_ms: int


@dataclass(frozen=True, slots=True)
class Session:
    """A browser that is signed in, by the digest of its cookie. ``account``: the one looked at now."""

    digest: bytes = field(repr=False)
    person: str
    account: str | None
    csrf: str = field(repr=False)
    created_ms: int
    seen_ms: int
    ends_ms: int


@dataclass(frozen=True, slots=True)
class Seen:
    """What a session, or an access token, stands for now: its person and their part in its account."""

    session: Session
    person: Person
    membership: Membership | None


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who acts, in which account, as what. ``csrf`` is what their forms carry; ``session`` names the
    session (never its secret), or the access token by its id."""

    person: Person
    account: str | None
    role: Role | None
    csrf: str = field(repr=False)
    session: str
    account_name: str = ""
    account_state: Literal["open", "suspended", "closed"] = "open"

    @property
    def actor(self) -> str:
        """How the audit log names them."""
        return f"person:{self.person.id}"

    def may(self, right: Right) -> bool:
        """Does their role in this account allow it? Where it is not open, they may look, no more."""
        return allows(self.role, right) and (right is Right.SEE or self.account_state == "open")


@dataclass(frozen=True, slots=True, kw_only=True)
class MailCode:
    """A code that a mail carried, by its digest: it is used once, before ``ends_ms``.

    An invitation names the ``account`` and ``role`` that wait, or none: then its person gets an
    account of their own. ``operator``: whoever accepts becomes one. ``by``: who invited.
    """

    digest: bytes = field(repr=False)
    purpose: Purpose
    email: str
    created_ms: int
    ends_ms: int
    person: str | None = None
    account: str | None = None
    role: Role | None = None
    operator: bool = False
    by: str = "house"
    used_ms: int | None = None
    account_name: str = ""

    def works(self, purpose: Purpose, now_ms: int) -> bool:
        """Can it be used for that now?"""
        return self.purpose == purpose and self.used_ms is None and self.ends_ms > now_ms


@dataclass(frozen=True, slots=True)
class NewPerson:
    """Someone who comes in; ``password`` is a hash. ``home`` is the name of an account to be made for
    them on ``plan``; None: they get none."""

    id: str
    email: str
    name: str
    password: str | None = field(repr=False)
    created_ms: int
    home: str | None = None
    plan: str = "free"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessToken:
    """A person's secret for the control plane, without the secret: ``hint`` is its last four letters."""

    id: str
    person: str
    account: str | None
    name: str
    digest: bytes = field(repr=False)
    hint: str
    created_ms: int
    ends_ms: int | None = None
    revoked_ms: int | None = None

    def live(self, now_ms: int) -> bool:
        """Does it work now?"""
        return self.revoked_ms is None and (self.ends_ms is None or self.ends_ms > now_ms)
