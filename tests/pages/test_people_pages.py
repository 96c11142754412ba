"""The pages of people, asked over a socket: coming in, going out, members."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.access.people_house import OTHER_WORDS, WORDS
from tests.pages.guests import OPEN_ROWS, hosting
from tests.pages.houses import valid_html
from tokenhouse.errors import AccountError


async def test_who_signs_up_confirms_by_the_mailed_link_and_their_password(tmp_path: Path) -> None:
    async with hosting(tmp_path) as hosted:
        ada = hosted.guest()
        answer = await ada.send("/sign-up", email="ada@example.org", name="Ada", password=WORDS)
        assert (answer.status_code, answer.headers["location"]) == (303, "/sign-up?sent=1")
        code = await ada.code()
        opened = await ada.get(f"/verify?code={code}")
        assert (opened.status_code, opened.headers["location"]) == (303, "/verify")
        answer = await ada.send("/verify", password=WORDS)
        assert (answer.status_code, answer.headers["location"]) == (303, "/dashboard")
        page = await ada.get("/profile")
        assert page.status_code == 200
        assert "ada@example.org" in page.text
        assert (await ada.get("/sign-in?next=/profile")).headers["location"] == "/profile"


async def test_who_signs_out_is_a_stranger_again(tmp_path: Path) -> None:
    async with hosting(tmp_path) as hosted:
        ada = hosted.guest()
        await ada.join("ada@example.org", "Ada")
        secret = ada.session
        answer = await ada.send("/profile", "/sign-out")
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        assert ada.session is None
        answer = await ada.get("/profile")
        assert answer.headers["location"] == "/sign-in?next=/profile"
        assert await hosted.running.house.people.signed_in(secret or "") is None


async def test_signing_out_everywhere_ends_other_browsers_too(tmp_path: Path) -> None:
    async with hosting(tmp_path) as hosted:
        ada, phone = hosted.guest(), hosted.guest()
        await ada.join("ada@example.org", "Ada")
        await phone.sign_in("ada@example.org")
        assert (await phone.get("/profile")).status_code == 200
        await ada.send("/sign-out", everywhere="1")
        assert (await phone.get("/profile")).status_code == 303


async def test_a_closed_house_takes_no_sign_ups_and_an_operators_invitation_works(
    tmp_path: Path,
) -> None:
    async with hosting(tmp_path, OPEN_ROWS.replace('"open"', '"closed"')) as hosted:
        bob = hosted.guest()
        assert "invites" in (await bob.get("/sign-up")).text
        answer = await bob.client.post(
            "/sign-up",
            data={"csrf": await bob.csrf("/sign-in"), "email": "bob@example.org", "name": "Bob"}
            | {"password": WORDS},
        )
        assert answer.status_code == 403
        people = hosted.running.house.people
        link = await people.invite(None, "bob@example.org", None, "cli:root")
        path = link.removeprefix(people.settings.url)
        answer = await bob.send(path, "/invitation", name="Bob", password=WORDS)
        assert answer.headers["location"] == "/dashboard"
        assert "bob@example.org" in (await bob.get("/profile")).text


async def test_a_reset_link_gives_a_new_password_and_ends_every_session(tmp_path: Path) -> None:
    async with hosting(tmp_path) as hosted:
        ada, elsewhere = hosted.guest(), hosted.guest()
        await ada.join("ada@example.org", "Ada")
        answer = await elsewhere.send("/reset", email="ada@example.org")
        assert answer.headers["location"] == "/reset?sent=1"
        code = await elsewhere.code()
        answer = await elsewhere.send(f"/reset?code={code}", "/reset", password=OTHER_WORDS)
        assert answer.headers["location"] == "/dashboard"
        assert (await ada.get("/profile")).status_code == 303
        assert (await ada.sign_in("ada@example.org")).status_code == 401
        assert (await ada.sign_in("ada@example.org", OTHER_WORDS)).status_code == 303


async def test_members_are_invited_changed_and_removed_on_their_page(tmp_path: Path) -> None:
    async with hosting(tmp_path) as hosted:
        ada, bob = hosted.guest(), hosted.guest()
        await ada.join("ada@example.org", "Ada")
        page = "/dashboard/members"
        answer = await ada.send(page, f"{page}/invite", email="bob@example.org", role="viewer")
        assert "bob@example.org" in answer.text
        code = await bob.code()
        await bob.send(f"/invitation?code={code}", "/invitation", name="Bob", password=OTHER_WORDS)
        assert "Members of Ada" in (await bob.get(page)).text
        refused = await bob.send(page, f"{page}/invite", email="eve@example.org", role="owner")
        assert refused.status_code == 403
        members = await hosted.running.house.people.members(await ada.account())
        them = {each.person.email: each.person.id for each in members}
        answer = await ada.send(
            page, f"{page}/role", person=them["bob@example.org"], role="developer"
        )
        assert answer.status_code == 303
        answer = await ada.send(page, f"{page}/remove", person=them["ada@example.org"])
        assert answer.status_code == 409
        assert "keeps one owner" in answer.text
        answer = await ada.send(page, f"{page}/remove", person=them["bob@example.org"])
        assert answer.status_code == 303
        assert (await bob.get(page)).status_code == 403


async def test_an_access_token_is_shown_once_and_revoked_on_the_profile(tmp_path: Path) -> None:
    async with hosting(tmp_path) as hosted:
        ada, eve = hosted.guest(), hosted.guest()
        await ada.join("ada@example.org", "Ada")
        await eve.join("eve@example.org", "Eve")
        page = await ada.send("/profile", "/profile/tokens", token_name="laptop")
        found = re.search(r"thp_[A-Za-z0-9_-]{43}", page.text)
        assert found is not None
        valid_html(page.text)
        people = hosted.running.house.people
        signed = await people.by_token(found[0])
        assert (signed.person.email, signed.account_name) == ("ada@example.org", "Ada")
        assert found[0] not in (await ada.get("/profile")).text
        answer = await eve.send("/profile", "/profile/tokens/revoke", token=signed.session)
        assert answer.status_code == 404
        await ada.send("/profile", "/profile/tokens/revoke", token=signed.session)
        assert "laptop" not in (await ada.get("/profile")).text
        with pytest.raises(AccountError):
            await people.by_token(found[0])


async def test_every_page_of_people_is_html_that_nobody_keeps(tmp_path: Path) -> None:
    async with hosting(tmp_path) as hosted:
        ada, stranger = hosted.guest(), hosted.guest()
        await ada.join("ada@example.org", "Ada <script>alert(1)</script>")
        theirs = ("/profile", "/dashboard/members", "/sign-out")
        everybodys = ("/sign-in", "/sign-up", "/sign-up?sent=1", "/verify", "/reset", "/invitation")
        for guest, paths in ((ada, theirs), (stranger, everybodys)):
            for path in paths:
                page = await guest.get(path)
                assert page.status_code == 200, path
                valid_html(page.text)
                assert "<script>alert" not in page.text
                assert page.headers["cache-control"] == "no-store"
                assert "etag" not in page.headers
                assert "content-encoding" not in page.headers
