"""Visitors without a key: what a house lends them, in the browser and over the API."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from playwright.async_api import expect

from tests.pages.visitors import say
from tests.support import answers
from tests.support.browser import chromium, visiting
from tests.support.house import UPSTREAM_ROWS, serving
from tests.support.upstream import Upstream
from tokenhouse.app import build
from tokenhouse.config import load
from tokenhouse.errors import HouseError

LENDING = """
[site]
visitor_cap = "0.0003"

[plans.visitors]
monthly_grant = "1.00"
"""


async def test_a_visitor_asks_without_a_key_until_the_cap_is_reached(tmp_path: Path) -> None:
    async with Upstream() as up, chromium() as browser:
        async with serving(tmp_path, UPSTREAM_ROWS.format(url=up.url) + LENDING) as running:
            async with visiting(browser) as visit:
                page = visit.page
                log = page.get_by_role("log")
                await visit.to(f"{running.url}/playground")
                await expect(page.get_by_text("$0.0003 a day are on the house")).to_be_visible()
                up.script(answers.said("Welcome " * 100, prompt=10))
                await say(page, "Hello")
                await expect(log.get_by_text("Welcome")).to_be_visible()
                await expect(page.get_by_text("until midnight UTC")).to_be_visible()
                await say(page, "And again, " * 1000)
                await expect(log.get_by_text("API key's cap")).to_be_visible()
                assert len(visit.wrong) == 1  # the browser's own word on the 402
                assert "402" in visit.wrong[0]
            balance = await running.house.billing.balance("visitors")
            spent = sum(r.cost for r in await running.house.billing.receipts("visitors"))
            assert spent == 10 * 350 + 100 * 560
            assert balance.balance == 10**9 - spent
            await running.clean()


async def test_only_this_houses_own_pages_get_a_visitors_key(tmp_path: Path) -> None:
    async with Upstream() as up:
        async with serving(tmp_path, UPSTREAM_ROWS.format(url=up.url) + LENDING) as running:
            async with httpx.AsyncClient(base_url=running.url) as client:
                for far in ({"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}):
                    refused = await client.post("/api/v1/visit", headers=far)
                    assert refused.status_code == 403
                near = await client.post("/api/v1/visit", headers={"origin": running.url})
                assert near.status_code == 200
                lent = await client.post("/api/v1/visit")
                assert lent.status_code == 200
                assert lent.headers["cache-control"] == "no-store"
                assert lent.json()["data"]["cap"] == "0.0003"
                assert (await client.post("/api/v1/visit")).json() == lent.json()
                plans = (await client.get("/pricing.md")).text
                assert "| free |" in plans
                assert "| visitors |" not in plans


async def test_a_house_that_lends_no_keys_asks_for_one(tmp_path: Path) -> None:
    async with Upstream() as up:
        async with serving(tmp_path, UPSTREAM_ROWS.format(url=up.url)) as running:
            async with httpx.AsyncClient(base_url=running.url) as client:
                assert (await client.post("/api/v1/visit")).status_code == 404
                assert "data-visitors" not in (await client.get("/playground")).text


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ('[site]\nvisitor_cap = "0.02"', "plans.visitors"),
        ('[site]\nvisitor_cap = "two"\n[plans.visitors]', "site.visitor_cap"),
    ],
)
def test_a_cap_without_a_plan_or_that_is_no_amount_is_a_mistake(
    tmp_path: Path, rows: str, told: str
) -> None:
    file = tmp_path / "tokenhouse.toml"
    file.write_text(rows)
    with pytest.raises(HouseError, match=told):
        build(load(file, tmp_path, default_data_dir=tmp_path, environ={}))
