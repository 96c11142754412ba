"""People: signing up, in and out, members and tokens, over the real store and the real hash."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.access.people_house import OTHER_WORDS, WORDS, code_of, hall
from tokenhouse.access import Right, Role
from tokenhouse.errors import AccountError


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
