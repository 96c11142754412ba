"""People: signing up, in and out, members and tokens, over the real store and the real hash."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.access.people_house import OTHER_WORDS, WORDS, code_of, hall
from tokenhouse.access import Right, Role, checked_email
from tokenhouse.access.people.passwords import AT_ONCE, WAITING_MAX
from tokenhouse.errors import AccountError, CallerError, HouseError


async def test_who_signs_up_and_proves_the_address_owns_an_account_and_is_signed_in(
    tmp_path: Path,
) -> None:
    async with hall(tmp_path) as it:
        await it.people.sign_up("Ada@Example.org", WORDS, "Ada's lab")
        secret, ada = await it.people.verify(await it.code(), WORDS)
        assert (ada.person.email, ada.person.verified, ada.role) == (
            "ada@example.org",
            True,
            Role.OWNER,
        )
        assert ada.account_name == "Ada's lab"
        assert await it.people.signed_in(secret) == ada
        account = await it.store.find_account("Ada's lab")
        assert account is not None
        assert (account.id, account.plan) == (ada.account, "free")


async def test_a_viewer_may_look_and_nothing_else_and_a_developer_may_spend(
    tmp_path: Path,
) -> None:
    async with hall(tmp_path) as it:
        _, ada = await it.joined("ada@example.org", "Ada")
        link = await it.people.invite(ada.account, "bob@example.org", Role.VIEWER, ada)
        _, bob = await it.people.accept(code_of(link), OTHER_WORDS, "Bob")
        assert bob.account == ada.account
        assert [right for right in Right if bob.may(right)] == [Right.SEE]
        await it.people.change_role(ada.account or "", bob.person.id, Role.DEVELOPER, ada)
        secret, bob = await it.people.sign_in("bob@example.org", OTHER_WORDS)
        assert {right for right in Right if bob.may(right)} == {Right.SEE, Right.SPEND, Right.KEYS}
        await it.people.remove_member(ada.account or "", bob.person.id, ada)
        gone = await it.people.signed_in(secret)
        assert gone is not None
        assert (gone.account, gone.role, gone.may(Right.SEE)) == (None, None, False)


async def test_an_access_token_stands_for_its_person_until_it_is_revoked(tmp_path: Path) -> None:
    async with hall(tmp_path) as it:
        _, ada = await it.joined("ada@example.org", "Ada")
        secret = await it.people.create_token(ada.person.id, ada.account, "laptop")
        assert secret.startswith("thp_")
        found = await it.people.by_token(secret)
        assert (found.person, found.account, found.role) == (ada.person, ada.account, ada.role)
        await it.people.revoke_token(ada.person.id, found.session)
        with pytest.raises(AccountError) as refused:
            await it.people.by_token(secret)
        assert refused.value.code == "invalid_access_token"


@pytest.mark.parametrize(
    ("password", "word"),
    [
        ("short", "at least 10"),
        ("x" * 300, "at most 256"),
        ("aaaaaaaaaaaa", "different"),
        ("abababababab", "different"),
        ("Password123!", "guessed first"),
        ("1234567890", "guessed first"),
        ("qwertyuiop", "guessed first"),
        ("29384756102", "digits alone"),
        ("ada@example.org", "your name or address"),
        ("Ada Lovelace", "your name or address"),
        ("adalovelace1815", "your name or address"),
    ],
)
async def test_a_password_that_is_guessed_soon_is_refused_and_told_why(
    tmp_path: Path, password: str, word: str
) -> None:
    async with hall(tmp_path) as it:
        with pytest.raises(CallerError, match=word) as refused:
            await it.people.sign_up("ada@example.org", password, "Ada Lovelace")
        assert (refused.value.status, refused.value.param) == (400, "password")
        assert await it.store.find_person("ada@example.org") is None


async def test_a_password_is_the_same_however_a_keyboard_makes_its_letters(tmp_path: Path) -> None:
    async with hall(tmp_path) as it:
        await it.people.sign_up("ada@example.org", "crème brûlée zwölf", "Ada")
        code = await it.code()
        await it.people.verify(code, "cre\u0300me bru\u0302le\u0301e zwo\u0308lf")


@pytest.mark.parametrize(
    "email",
    [
        *(
            "",
            "ada",
            "@example.org",
            "ada@",
            "a b@example.org",
            "a@b@c",
            "ada@-x.org",
            "a..b@c.org",
        ),
        *("ada@example.org\r\nBcc: eve@example.org", "Ada <ada@example.org>", "a,b@example.org"),
        *("ada@example.org\x00", "ädä@example.org", "a" * 250 + "@x.org"),
    ],
)
async def test_what_is_no_address_is_refused(tmp_path: Path, email: str) -> None:
    async with hall(tmp_path) as it:
        for asked in (it.people.sign_up(email, WORDS, "Ada"), it.people.ask_reset(email)):
            with pytest.raises(CallerError) as refused:
                await asked
            assert (refused.value.code, refused.value.param) == ("invalid_email", "email")
        with pytest.raises(AccountError):
            await it.people.sign_in(email, WORDS)


@given(st.text(max_size=40))
def test_an_address_that_is_taken_ends_no_header_and_begins_no_second(text: str) -> None:
    try:
        address = checked_email(text + "@example.org")
    except CallerError:
        return
    assert address.isascii()
    assert not set(address) & set(' \t\r\n\0,;:<>()[]"\\')
    assert address.count("@") == 1


async def test_codes_end_in_time(tmp_path: Path) -> None:
    async with hall(tmp_path) as it:
        await it.people.sign_up("ada@example.org", WORDS, "Ada")
        code = await it.code()
        it.clock.advance(24 * 3600)
        with pytest.raises(AccountError) as refused:
            await it.people.verify(code, WORDS)
        assert refused.value.code == "unusable_link"
        _, ada = await it.joined("ada@example.org", "Ada")
        await it.people.ask_reset("ada@example.org")
        code = await it.code()
        it.clock.advance(3600)
        with pytest.raises(AccountError):
            await it.people.reset(code, OTHER_WORDS)
        link = await it.people.invite(ada.account, "bob@example.org", Role.VIEWER, ada)
        it.clock.advance(7 * 86_400)
        with pytest.raises(AccountError):
            await it.people.accept(code_of(link), OTHER_WORDS, "Bob")


async def test_a_reset_code_is_worth_one_password(tmp_path: Path) -> None:
    async with hall(tmp_path) as it:
        await it.joined("ada@example.org", "Ada")
        await it.people.ask_reset("ada@example.org")
        code = await it.code()
        with pytest.raises(CallerError, match="at least 10"):
            await it.people.reset(code, "short")
        await it.people.reset(code, OTHER_WORDS)
        assert "was changed" in (await it.mail()).subject
        with pytest.raises(AccountError):
            await it.people.reset(code, WORDS)
        await it.people.sign_in("ada@example.org", OTHER_WORDS)


async def test_a_session_ends_when_it_is_idle_and_at_last_however_busy(tmp_path: Path) -> None:
    async with hall(tmp_path) as it:
        idle, _ = await it.joined("ada@example.org", "Ada")
        it.clock.advance(7 * 86_400 - 1)
        busy, _ = await it.people.sign_in("ada@example.org", WORDS)
        assert await it.people.signed_in(idle) is not None  # used just now
        it.clock.advance(7 * 86_400)
        assert await it.people.signed_in(idle) is None
        assert await it.people.signed_in(busy) is None
        busy, _ = await it.people.sign_in("ada@example.org", WORDS)
        for _ in range(29):
            it.clock.advance(86_400)
            assert await it.people.signed_in(busy) is not None
        it.clock.advance(86_400)
        assert await it.people.signed_in(busy) is None


async def test_who_is_suspended_is_out_at_once_and_told_so_only_with_the_password(
    tmp_path: Path,
) -> None:
    async with hall(tmp_path) as it:
        secret, ada = await it.joined("ada@example.org", "Ada")
        token = await it.people.create_token(ada.person.id, ada.account, "laptop")
        await it.people.suspend_person(ada.person.id, "cli:root")
        assert await it.people.signed_in(secret) is None
        with pytest.raises(AccountError) as refused:
            await it.people.by_token(token)
        assert refused.value.code == "person_suspended"
        for password, code in ((OTHER_WORDS, "wrong_sign_in"), (WORDS, "person_suspended")):
            with pytest.raises(AccountError) as refused:
                await it.people.sign_in("ada@example.org", password)
            assert refused.value.code == code
        await it.people.open_person(ada.person.id, "cli:root")
        await it.people.sign_in("ada@example.org", WORDS)


async def test_what_an_operator_does_needs_an_operator_and_stands_in_the_audit_log(
    tmp_path: Path,
) -> None:
    async with hall(tmp_path) as it:
        _, ada = await it.joined("ada@example.org", "Ada")
        _, eve = await it.joined("eve@example.org", "Eve")
        forbidden = (
            it.people.suspend_person(ada.person.id, eve),
            it.people.set_operator(eve.person.id, True, eve),
            it.people.invite(None, "bob@example.org", None, eve),
            it.people.invite(eve.account, "bob@example.org", Role.OWNER, eve, operator=True),
            it.people.invite(ada.account, "bob@example.org", Role.OWNER, eve),
            it.people.change_role(ada.account or "", ada.person.id, Role.VIEWER, eve),
        )
        for act in forbidden:
            with pytest.raises(AccountError) as refused:
                await act
            assert refused.value.code in ("operators_only", "not_allowed")
        await it.people.set_operator(ada.person.id, True, "cli:root")
        _, ada = await it.people.sign_in("ada@example.org", WORDS)
        await it.people.suspend_person(eve.person.id, ada)
        for act in (
            it.people.suspend_person(ada.person.id, ada),
            it.people.set_operator(ada.person.id, False, ada),
        ):
            with pytest.raises(CallerError) as itself:
                await act
            assert itself.value.code == "yourself"
        acts = await it.acts()
        assert acts[-2:] == [
            ("cli:root", "people operator", ada.person.id),
            (f"person:{ada.person.id}", "people state", eve.person.id),
        ]


async def test_who_is_known_joins_with_their_password_or_as_who_is_signed_in(
    tmp_path: Path,
) -> None:
    async with hall(tmp_path) as it:
        _, ada = await it.joined("ada@example.org", "Ada")
        _, bob = await it.joined("bob@example.org", "Bob")
        link = await it.people.invite(ada.account, "bob@example.org", Role.DEVELOPER, ada)
        code = code_of(link)
        with pytest.raises(AccountError) as refused:
            await it.people.accept(code, OTHER_WORDS, "Mallory", signed=ada)
        assert refused.value.code == "wrong_sign_in"
        it.clock.advance(1)
        _, joined = await it.people.accept(code, signed=bob)
        assert (joined.person, joined.account, joined.role) == (
            bob.person,
            ada.account,
            Role.DEVELOPER,
        )
        mine = await it.people.memberships(bob.person.id)
        assert [each.account_name for each in mine] == ["Bob", "Ada"]
        with pytest.raises(CallerError) as already:
            await it.people.invite(ada.account, "bob@example.org", Role.VIEWER, ada)
        assert already.value.code == "already_member"


async def test_a_burst_of_guesses_slips_past_no_limit(tmp_path: Path) -> None:
    async with hall(tmp_path, failed_per_minute=5) as it:
        await it.joined("ada@example.org", "Ada")

        async def guess(number: int) -> str:
            with pytest.raises(AccountError) as refused:
                await it.people.sign_in(f"person{number}@example.org", WORDS, "192.0.2.1")
            return refused.value.code

        codes = await asyncio.gather(*map(guess, range(30)))
        assert codes.count("wrong_sign_in") <= 5 + AT_ONCE - 1
        assert codes.count("too_many_attempts") >= 30 - 5 - AT_ONCE + 1
        await it.people.sign_in("ada@example.org", WORDS, "192.0.2.2")
        it.clock.advance(61)
        await it.people.sign_in("ada@example.org", WORDS, "192.0.2.1")


async def test_more_than_can_wait_are_told_to_come_back(tmp_path: Path) -> None:
    async with hall(tmp_path, failed_per_minute=1000) as it:
        asked = (
            it.people.sign_in(f"person{number}@example.org", WORDS)
            for number in range(WAITING_MAX + AT_ONCE + 3)
        )
        answers = await asyncio.gather(*asked, return_exceptions=True)
        busy = [each for each in answers if isinstance(each, HouseError)]
        assert len(busy) == 3
        assert (busy[0].status, busy[0].code) == (503, "busy_signing_in")


async def test_a_hash_of_older_settings_is_made_anew_when_its_person_signs_in(
    tmp_path: Path,
) -> None:
    from argon2 import PasswordHasher

    async with hall(tmp_path) as it:
        _, ada = await it.joined("ada@example.org", "Ada")
        old = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(WORDS)
        await it.store.set_password(ada.person.id, old, at_ms=it.clock.now_ms())
        await it.people.sign_in("ada@example.org", WORDS)
        known = await it.store.person(ada.person.id)
        assert known is not None
        assert known.password is not None
        assert "m=47104" in known.password
        assert WORDS not in repr(known)
        assert known.password not in repr(known)


async def test_no_letter_goes_to_who_asks_for_a_reset_without_an_account(tmp_path: Path) -> None:
    async with hall(tmp_path) as it:
        await it.people.ask_reset("nobody@example.org")
        await it.people.sign_up("pending@example.org", WORDS, "Pending")
        await it.mail()
        await it.people.ask_reset("pending@example.org")
        await it.people.errands.finish()
        assert [mail.to for mail in it.post.mails] == ["pending@example.org"]


async def test_tokens_end_are_named_and_are_for_ones_own_accounts(tmp_path: Path) -> None:
    async with hall(tmp_path) as it:
        _, ada = await it.joined("ada@example.org", "Ada")
        _, eve = await it.joined("eve@example.org", "Eve")
        with pytest.raises(CallerError) as refused:
            await it.people.create_token(eve.person.id, ada.account, "theirs")
        assert refused.value.code == "account_not_found"
        for name in ("", "two\nlines"):
            with pytest.raises(CallerError):
                await it.people.create_token(ada.person.id, ada.account, name)
        ends = it.clock.now_ms() + 1000
        secret = await it.people.create_token(ada.person.id, ada.account, "ci", ends)
        await it.people.by_token(secret)
        (token,) = await it.people.tokens(ada.person.id)
        with pytest.raises(CallerError):
            await it.people.revoke_token(eve.person.id, token.id)
        it.clock.advance(1)
        with pytest.raises(AccountError):
            await it.people.by_token(secret)


async def test_a_token_that_works_is_not_refused_for_the_wrong_ones_of_its_neighbours(
    tmp_path: Path,
) -> None:
    async with hall(tmp_path, failed_per_minute=3) as it:
        _, ada = await it.joined("ada@example.org", "Ada")
        token = await it.people.create_token(ada.person.id, ada.account, "cron")
        codes: list[str] = []
        for number in range(5):
            with pytest.raises(AccountError) as refused:
                await it.people.by_token(f"thp_{number}", "192.0.2.1")
            codes.append(refused.value.code)
        assert codes == ["invalid_access_token"] * 3 + ["too_many_attempts"] * 2
        assert (await it.people.by_token(token, "192.0.2.1")).person == ada.person
