"""An operator in a real browser: signs in, credits, reverses, suspends, and finds it in the audit log."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.acceptance.asking import HELLO, http
from tests.support import answers, replies
from tests.support.browser import DESK, PHONE, Scheme, Visit, chromium, visiting
from tests.support.house import Running, upstream_house
from tests.support.operators import PASSWORD, person_of
from tests.support.upstream import Upstream
from tests.test_app_settings import rewritten

PAGES = (
    *("/admin", "/admin/accounts", "/admin/requests", "/admin/health", "/admin/settings"),
    *("/admin/prices", "/admin/errors", "/admin/ledger", "/admin/audit", "/admin/people"),
)


async def _sign_in(visit: Visit, running: Running) -> Page:
    await person_of(running, "olga@example.com", operator=True)
    await visit.to(f"{running.url}/admin")
    page = visit.page
    await page.get_by_label("E-mail").fill("olga@example.com")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("heading", name="What needs a look")).to_be_visible()
    return page


async def test_an_operator_credits_reverses_and_suspends_and_it_is_written_down(
    tmp_path: Path,
) -> None:
    async with upstream_house(tmp_path) as (running, up), chromium() as browser:
        async with visiting(browser) as visit:
            page = await _sign_in(visit, running)
            stream = asyncio.create_task(_held_open(running, up))
            await up.wait_requests(1)
            await page.get_by_role("link", name="Accounts").click()
            await page.get_by_label("Name or id").fill("test")
            await page.get_by_role("button", name="Show").click()
            await page.get_by_role("link", name="tester").click()

            credit = page.get_by_role("form", name="Credit")
            await credit.get_by_label("Dollars").fill("12.50")
            await credit.get_by_label("Reason").fill("invoice 17")
            await credit.get_by_role("button", name="Credit").click()
            await expect(page.get_by_role("status")).to_have_text("The credit was posted.")
            row = page.get_by_role("row").filter(has_text="invoice 17").first
            await expect(row).to_contain_text("+$12.50")

            await row.get_by_text("Reverse").click()
            await row.get_by_label("Reason").fill("it bounced")
            await row.get_by_role("button", name="Take it back").click()
            await expect(page.get_by_role("status")).to_have_text("The transfer was taken back.")
            await expect(page.locator("table").first).to_contain_text("−$12.50")

            state = page.get_by_role("form", name="State")
            await state.get_by_label("To be").select_option("suspended")
            await state.get_by_label("Reason").fill("chargeback")
            await state.get_by_role("button", name="Change the state").click()
            await expect(page.get_by_role("status")).to_contain_text("ended and settled")
            assert "account_suspended" in await stream
            assert await visit.accessible() == []

            await page.get_by_role("link", name="Audit log").click()
            for reason in ("invoice 17", "it bounced", "chargeback"):
                written = page.get_by_role("row").filter(has_text=reason).first
                await expect(written).to_contain_text("olga")
                await expect(written).to_contain_text("tester")
            assert visit.wrong == []
        await running.clean()


LOOKS: list[tuple[int, Scheme]] = [(DESK, "light"), (DESK, "dark"), (PHONE, "light")]


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
async def test_operators_pages_are_accessible_and_hold_still(
    tmp_path: Path, width: int, scheme: Scheme
) -> None:
    async with upstream_house(tmp_path) as (running, up), chromium() as browser:
        async with visiting(browser, width=width, scheme=scheme) as visit, http(running) as caller:
            await _sign_in(visit, running)
            await _lived_in(running)
            for _ in range(4):
                up.script(replies.error(500))
                await caller.post("/v1/chat/completions", json=HELLO)
            running.house.relay.health.reset(("up", "m"))
            up.always(answers.said("hello"))
            await caller.post("/v1/chat/completions", json=HELLO)
            seen = len(up.requests)
            stream = asyncio.create_task(_held_open(running, up))
            await up.wait_requests(seen + 1)
            for path in (*PAGES, f"/admin/accounts/{running.account.id}"):
                await visit.to(running.url + path)
                assert await visit.accessible() == [], path
                assert await visit.shifted() < 0.01, path
                assert not await visit.too_wide(), path
            assert visit.wrong == []
            await running.house.desk.cancel("cli:test", running.house.operating.live()[0].id)
            await stream


async def _lived_in(running: Running) -> None:
    """A house in which something has happened."""
    desk, account = running.house.desk, running.account.id
    put = await desk.credit("cli:ada", account, 25 * 10**9, reason="invoice 17, paid by transfer")
    await desk.credit("cli:ada", account, 5 * 10**8, reason="sorry for the outage on Tuesday")
    await desk.reverse("cli:ada", put.id, reason="the payment bounced")
    other = await desk.as_actor("cli:ada").create_account("Müller & Söhne, Lübeck", "narrow")
    await desk.change_state("cli:ada", other.id, "suspended", "asked for it")
    await desk.verify("cli:ada")
    rewritten(
        running, ('input = "0.35"', 'input = "0.45"'), ("[catalogue]", "[plans.new]\n[catalogue]")
    )


async def _held_open(running: Running, up: Upstream) -> str:
    """A stream that says one word and waits; → all that its client was told."""
    never = asyncio.Event()
    up.script(replies.stream([answers.role(), answers.text("one"), never, answers.end()]))
    async with http(running) as client:
        body = {**HELLO, "stream": True}
        async with client.stream("POST", "/v1/chat/completions", json=body) as got:
            return "".join([piece async for piece in got.aiter_text()])
