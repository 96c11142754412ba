"""People as rows: each verb of ``access.PeopleStore`` that writes, as an operation on a batch."""

from __future__ import annotations

import sqlite3

from tokenhouse.access import (
    AccessToken,
    Known,
    MailCode,
    Member,
    NewPerson,
    Person,
    PersonState,
    Role,
    Session,
    email_taken,
    last_owner,
    member_not_found,
)
from tokenhouse.billing import By
from tokenhouse.store import acts
from tokenhouse.store.audit import record
from tokenhouse.store.batch import Batch
from tokenhouse.store.people_rows import code_row, known_row, member_row, token_row

FORGET_AFTER_MS = 7 * 86_400_000
"""So long whoever never proved their address, and codes that are over, stay."""


def begin_person(batch: Batch, new: NewPerson, code: MailCode) -> Person:
    _forget(batch)
    known = _by_email(batch, new.email)
    if known is None:
        _insert(batch, new, verified=False, operator=False)
        person = _must(batch, new.id)
    else:
        person = known.person
        if not person.verified:
            batch.execute("person_renew", (person.id, new.name, new.password))
    _add_code(batch, code, "reset" if person.verified else "verify", person.id)
    return person


def confirm_person(batch: Batch, digest: bytes, plan: str, at_ms: int) -> Person | None:
    code = find_code(batch, digest)
    if code is None or not code.works("verify", at_ms) or code.person is None:
        return None
    _use(batch, code, at_ms)
    batch.execute("person_prove", (code.person, at_ms))
    person = _must(batch, code.person)
    if batch.execute("memberships_of", (person.id,)).fetchone() is None:
        _make_home(batch, person, person.name, plan)
    return person


def add_operator(batch: Batch, new: NewPerson, account: str | None, by: str) -> Person | None:
    if batch.execute("operator_any").fetchone() is not None:
        return None
    _insert(batch, new, verified=False, operator=True)
    if account is not None:
        batch.execute("member_new", (account, new.id, Role.OWNER.value, batch.now_ms))
    change = (None, {"operator": True})
    record(batch, By(by), "people operator", new.id, account=account, change=change)
    return _must(batch, new.id)


def change_person(batch: Batch, id: str, email: str, name: str) -> Person | None:
    known = find_person(batch, id)
    if known is None:
        return None
    try:
        batch.execute("person_change", (id, email, name, batch.now_ms))
    except sqlite3.IntegrityError as error:
        raise email_taken() from error
    before = {"email": known.person.email, "name": known.person.name}
    after = {"email": email, "name": name}
    if before != after:
        by = By(f"person:{id}")
        record(batch, by, "people change", id, account=None, change=(before, after))
    return _must(batch, id)


def set_password(
    batch: Batch, id: str, password: str, at_ms: int, code: bytes | None = None
) -> bool:
    if code is not None:
        found = find_code(batch, code)
        if found is None or not found.works("reset", at_ms) or found.person != id:
            return False
        _use(batch, found, at_ms)
    if batch.execute("person_password", (id, password)).rowcount == 0:
        return False
    batch.execute("sessions_end", (id,))
    batch.execute("tokens_end", (id, at_ms))
    return True


def rehash(batch: Batch, id: str, old: str, new: str) -> None:
    batch.execute("person_rehash", (id, old, new))


def set_operator(batch: Batch, id: str, operator: bool, by: str) -> Person | None:
    known = find_person(batch, id)
    if known is None:
        return None
    if known.person.operator is not operator:
        batch.execute("person_operator", (id, int(operator)))
        change = ({"operator": known.person.operator}, {"operator": operator})
        record(batch, By(by), "people operator", id, account=None, change=change)
    return _must(batch, id)


def set_person_state(batch: Batch, id: str, state: PersonState, by: str) -> Person | None:
    known = find_person(batch, id)
    if known is None:
        return None
    if known.person.state != state:
        batch.execute("person_state", (id, state))
        change = ({"state": known.person.state}, {"state": state})
        record(batch, By(by), "people state", id, account=None, change=change)
    if state == "suspended":
        batch.execute("sessions_end", (id,))
    return _must(batch, id)


def add_session(batch: Batch, session: Session) -> None:
    batch.execute("sessions_forget", (batch.now_ms,))
    row = (session.digest, session.person, session.account, session.csrf)
    times = (session.created_ms, session.seen_ms, session.ends_ms)
    batch.execute("session_new", (*row, *times))


def touch_session(batch: Batch, digest: bytes, at_ms: int) -> None:
    batch.execute("session_touch", (digest, at_ms))


def choose_account(batch: Batch, digest: bytes, account: str) -> bool:
    return batch.execute("session_account", (digest, account)).rowcount > 0


def end_session(batch: Batch, digest: bytes) -> None:
    batch.execute("session_end", (digest,))


def end_sessions(batch: Batch, person: str) -> int:
    return batch.execute("sessions_end", (person,)).rowcount


def change_member(batch: Batch, account: str, person: str, role: Role | None, by: str) -> Member:
    row = batch.execute("member_get", (account, person)).fetchone()
    if row is None:
        raise member_not_found()
    member = member_row(row)
    if role is member.role:
        return member
    if member.role is Role.OWNER:
        (owners,) = batch.execute("owners_count", (account,)).fetchone()
        if owners < 2:
            raise last_owner()
    if role is None:
        batch.execute("member_drop", (account, person))
    else:
        batch.execute("member_role", (account, person, role.value))
    after = None if role is None else {"role": role.value}
    change = ({"role": member.role.value}, after)
    act = "members remove" if role is None else "members change"
    record(batch, By(by), act, person, account=account, change=change)
    return member


def add_code(batch: Batch, code: MailCode) -> None:
    _forget(batch)
    if code.purpose == "invite":
        batch.execute("invitations_drop", (code.email, code.account, batch.now_ms))
        after = {
            "email": code.email,
            "role": None if code.role is None else code.role.value,
            "operator": code.operator,
        }
        by = By(code.by)
        change = (None, after)
        record(batch, by, "people invite", code.email, account=code.account, change=change)
    _add_code(batch, code, code.purpose, code.person)


def withdraw_invitation(batch: Batch, account: str | None, email: str, at_ms: int, by: str) -> bool:
    if batch.execute("invitations_drop", (email, account, at_ms)).rowcount == 0:
        return False
    change = ({"email": email}, None)
    record(batch, By(by), "people withdraw", email, account=account, change=change)
    return True


def accept(batch: Batch, digest: bytes, new: NewPerson, at_ms: int) -> Person | None:
    code = find_code(batch, digest)
    if code is None or not code.works("invite", at_ms):
        return None
    batch.execute("code_use_one", (digest, at_ms))
    known = _by_email(batch, code.email)
    if known is None:
        _insert(batch, new, verified=True, operator=False)
        id = new.id
    else:
        id = known.person.id
        if not known.person.verified:
            batch.execute("person_renew", (id, new.name, new.password))
            batch.execute("person_prove", (id, at_ms))
    if code.account is not None and code.role is not None:
        batch.execute("member_new", (code.account, id, code.role.value, at_ms))
        change = (None, {"role": code.role.value})
        by = By(f"person:{id}")
        record(batch, by, "members add", id, account=code.account, change=change)
    elif new.home is not None and batch.execute("memberships_of", (id,)).fetchone() is None:
        _make_home(batch, _must(batch, id), new.home, new.plan)
    if code.operator:
        return set_operator(batch, id, True, code.by)
    return _must(batch, id)


def add_token(batch: Batch, token: AccessToken) -> None:
    row = (token.id, token.person, token.account, token.name, token.digest, token.hint)
    batch.execute("token_new", (*row, token.created_ms, token.ends_ms))
    by = By(f"person:{token.person}")
    after = {"name": token.name, "hint": token.hint, "ends_ms": token.ends_ms}
    record(batch, by, "tokens create", token.id, account=token.account, change=(None, after))


def revoke_token(batch: Batch, person: str, id: str, at_ms: int) -> AccessToken | None:
    revoked = batch.execute("token_revoke", (person, id, at_ms)).rowcount > 0
    row = batch.execute("token_get", (person, id)).fetchone()
    if row is None:
        return None
    token = token_row(row)
    if revoked:
        change = ({"revoked_ms": None}, {"revoked_ms": at_ms})
        by = By(f"person:{person}")
        record(batch, by, "tokens revoke", id, account=token.account, change=change)
    return token


def find_person(batch: Batch, id: str) -> Known | None:
    row = batch.execute("person_get", (id,)).fetchone()
    return None if row is None else known_row(row)


def find_code(batch: Batch, digest: bytes) -> MailCode | None:
    row = batch.execute("code_find", (digest,)).fetchone()
    return None if row is None else code_row(row)


def _by_email(batch: Batch, email: str) -> Known | None:
    row = batch.execute("person_by_email", (email,)).fetchone()
    return None if row is None else known_row(row)


def _must(batch: Batch, id: str) -> Person:
    known = find_person(batch, id)
    assert known is not None
    return known.person


def _insert(batch: Batch, new: NewPerson, *, verified: bool, operator: bool) -> None:
    row = (new.id, new.email or None, new.name, new.password)
    batch.execute(
        "person_new",
        (*row, batch.now_ms if verified else None, new.created_ms, int(operator)),
    )


def _add_code(batch: Batch, code: MailCode, purpose: str, person: str | None) -> None:
    role = None if code.role is None else code.role.value
    row = (code.digest, purpose, code.email, person, code.account, role, int(code.operator))
    batch.execute("code_new", (*row, code.by, code.created_ms, code.ends_ms))


def _use(batch: Batch, code: MailCode, at_ms: int) -> None:
    batch.execute("code_use", (code.purpose, code.email, at_ms))


def _make_home(batch: Batch, person: Person, name: str, plan: str) -> None:
    """An account of the person's own, by that name or, where it is taken, one like it."""
    for ending in ("", f" {person.id[-4:]}", f" {person.id[-12:]}"):
        if batch.execute("account_find_by_name", (name + ending,)).fetchone() is None:
            name += ending
            break
    account = acts.create_account(batch, name, plan, batch.now_ms, By(f"person:{person.id}"))
    batch.execute("member_new", (account.id, person.id, Role.OWNER.value, batch.now_ms))


def _forget(batch: Batch) -> None:
    """Drop what is long over: it rides on what is written anyway."""
    before = batch.now_ms - FORGET_AFTER_MS
    batch.execute("codes_forget", (before,))
    batch.execute("persons_forget", (before, batch.now_ms))
