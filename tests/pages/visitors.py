"""A visitor of the playground, signed in by the printed code, and an upstream that says what it is told."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import Page, expect

from tests.support.browser import Visit, chromium, visiting
from tests.support.house import UPSTREAM_ROWS, Running, serving
from tests.support.upstream import Upstream

ABILITIES = """capabilities = ["tools", "json", "streaming"]
input_modalities = ["text", "image"]
aliases"""


@asynccontextmanager
async def play(tmp_path: Path) -> AsyncGenerator[tuple[Visit, Running, Upstream]]:
    """A signed-in visitor on the playground of a house with a scripted upstream."""
    rows = UPSTREAM_ROWS.replace("aliases", ABILITIES)
    async with Upstream() as up, chromium() as browser:
        async with serving(tmp_path, rows.format(url=up.url)) as running:
            async with visiting(browser, permissions=["clipboard-read"]) as visit:
                code = running.house.sign_in_codes.offer(running.key)
                await visit.to(f"{running.url}/playground#code={code}")
                await expect(visit.page.get_by_label("API key", exact=True)).to_have_value(
                    running.key
                )
                yield visit, running, up


async def say(page: Page, text: str) -> None:
    await page.get_by_label("Message", exact=True).fill(text)
    await page.get_by_role("button", name="Send").click()
