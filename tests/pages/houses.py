"""Houses for tests of pages: models of every kind, all played by a fake."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from html.parser import HTMLParser
from pathlib import Path

import html5lib
import httpx

from tests.support.house import Running, serving

ROWS = """
[site]
name = "Guild & Sons"
support_url = "https://help.example/"

[providers.fake]
kind = "scripted"

[[models]]
id = "acme/echo"
name = "Acme: Echo"
description = "It says **what you said**. Then it stops."
license = "MIT"
open_weights = true
added = 2026-03-01
context_length = 400000
max_output_tokens = 4000
input_modalities = ["text", "image"]
capabilities = ["tools", "json", "streaming", "reasoning"]
aliases = ["echo"]
defaults = { temperature = 0.3 }
routes = [ { provider = "fake" } ]
[models.price]
input = "0.35"
output = "0.56"
cache_read = "0.035"
reasoning = "1.00"
image = "0.001"
request = "0.0001"
tiers = [ { above = 200000, input = "0.70", output = "1.12" } ]

[[models]]
id = "acme/gift:free"
name = "Acme: Gift"
context_length = 8000
free = true
routes = [ { provider = "fake" } ]

[[models]]
id = "forge/known-only"
name = "Forge: Known only"
context_length = 8000
max_output_tokens = 100

[[models]]
id = "tokenhouse/starter"
context_length = 4096
max_output_tokens = 1024
price = { input = "0.35", output = "0.56" }
routes = [ { provider = "fake" } ]

[plans.pro]
requests_per_minute = 600
"""
OFFERED = (
    "acme/echo",
    "acme/gift:free",
    "tokenhouse/starter",
    "mistralai/mistral-small-3.1-24b-instruct",
)
"""Models with a price (Mistral's where a route can run it)."""
MODELS = (
    *OFFERED,
    "forge/known-only",
    "mistralai/mistral-small-3.2-24b-instruct",
    "mistralai/ministral-3-3b-instruct",
)
PAGES = ("/", "/models", "/pricing", "/playground", "/docs", "/docs/api")


@asynccontextmanager
async def paged(
    data_dir: Path, rows: str = ROWS
) -> AsyncGenerator[tuple[Running, httpx.AsyncClient]]:
    """A served house, and a client that follows no redirect."""
    async with serving(data_dir, rows) as running:
        async with httpx.AsyncClient(base_url=running.url, timeout=60) as client:
            yield running, client


def every_page() -> tuple[str, ...]:
    """Every HTML page of a house with ``ROWS``."""
    models = tuple(f"/models/{id}{suffix}" for id in MODELS for suffix in ("", "/api"))
    authors = tuple(f"/models/{id.partition('/')[0]}" for id in MODELS)
    return (*PAGES, *dict.fromkeys(authors), *models)


def valid_html(text: str) -> None:
    """Raise html5lib's ParseError for what isn't HTML."""
    html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(text)


class Elements(HTMLParser):
    """Every start tag with its attributes, in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def every(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def ids(self) -> list[str]:
        return [attributes["id"] for _, attributes in self.tags if "id" in attributes]
