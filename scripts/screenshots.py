"""Takes the README's pictures of a running house, and the card that links to its pages are shown with, with
the system's Chromium."""

from __future__ import annotations

import asyncio
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

import httpx
from playwright.async_api import Browser
from tests.pages.visitors import say
from tests.support.browser import DESK, PHONE, Scheme, chromium, visiting
from tests.support.house import Running, serving

SCRIPTS = Path(__file__).resolve().parent
PICTURES = SCRIPTS.parent / "docs" / "pictures"
CARD = SCRIPTS.parent / "src" / "tokenhouse" / "pages" / "static" / "card.png"
ROWS = (
    """
[server]
public_url = "http://127.0.0.1:8080"

[providers.cluster]
kind = "scripted"
first_event_delay_s = 0.04
event_delay_s = 0.01

[[models]]
id = "mistralai/mistral-small-3.1-24b-instruct"
name = "Mistral: Mistral Small 3.1 24B"
author = "mistralai"
description = """
    + '"""'
    + """
An open model of 24 billion parameters by Mistral AI (version 2503). It reads text and images, \\
writes text in 24 languages, calls tools, answers in JSON to a schema, and holds 128k tokens of \\
context."""
    + '"""'
    + """
license = "Apache-2.0"
open_weights = true
added = 2026-02-20
context_length = 131072
max_output_tokens = 32768
input_modalities = ["text", "image"]
capabilities = ["tools", "json", "streaming"]
defaults = { temperature = 0.15 }
price = { input = "0.35", output = "0.56" }
routes = [ { provider = "cluster" } ]
"""
)
MISTRAL = "/models/mistralai/mistral-small-3.1-24b-instruct"
TEXT = "Every token is counted, every answer has its receipt, and the books add up to zero. " * 6


@dataclass(frozen=True, slots=True)
class Picture:
    name: str
    path: str
    width: int = DESK
    scheme: Scheme = "light"


TAKEN = (
    Picture("home", "/"),
    Picture("model", MISTRAL),
    Picture("model-dark", MISTRAL, scheme="dark"),
    Picture("catalogue", "/models"),
    Picture("pricing-phone", "/pricing", PHONE),
)

INSIDE = (Picture("usage", "/dashboard/usage"), Picture("health", "/admin/health"))


async def take() -> None:
    """Serve, ask a few times so that there are figures to show, and take each picture."""
    PICTURES.mkdir(exist_ok=True)
    await _card()
    with tempfile.TemporaryDirectory() as folder:
        async with serving(Path(folder), ROWS) as running, chromium() as browser:
            await _ask(running)
            for picture in TAKEN:
                width, scheme = picture.width, picture.scheme
                async with visiting(browser, width=width, scheme=scheme) as visit:
                    await visit.to(running.url + picture.path)
                    file = PICTURES / f"{picture.name}.png"
                    await visit.page.screenshot(path=file)
                    _say(file)
                    if visit.wrong:
                        raise SystemExit(f"{picture.path}: {visit.wrong}")
            await _talk(running, browser)
            await _account(running, browser)


async def _card() -> None:
    """``card.html``, in the size that Open Graph's readers cut least from."""
    async with chromium() as browser:
        page = await browser.new_page(viewport={"width": 1200, "height": 630})
        await page.goto((SCRIPTS / "card.html").as_uri())
        await page.screenshot(path=CARD)
        _say(CARD)


async def _talk(running: Running, browser: Browser) -> None:
    """The playground, signed in by a printed code, after one answer of the starter."""
    code = running.house.sign_in_codes.offer(running.key)
    async with visiting(browser) as visit:
        page = visit.page
        await visit.to(f"{running.url}/playground#code={code}")
        await page.get_by_label("Model", exact=True).select_option("tokenhouse/starter")
        await say(page, "How do I stream an answer?")
        await page.get_by_text(re.compile(r"\d+ in, \d+ out")).wait_for()
        file = PICTURES / "playground.png"
        await page.screenshot(path=file)
        _say(file)


async def _account(running: Running, browser: Browser) -> None:
    """What whoever ran the first `serve` sees: their account's usage, and the house."""
    operator = await running.house.people.first_operator(running.account.id)
    assert operator is not None
    code = running.house.sign_in_codes.offer(running.key, operator.id)
    async with visiting(browser) as visit:
        await visit.to(f"{running.url}/playground#code={code}")
        await visit.page.get_by_text("Signed in.").wait_for()
        for picture in INSIDE:
            await visit.to(running.url + picture.path)
            file = PICTURES / f"{picture.name}.png"
            await visit.page.screenshot(path=file)
            _say(file)


def _say(file: Path) -> None:
    print(f"{file.relative_to(SCRIPTS.parent)}: {file.stat().st_size} bytes")


async def _ask(running: Running) -> None:
    body = {
        "model": MISTRAL.removeprefix("/models/"),
        "messages": [{"role": "user", "content": TEXT}],
        "stream": True,
    }
    key = {"authorization": f"Bearer {running.key}"}
    async with httpx.AsyncClient(base_url=running.url, headers=key, timeout=60) as client:
        await asyncio.gather(*(client.post("/v1/chat/completions", json=body) for _ in range(4)))


if __name__ == "__main__":
    asyncio.run(take())
