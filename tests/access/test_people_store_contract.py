"""What every PeopleStore must do: one suite, run on the double in memory and on the durable one."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tokenhouse.access import (
    AccessToken,
    MailCode,
    MemoryPeople,
    NewPerson,
    PeopleStore,
    Role,
    Session,
)
from tokenhouse.clock import ManualClock
from tokenhouse.errors import CallerError
from tokenhouse.store import SqliteStore

T0 = 1_767_225_600_000
HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Hall:
    """A store of people, and the id of an account ``lab`` in it."""

    store: PeopleStore
    lab: str


@pytest.fixture(params=["memory", "sqlite"])
async def hall(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[Hall, None]:
    if request.param == "memory":
        memory = MemoryPeople(T0)
        memory.put_account("acc_lab", "lab")
        yield Hall(memory, "acc_lab")
        return
    store = SqliteStore(tmp_path / "house.db", clock=ManualClock(T0))
    await store.start(serve=False)
    lab = await store.create_account("lab", "free", T0)
    yield Hall(store, lab.id)
    await store.stop()


def new(number: int, email: str, name: str = "Somebody", password: str = "hash") -> NewPerson:
    return NewPerson(f"per_{number:027x}", email, name, password, T0 + number)


def verify(email: str, digest: bytes) -> MailCode:
    return MailCode(
        digest=digest, purpose="verify", email=email, created_ms=T0, ends_ms=T0 + HOUR_MS
    )


def invite(hall: Hall, email: str, digest: bytes, **more: object) -> MailCode:
    words = {"account": hall.lab, "role": Role.DEVELOPER, "by": "cli:root", **more}
    return MailCode(
        digest=digest,
        purpose="invite",
        email=email,
        created_ms=T0,
        ends_ms=T0 + HOUR_MS,
        **words,  # type: ignore[arg-type]
    )


async def member(hall: Hall, number: int, role: Role = Role.OWNER) -> str:
    """Somebody in the account ``lab``; their id."""
    email, digest = f"person{number}@example.org", bytes([number])
    await hall.store.add_code(invite(hall, email, digest, role=role))
    person = await hall.store.accept(digest, new(number, email), at_ms=T0 + number)
    assert person is not None
    return person.id


async def test_who_signs_up_gets_an_account_once_the_address_is_proven(hall: Hall) -> None:
    person = await hall.store.begin_person(new(1, "a@b.org", "Ada"), verify("a@b.org", b"1"))
    assert (person.name, person.verified) == ("Ada", False)
    assert await hall.store.memberships(person.id) == ()
    proven = await hall.store.confirm_person(b"1", plan="free", at_ms=T0 + 1)
    assert proven is not None
    assert proven.verified
    (mine,) = await hall.store.memberships(person.id)
    assert (mine.account_name, mine.role) == ("Ada", Role.OWNER)
    assert await hall.store.confirm_person(b"1", plan="free", at_ms=T0 + 2) is None


async def test_a_code_is_worth_nothing_when_it_is_over_or_of_another_purpose(hall: Hall) -> None:
    await hall.store.begin_person(new(1, "a@b.org"), verify("a@b.org", b"1"))
    assert await hall.store.confirm_person(b"1", plan="free", at_ms=T0 + HOUR_MS) is None
    assert await hall.store.accept(b"1", new(2, "a@b.org"), at_ms=T0) is None
    assert not await hall.store.set_password(new(1, "").id, "h", at_ms=T0, code=b"1")
    assert await hall.store.confirm_person(b"2", plan="free", at_ms=T0) is None


async def test_an_account_whose_name_is_taken_gets_one_like_it(hall: Hall) -> None:
    await hall.store.begin_person(new(1, "a@b.org", "lab"), verify("a@b.org", b"1"))
    person = await hall.store.confirm_person(b"1", plan="free", at_ms=T0)
    assert person is not None
    (mine,) = await hall.store.memberships(person.id)
    assert mine.account != hall.lab
    assert mine.account_name.startswith("lab ")


async def test_an_address_not_proven_takes_what_was_said_last_and_a_proven_one_keeps_its_own(
    hall: Hall,
) -> None:
    first = await hall.store.begin_person(new(1, "a@b.org", "Eve", "evil"), verify("a@b.org", b"1"))
    second = await hall.store.begin_person(
        new(2, "a@b.org", "Ada", "good"), verify("a@b.org", b"2")
    )
    assert second.id == first.id
    known = await hall.store.find_person("a@b.org")
    assert known is not None
    assert known.password == "good"
    await hall.store.confirm_person(b"2", plan="free", at_ms=T0)
    assert await hall.store.confirm_person(b"1", plan="free", at_ms=T0) is None
    third = await hall.store.begin_person(new(3, "a@b.org", "Eve", "evil"), verify("a@b.org", b"3"))
    assert third.verified
    known = await hall.store.person(first.id)
    assert known is not None
    assert (known.person.name, known.password) == ("Ada", "good")
    code = await hall.store.find_code(b"3")
    assert code is not None
    assert (code.purpose, code.person) == ("reset", first.id)


async def test_a_new_password_ends_every_session_and_uses_every_code_of_its_kind(
    hall: Hall,
) -> None:
    id = await member(hall, 1)
    await hall.store.add_session(session(b"s", id, hall.lab))
    await hall.store.add_token(token(id, hall.lab))
    reset = MailCode(
        digest=b"r", purpose="reset", email="person1@example.org", person=id,
        created_ms=T0, ends_ms=T0 + HOUR_MS,
    )  # fmt: skip
    await hall.store.add_code(reset)
    assert await hall.store.set_password(id, "other", at_ms=T0, code=b"r")
    assert await hall.store.find_session(b"s") is None
    assert [each.revoked_ms for each in await hall.store.tokens(id)] == [T0]
    assert not await hall.store.set_password(id, "third", at_ms=T0, code=b"r")
    known = await hall.store.person(id)
    assert known is not None
    assert known.password == "other"


async def test_the_same_password_is_hashed_anew_unless_it_was_changed(hall: Hall) -> None:
    id = await member(hall, 1)
    await hall.store.rehash(id, "not this", "never")
    await hall.store.rehash(id, "hash", "newer")
    known = await hall.store.person(id)
    assert known is not None
    assert known.password == "newer"


def session(digest: bytes, person: str, account: str | None) -> Session:
    return Session(digest, person, account, "token", T0, T0, T0 + HOUR_MS)


def token(person: str, account: str) -> AccessToken:
    return AccessToken(
        id="tok_1",
        person=person,
        account=account,
        name="ci",
        digest=b"t",
        hint="1234",
        created_ms=T0,
    )


async def test_a_session_says_who_it_is_and_what_they_are_now(hall: Hall) -> None:
    owner, viewer = await member(hall, 1), await member(hall, 2, Role.VIEWER)
    await hall.store.add_session(session(b"s", viewer, hall.lab))
    seen = await hall.store.find_session(b"s")
    assert seen is not None
    assert seen.membership is not None
    assert (seen.person.id, seen.membership.role) == (viewer, Role.VIEWER)
    assert (seen.membership.account_name, seen.session.csrf) == ("lab", "token")
    await hall.store.touch_session(b"s", T0 + 7)
    await hall.store.change_member(hall.lab, viewer, None, by=f"person:{owner}")
    seen = await hall.store.find_session(b"s")
    assert seen is not None
    assert (seen.membership, seen.session.seen_ms) == (None, T0 + 7)
    await hall.store.end_session(b"s")
    assert await hall.store.find_session(b"s") is None


async def test_a_session_looks_only_at_accounts_of_its_person(hall: Hall) -> None:
    id = await member(hall, 1)
    await hall.store.add_session(session(b"s", id, None))
    assert await hall.store.choose_account(b"s", hall.lab)
    assert not await hall.store.choose_account(b"s", "acc_other")
    assert not await hall.store.choose_account(b"unknown", hall.lab)
    seen = await hall.store.find_session(b"s")
    assert seen is not None
    assert seen.session.account == hall.lab


async def test_an_account_keeps_its_last_owner(hall: Hall) -> None:
    owner, other = await member(hall, 1), await member(hall, 2, Role.DEVELOPER)
    for role in (None, Role.VIEWER):
        with pytest.raises(CallerError) as refused:
            await hall.store.change_member(hall.lab, owner, role, by="cli:root")
        assert refused.value.code == "last_owner"
    before = await hall.store.change_member(hall.lab, other, Role.OWNER, by="cli:root")
    assert before.role is Role.DEVELOPER
    await hall.store.change_member(hall.lab, owner, None, by="cli:root")
    assert [each.person.id for each in await hall.store.members(hall.lab)] == [other]
    with pytest.raises(CallerError) as unknown:
        await hall.store.change_member(hall.lab, owner, Role.OWNER, by="cli:root")
    assert unknown.value.code == "member_not_found"


async def test_an_invitation_is_good_once_and_the_newer_takes_the_place_of_the_older(
    hall: Hall,
) -> None:
    await hall.store.add_code(invite(hall, "b@c.org", b"old"))
    await hall.store.add_code(invite(hall, "b@c.org", b"new", role=Role.VIEWER))
    (open,) = await hall.store.invitations(hall.lab, T0)
    assert (open.digest, open.account_name, open.role) == (b"new", "lab", Role.VIEWER)
    assert await hall.store.accept(b"old", new(1, "b@c.org"), at_ms=T0) is None
    person = await hall.store.accept(b"new", new(1, "b@c.org"), at_ms=T0)
    assert person is not None
    assert person.verified
    assert await hall.store.accept(b"new", new(2, "b@c.org"), at_ms=T0) is None
    assert await hall.store.invitations(hall.lab, T0) == ()


async def test_an_invitation_can_be_withdrawn_and_ends(hall: Hall) -> None:
    await hall.store.add_code(invite(hall, "b@c.org", b"i"))
    assert await hall.store.invitations(hall.lab, T0 + HOUR_MS) == ()
    assert not await hall.store.withdraw_invitation(None, "b@c.org", at_ms=T0, by="cli:root")
    assert await hall.store.withdraw_invitation(hall.lab, "b@c.org", at_ms=T0, by="cli:root")
    assert not await hall.store.withdraw_invitation(hall.lab, "b@c.org", at_ms=T0, by="cli:root")
    assert await hall.store.accept(b"i", new(1, "b@c.org"), at_ms=T0) is None


async def test_an_operators_invitation_makes_a_home_and_an_operator(hall: Hall) -> None:
    await hall.store.add_code(invite(hall, "b@c.org", b"i", account=None, role=None, operator=True))
    asked = NewPerson("per_" + "7" * 27, "b@c.org", "Bea", "hash", T0, home="Bea", plan="free")
    person = await hall.store.accept(b"i", asked, at_ms=T0)
    assert person is not None
    assert person.operator
    (mine,) = await hall.store.memberships(person.id)
    assert (mine.account_name, mine.role) == ("Bea", Role.OWNER)


async def test_the_first_operator_is_made_once_and_says_later_who_they_are(hall: Hall) -> None:
    asked = NewPerson("per_" + "5" * 27, "", "operator", None, T0)
    first = await hall.store.add_operator(asked, hall.lab, by="house")
    assert first is not None
    assert (first.email, first.operator) == ("", True)
    assert await hall.store.add_operator(new(6, ""), hall.lab, by="house") is None
    await member(hall, 1)
    with pytest.raises(CallerError) as taken:
        await hall.store.change_person(first.id, email="person1@example.org", name="Root")
    assert taken.value.code == "email_taken"
    named = await hall.store.change_person(first.id, email="root@b.org", name="Root")
    assert named is not None
    assert (named.email, named.name, named.verified) == ("root@b.org", "Root", True)


async def test_who_is_suspended_has_no_session_from_then_on(hall: Hall) -> None:
    id = await member(hall, 1)
    await hall.store.add_session(session(b"s", id, hall.lab))
    suspended = await hall.store.set_person_state(id, "suspended", by="cli:root")
    assert suspended is not None
    assert suspended.state == "suspended"
    assert await hall.store.find_session(b"s") is None
    assert await hall.store.set_person_state("per_nobody", "open", by="cli:root") is None


async def test_people_are_listed_by_id_and_found_by_a_part_of_address_or_name(hall: Hall) -> None:
    ids = [await member(hall, number) for number in (1, 2, 3)]
    found = await hall.store.persons(search="", after="", limit=2)
    assert [each.id for each in found] == ids[:2]
    found = await hall.store.persons(search="", after=ids[1], limit=2)
    assert [each.id for each in found] == ids[2:]
    found = await hall.store.persons(search="PERSON2", after="", limit=9)
    assert [each.id for each in found] == ids[1:2]
    assert len(await hall.store.persons(search="somebody", after="", limit=9)) == 3
    assert await hall.store.persons(search="%", after="", limit=9) == ()


async def test_a_token_is_its_persons_alone(hall: Hall) -> None:
    id, other = await member(hall, 1), await member(hall, 2)
    made = token(id, hall.lab)
    await hall.store.add_token(made)
    found = await hall.store.find_token(b"t")
    assert found is not None
    assert found[0] == made
    assert found[1].membership is not None
    assert (found[1].person.id, found[1].membership.account) == (id, hall.lab)
    assert await hall.store.find_token(b"other") is None
    assert await hall.store.revoke_token(other, "tok_1", T0 + 1) is None
    revoked = await hall.store.revoke_token(id, "tok_1", T0 + 1)
    assert revoked is not None
    assert revoked.revoked_ms == T0 + 1
    assert await hall.store.revoke_token(id, "tok_1", T0 + 2) == revoked
    assert await hall.store.tokens(id) == (revoked,)
    assert await hall.store.tokens(other) == ()


async def test_who_never_proved_their_address_is_forgotten_but_no_member_is(tmp_path: Path) -> None:
    clock = ManualClock(T0)
    store = SqliteStore(tmp_path / "house.db", clock=clock)
    await store.start(serve=False)
    lab = await store.create_account("lab", "free", T0)
    root = await store.add_operator(new(1, ""), lab.id, by="house")
    assert root is not None
    await store.set_operator(root.id, False, by="cli:root")
    stranger = await store.begin_person(new(2, "a@b.org"), verify("a@b.org", b"1"))
    clock.advance(8 * 86_400)
    await store.begin_person(new(3, "c@d.org"), verify("c@d.org", b"2"))
    assert await store.person(stranger.id) is None
    assert await store.find_code(b"1") is None
    assert await store.person(root.id) is not None
    await store.stop()
