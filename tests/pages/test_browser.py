"""The pages in a real browser: no error, nothing that axe minds, no shift, phone and desk, light and dark."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pages.houses import every_page, paged
from tests.support.browser import DESK, PHONE, Scheme, chromium, visiting
from tokenhouse.catalogue import cost
from tokenhouse.chat import Usage
from tokenhouse.money import usd

ONE_OF_A_KIND = ("/", "/models?q=nothing+like+it", "/models/acme/echo", "/pricing", "/docs/api")
LOOKS: list[tuple[int, Scheme, tuple[str, ...]]] = [
    (DESK, "light", every_page()),
    (DESK, "dark", ONE_OF_A_KIND),
    (PHONE, "light", ONE_OF_A_KIND),
    (PHONE, "dark", ONE_OF_A_KIND[:3]),
]


@pytest.mark.parametrize(("width", "scheme", "paths"), LOOKS)
async def test_pages_are_accessible_and_hold_still(
    tmp_path: Path, width: int, scheme: Scheme, paths: tuple[str, ...]
) -> None:
    async with paged(tmp_path) as (running, _), chromium() as browser:
        async with visiting(browser, width=width, scheme=scheme) as visit:
            for path in paths:
                await visit.to(running.url + path)
                assert await visit.accessible() == [], path
                assert await visit.shifted() < 0.01, path
                assert not await visit.too_wide(), path
            assert visit.wrong == []


async def test_the_theme_is_chosen_and_kept(tmp_path: Path) -> None:
    async with paged(tmp_path) as (running, _), chromium() as browser:
        async with visiting(browser) as visit:
            page = visit.page
            paper = "getComputedStyle(document.body).backgroundColor"
            await visit.to(running.url + "/")
            light = await page.evaluate(paper)
            await page.get_by_role("button", name="Dark theme").click()
            dark = await page.evaluate(paper)
            assert dark != light
            await visit.to(running.url + "/models")
            assert await page.evaluate(paper) == dark
            await page.get_by_role("button", name="Light theme").click()
            assert await page.evaluate(paper) == light
            assert visit.wrong == []


async def test_the_catalogue_is_searched_as_one_types(tmp_path: Path) -> None:
    async with paged(tmp_path) as (running, _), chromium() as browser:
        async with visiting(browser) as visit:
            page = visit.page
            await visit.to(running.url + "/models")
            cards = page.locator("#results .card")
            assert await cards.count() == 7
            await page.get_by_label("Search").press_sequentially("echo")
            await page.get_by_text("1 model of 7").wait_for()
            assert await cards.count() == 1
            await page.wait_for_url("**/models?q=echo")
            await page.get_by_label("Search").fill("")
            await page.get_by_label("Open weights").check()
            await page.get_by_label("Reasoning").check()
            await page.wait_for_url("**/models?capability=reasoning&open=1")
            await page.get_by_text("1 model of 7").wait_for()
            await page.reload()
            assert await cards.count() == 1
            assert await page.get_by_label("Reasoning").is_checked()
            await page.get_by_role("link", name="Clear").click()
            await page.get_by_text("7 models").wait_for()
            assert visit.wrong == []


async def test_the_catalogue_works_without_a_script(tmp_path: Path) -> None:
    async with paged(tmp_path) as (running, _), chromium() as browser:
        async with visiting(browser, java_script_enabled=False) as visit:
            page = visit.page
            await page.goto(running.url + "/models")
            await page.get_by_label("Search").fill("echo")
            await page.get_by_role("button", name="Show").click()
            await page.get_by_text("1 model of 7").wait_for()
            await page.get_by_role("link", name="Acme: Echo").click()
            for words in (
                "from anthropic import Anthropic",
                "new OpenAI(",
                "<?php",
                "aider --model",
            ):
                await page.get_by_text(words).first.wait_for()


async def test_the_calculator_says_what_pricing_bills(tmp_path: Path) -> None:
    async with paged(tmp_path) as (running, _), chromium() as browser:
        async with visiting(browser) as visit:
            page = visit.page
            await visit.to(running.url + "/models/acme/echo")
            price = running.house.catalogue.offer("acme/echo").price
            one = page.locator("[data-one]")
            assert await one.inner_text() == f"${usd(cost(Usage(input=1000, output=500), price))}"
            for usage, requests in (
                (Usage(input=123_457, output=789, cache_read=11, reasoning=13, images=2), 3),
                (Usage(input=200_001, output=1), 1_000_000),
                (Usage(input=0, output=0), 0),
            ):
                for label, number in (
                    ("Input tokens", usage.input),
                    ("Output tokens", usage.output),
                    ("Cached input tokens", usage.cache_read),
                    ("Reasoning tokens", usage.reasoning),
                    ("Images", usage.images),
                    ("Requests", requests),
                ):
                    await page.get_by_label(label, exact=True).fill(f"{number:,}")
                amount = cost(usage, price)
                assert await one.inner_text() == f"${usd(amount)}"
                total = await page.locator("[data-all]").inner_text()
                assert total.replace(",", "") == f"${usd(amount * requests)}"
            assert visit.wrong == []


async def test_tabs_are_moved_by_mouse_and_keys_and_code_is_copied(tmp_path: Path) -> None:
    async with paged(tmp_path) as (running, _), chromium() as browser:
        async with visiting(browser, permissions=["clipboard-read", "clipboard-write"]) as visit:
            page = visit.page
            await visit.to(running.url + "/models/acme/echo")
            await page.get_by_role("tab", name="PHP").click()
            assert await page.get_by_text("stream_context_create").first.is_visible()
            await page.keyboard.press("ArrowRight")
            python = page.get_by_role("tab", name="Python")
            assert await python.get_attribute("aria-selected") == "true"
            assert await page.get_by_text("from openai import OpenAI").is_visible()
            await page.get_by_role("tab", name="Anthropic SDK").first.click()
            assert await page.get_by_text("from anthropic import Anthropic").is_visible()
            await page.get_by_role("tab", name="JavaScript").click()
            assert await page.get_by_text("new Anthropic(").is_visible()  # the way is kept
            await page.get_by_role("button", name="Copy model ID").click()
            await page.get_by_role("button", name="Copied").wait_for()
            assert await page.evaluate("navigator.clipboard.readText()") == "acme/echo"
            await page.get_by_role("tab", name="Claude Code").click()
            await page.locator("#tool-1 .copy").click()
            copied = await page.evaluate("navigator.clipboard.readText()")
            assert f"export ANTHROPIC_BASE_URL={running.url}" in copied
            assert visit.wrong == []
