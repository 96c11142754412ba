"""People in the system's Chromium: they come in by the mail on the terminal, and find their way."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Page, expect

from tests.access.people_house import OTHER_WORDS, WORDS, code_of
from tests.pages.guests import OPEN_ROWS
from tests.support.browser import PHONE, Scheme, chromium, visiting
from tests.support.house import Running, serving
from tokenhouse.access import Role


async def fill(page: Page, **fields: str) -> None:
    for label, value in fields.items():
        await page.get_by_label(label.replace("_", "-"), exact=True).fill(value)


async def printed_code(running: Running, capsys: pytest.CaptureFixture[str]) -> str:
    """The code in the mail that the house printed on its terminal."""
    await running.house.people.errands.idle()
    return code_of(capsys.readouterr().out)


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
async def test_a_visitor_signs_up_confirms_by_the_printed_mail_and_is_signed_in(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], scripts: bool
) -> None:
    async with serving(tmp_path, OPEN_ROWS) as running, chromium() as browser:
        async with visiting(browser, java_script_enabled=scripts) as visit:
            page = visit.page
            await visit.to(running.url)
            await page.get_by_role("link", name="Account").click()
            await page.get_by_role("link", name="Sign up").click()
            await fill(page, Name="Ada's lab", E_mail="ada@example.org", Password="short")
            await page.get_by_role("button", name="Sign up").click()
            await expect(page.get_by_role("alert")).to_contain_text("at least 10 characters")
            assert await page.get_by_label("Name", exact=True).input_value() == "Ada's lab"
            await fill(page, Password=WORDS)
            await page.get_by_role("button", name="Sign up").click()
            await expect(page.get_by_role("heading", level=1)).to_have_text("Look into your mail")
            await visit.to(f"{running.url}/verify?code={await printed_code(running, capsys)}")
            assert urlsplit(page.url).query == ""
            await fill(page, Password=WORDS)
            await page.get_by_role("button", name="Confirm and sign in").click()
            await page.wait_for_url("**/dashboard")
            await page.get_by_text("Ada's lab").first.click()
            await page.get_by_role("button", name="Sign out").click()
            await page.wait_for_url(f"{running.url}/")
            await visit.to(f"{running.url}/profile")
            await fill(page, E_mail="ada@example.org", Password=WORDS)
            await page.get_by_role("button", name="Sign in").click()
            await page.wait_for_url("**/profile")
            await expect(page.get_by_text("ada@example.org").last).to_be_visible()
            assert [each for each in visit.wrong if "400" not in each] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_page_of_people_is_for_everybody(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], scheme: Scheme
) -> None:
    async with serving(tmp_path, OPEN_ROWS) as running, chromium() as browser:
        people = running.house.people
        await people.sign_up("ada@example.org", WORDS, "Ada")
        secret, ada = await people.verify(await printed_code(running, capsys), WORDS)
        await people.invite(ada.account, "bob@example.org", Role.VIEWER, ada)
        invitation = await printed_code(running, capsys)
        async with visiting(browser, width=PHONE, scheme=scheme) as visit:
            for path in ("/sign-in", "/sign-up", "/sign-up?sent=1", "/reset", "/verify?code=thc_x",
                         "/reset?code=thc_x", f"/invitation?code={invitation}"):  # fmt: skip
                await visit.to(running.url + path)
                assert await visit.accessible() == [], path
                assert not await visit.too_wide(), path
            cookie = {"name": "tokenhouse_session", "value": secret, "url": running.url}
            await visit.page.context.add_cookies([cookie])  # type: ignore[list-item]
            for path in ("/profile", "/dashboard/members", "/sign-out"):
                await visit.to(running.url + path)
                await visit.page.locator("details.who summary").click()
                assert await visit.accessible() == [], path
                assert not await visit.too_wide(), path
            assert visit.wrong == []


async def test_the_printed_code_signs_in_an_operator_who_then_says_who_they_are(
    tmp_path: Path,
) -> None:
    async with serving(tmp_path, OPEN_ROWS) as running, chromium() as browser:
        house = running.house
        operator = await house.people.first_operator(running.account.id)
        assert operator is not None
        async with visiting(browser) as visit:
            page = visit.page
            code = house.sign_in_codes.offer(running.key, operator.id)
            await visit.to(f"{running.url}/playground#code={code}")
            await expect(page.get_by_label("API key", exact=True)).to_have_value(running.key)
            await visit.to(f"{running.url}/profile")
            await expect(page.get_by_text("You came in by the code")).to_be_visible()
            assert await visit.accessible() == []
            await fill(page, Name="Root", E_mail="root@example.org", Password=OTHER_WORDS)
            await page.get_by_role("button", name="Keep it").click()
            await page.wait_for_url("**/profile?done=introduction")
            await expect(page.get_by_text("operator of this house")).to_be_visible()
            assert visit.wrong == []
        _, signed = await house.people.sign_in("root@example.org", OTHER_WORDS)
        assert (signed.person.operator, signed.account) == (True, running.account.id)
