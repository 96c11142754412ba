"""Plans, grants and free variants over a real socket, with a clock that a test sets.

Every test ends with books that verify and no hold open.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.acceptance.asking import HELLO, http
from tests.support import answers, replies
from tests.support.house import Running, reload, upstream_house
from tests.support.upstream import Upstream
from tokenhouse.clock import ManualClock

PLANS = """
[[models]]
id = "acme/echo:free"
free = true
routes = [ { provider = "up", model = "m" } ]

[[models]]
id = "acme/cent"
price = { input = "1", output = "1", request = "0.01" }
routes = [ { provider = "up", model = "m" } ]

[plans.small]
monthly_grant = "1.00"

[plans.tiny]
monthly_grant = "0.001"

[plans.large]
monthly_grant = "5.00"

[plans.trial]
free_requests_per_day = 2

[plans.payg]
"""
DOLLAR = 10**9
CENT = 10**7
DAY_S = 86_400.0


def ms(*when: int) -> int:
    year, month, day, *time = when
    return round(datetime(year, month, day, *time, tzinfo=UTC).timestamp() * 1000)


class Asker:
    """One account with its key, asking for answers that cost a cent and some nanodollars."""

    def __init__(
        self, running: Running, up: Upstream, client: httpx.AsyncClient, clock: ManualClock
    ) -> None:
        self.clock = clock
        self.running = running
        self.up = up
        self.client = client
        self.secret = ""

    async def join(self, plan: str, dollars: int = 0) -> None:
        self.secret = await self.running.account_with(dollars, plan)

    @property
    def account(self) -> str:
        return self.running.keys[self.secret]

    async def ask(self, model: str = "acme/cent", **fields: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {self.secret}"}
        body = {**HELLO, "model": model, "max_tokens": 10, **fields}
        return await self.client.post("/v1/chat/completions", json=body, headers=headers)

    async def paid(self, **fields: Any) -> int:
        """Ask; → what it cost, in nanodollars."""
        got = await self.ask(**fields)
        assert got.status_code == 200, got.text
        rows = await self.running.house.billing.receipts(self.account, limit=200)
        return next(row.cost for row in rows if row.id == got.headers["x-request-id"])

    async def balance(self) -> int:
        return (await self.running.house.billing.balance(self.account)).balance

    async def grants(self) -> dict[str, tuple[int, int]]:
        """Period → what was given, and what is left of it."""
        found = await self.running.house.billing.grants(self.account)
        return {grant.period: (grant.amount, grant.rest) for grant in found}

    async def change_plan(self, plan: str) -> None:
        await self.running.house.billing.change_account(self.account, plan=plan)
        self.clock.advance(2.0)  # within which a running house must know


@asynccontextmanager
async def asking(tmp_path: Path, clock: ManualClock) -> AsyncGenerator[Asker]:
    async with (
        upstream_house(tmp_path, PLANS, clock=clock) as (running, up),
        http(running) as client,
    ):
        yield Asker(running, up, client, clock)
        await running.clean()


@pytest.mark.parametrize(
    ("start", "period", "next_start", "next_period"),
    [
        (ms(2028, 2, 29, 23, 59, 59), "2028-02", ms(2028, 3, 1), "2028-03"),
        (ms(2027, 2, 28, 23, 59, 59), "2027-02", ms(2027, 3, 1), "2027-03"),
        (ms(2026, 12, 31, 23, 59, 59), "2026-12", ms(2027, 1, 1), "2027-01"),
    ],
)
async def test_a_months_grant_ends_with_its_last_millisecond_and_the_next_comes_with_a_request(
    tmp_path: Path, start: int, period: str, next_start: int, next_period: str
) -> None:
    clock = ManualClock(start)
    async with asking(tmp_path, clock) as asker:
        await asker.join("small", 3 * DOLLAR)
        assert await asker.grants() == {}
        cost = await asker.paid()
        assert await asker.grants() == {period: (DOLLAR, DOLLAR - cost)}
        clock.set_wall(next_start - 1)
        assert await asker.balance() == 4 * DOLLAR - cost
        clock.set_wall(next_start)
        assert await asker.balance() == 3 * DOLLAR  # the rest went, what was paid in stays
        again = await asker.paid()
        assert (await asker.grants())[next_period] == (DOLLAR, DOLLAR - again)
        assert await asker.balance() == 4 * DOLLAR - again


async def test_an_answer_that_runs_past_the_months_end_keeps_what_it_holds(tmp_path: Path) -> None:
    clock = ManualClock(ms(2028, 2, 29, 23, 59, 59))
    async with asking(tmp_path, clock) as asker:
        await asker.join("small")
        gate = asyncio.Event()
        tail = [answers.end(), answers.usage_chunk(5, 2)]
        asker.up.script(replies.stream([answers.role(), answers.text("a b"), gate, *tail]))
        asked = asyncio.create_task(asker.ask(stream=True))
        await asker.up.wait_requests(1)
        held = (await asker.running.house.billing.balance(asker.account)).held
        assert held >= CENT
        clock.set_wall(ms(2028, 3, 1))
        assert await asker.balance() == held  # the rest of February is gone, the hold stands
        gate.set()
        assert (await asked).status_code == 200
        cost = CENT + 7 * 1000
        assert await asker.balance() == held - cost
        # what is left of the hold is credit; March's grant is spent before it
        next_cost = await asker.paid()
        assert (await asker.grants())["2028-03"] == (DOLLAR, DOLLAR - next_cost)


async def test_a_clock_that_jumps_ahead_and_back_gives_no_month_twice(tmp_path: Path) -> None:
    clock = ManualClock(ms(2026, 11, 22))
    async with asking(tmp_path, clock) as asker:
        await asker.join("small", DOLLAR)
        for when in (
            ms(2026, 11, 22),
            ms(2026, 11, 21),  # back a day
            ms(2026, 12, 2),  # ahead
            ms(2026, 11, 22),  # and back
            ms(2026, 12, 1),
            ms(2026, 11, 30, 23, 59, 59),
            ms(2026, 12, 31),
        ):
            clock.set_wall(when)
            await asker.paid()
            assert await asker.balance() >= DOLLAR - 7 * 2 * CENT
        found = await asker.grants()
        assert set(found) == {"2026-11", "2026-12"}
        postings = await asker.running.house.billing.postings(asker.account)
        given = [posting.reason for posting in postings if posting.kind == "grant"]
        assert sorted(given) == ["2026-11", "2026-12"]


async def test_a_plan_changed_in_mid_month_brings_the_difference_and_takes_nothing_back(
    tmp_path: Path,
) -> None:
    clock = ManualClock(ms(2026, 11, 10))
    async with asking(tmp_path, clock) as asker:
        await asker.join("small")
        spent = await asker.paid()
        await asker.change_plan("large")
        spent += await asker.paid()
        assert await asker.grants() == {"2026-11": (5 * DOLLAR, 5 * DOLLAR - spent)}
        for plan in ("payg", "small", "large"):
            await asker.change_plan(plan)
            spent += await asker.paid()
            assert await asker.grants() == {"2026-11": (5 * DOLLAR, 5 * DOLLAR - spent)}
        await asker.change_plan("small")
        clock.set_wall(ms(2026, 12, 1))
        spent = await asker.paid()
        assert (await asker.grants())["2026-12"] == (DOLLAR, DOLLAR - spent)
        assert await asker.balance() == DOLLAR - spent


async def test_grants_pay_before_credit_and_credit_outlives_them(tmp_path: Path) -> None:
    clock = ManualClock(ms(2026, 11, 30))
    async with asking(tmp_path, clock) as asker:
        await asker.join("small", DOLLAR)
        cost = await asker.paid()
        assert (await asker.grants())["2026-11"] == (DOLLAR, DOLLAR - cost)
        await asker.change_plan("payg")
        clock.set_wall(ms(2026, 12, 15))
        cost = await asker.paid()
        assert await asker.balance() == DOLLAR - cost


async def test_the_first_requests_of_a_month_at_once_bring_one_grant(tmp_path: Path) -> None:
    clock = ManualClock(ms(2026, 11, 1))
    async with asking(tmp_path, clock) as asker:
        await asker.join("small")
        got = await asyncio.gather(*(asker.ask() for _ in range(20)))
        assert {answer.status_code for answer in got} == {200}
        rows = await asker.running.house.billing.receipts(asker.account)
        spent = sum(row.cost for row in rows)
        assert await asker.grants() == {"2026-11": (DOLLAR, DOLLAR - spent)}
        assert await asker.balance() == DOLLAR - spent


async def test_a_grant_that_the_settings_raise_comes_with_the_next_request(tmp_path: Path) -> None:
    clock = ManualClock(ms(2026, 11, 5))
    async with asking(tmp_path, clock) as asker:
        await asker.join("small")
        spent = await asker.paid()
        reload(asker.running, ('monthly_grant = "1.00"', 'monthly_grant = "2.00"'))
        spent += await asker.paid()
        assert await asker.grants() == {"2026-11": (2 * DOLLAR, 2 * DOLLAR - spent)}
        reload(asker.running, ('monthly_grant = "2.00"', 'monthly_grant = "0.50"'))
        spent += await asker.paid()
        assert await asker.balance() == 2 * DOLLAR - spent


async def test_accounts_of_a_plan_that_the_settings_drop_are_on_the_default_plan(
    tmp_path: Path,
) -> None:
    clock = ManualClock(ms(2026, 11, 5))
    async with asking(tmp_path, clock) as asker:
        await asker.join("trial", DOLLAR)
        reload(asker.running, ("[plans.trial]", "[plans.default]"))
        for _ in range(2):
            assert await asker.paid(model="acme/echo:free") == 0
        assert (await asker.ask("acme/echo:free")).status_code == 429


async def test_a_refused_request_brings_no_grant(tmp_path: Path) -> None:
    clock = ManualClock(ms(2026, 11, 1))
    async with asking(tmp_path, clock) as asker:
        await asker.join("tiny")
        assert (await asker.ask()).status_code == 402
        assert await asker.grants() == {}
        assert await asker.balance() == 0


async def test_free_variants_are_capped_by_the_utc_day_and_cost_nothing(tmp_path: Path) -> None:
    clock = ManualClock(ms(2026, 11, 22, 23, 0))
    async with asking(tmp_path, clock) as asker:
        await asker.join("trial")
        for _ in range(2):
            assert await asker.paid(model="acme/echo:free") == 0
        refused = await asker.ask("acme/echo:free")
        assert refused.status_code == 429
        assert "2 requests to free models per day (UTC)" in refused.json()["error"]["message"]
        assert refused.headers["retry-after"] == "3600"
        assert len(asker.up.requests) == 2
        clock.set_wall(ms(2026, 11, 23))
        assert await asker.paid(model="acme/echo:free") == 0
        clock.set_wall(ms(2026, 11, 22, 23, 30))  # back a day: that day is used up
        assert (await asker.ask("acme/echo:free")).status_code == 429
        # other models are not counted, and want to be paid for
        assert (await asker.ask("acme/cent")).status_code == 402
        await asker.change_plan("payg")
        assert await asker.paid(model="acme/echo:free") == 0


async def test_an_account_without_a_grant_pays_as_it_goes(tmp_path: Path) -> None:
    clock = ManualClock(ms(2026, 11, 22))
    async with asking(tmp_path, clock) as asker:
        await asker.join("payg")
        assert (await asker.ask()).status_code == 402
        await asker.running.house.billing.credit(asker.account, DOLLAR, reason="paid")
        cost = await asker.paid()
        assert await asker.balance() == DOLLAR - cost
        assert await asker.grants() == {}
