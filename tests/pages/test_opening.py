"""What pages cost a house that shows none: no template engine, no Markdown, no highlighter."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pages.houses import paged
from tokenhouse.billing import Billing
from tokenhouse.errors import HouseError

HEAVY = ("jinja2", "markdown_it", "nh3", "pygments")


def test_the_house_is_imported_without_what_only_pages_need() -> None:
    code = "import sys, tokenhouse.app; print([m for m in sys.argv[1:] if m in sys.modules])"
    words = [sys.executable, "-c", code, *HEAVY]
    places = {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60, env=places)
    assert done.stdout.strip() == "[]"


async def test_a_page_is_shown_when_figures_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(self: Billing, *, since_ms: int, limit: int = 2000) -> None:
        raise HouseError("the store can't be read", status=503, code="store_failed")

    monkeypatch.setattr(Billing, "figures", broken)
    async with paged(tmp_path) as (_, client):
        answer = await client.get("/models/acme/echo")
        assert answer.status_code == 200
        assert "no data yet" in answer.text
