"""The whole way in Chromium: from a stranger at the door to a team on one wallet, and the operator's day."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from urllib.parse import urljoin

import httpx
import pytest
from playwright.async_api import Browser, Page, expect

from tests.access.people_house import WORDS
from tests.pages.insiders import ask
from tests.pages.test_people_browser import fill, printed_code
from tests.pages.visitors import say
from tests.support import answers, replies
from tests.support.browser import Visit, chromium, visiting
from tests.support.house import UPSTREAM_ROWS, Running, serving
from tests.support.operators import PASSWORD, person_of
from tests.support.upstream import Upstream
from tokenhouse.billing import DAY_MS
from tokenhouse.clock import ManualClock, SystemClock

ROWS = '[site]\nsign_up = "open"\n' + UPSTREAM_ROWS.replace('"0.00"', '"1.00"')
HOUR_S = 3600
NOON_MS = DAY_MS // 2


@dataclass(slots=True)
class Town:
    """An open house, its upstream, a browser for everybody, and the terminal where its mail is printed."""

    running: Running
    up: Upstream
    clock: ManualClock
    browser: Browser
    terminal: pytest.CaptureFixture[str]
    stack: AsyncExitStack

    async def visitor(self) -> Visit:
        """Somebody else, with a browser of their own."""
        return await self.stack.enter_async_context(visiting(self.browser))

    async def mailed(self) -> str:
        """The code in the mail that was printed last."""
        return await printed_code(self.running, self.terminal)

    async def joined(self, visit: Visit, name: str, email: str) -> Page:
        """Sign up, confirm by the printed mail; → the dashboard."""
        page, url = visit.page, self.running.url
        await visit.to(url)
        await page.get_by_role("link", name="Account").click()
        await page.get_by_role("link", name="Sign up").click()
        await fill(page, Name=name, E_mail=email, Password=WORDS)
        await page.get_by_role("button", name="Sign up").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Look into your mail")
        await visit.to(f"{url}/verify?code={await self.mailed()}")
        await fill(page, Password=WORDS)
        await page.get_by_role("button", name="Confirm and sign in").click()
        await page.wait_for_url("**/dashboard")
        return page

    async def operator(self) -> Visit:
        """Somebody who operates the house, signed in, at /admin."""
        await person_of(self.running, "olga@example.com", operator=True)
        visit = await self.visitor()
        await visit.to(f"{self.running.url}/admin")
        await fill(visit.page, E_mail="olga@example.com", Password=PASSWORD)
        await visit.page.get_by_role("button", name="Sign in").click()
        await expect(visit.page.get_by_role("heading", name="What needs a look")).to_be_visible()
        return visit


@asynccontextmanager
async def town(tmp_path: Path, terminal: pytest.CaptureFixture[str]) -> AsyncGenerator[Town]:
    clock = ManualClock(SystemClock().now_ms() // DAY_MS * DAY_MS + NOON_MS)
    async with Upstream() as up, chromium() as browser, AsyncExitStack() as stack:
        async with serving(tmp_path, ROWS.format(url=up.url), clock=clock) as running:
            yield Town(running, up, clock, browser, terminal, stack)


async def test_from_a_stranger_to_a_team_that_spends_from_one_wallet(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with town(tmp_path, capsys) as all:
        visit = await all.visitor()
        page = await all.joined(visit, "Ada's lab", "ada@example.org")
        await expect(page.get_by_text("Your first request brings $1.00")).to_be_visible()
        before = await _balance(page)
        secret = await _make_key(page, "laptop")
        await page.get_by_role("link", name="Try it in the playground").click()
        await expect(page.get_by_label("API key", exact=True)).to_have_value(secret)
        await _streamed(all, page)
        cost = await _cost_by_receipt(all, page)
        # the month's grant came with the first request; nothing else but its cost
        assert await _balance(page) == before + 1 - cost
        before = await _balance(page)
        await visit.to(f"{all.running.url}/playground")
        await _streamed(all, page, "evening")  # the key stayed in this browser
        assert await _balance(page) == before - await _cost_by_receipt(all, page)

        new = await _rotate(page)
        assert (await ask(all.running, secret)).status_code == 200
        all.clock.advance(HOUR_S)
        assert (await ask(all.running, secret)).status_code == 401
        assert (await ask(all.running, new)).status_code == 200

        await page.get_by_role("link", name="Members").click()
        await page.get_by_label("E-mail").fill("vera@example.org")
        await page.get_by_label("Role", exact=True).select_option("viewer")
        await page.get_by_role("button", name="Invite").click()
        await expect(page.get_by_role("status")).to_contain_text("vera@example.org")
        assert visit.wrong == []
        await _looks_but_does_not_touch(all, await all.mailed())
        await all.running.clean()


async def test_an_operators_day_is_done_at_the_desk_and_written_down(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with town(tmp_path, capsys) as all:
        visit = await all.visitor()
        page = await all.joined(visit, "Ada's lab", "ada@example.org")
        secret = await _make_key(page, "laptop")
        operator = await all.operator()
        desk = operator.page
        await desk.get_by_role("link", name="Accounts").click()
        await desk.get_by_role("link", name="Ada's lab").click()
        await _credit(desk, "12.50", "invoice 17")
        assert await _balance(page) == Decimal("12.5")
        row = desk.get_by_role("row").filter(has_text="invoice 17").first
        await row.get_by_text("Reverse").click()
        await row.get_by_label("Reason").fill("it bounced")
        await row.get_by_role("button", name="Take it back").click()
        await expect(desk.get_by_role("status")).to_have_text("The transfer was taken back.")
        assert await _balance(page) == 0
        await _credit(desk, "3", "paid by card")

        never = asyncio.Event()
        pieces = [answers.role(), answers.text("One"), answers.text(" two"), never, answers.end()]
        all.up.script(replies.stream(pieces))
        await visit.to(f"{all.running.url}/playground")
        await page.get_by_label("API key", exact=True).fill(secret)
        await say(page, "Count to a thousand")
        log = page.get_by_role("log")
        await expect(log.get_by_text("One two")).to_be_visible()
        await _suspend(desk, "chargeback")
        await expect(log.get_by_text("is suspended")).to_be_visible()
        await all.up.wait_closed_by_client()
        # it can be read on, and says why nothing works
        cost = await _cost_by_receipt(all, page, outcome="cancelled")
        assert cost > 0
        await expect(page.get_by_text("The account was suspended meanwhile")).to_be_visible()
        assert await _balance(page) == 3 + 1 - cost
        await expect(page.get_by_text("This account is suspended.")).to_be_visible()
        refused = await ask(all.running, secret)
        assert (refused.status_code, refused.json()["error"]["code"]) == (403, "account_suspended")

        await desk.get_by_role("link", name="Audit log").click()
        for reason in ("invoice 17", "it bounced", "paid by card", "chargeback"):
            written = desk.get_by_role("row").filter(has_text=reason).first
            await expect(written).to_contain_text("olga")
            await expect(written).to_contain_text("Ada's lab")
        assert operator.wrong == []
        await all.running.clean()


async def _make_key(page: Page, name: str) -> str:
    """→ its secret; the page shows it."""
    await page.get_by_role("link", name="API keys").first.click()
    await page.get_by_label("Name", exact=True).fill(name)
    await page.get_by_role("button", name="Make the key").click()
    await expect(page.get_by_role("heading", name="Your key is made")).to_be_visible()
    return await page.locator("#secret").inner_text()


async def _streamed(all: Town, page: Page, word: str = "morning") -> None:
    """Ask; the first word is there before the second is said."""
    gate = asyncio.Event()
    pieces = [answers.role(), answers.text("Good"), gate, answers.text(f" {word}")]
    used = answers.usage_chunk(5, 2)
    all.up.script(replies.stream([*pieces, answers.end(), used]))
    await say(page, "Hello")
    log = page.get_by_role("log")
    await expect(log.get_by_text("Good").last).to_be_visible()
    await expect(log.get_by_text(f"Good {word}")).to_have_count(0)
    gate.set()
    await expect(log.get_by_text(f"Good {word}").last).to_be_visible()
    await expect(log.get_by_text("Receipt").last).to_be_visible()


async def _cost_by_receipt(all: Town, page: Page, outcome: str = "finished") -> Decimal:
    """What the newest request cost, by its receipt; the chart has its bar."""
    await page.goto(f"{all.running.url}/dashboard/usage")
    assert await page.locator("svg[role=img] rect.bar").count() == 1
    row = page.locator("#log ~ .scroll tbody tr").first
    await expect(row).to_contain_text("laptop")
    await expect(row).to_contain_text(outcome)
    said = await row.locator("td").last.inner_text()
    await row.get_by_role("link").first.click()
    await expect(page.get_by_role("heading", level=1)).to_have_text(said)
    return Decimal(said.removeprefix("$"))


async def _balance(page: Page) -> Decimal:
    """What the wallet says; begins on any page of the house."""
    await page.goto(urljoin(page.url, "/dashboard/wallet"))
    said = await page.locator(".stat", has_text="Balance").locator("dd").inner_text()
    return Decimal(said.removeprefix("$"))


async def _rotate(page: Page) -> str:
    await page.get_by_role("link", name="API keys").first.click()
    await page.get_by_role("link", name="laptop").first.click()
    await page.get_by_label("The old secret ends").select_option("1h")
    await page.get_by_role("button", name="Rotate the key").click()
    await expect(page.get_by_role("heading", name="The new secret")).to_be_visible()
    return await page.locator("#secret").inner_text()


async def _looks_but_does_not_touch(all: Town, invitation: str) -> None:
    """Who is invited as a viewer sees all of it, has no button, and is refused by hand."""
    running, visit = all.running, await all.visitor()
    page = visit.page
    await visit.to(f"{running.url}/invitation?code={invitation}")
    await expect(page.get_by_text("Ada's lab")).to_be_visible()
    await fill(page, Name="Vera", Password=WORDS)
    await page.get_by_role("button", name="Accept and sign in").click()
    await page.wait_for_url("**/dashboard")
    await expect(page.locator(".dash-account")).to_contain_text("viewer")
    await page.get_by_role("link", name="Usage").first.click()
    assert await page.locator("svg[role=img] rect.bar").count() == 1
    for name, seen in (("Wallet", "The book"), ("API keys", "laptop"), ("Members", "ada@")):
        await page.get_by_role("link", name=name).first.click()
        await expect(page.get_by_text(seen).first).to_be_visible()
        for button in ("Make the key", "Redeem", "Invite", "Change", "Remove"):
            assert await page.get_by_role("button", name=button).count() == 0, button
    await page.get_by_role("link", name="API keys").first.click()
    await page.get_by_role("link", name="laptop").first.click()
    for button in ("Save", "Rotate the key", "Revoke the key"):
        assert await page.get_by_role("button", name=button).count() == 0, button
    key = page.url.rpartition("/")[2]
    csrf = await page.locator("input[name=csrf]").first.get_attribute("value") or ""
    cookies = {each.get("name", ""): each.get("value", "") for each in await page.context.cookies()}
    async with httpx.AsyncClient(base_url=running.url, cookies=cookies, timeout=60) as client:
        for path in (
            *("", f"/{key}", f"/{key}/rotate", f"/{key}/revoke"),
            *("/../wallet/redeem", "/../members/invite", "/../members/role"),
        ):
            form = {"csrf": csrf, "name": "x", "sure": "yes", "code": "TH-X", "role": "owner"}
            answer = await client.post(f"/dashboard/api-keys{path}", data=form)
            assert answer.status_code == 403, path
            assert "role" in answer.text, path
    account = await running.house.billing.account("Ada's lab")
    assert [each.id for each in await running.house.billing.keys(account.id)] == [key]
    assert visit.wrong == []


async def _credit(desk: Page, dollars: str, reason: str) -> None:
    form = desk.get_by_role("form", name="Credit")
    await form.get_by_label("Dollars").fill(dollars)
    await form.get_by_label("Reason").fill(reason)
    await form.get_by_role("button", name="Credit").click()
    await expect(desk.get_by_role("status")).to_have_text("The credit was posted.")


async def _suspend(desk: Page, reason: str) -> None:
    form = desk.get_by_role("form", name="State")
    await form.get_by_label("To be").select_option("suspended")
    await form.get_by_label("Reason").fill(reason)
    await form.get_by_role("button", name="Change the state").click()
    await expect(desk.get_by_role("status")).to_contain_text("ended and settled")
