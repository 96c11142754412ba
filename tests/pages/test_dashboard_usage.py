"""Usage and wallet: what is drawn, listed and exported is what the receipts and the ledger say."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from tests.pages.houses import Elements, valid_html
from tests.pages.insiders import Insider, ask, inside
from tests.pages.test_dashboard import BUDGET
from tests.store.requests import NOW, admission, receipt
from tests.support.house import UPSTREAM_ROWS, Running
from tokenhouse.billing import DAY_MS, month_of
from tokenhouse.clock import ManualClock
from tokenhouse.money import usd
from tokenhouse.pages.charts import Column, columns, shares
from tokenhouse.pages.dashboard.asked import RANGES, usage_asked
from tokenhouse.relay import Outcome

FILTERS = (
    "",
    "?range=30d",
    "?range=24h",
    "?range=month",
    "?range=30d&model=acme/loud",
    "?range=30d&outcome=failed",
    "?range=30d&outcome=finished&model=acme/echo",
    "?since=2026-11-20&until=2026-11-20",
)


@asynccontextmanager
async def used(tmp_path: Path) -> AsyncGenerator[tuple[Running, Insider]]:
    """An account with requests of two models and two keys over 20 days, all before NOW."""
    clock = ManualClock(NOW)
    outcomes: tuple[Outcome, ...] = ("finished", "finished", "cancelled", "failed", "crashed")
    async with inside(tmp_path, clock=clock) as (running, insider, _):
        store = running.house.store
        await running.house.billing.create_key(running.account.id, "second")
        keys = [key.id for key in await running.house.billing.keys(running.account.id)]
        for number in range(100):
            asked = structs.replace(
                admission(number, running.account.id, 10_000),
                at_ms=NOW - number * DAY_MS // 5,
                key=keys[number % 3 % 2],
                model=("acme/echo", "acme/loud")[number % 7 % 2],
            )
            await store.admit(asked)
            outcome = outcomes[number % 5]
            cost = 0 if outcome == "failed" else 1000 + number
            await store.close(receipt(number, running.account.id, cost, outcome=outcome), tokens=0)
        yield running, insider


def costs_of(page: str, table: str) -> list[int]:
    """The last column of the rows of a table, in nanodollars."""
    body = page.split(table, 1)[1].split("<tbody>", 1)[1].split("</tbody>", 1)[0]
    found: list[int] = []
    for row in body.split("<tr>")[1:]:
        dollars = re.findall(r"\$([\d.]+)</td>", row)[-1]
        whole, _, rest = dollars.partition(".")
        found.append(int(whole) * 10**9 + int(rest.ljust(9, "0")))
    return found


@pytest.mark.parametrize("query", FILTERS)
async def test_log_charts_and_export_are_of_the_same_requests(tmp_path: Path, query: str) -> None:
    async with used(tmp_path) as (_, insider):
        page = (await insider.get(f"/dashboard/usage{query}")).text
        valid_html(page)
        lines = (await insider.get(f"/dashboard/usage.ndjson{query}")).text.splitlines()
        exported = [json.loads(line) for line in lines]
        assert exported
        listed: list[str] = []
        link: str | None = f"/dashboard/usage{query}"
        while link is not None:
            shown = (await insider.get(link)).text
            listed += re.findall(r'href="/dashboard/usage/(req_[0-9a-f]+)"', shown)
            older = re.search(r'href="([^"]+)" rel="next"', shown)
            link = None if older is None else older[1].replace("&amp;", "&")
        assert listed == [row["id"] for row in reversed(exported)]
        if "outcome" not in query:
            total = sum(row["cost"] for row in exported)
            assert f"<dt>Cost</dt><dd>${usd(total)}</dd>" in page
            for table in ("The same as a table", "<h3>By model</h3>", "<h3>By key</h3>"):
                assert sum(costs_of(page, table)) == total
        answer = await insider.get(f"/dashboard/usage.csv{query}")
        assert answer.headers["content-disposition"] == 'attachment; filename="usage.csv"'
        assert answer.headers["cache-control"] == "no-store"
        assert [row["id"] for row in csv.DictReader(io.StringIO(answer.text))] == [
            row["id"] for row in exported
        ]


async def test_a_receipt_says_what_was_billed_and_why(tmp_path: Path) -> None:
    async with inside(tmp_path) as (running, insider, _):
        await ask(running)
        (row,) = await running.house.billing.receipts(running.account.id)
        page = (await insider.get(f"/dashboard/usage/{row.id}")).text
        assert row.cost > 0
        for words in (
            f"<h1>${usd(row.cost)}</h1>",
            f"<dt>Sum, rounded up once</dt><dd>${usd(row.cost)}</dd>",
            f'<td>Input</td><td class="n">{row.input}</td><td>reported by the provider</td>'
            '<td class="n">$0.35 per 1M</td>',
            row.price_version,
            "answered",
        ):
            assert words in page
        again = await insider.get(f"/dashboard/usage/chatcmpl-{row.id.removeprefix('req_')}")
        assert again.status_code == 200


async def test_a_voucher_is_redeemed_once_and_a_wrong_one_stays_in_its_form(
    tmp_path: Path,
) -> None:
    async with inside(tmp_path) as (running, insider, _):
        billing = running.house.billing
        (code,) = (await billing.create_vouchers(2_500_000_000, reason="hello")).codes
        redeem = "/dashboard/wallet/redeem"
        wrong = await insider.post(redeem, code="TH-AAAAA-AAAAA-AAAAA-AAAA<")
        assert wrong.status_code == 404
        valid_html(wrong.text)
        assert 'value="TH-AAAAA-AAAAA-AAAAA-AAAA&lt;"' in wrong.text
        assert "There is no voucher" in wrong.text
        for _ in range(2):
            assert (await insider.post(redeem, code=code.lower())).status_code == 303
        done = await insider.post(redeem, code=code)
        page = (await insider.get(done.headers["location"])).text
        assert "$2.50 came in." in page
        assert "<dt>Balance</dt><dd>$7.50</dd>" in page
        assert "came in." not in (
            await insider.get("/dashboard/wallet?redeemed=first")
        ).text.replace("$5.00 came in.", "")


async def test_wrong_voucher_codes_are_bounded_by_address(tmp_path: Path) -> None:
    rows = "\n[server]\nfailed_keys_per_minute = 3\n"
    async with inside(tmp_path, rows=rows + UPSTREAM_ROWS) as (_, insider, _up):
        codes = [
            (await insider.post("/dashboard/wallet/redeem", code="nothing")).status_code
            for _ in range(5)
        ]
        assert codes == [404, 404, 404, 429, 429]


async def test_a_statement_and_the_book_end_in_the_ledger_s_balance(tmp_path: Path) -> None:
    async with used(tmp_path) as (running, insider):
        billing = running.house.billing
        balance = (await billing.balance(running.account.id)).balance
        month = month_of(NOW)
        sheet = (await insider.get(f"/dashboard/wallet/statements/{month}")).text
        valid_html(sheet)
        assert f"<strong>${usd(balance)}</strong>" in sheet
        wallet = (await insider.get("/dashboard/wallet")).text
        assert f'/dashboard/wallet/statements/{month}"' in wallet
        balances: list[str] = []
        link: str | None = "/dashboard/wallet"
        while link is not None:
            page = (await insider.get(link)).text
            book = page.split("Every line of this account", 1)[1].split("</tbody>")[0]
            balances += re.findall(r"\$([\d.]+)</td></tr>", book)
            older = re.search(r'href="([^"]+)" rel="next"', page)
            link = None if older is None else older[1]
        assert balances[0] == usd(balance)
        postings = await billing.postings(running.account.id, limit=1000)
        assert len(balances) == len(postings)
        lines = (await insider.get(f"/dashboard/wallet.ndjson?month={month}")).text.splitlines()
        assert sum(json.loads(line)["amount"] for line in lines) == balance
        assert (await insider.get("/dashboard/wallet.csv?month=soon")).status_code == 404


async def test_pages_stay_small_with_long_names_and_many_of_everything(tmp_path: Path) -> None:
    clock = ManualClock(NOW)
    async with inside(tmp_path, clock=clock) as (running, insider, _):
        store, billing = running.house.store, running.house.billing
        for number in range(130):
            await billing.create_key(running.account.id, f"{number} " + "ключ" * 49)
        keys = [key.id for key in await billing.keys(running.account.id)]
        for number in range(300):
            asked = structs.replace(
                admission(number, running.account.id, 10_000),
                at_ms=NOW - number * DAY_MS // 5,
                key=keys[number % len(keys)],
                model=f"a-long-author/a-model-with-quite-a-long-name-{number % 90}-instruct",
            )
            await store.admit(asked)
            await store.close(receipt(number, running.account.id, 1234), tokens=0)
        for number in range(120):
            await billing.credit(running.account.id, 1, reason=f"a reason of some length, {number}")
        (one, *_) = await billing.receipts(running.account.id, limit=1)
        month = month_of(NOW)
        for path in (
            "/dashboard",
            "/dashboard/api-keys",
            "/dashboard/api-keys?page=4",
            f"/dashboard/api-keys/{keys[5]}",
            "/dashboard/usage?since=2026-09-22&until=2026-11-22",
            "/dashboard/usage?since=2020-01-01&until=2026-11-22",
            f"/dashboard/usage/{one.id}",
            "/dashboard/wallet",
            f"/dashboard/wallet/statements/{month}",
        ):
            answer = await insider.get(path)
            assert answer.status_code == 200, path
            assert len(answer.content) <= BUDGET, f"{path}: {len(answer.content)}"


QUERIES = st.dictionaries(
    st.sampled_from(["range", "since", "until", "model", "key_id", "outcome", "after"]),
    st.sampled_from([*RANGES, "2026-11-20", "9999-12-31", "0001-01-01", "failed", "x", "-1", ""])
    | st.text(max_size=300),
)


@given(QUERIES, st.integers(10**12, 4 * 10**12))
def test_whatever_is_asked_is_a_range_that_can_be_drawn(query: dict[str, str], now_ms: int) -> None:
    asked = usage_asked(query, now_ms)
    assert 0 <= asked.since_ms < asked.until_ms
    assert asked.range in RANGES
    assert asked.by == "hour" or (asked.until_ms - asked.since_ms) % DAY_MS == 0
    fields = dict(httpx.QueryParams(asked.query()[1:]))
    assert usage_asked(fields, now_ms).query() == asked.query()


@given(st.lists(st.integers(0, 2**62), max_size=100))
def test_columns_keep_the_order_of_what_they_measure_and_fit(amounts: list[int]) -> None:
    drawn = columns(amounts)
    assert len(drawn.columns) == len(amounts)
    for amount, column in zip(amounts, drawn.columns, strict=True):
        assert (column.height > 0) == (amount > 0)
        assert column.y + column.height == drawn.height
        assert 0 <= column.x <= column.x + column.width <= drawn.width
    tall = [height for _, height in sorted(zip(amounts, map(_height, drawn.columns), strict=True))]
    assert tall == sorted(tall)
    for amount, bar in zip(amounts, shares(amounts), strict=True):
        assert 0 <= bar <= 100
        assert (bar > 0) == (amount > 0)


def _height(column: Column) -> int:
    return column.height


async def test_every_chart_has_its_table_and_no_word_of_it_is_a_script(tmp_path: Path) -> None:
    async with used(tmp_path) as (_, insider):
        elements = Elements((await insider.get("/dashboard/usage?range=30d")).text)
        drawings = [a for a in elements.every("svg") if a.get("role") == "img"]
        assert [each["aria-label"] for each in drawings] == ["Cost by day"]
        assert len(elements.every("table")) == 4
        assert all("src" in each for each in elements.every("script"))


async def test_the_overview_names_the_last_failures_of_the_week(tmp_path: Path) -> None:
    async with used(tmp_path) as (running, insider):
        page = (await insider.get("/dashboard")).text
        told = re.findall(r'href="/dashboard/usage/(req_[0-9a-f]+)"', page)
        wanted = [
            row.id
            for row in await running.house.billing.receipts(running.account.id)
            if row.outcome in ("failed", "crashed")
        ]
        assert told == wanted[:5]
        assert len(told) == 5


async def test_no_export_runs_in_a_spreadsheet(tmp_path: Path) -> None:
    async with inside(tmp_path) as (running, insider, _):
        await running.house.billing.credit(running.account.id, 5, reason='=HYPERLINK("x")')
        bearer = {"authorization": f"Bearer {running.key}"}
        async with httpx.AsyncClient(base_url=running.url, headers=bearer) as client:
            told = await client.get("/api/v1/postings?format=csv")
        for text in (told.text, (await insider.get("/dashboard/wallet.csv")).text):
            rows = list(csv.DictReader(io.StringIO(text)))
            assert [row["reason"] for row in rows] == ["test", '\'=HYPERLINK("x")']
            assert [row["amount"] for row in rows] == ["5000000000", "5"]
        line = (await insider.get("/dashboard/wallet.ndjson")).text.splitlines()[-1]
        assert json.loads(line)["reason"] == '=HYPERLINK("x")'
