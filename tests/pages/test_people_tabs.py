"""Several tabs of one browser: forms that were shown before something else happened in another."""

from __future__ import annotations

from pathlib import Path

from tests.pages.guests import Guest, Hosting, hosting
from tokenhouse.access import Role


async def in_two_accounts(hosted: Hosting) -> tuple[Guest, str, str]:
    """Ada looks at her own account and owns Eve's as well. → her browser, both accounts' ids"""
    ada, eve = hosted.guest(), hosted.guest()
    await ada.join("ada@example.org", "Ada")
    await eve.join("eve@example.org", "Eve")
    mine, theirs = await ada.account(), await eve.account()
    people = hosted.running.house.people
    signed = await people.signed_in(eve.session or "")
    assert signed is not None
    await people.invite(theirs, "ada@example.org", Role.OWNER, signed)
    secret, _ = await people.accept(await ada.code(), "correct horse battery")
    await people.sign_out(secret)
    return ada, mine, theirs


async def test_a_form_acts_only_in_the_account_that_its_page_showed(tmp_path: Path) -> None:
    async with hosting(tmp_path) as hosted:
        ada, mine, theirs = await in_two_accounts(hosted)
        house = hosted.running.house
        page = "/dashboard/members"
        old = await ada.csrf(page)
        answer = await ada.send(page, "/profile/account", account=theirs)
        assert answer.status_code == 303
        assert await ada.account() == theirs
        me = (await house.people.members(mine))[0].person.id
        keys = "/dashboard/api-keys"
        for action, fields in (
            (f"{page}/invite", {"email": "bob@example.org", "role": "owner"}),
            (f"{page}/role", {"person": me, "role": "viewer"}),
            (f"{page}/remove", {"person": me}),
            (keys, {"name": "x"}),
            ("/dashboard/wallet/redeem", {"code": "TH-AAAAA-AAAAA-AAAAA-AAAAA"}),
            ("/profile/tokens", {"token_name": "x"}),
        ):
            answer = await ada.client.post(action, data={"csrf": old, **fields})
            assert answer.status_code == 409, action
            assert "meanwhile you have turned to Eve" in answer.text
        assert await house.people.invitations(theirs) == ()
        assert await house.billing.keys(theirs) == ()
        assert [each.role for each in await house.people.members(theirs)] == [Role.OWNER] * 2
        # turning back is about no account
        data = {"csrf": old, "account": mine}
        assert (await ada.client.post("/profile/account", data=data)).status_code == 303
        data = {"csrf": old, "email": "bob@example.org", "role": "viewer"}
        assert (await ada.client.post(f"{page}/invite", data=data)).status_code == 200


async def test_whose_session_ends_in_the_middle_of_a_form_signs_in_and_comes_back(
    tmp_path: Path,
) -> None:
    async with hosting(tmp_path) as hosted:
        ada = hosted.guest()
        await ada.join("ada@example.org", "Ada")
        csrf = await ada.csrf("/dashboard/api-keys")
        account = await ada.account()
        await hosted.running.house.people.sign_out(ada.session or "")
        for path, back in (
            ("/dashboard/api-keys", "/dashboard/api-keys"),
            ("/dashboard/api-keys/key_1/rotate", "/dashboard/api-keys/key_1"),
            ("/dashboard/members/invite", "/dashboard/members"),
            ("/admin/people/invite", "/admin/people"),
        ):
            answer = await ada.client.post(path, data={"csrf": csrf, "name": "two"})
            assert answer.status_code == 303, path
            assert answer.headers["location"] == f"/sign-in?ended=yes&next={back}"
        page = await ada.get(answer.headers["location"])
        assert "what you sent was not done" in page.text
        assert await hosted.running.house.billing.keys(account) == ()
