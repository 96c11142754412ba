"""The playground in a real browser: from the printed address to the receipt, over the public API."""

from __future__ import annotations

import asyncio
from pathlib import Path

from playwright.async_api import expect

from tests.pages.houses import ROWS, paged
from tests.pages.visitors import play, say
from tests.support import answers, replies
from tests.support.browser import chromium, visiting


async def test_a_first_visit_by_the_printed_address_ends_with_a_receipt(tmp_path: Path) -> None:
    async with play(tmp_path) as (visit, running, up):
        page = visit.page
        assert page.url == f"{running.url}/playground"
        log = page.get_by_role("log")
        gate = asyncio.Event()
        pieces = [
            answers.role(),
            answers.text("Hello "),
            gate,
            answers.text("there."),
            answers.end(),
        ]
        up.script(replies.stream([*pieces, answers.usage_chunk(5, 2)]))
        await page.get_by_role("button", name="Compare REST vs GraphQL APIs").click()
        await expect(log.get_by_text("Hello", exact=True)).to_be_visible()
        await expect(page.get_by_role("button", name="Stop")).to_be_visible()
        gate.set()
        await expect(log.get_by_text("Hello there.")).to_be_visible()
        await expect(log.get_by_text("5 in, 2 out · $0.00000287")).to_be_visible()
        await log.get_by_text("Receipt").click()
        await expect(log.get_by_text("finished (stop)")).to_be_visible()
        await expect(page.locator("#pg-total")).to_have_text("$0.00000287 so far")
        assert up.requests[-1].json["max_tokens"] == 1000
        assert visit.wrong == []
        await running.clean()


async def test_a_stopped_answer_keeps_what_came_and_shows_what_it_cost(tmp_path: Path) -> None:
    async with play(tmp_path) as (visit, running, up):
        page = visit.page
        log = page.get_by_role("log")
        never = asyncio.Event()
        up.script(replies.stream([answers.role(), answers.text("One two "), never]))
        await say(page, "Count")
        await expect(log.get_by_text("One two")).to_be_visible()
        await page.get_by_role("button", name="Stop").click()
        await up.wait_closed_by_client()
        await expect(log.get_by_text("Stopped.")).to_be_visible()
        await expect(log.locator(".pg-receipt")).to_contain_text("$0.00")
        await expect(page.get_by_role("button", name="Send")).to_be_visible()
        assert visit.wrong == []
        await running.until_no_hold()


async def test_a_code_that_is_used_is_refused_in_words(tmp_path: Path) -> None:
    async with paged(tmp_path) as (running, _), chromium() as browser:
        async with visiting(browser) as visit:
            await visit.to(f"{running.url}/playground#code=AAAA-BBBB-CCCC-DDDD")
            await expect(visit.page.get_by_text("This sign-in code is wrong")).to_be_visible()
            assert "#" not in visit.page.url
            assert await visit.page.get_by_label("API key", exact=True).input_value() == ""
            assert running.key not in await visit.page.content()


async def test_the_playground_of_a_model_answers_there(tmp_path: Path) -> None:
    async with paged(tmp_path, ROWS) as (running, _), chromium() as browser:
        async with visiting(browser) as visit:
            page = visit.page
            await visit.to(running.url + "/models/acme/echo")
            await page.get_by_label("API key", exact=True).fill(running.key)
            await say(page, "a b")
            await expect(page.get_by_role("log").get_by_text("You said: a b")).to_be_visible()
            await page.reload()
            await expect(page.get_by_role("log").get_by_text("You said: a b")).to_be_visible()
            assert visit.wrong == []


async def test_the_playground_is_accessible_and_holds_still(tmp_path: Path) -> None:
    async with play(tmp_path) as (visit, running, up):
        page = visit.page
        up.always(answers.said("# Big\n\n### Small\n\n```python\nprint(1)\n```\n\n- a\n  - b"))
        await say(page, "Show me")
        await expect(page.get_by_role("log").get_by_text("Receipt")).to_be_visible()
        for width, scheme in ((1440, "light"), (800, "dark"), (390, "light"), (390, "dark")):
            await page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
            await page.set_viewport_size({"width": width, "height": 900})
            assert await visit.accessible() == [], (width, scheme)
            assert not await visit.too_wide(), width
        await page.get_by_role("button", name="Settings").click()
        await page.get_by_role("button", name="Add a tool").click()
        assert await visit.accessible() == []
        assert not await visit.too_wide()
        await page.get_by_role("button", name="View code").click()
        assert await page.get_by_role("dialog").is_hidden()  # a tool without a name is told first
        await page.get_by_label("Tool name").fill("look")
        await page.get_by_role("button", name="View code").click()
        assert await visit.accessible() == []
        await page.keyboard.press("Escape")
        await page.reload()
        assert await visit.shifted() < 0.01
        await page.set_viewport_size({"width": 1440, "height": 900})
        await visit.to(f"{running.url}/models/acme/echo")
        assert await visit.shifted() < 0.01
        assert await visit.accessible() == []
        assert visit.wrong == []
