"""The system's Chromium, driven: a page that notes what went wrong on it, and what axe says of it."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from playwright.async_api import Browser, ConsoleMessage, Error, Page, async_playwright

from tests.parts import missing, node_package

Scheme = Literal["light", "dark"]
PHONE = 390
DESK = 1280

_SHIFTS = """() => new Promise((done) => {
  let sum = 0;
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) if (!entry.hadRecentInput) sum += entry.value;
  }).observe({ type: "layout-shift", buffered: true });
  requestAnimationFrame(() => requestAnimationFrame(() => done(sum)));
})"""
_AXE = """async () => {
  const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"];
  const found = await axe.run(document, { runOnly: tags });
  return found.violations.map((each) =>
    `${each.id}: ${each.help}: ${each.nodes.map((node) => node.target.join(" ")).join(" | ")}`);
}"""


@dataclass(slots=True)
class Visit:
    """A page and what went wrong on it: console errors, exceptions, requests that failed."""

    page: Page
    wrong: list[str] = field(default_factory=list[str])

    async def to(self, url: str) -> None:
        """Go there and wait until its scripts have run."""
        await self.page.goto(url, wait_until="load")

    async def accessible(self) -> list[str]:
        """What axe finds against WCAG 2.1 AA and good practice; nothing is well."""
        await self.page.evaluate((node_package("axe-core") / "axe.min.js").read_text())
        found: list[str] = await self.page.evaluate(_AXE)
        return found

    async def shifted(self) -> float:
        """The sum of layout shifts since the page began."""
        moved: float = await self.page.evaluate(_SHIFTS)
        return moved

    async def too_wide(self) -> bool:
        """Does it scroll sideways?"""
        width: int = await self.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        return width > 0

    def note(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.wrong.append(f"{message.type}: {message.text}")

    def note_error(self, error: Error) -> None:
        self.wrong.append(f"exception: {error}")


@asynccontextmanager
async def chromium() -> AsyncGenerator[Browser]:
    """The system's Chromium, or the test is skipped (in CI: fails)."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        missing("chromium is not installed (Debian: apt-get install chromium)")
    # root has no sandbox of its own to give; pages under test are ours
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=arguments)
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def visiting(
    browser: Browser, *, width: int = DESK, scheme: Scheme = "light", **more: Any
) -> AsyncGenerator[Visit]:
    """A fresh browser profile with one empty page."""
    context = await browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, **more
    )
    page = await context.new_page()
    visit = Visit(page)
    # slotted objects can't be given the attribute that Playwright hangs on a bound method
    page.on("console", lambda message: visit.note(message))
    page.on("pageerror", lambda error: visit.note_error(error))
    try:
        yield visit
    finally:
        await context.close()
