"""The account's pages in Chromium: from a key to its receipt, chart and book, with and without scripts."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.pages.insiders import COOKIE, Insider, ask, inside, signed_in
from tests.pages.test_dashboard import every_page
from tests.support.browser import DESK, PHONE, Scheme, Visit, chromium, visiting
from tests.support.house import Running
from tokenhouse.access import Role
from tokenhouse.clock import ManualClock, SystemClock

HOUR_S = 3600


@asynccontextmanager
async def at_the_counter(
    tmp_path: Path, role: Role = Role.OWNER, **more: Any
) -> AsyncGenerator[tuple[Visit, Running, Insider, ManualClock]]:
    """A browser that is signed in, and the house's clock in the test's hand."""
    clock = ManualClock(SystemClock().now_ms())
    async with inside(tmp_path, role, clock=clock) as (running, insider, _):
        async with chromium() as browser, visiting(browser, **more) as visit:
            await visit.page.context.add_cookies(
                [{"name": COOKIE, "value": insider.secret, "url": running.url}]
            )
            yield visit, running, insider, clock


async def go(visit: Visit, running: Running, path: str) -> Page:
    await visit.to(running.url + path)
    return visit.page


@pytest.mark.parametrize(
    ("width", "scheme"), [(DESK, "light"), (DESK, "dark"), (PHONE, "light"), (PHONE, "dark")]
)
async def test_every_page_is_accessible_still_and_not_too_wide(
    tmp_path: Path, width: int, scheme: Scheme
) -> None:
    async with at_the_counter(tmp_path, width=width, scheme=scheme) as (visit, running, who, _):
        await ask(running)
        for path in (*await every_page(running, who), "/dashboard/members"):
            await go(visit, running, path)
            assert await visit.accessible() == [], path
            assert await visit.shifted() < 0.01, path
            assert not await visit.too_wide(), path
        page = await go(visit, running, "/dashboard/api-keys")
        await page.get_by_text("New key").click()
        await page.get_by_text("Limits of its own").click()
        assert await visit.accessible() == []
        assert not await visit.too_wide()
        await page.get_by_label("Dollars per day").fill("a lot")
        await page.get_by_role("button", name="Make the key").click()
        await expect(page.get_by_role("alert")).to_contain_text("is not an amount")
        assert await visit.accessible() == []
        await page.get_by_label("Dollars per day").fill("")
        await page.get_by_role("button", name="Make the key").click()
        await expect(page.get_by_role("heading", name="Your key is made")).to_be_visible()
        assert await visit.accessible() == []
        assert not await visit.too_wide()
        assert [wrong for wrong in visit.wrong if "400" not in wrong] == []


async def test_from_a_key_to_its_receipt_its_chart_and_the_wallet_to_its_rotation(
    tmp_path: Path,
) -> None:
    async with at_the_counter(tmp_path, permissions=["clipboard-read", "clipboard-write"]) as (
        visit,
        running,
        _,
        clock,
    ):
        page = await go(visit, running, "/dashboard/wallet")
        balance = page.locator(".stat", has_text="Balance").locator("dd")
        assert await balance.inner_text() == "$5.00"
        await page.get_by_role("link", name="API keys").first.click()
        await page.get_by_text("New key").click()
        await page.get_by_label("Name").fill("laptop")
        await page.get_by_role("button", name="Make the key").click()
        await page.get_by_role("button", name="Copy the key").click()
        await expect(page.locator(".secret .copy")).to_have_text("Copied")
        secret = await page.evaluate("navigator.clipboard.readText()")
        assert secret == await page.locator("#secret").inner_text()
        assert (await ask(running, secret)).status_code == 200
        await page.reload()  # the browser sends the form again
        await expect(page.get_by_role("heading", name="This was done before")).to_be_visible()
        assert len(await running.house.billing.keys(running.account.id)) == 2

        await page.get_by_role("link", name="Usage").first.click()
        assert await page.locator("svg[role=img] rect.bar").count() == 1
        await expect(page.locator(".shares").last).to_contain_text("laptop")
        (row,) = await running.house.billing.receipts(running.account.id)
        await page.locator(f'a[href="/dashboard/usage/{row.id}"]').click()
        await expect(page.get_by_text(row.id).first).to_be_visible()
        await page.get_by_role("link", name="Wallet").click()
        assert await balance.inner_text() != "$5.00"

        await page.get_by_role("link", name="API keys").first.click()
        await page.get_by_role("link", name="laptop").first.click()
        await page.get_by_label("The old secret ends").select_option("1h")
        await page.get_by_role("button", name="Rotate the key").click()
        new = await page.locator("#secret").inner_text()
        assert new != secret
        assert (await ask(running, secret)).status_code == 200
        clock.advance(HOUR_S)
        assert (await ask(running, secret)).status_code == 401
        assert (await ask(running, new)).status_code == 200

        await page.get_by_role("link", name="API keys").first.click()
        await page.get_by_role("link", name="laptop").first.click()
        await page.get_by_label("I mean it").check()
        await page.get_by_role("button", name="Revoke the key").click()
        await expect(page.get_by_text("revoked", exact=True)).to_be_visible()
        assert (await ask(running, new)).status_code == 401  # at once
        assert [wrong for wrong in visit.wrong if "409" not in wrong] == []


async def test_everything_works_without_a_script(tmp_path: Path) -> None:
    async with at_the_counter(tmp_path, java_script_enabled=False) as (visit, running, _, clock):
        page = await go(visit, running, "/dashboard/api-keys")
        await page.get_by_text("New key").click()
        await page.get_by_label("Name").fill("plain")
        await page.get_by_role("button", name="Make the key").click()
        secret = await page.locator("#secret").inner_text()
        clock.advance(1)
        assert (await ask(running, secret)).status_code == 200
        await page.goto(running.url + "/dashboard/usage")
        await page.get_by_label("Key", exact=True).select_option("plain")
        await page.get_by_label("Outcome").select_option("finished")
        await page.get_by_role("button", name="Show").click()
        assert await page.locator("#log ~ .scroll tbody tr").count() == 1
        (code,) = (await running.house.billing.create_vouchers(10**9)).codes
        await page.get_by_role("link", name="Wallet").click()
        await page.get_by_label("Code").fill(code)
        await page.get_by_role("button", name="Redeem").click()
        await expect(page.get_by_text("$1.00 came in.")).to_be_visible()


async def test_scripts_only_make_it_more_convenient(tmp_path: Path) -> None:
    async with at_the_counter(tmp_path) as (visit, running, insider, _):
        await ask(running)
        page = await go(visit, running, "/dashboard/usage")
        await expect(page.get_by_label("From", exact=True)).to_be_hidden()
        await page.get_by_label("Time", exact=True).select_option("custom")
        await expect(page.get_by_label("From", exact=True)).to_be_visible()
        await page.get_by_role("button", name="Show").click()
        assert "since=" in page.url
        assert await page.locator("time").first.get_attribute("title")
        async with page.expect_download() as download:
            await page.get_by_role("link", name="CSV", exact=True).click()
        assert (await download.value).suggested_filename == "usage.csv"
        assert visit.wrong == []
        assert insider.csrf not in page.url


async def test_an_account_is_switched_as_it_is_chosen(tmp_path: Path) -> None:
    async with at_the_counter(tmp_path) as (visit, running, insider, _):
        second = await running.house.billing.create_account("second", "free")
        again = await signed_in(running, Role.VIEWER, account=second.id)
        await again.client.aclose()
        page = await go(visit, running, "/dashboard")
        await page.get_by_label("Look at").select_option("second")
        await expect(page.locator(".dash-account")).to_contain_text("second")
        await expect(page.locator(".dash-account")).to_contain_text("viewer")
        await page.get_by_role("link", name="API keys").first.click()
        assert await page.get_by_text("New key").count() == 0
        assert again.person == insider.person
        assert visit.wrong == []


async def test_a_statement_prints_on_paper_alone(tmp_path: Path) -> None:
    async with at_the_counter(tmp_path, scheme="dark") as (visit, running, _, _clock):
        (month, *_) = await running.house.billing.months(running.account.id)
        page = await go(visit, running, f"/dashboard/wallet/statements/{month}")
        await expect(page.get_by_role("button", name="Print")).to_be_visible()
        await page.emulate_media(media="print")
        for hidden in (".dash-nav", ".top", ".foot", ".no-print"):
            await expect(page.locator(hidden).first).to_be_hidden()
        await expect(page.get_by_text("Closing balance")).to_be_visible()
        assert (
            await page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "light"
        )
