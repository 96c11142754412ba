"""People and those who would be them: fixation, forged forms, guesses, old links, odd redirects."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import httpx
import pytest

from tests.access.people_house import OTHER_WORDS, WORDS
from tests.pages.guests import OPEN_ROWS, Guest, hosting
from tests.pages.houses import PAGES
from tokenhouse.access import Role
from tokenhouse.pages import session

EVIL = ("https://evil.example/", "//evil.example", "/\\evil.example", "\\\\evil.example", "evil")
PROXIED = OPEN_ROWS.replace("[site]", '[server]\ntrusted_proxies = ["127.0.0.1"]\n[site]')


async def test_a_session_that_was_there_before_signing_in_is_never_taken_up(tmp_path: Path) -> None:
    async with hosting(tmp_path) as hosted:
        ada, eve = hosted.guest(), hosted.guest()
        await eve.join("eve@example.org", "Eve")
        await ada.join("ada@example.org", "Ada")
        planted = eve.session
        assert planted is not None
        victim = hosted.guest()
        for fixed in ("ths_" + "x" * 43, planted):
            victim.client.cookies.clear()
            victim.client.cookies.set("tokenhouse_session", fixed, domain="127.0.0.1")
            csrf = await victim.csrf("/sign-in" if fixed != planted else "/profile")
            form = {"csrf": csrf, "email": "ada@example.org", "password": WORDS}
            answer = await victim.client.post("/sign-in", data=form)
            given = re.search(r"tokenhouse_session=([^;]+)", answer.headers["set-cookie"])
            assert given is not None
            assert given[1] != fixed
            people = hosted.running.house.people
            signed = await people.signed_in(given[1])
            assert signed is not None
            assert signed.person.email == "ada@example.org"
            assert await people.signed_in(fixed) is None


async def test_a_new_password_takes_a_new_session(tmp_path: Path) -> None:
    async with hosting(tmp_path) as hosted:
        ada = hosted.guest()
        await ada.join("ada@example.org", "Ada")
        before = ada.session
        answer = await ada.send(
            "/profile", "/profile/password", current=WORDS, password=OTHER_WORDS
        )
        assert answer.headers["location"] == "/profile?done=password"
        assert ada.session not in (None, before)
        assert await hosted.running.house.people.signed_in(before or "") is None
        assert (await ada.get("/profile")).status_code == 200


async def test_no_form_of_any_page_is_taken_without_its_token(tmp_path: Path) -> None:
    async with hosting(tmp_path) as hosted:
        ada, eve = hosted.guest(), hosted.guest()
        await ada.join("ada@example.org", "Ada")
        await eve.join("eve@example.org", "Eve")
        theirs = await eve.csrf("/profile")
        mine = await ada.csrf("/profile")
        forms = [path for method, path in hosted.running.house.private.routes if method == "POST"]
        assert len(forms) > 15
        for path in (re.sub(r"\{\w+\}", "x", form) for form in forms):
            for fields in ({}, {"csrf": ""}, {"csrf": theirs}, {"csrf": "x" * 32}):
                answer = await ada.client.post(path, data={"password": WORDS, **fields})
                assert answer.status_code == 403, path
            for site in ("cross-site", "same-site"):
                headers = {"sec-fetch-site": site}
                answer = await ada.client.post(path, data={"csrf": mine}, headers=headers)
                assert answer.status_code == 403, path
        assert (await ada.get("/profile")).status_code == 200


async def test_a_strangers_form_needs_the_cookie_that_it_came_with(tmp_path: Path) -> None:
    async with hosting(tmp_path) as hosted:
        ada = hosted.guest()
        await ada.join("ada@example.org", "Ada")
        stranger, other = hosted.guest(), hosted.guest()
        form = {"email": "ada@example.org", "password": WORDS}
        assert (await stranger.client.post("/sign-in", data=form)).status_code == 403
        form["csrf"] = await other.csrf("/sign-in")
        assert (await stranger.client.post("/sign-in", data=form)).status_code == 403
        assert (await other.client.post("/sign-in", data=form)).status_code == 303


async def test_nothing_tells_whether_an_address_is_known(tmp_path: Path) -> None:
    async with hosting(tmp_path) as hosted:
        ada = hosted.guest()
        await ada.join("ada@example.org", "Ada")
        await ada.send("/sign-up", email="pending@example.org", name="Pending", password=WORDS)
        asked = (
            ("/sign-in", {"password": "not the password"}),
            ("/sign-up", {"password": OTHER_WORDS, "name": "Anybody"}),
            ("/reset", {}),
        )
        for path, fields in asked:
            seen = [
                await told(hosted.guest(), path, email=email, **fields)
                for email in ("ada@example.org", "nobody@example.org", "pending@example.org")
            ]
            assert seen[0] == seen[1] == seen[2], path
        # who knows a password that was never confirmed learns nothing from it either
        unproven = await told(
            hosted.guest(), "/sign-in", email="pending@example.org", password=OTHER_WORDS
        )
        assert unproven == await told(
            hosted.guest(), "/sign-in", email="nobody@example.org", password=OTHER_WORDS
        )


async def told(guest: Guest, path: str, **fields: str) -> tuple[int, str, str]:
    """What an answer says, without what is the asker's own."""
    answer = await guest.send(path, **fields)
    text = re.sub(r'value="[^"]*"', "", answer.text)
    return answer.status_code, answer.headers.get("location", ""), text


async def test_an_address_that_nobody_has_costs_the_same_hash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from argon2 import PasswordHasher

    hashes: list[str] = []
    verify = PasswordHasher.verify

    def counted(self: PasswordHasher, hash: str, password: str) -> bool:
        hashes.append(hash)
        return verify(self, hash, password)

    monkeypatch.setattr(PasswordHasher, "verify", counted)
    async with hosting(tmp_path) as hosted:
        ada = hosted.guest()
        await ada.join("ada@example.org", "Ada")
        for email in ("ada@example.org", "nobody@example.org"):
            before = len(hashes)
            assert (await hosted.guest().sign_in(email, OTHER_WORDS)).status_code == 401
            assert len(hashes) == before + 1
            assert "m=47104,t=1,p=1" in hashes[-1]


async def test_who_sprays_one_password_over_many_addresses_has_to_wait(tmp_path: Path) -> None:
    async with hosting(tmp_path) as hosted:
        ada = hosted.guest()
        await ada.join("ada@example.org", "Ada")
        eve = hosted.guest()
        csrf = await eve.csrf("/sign-in")

        async def guess(number: int) -> httpx.Response:
            form = {"csrf": csrf, "email": f"person{number}@example.org", "password": WORDS}
            return await eve.client.post("/sign-in", data=form)

        # all at once: what waits for its turn is counted when its turn has come
        answers = await asyncio.gather(*(guess(number) for number in range(40)))
        tried = [answer for answer in answers if answer.status_code == 401]
        refused = [answer for answer in answers if answer.status_code == 429]
        assert len(tried) + len(refused) == 40
        assert len(tried) <= 32
        assert int(refused[-1].headers["retry-after"]) >= 1
        form = {"csrf": csrf, "email": "ada@example.org", "password": WORDS}
        assert (await eve.client.post("/sign-in", data=form)).status_code == 429


async def test_who_guesses_one_persons_password_from_many_addresses_has_to_wait(
    tmp_path: Path,
) -> None:
    async with hosting(tmp_path, PROXIED) as hosted:
        ada = hosted.guest()
        await ada.join("ada@example.org", "Ada")
        eve = hosted.guest()
        statuses: list[int] = []
        for number in range(12):
            eve.client.headers["x-forwarded-for"] = f"198.51.100.{number}"
            statuses.append((await eve.sign_in("ada@example.org", OTHER_WORDS)).status_code)
        assert statuses == [401] * 10 + [429] * 2
        # neither does it matter whether there is such a person
        statuses.clear()
        for number in range(12):
            eve.client.headers["x-forwarded-for"] = f"198.51.101.{number}"
            statuses.append((await eve.sign_in("nobody@example.org", WORDS)).status_code)
        assert statuses == [401] * 10 + [429] * 2


async def test_mails_to_one_address_are_few(tmp_path: Path) -> None:
    async with hosting(tmp_path) as hosted:
        ada = hosted.guest()
        for _ in range(5):
            assert (await ada.send("/reset", email="bob@example.org")).status_code == 303
        answer = await ada.send("/reset", email="Bob@example.org")
        assert (answer.status_code, "too many" in answer.text.lower()) == (429, True)


async def test_a_link_works_once_and_opening_it_uses_nothing_up(tmp_path: Path) -> None:
    async with hosting(tmp_path) as hosted:
        ada, scanner = hosted.guest(), hosted.guest()
        await ada.send("/sign-up", email="ada@example.org", name="Ada", password=WORDS)
        code = await ada.code()
        for _ in range(3):
            await scanner.client.get(f"/verify?code={code}", follow_redirects=True)
            await scanner.client.head(f"/verify?code={code}", follow_redirects=True)
        wrong = await scanner.send(f"/verify?code={code}", "/verify", password=OTHER_WORDS)
        assert wrong.status_code == 401
        right = await ada.send(f"/verify?code={code}", "/verify", password=WORDS)
        assert right.status_code == 303
        again = await hosted.guest().send(f"/verify?code={code}", "/verify", password=WORDS)
        assert again.status_code == 403
        assert "was used already" in again.text


async def test_a_code_is_out_of_the_address_before_a_page_is_shown_and_in_no_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with hosting(tmp_path) as hosted:
        ada = hosted.guest()
        with caplog.at_level(0):
            for path in ("/verify", "/reset", "/invitation"):
                answer = await ada.get(f"{path}?code=thc_secret-one")
                assert (answer.status_code, answer.headers["location"]) == (303, path)
                assert "HttpOnly; SameSite=Lax" in answer.headers["set-cookie"]
                page = await ada.get(path)
                assert "thc_secret-one" not in page.text
                assert page.headers["referrer-policy"] == "no-referrer"
            answer = await ada.get("/verify?code=%0d%0aset-cookie:+a=b")
            assert "set-cookie" not in answer.headers
        ours = [each.getMessage() for each in caplog.records if each.name.startswith("tokenhouse")]
        assert "thc_secret-one" not in "\n".join(ours)


async def test_signing_in_leads_nowhere_else(tmp_path: Path) -> None:
    async with hosting(tmp_path) as hosted:
        ada = hosted.guest()
        await ada.join("ada@example.org", "Ada")
        for evil in (*EVIL, "/%0d%0aevil", "javascript:alert(1)", "/\tevil", "///evil.example"):
            guest = hosted.guest()
            answer = await guest.send(
                "/sign-in", email="ada@example.org", password=WORDS, next=evil
            )
            where = answer.headers["location"]
            assert where == "/dashboard" or where == evil == "/%0d%0aevil", evil
            onward = await guest.client.get("/sign-in", params={"next": evil})
            assert onward.headers["location"] in ("/dashboard", "/%0d%0aevil"), evil


async def test_a_form_that_is_too_long_or_none_is_refused(tmp_path: Path) -> None:
    async with hosting(tmp_path) as hosted:
        eve = hosted.guest()
        csrf = await eve.csrf("/sign-in")
        form = {"csrf": csrf, "email": "a@b.org", "password": "x" * 70_000}
        assert (await eve.client.post("/sign-in", data=form)).status_code == 413
        many = {"csrf": csrf} | {f"f{number}": "1" for number in range(300)}
        assert (await eve.client.post("/sign-in", data=many)).status_code == 400
        assert (await eve.client.post("/sign-in", json=form | {"password": "x"})).status_code == 415
        raw = b"csrf=" + csrf.encode() + b"&email=%ff%fe"
        kind = {"content-type": "application/x-www-form-urlencoded"}
        answer = await eve.client.post("/sign-in", content=raw, headers=kind)
        assert answer.status_code == 400
        long = {"csrf": csrf, "email": "a@b.org", "password": "x" * 60_000}
        assert (await eve.client.post("/sign-in", data=long)).status_code == 401


async def test_a_form_that_comes_too_slowly_is_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "FORM_DEADLINE_S", 0.05)
    async with hosting(tmp_path) as hosted:
        reader, writer = await asyncio.open_connection("127.0.0.1", hosted.running.port)
        writer.write(
            b"POST /sign-in HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n"
            b"content-type: application/x-www-form-urlencoded\r\n\r\nemail=a"
        )
        head = await reader.readline()
        assert head.startswith(b"HTTP/1.1 408 ")
        writer.close()


async def test_pages_for_everybody_are_the_same_for_who_is_signed_in(tmp_path: Path) -> None:
    async with hosting(tmp_path) as hosted:
        ada, stranger = hosted.guest(), hosted.guest()
        await ada.join("ada@example.org", "Ada")
        for path in PAGES:
            mine, theirs = await ada.get(path), await stranger.get(path)
            assert mine.headers["etag"] == theirs.headers["etag"], path
            assert "Ada" not in mine.text
            assert "set-cookie" not in mine.headers


async def test_the_cookie_is_for_no_script_and_behind_tls_for_tls_alone(tmp_path: Path) -> None:
    async with hosting(tmp_path / "plain", PROXIED) as hosted:
        ada = hosted.guest()
        await ada.join("ada@example.org", "Ada")
        answer = await hosted.guest().sign_in("ada@example.org")
        cookie = answer.headers["set-cookie"]
        assert "; HttpOnly; SameSite=Lax" in cookie
        assert "Path=/;" in cookie
        assert "Secure" not in cookie
        behind = hosted.guest()
        csrf = await behind.csrf("/sign-in")
        form = {"csrf": csrf, "email": "ada@example.org", "password": WORDS}
        headers = {"x-forwarded-proto": "https", "x-forwarded-for": "198.51.100.1"}
        answer = await behind.client.post("/sign-in", data=form, headers=headers)
        assert "SameSite=Lax; Secure" in answer.headers["set-cookie"]


async def test_a_neighbours_cookie_beside_ours_signs_nobody_in(tmp_path: Path) -> None:
    async with hosting(tmp_path) as hosted:
        ada = hosted.guest()
        await ada.join("ada@example.org", "Ada")
        both = f"tokenhouse_session={ada.session}; tokenhouse_session=ths_{'x' * 43}"
        async with httpx.AsyncClient(base_url=hosted.running.url, timeout=60) as client:
            answer = await client.get("/profile", headers={"cookie": both})
        assert answer.status_code == 303


async def test_nobody_acts_in_an_account_that_is_not_theirs(tmp_path: Path) -> None:
    async with hosting(tmp_path) as hosted:
        ada, eve = hosted.guest(), hosted.guest()
        await ada.join("ada@example.org", "Ada")
        await eve.join("eve@example.org", "Eve")
        people = hosted.running.house.people
        target = await ada.account()
        (owner,) = await people.members(target)
        answer = await eve.send("/profile", "/profile/account", account=target)
        assert answer.status_code == 404
        page = "/dashboard/members"
        for action in ("role", "remove"):
            answer = await eve.send(page, f"{page}/{action}", person=owner.person.id, role="viewer")
            assert answer.status_code == 404
        await ada.send(page, f"{page}/invite", email="bob@example.org", role="viewer")
        await eve.send(page, f"{page}/withdraw", email="bob@example.org")
        assert len(await people.invitations(target)) == 1
        assert [each.role for each in await people.members(target)] == [Role.OWNER]


async def test_who_confirms_for_somebody_else_needs_their_password(tmp_path: Path) -> None:
    """Eve signs up with Ada's address and hopes that Ada opens the link: Ada's own password does not
    fit, so nothing comes of it."""
    async with hosting(tmp_path) as hosted:
        eve, ada = hosted.guest(), hosted.guest()
        await eve.send("/sign-up", email="ada@example.org", name="Eve", password=OTHER_WORDS)
        code = await ada.code()
        answer = await ada.send(f"/verify?code={code}", "/verify", password=WORDS)
        assert answer.status_code == 401
        assert (await eve.sign_in("ada@example.org", OTHER_WORDS)).status_code == 401
        await ada.join("ada@example.org", "Ada")
        assert (await ada.get("/profile")).status_code == 200


async def test_who_invites_never_sees_the_link_that_proves_the_address(tmp_path: Path) -> None:
    """An owner could accept for somebody else, and so sign in with an address that is not theirs."""
    async with hosting(tmp_path) as hosted:
        eve = hosted.guest()
        await eve.join("eve@example.org", "Eve")
        page = "/dashboard/members"
        answer = await eve.send(page, f"{page}/invite", email="ada@example.org", role="viewer")
        code = await eve.code()
        assert "ada@example.org" in answer.text
        assert code not in answer.text
        assert code not in (await eve.get(page)).text
        people = hosted.running.house.people
        signed = await people.signed_in(eve.session or "")
        assert signed is not None
        await people.set_operator(signed.person.id, True, "cli:root")
        answer = await eve.send(page, f"{page}/invite", email="bob@example.org", role="viewer")
        assert await eve.code() in answer.text
