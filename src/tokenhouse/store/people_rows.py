"""Rows of people → values, and what is only read of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any

from tokenhouse.access import (
    AccessToken,
    Known,
    MailCode,
    Member,
    Membership,
    Person,
    Role,
    Seen,
    Session,
)

Row = tuple[Any, ...]


def person_row(row: Row) -> Person:
    id, email, name, verified, operator, created_ms, state = row
    return Person(id, email, name, bool(verified), bool(operator), created_ms, state)


def known_row(row: Row) -> Known:
    return Known(person_row(row[:7]), row[7])


def member_row(row: Row) -> Member:
    return Member(person_row(row[:7]), Role(row[7]), row[8])


def membership_row(row: Row) -> Membership | None:
    account, name, role, state = row
    return None if account is None else Membership(account, name, Role(role), state)


def code_row(row: Row) -> MailCode:
    digest, purpose, email, person, account, role, operator, actor, *rest = row
    created_ms, ends_ms, used_ms, account_name = rest
    return MailCode(
        digest=digest,
        purpose=purpose,
        email=email,
        created_ms=created_ms,
        ends_ms=ends_ms,
        person=person,
        account=account,
        role=None if role is None else Role(role),
        operator=bool(operator),
        by=actor,
        used_ms=used_ms,
        account_name=account_name,
    )


def token_row(row: Row) -> AccessToken:
    id, person, account, name, digest, hint, created_ms, ends_ms, revoked_ms = row
    return AccessToken(
        id=id,
        person=person,
        account=account,
        name=name,
        digest=digest,
        hint=hint,
        created_ms=created_ms,
        ends_ms=ends_ms,
        revoked_ms=revoked_ms,
    )


class PeopleReads:
    """Named reads of people, on a connection that can't write."""

    def __init__(self, db: sqlite3.Connection, sql: Mapping[str, str]) -> None:
        self._db = db
        self._sql = sql

    def person(self, id: str) -> Known | None:
        row = self._one("person_get", id)
        return None if row is None else known_row(row)

    def find_person(self, email: str) -> Known | None:
        row = self._one("person_by_email", email)
        return None if row is None else known_row(row)

    def persons(self, search: str, after: str, limit: int) -> tuple[Person, ...]:
        rows = self._all("persons_page", after, search.lower(), limit)
        return tuple(person_row(row[:7]) for row in rows)

    def session(self, digest: bytes) -> Seen | None:
        row = self._one("session_find", digest)
        if row is None:
            return None
        return Seen(Session(*row[:7]), person_row(row[7:14]), membership_row(row[14:]))

    def token(self, digest: bytes) -> tuple[AccessToken, Seen] | None:
        row = self._one("token_find", digest)
        if row is None:
            return None
        token = token_row(row[:9])
        ends_ms = token.created_ms if token.ends_ms is None else token.ends_ms
        times = (token.created_ms, token.created_ms, ends_ms)
        session = Session(b"", token.person, token.account, "", *times)
        return token, Seen(session, person_row(row[9:16]), membership_row(row[16:]))

    def tokens(self, person: str) -> tuple[AccessToken, ...]:
        return tuple(map(token_row, self._all("tokens_of", person)))

    def memberships(self, person: str) -> tuple[Membership, ...]:
        found = map(membership_row, self._all("memberships_of", person))
        return tuple(each for each in found if each is not None)

    def members(self, account: str) -> tuple[Member, ...]:
        return tuple(map(member_row, self._all("members_of", account)))

    def code(self, digest: bytes) -> MailCode | None:
        row = self._one("code_find", digest)
        return None if row is None else code_row(row)

    def invitations(self, account: str | None, now_ms: int) -> tuple[MailCode, ...]:
        return tuple(map(code_row, self._all("invitations_of", account, now_ms)))

    def _one(self, statement: str, *words: object) -> Row | None:
        return self._db.execute(self._sql[statement], words).fetchone()

    def _all(self, statement: str, *words: object) -> list[Row]:
        return self._db.execute(self._sql[statement], words).fetchall()
