"""``usage``, ``receipts`` and ``ledger postings``: tables for people, JSON and CSV for programs."""

from __future__ import annotations

import asyncio
import csv
import io
import json

import pytest
from msgspec import structs

from tests.cli.conftest import Cli
from tests.store.requests import MODEL, NOW, account_with, admission, receipt, request_id
from tokenhouse.billing import UsageRow
from tokenhouse.cli_output import bar
from tokenhouse.cli_usage import bars
from tokenhouse.clock import ManualClock
from tokenhouse.store import SqliteStore

DAY_MS = 86_400_000
RANGE = ("--since", "2026-11-22", "--until", "2026-11-23")


@pytest.fixture
def used(cli: Cli) -> Cli:
    """Six requests of two accounts, one every eight hours, each dearer than the one before."""

    async def use() -> None:
        cli.data.mkdir(mode=0o700)
        store = SqliteStore(cli.data / "tokenhouse.db", clock=ManualClock(NOW))
        await store.start(serve=True)
        accounts = [await account_with(store, 1000, name) for name in ("mill", "forge")]
        for number in range(6):
            account, at_ms = accounts[number % 2], NOW + number * DAY_MS // 3
            await store.admit(structs.replace(admission(number, account, 100), at_ms=at_ms))
            await store.close(receipt(number, account, 10 + number), tokens=0)
        await store.fold(limit=3)
        await store.stop()

    asyncio.run(use())
    return cli


def test_usage_is_told_by_what_was_asked_apart(used: Cli) -> None:
    days = used("usage", *RANGE, "--by", "day", "--json").json
    assert [(row["day"], row["requests"], row["cost"]) for row in days] == [
        ("2026-11-22", 3, 33),
        ("2026-11-23", 3, 42),
    ]
    (all_of_it,) = used("usage", *RANGE, "--by", "model", "--json").json
    assert (all_of_it["model"], all_of_it["cost"]) == (MODEL, 75)
    assert (all_of_it["prompt_tokens"], all_of_it["completion_tokens"]) == (54, 18)
    (key,) = used("usage", "mill", *RANGE, "--by", "key", "--json").json
    assert (key["key"], key["requests"], key["cost"]) == ("key_1", 3, 36)
    hours = used("usage", *RANGE, "--by", "hour", "--json").json
    assert [row["hour"] for row in hours][:2] == ["2026-11-22T00:00Z", "2026-11-22T08:00Z"]
    assert (
        used("usage", "--until", "2026-11-22", "--days", "1", "--by", "day", "--json").json
        == (days[:1])
    )


def test_usage_as_a_table_names_accounts_and_as_csv_counts_nanodollars(used: Cli) -> None:
    lines = used("usage", *RANGE, "--by", "account").out.splitlines()
    assert sorted(line.split()[0] for line in lines) == ["account", "forge", "mill"]
    assert any(line.endswith("$0.000000036") for line in lines)
    table = used("usage", *RANGE, "--by", "day,account", "--csv").out
    rows = list(csv.DictReader(io.StringIO(table)))
    assert len(rows) == 4
    assert sum(int(row["cost"]) for row in rows) == 75


def test_what_can_not_be_told_apart_is_wrong_usage(used: Cli) -> None:
    for words in (
        ["--by", "planet"],
        ["--by", "day,hour"],
        ["--by", "day,day"],
        ["--since", "tomorrow"],
        ["--until", "2026-13-01"],
    ):
        assert words[0] in used("usage", *words, code=2).err


def test_a_bar_is_as_long_as_its_share_and_what_is_there_is_seen() -> None:
    assert bar(100, 100, 4) == "████"
    assert bar(50, 100, 4) == "██"
    assert bar(1, 10**12, 4) == "▏"
    assert bar(0, 100, 4) == ""
    assert bar(0, 0, 4) == ""


def test_a_chart_has_a_bar_a_day_and_leaves_none_out() -> None:
    def row(day: int, cost: int) -> UsageRow:
        return UsageRow(
            start_ms=NOW + day * DAY_MS,
            account="",
            key="",
            model="acme/echo",
            requests=1,
            failed=0,
            input=1,
            cache_read=0,
            cache_write=0,
            output=1,
            reasoning=0,
            images=0,
            cost=cost,
        )

    rows = [row(0, 5), row(0, 2), row(2, 1)]
    days = bars(rows, ("day", "model"), {})
    assert [(label, cost) for label, cost, _ in days] == [
        ("2026-11-22", 7),
        ("2026-11-23", 0),
        ("2026-11-24", 1),
    ]
    assert len(bars([*rows, row(400, 1)], ("day",), {})) == 31
    assert [cost for _, cost, _ in bars(rows, ("model",), {})] == [5, 2, 1]


def test_receipts_are_listed_newest_first_and_paged(used: Cli) -> None:
    first = used("receipts", "mill", "--limit", "2", "--json").json
    assert [row["id"] for row in first["data"]] == [request_id(4), request_id(2)]
    rest = used("receipts", "mill", "--after", first["next"], "--json").json
    assert [row["id"] for row in rest["data"]] == [request_id(0)]
    assert rest["next"] is None
    shown = used("receipts", "mill", "--limit", "1")
    assert f"more with --after {NOW + 4 * DAY_MS // 3}." in shown.err
    assert "place" in used("receipts", "mill", "--after", "nonsense", code=1).err


def test_an_export_says_where_it_ended_and_the_next_goes_on_there(used: Cli) -> None:
    said = used("receipts", "--ndjson")
    rows = [json.loads(line) for line in said.out.splitlines()]
    assert [row["id"] for row in rows] == [request_id(number) for number in range(6)]
    assert [row["cost"] for row in rows] == [10 + number for number in range(6)]
    assert rows[0]["attempts"][0]["provider"] == "upstream1"
    place = said.err.strip().removeprefix("go on with --after ")
    later = used("receipts", "--ndjson", "--after", place)
    assert (later.out, later.err) == ("", said.err)
    table = used("receipts", "forge", *RANGE, "--csv").out
    listed = list(csv.DictReader(io.StringIO(table)))
    assert [row["id"] for row in listed] == [request_id(number) for number in (1, 3, 5)]
    assert listed[0]["created_at"] == "2026-11-22T08:00:00.000Z"
    assert "not both" in used("receipts", "--csv", "--ndjson", code=2).err


def test_postings_are_listed_and_exported(used: Cli) -> None:
    page = used("ledger", "postings", "mill", "--json").json
    assert sum(row["amount"] for row in page["data"]) == 1000 - 36
    table = used("ledger", "postings", "mill", "--csv").out
    rows = list(csv.DictReader(io.StringIO(table)))
    assert {row["id"] for row in rows} == {row["id"] for row in page["data"]}
    assert "settle" in used("ledger", "postings", "mill").out
    assert used("ledger", "postings", "nobody", code=5).err


def test_no_csv_runs_in_a_spreadsheet(used: Cli) -> None:
    used("credit", "mill", "1.00", "--reason", "=1+1")
    told = used("ledger", "postings", "mill", "--csv").out
    assert "'=1+1" in [row["reason"] for row in csv.DictReader(io.StringIO(told))]
