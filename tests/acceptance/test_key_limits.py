"""What a key may do beside its account, over real sockets: models, caps, pace, rotation, its end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.acceptance.asking import HELLO, chat
from tests.support import answers, replies
from tests.support.house import Running, upstream_house
from tokenhouse.access import KeyChange, KeyLimits, NewKey
from tokenhouse.billing import Billing
from tokenhouse.store import SqliteStore

OTHER = """
[[models]]
id = "acme/other"
name = "Other"
context_length = 32000
max_output_tokens = 4000
price = { input = "0.35", output = "0.56" }
routes = [ { provider = "up", model = "m" } ]
"""
ANTHROPIC = {"anthropic-version": "2023-06-01"}


@asynccontextmanager
async def keyed(
    running: Running, limits: KeyLimits, *, expires_ms: int | None = None
) -> AsyncGenerator[tuple[httpx.AsyncClient, NewKey]]:
    """A client with a key of its own on the house's first account."""
    made = await running.house.billing.create_key(
        running.account.id, "own", expires_ms=expires_ms, limits=limits
    )
    async with httpx.AsyncClient(
        base_url=running.url, headers={"authorization": f"Bearer {made.secret}"}, timeout=60
    ) as client:
        yield client, made


@asynccontextmanager
async def beside(running: Running) -> AsyncGenerator[Billing]:
    """Billing as another process would have it: the same file, another connection."""
    house = running.house
    store = SqliteStore(house.store.path, clock=house.clock)
    await store.start(serve=False)
    try:
        yield Billing(store, store, store, house.clock)
    finally:
        await store.stop()


async def until_status(client: httpx.AsyncClient, status: int) -> httpx.Response:
    """Ask again and again until the answer has this status: a server sees a change within 2 s."""
    seen = 0
    for _ in range(400):
        answer = await chat(client)
        seen = answer.status_code
        if seen == status:
            return answer
        await asyncio.sleep(0.02)
    raise AssertionError(f"never {status}, at last {seen}")


async def test_a_key_asks_and_sees_only_the_models_that_it_may(tmp_path: Path) -> None:
    async with upstream_house(tmp_path, OTHER) as (running, up):
        limits = KeyLimits(models=("acme/other",))
        async with keyed(running, limits) as (client, _):
            refused = await chat(client)
            assert refused.status_code == 403
            error = refused.json()["error"]
            assert (error["code"], error["param"]) == ("model_not_allowed", "model")
            assert "acme/echo" in error["message"]
            assert "acme/other" in error["message"]
            assert (await chat(client, model="acme-other")).status_code == 200
            unnamed = await client.post(
                "/v1/chat/completions", json={"messages": HELLO["messages"]}
            )
            assert unnamed.json()["model"] == "acme/other", "the first that it may ask"
            for headers in ({}, ANTHROPIC):
                listed = await client.get("/v1/models", headers=headers)
                assert [row["id"] for row in listed.json()["data"]] == ["acme/other"]
                assert (
                    await client.get("/v1/models/acme/echo", headers=headers)
                ).status_code == 403
                one = await client.get("/v1/models/acme/other", headers=headers)
                assert one.json()["id"] == "acme/other"
            wrong = {"authorization": "Bearer sk-wrong"}
            assert (await client.get("/v1/models", headers=wrong)).status_code == 401
        async with httpx.AsyncClient(base_url=running.url) as nobody:
            public = (await nobody.get("/v1/models")).json()["data"]
            assert {row["id"] for row in public} == {"acme/echo", "acme/other"}
        assert len(up.requests) == 2
        await running.clean()


async def test_50_parallel_requests_never_spend_more_than_a_keys_cap(tmp_path: Path) -> None:
    """Row 46: first requests that come together all passed a budget that nothing had used yet."""
    async with upstream_house(tmp_path) as (running, up):
        gate = asyncio.Event()
        up.always(replies.stream([answers.role(), gate, answers.text("one"), answers.end()]))
        cap = 200_000
        async with keyed(running, KeyLimits(day_cap=cap)) as (client, made):
            posts = [
                asyncio.ensure_future(chat(client, max_tokens=4, stream=True)) for _ in range(50)
            ]
            admitted = await _settled(running, 50)
            assert 0 < admitted < 50
            gate.set()
            done, _ = await asyncio.wait(posts)
            served = [task.result() for task in done if task.result().status_code == 200]
            refused = [task.result() for task in done if task.result().status_code == 402]
            assert (len(served), len(refused)) == (admitted, 50 - admitted)
            assert refused[0].json()["error"]["code"] == "key_cap_reached"
            assert "cap of $0.0002 a day" in refused[0].json()["error"]["message"]
            await running.until_no_hold()
            spent = await running.house.billing.spending(running.account.id, made.key.id)
            assert 0 < spent.day <= cap
        async with httpx.AsyncClient(base_url=running.url) as other:
            other.headers["authorization"] = f"Bearer {running.key}"
            assert (await chat(other, stream=True)).status_code == 200, "the account has money"
        await running.until_no_hold()


async def _settled(running: Running, count: int) -> int:
    """Wait until ``count`` requests were admitted or refused. → how many were admitted."""
    totals = running.house.relay.totals
    for _ in range(4000):
        if totals.admitted + totals.refused == count:
            return totals.admitted
        await asyncio.sleep(0.005)
    raise AssertionError(f"{totals.admitted} admitted, {totals.refused} refused")


async def test_max_tokens_is_lowered_to_what_is_left_of_a_cap(tmp_path: Path) -> None:
    async with upstream_house(tmp_path) as (running, up):
        async with keyed(running, KeyLimits(month_cap=400_000)) as (client, _):
            answer = await chat(client, max_tokens=4000)
            assert answer.status_code == 200
            lowered = int(answer.headers["x-tokenhouse-max-tokens"])
            assert 256 <= lowered < 4000
            assert up.requests[0].json["max_tokens"] == lowered
        await running.clean()


async def test_a_keys_own_pace_is_told_and_refused_as_its_own(tmp_path: Path) -> None:
    async with upstream_house(tmp_path) as (running, up):
        limits = KeyLimits(requests_per_minute=2, tokens_per_minute=50_000, concurrent_requests=1)
        async with keyed(running, limits) as (client, _):
            gate = asyncio.Event()
            up.script(replies.stream([answers.role(), gate, answers.text("x"), answers.end()]))
            first = asyncio.ensure_future(chat(client, stream=True))
            await up.wait_requests(1)
            second = await chat(client)
            assert second.status_code == 429
            assert "this API key may make 1 request at once" in second.json()["message"]
            gate.set()
            assert (await first).headers["x-ratelimit-remaining-requests"] == "1"
            third = await chat(client)
            assert third.headers["x-ratelimit-limit-requests"] == "2"
            assert third.headers["x-ratelimit-remaining-requests"] == "0"
            assert third.headers["x-ratelimit-limit-tokens"] == "50000"
            fourth = await chat(client)
            assert fourth.status_code == 429
            assert "this API key may make 2 requests per minute" in fourth.json()["message"]
        await running.until_no_hold()


async def test_another_process_rotates_changes_and_revokes_and_the_server_knows(
    tmp_path: Path,
) -> None:
    async with upstream_house(tmp_path, OTHER) as (running, _):
        async with keyed(running, KeyLimits()) as (old, made), beside(running) as billing:
            assert (await chat(old)).status_code == 200
            rotated = await billing.rotate_key(made.key.id, overlap_ms=3_600_000)
            headers = {"authorization": f"Bearer {rotated.secret}"}
            async with httpx.AsyncClient(base_url=running.url, headers=headers, timeout=30) as new:
                assert (await chat(new)).status_code == 200, "a new secret is known at once"
                assert (await chat(old)).status_code == 200
                again = await billing.rotate_key(made.key.id)
                assert (await until_status(new, 401)).json()["error"]["code"] == "invalid_api_key"
                assert (await chat(old)).status_code == 200, "the hour of the first is not over"
                new.headers["authorization"] = f"Bearer {again.secret}"
                assert (await chat(new)).status_code == 200
                await billing.change_key(made.key.id, KeyChange(models=("acme/other",)))
                await until_status(new, 403)
                await billing.change_key(made.key.id, KeyChange(models=None, day_cap=0))
                assert (await until_status(new, 402)).json()["error"]["code"] == "key_cap_reached"
                await billing.revoke_key(made.key.id)
                await until_status(new, 401)
                assert (await chat(old)).status_code == 401
        await running.clean()


async def test_a_key_ends_when_it_was_said_to(tmp_path: Path) -> None:
    async with upstream_house(tmp_path) as (running, _):
        soon = running.house.clock.now_ms() + 1500
        async with keyed(running, KeyLimits(), expires_ms=soon) as (client, _):
            refused = await until_status(client, 401)
            assert "expired" in refused.json()["message"]
            assert running.house.clock.now_ms() >= soon
        await running.clean()


async def test_a_key_in_the_body_is_bound_like_one_in_a_header(tmp_path: Path) -> None:
    async with upstream_house(tmp_path, OTHER) as (running, up):
        made = await running.house.billing.create_key(
            running.account.id, limits=KeyLimits(models=("acme/other",))
        )
        async with httpx.AsyncClient(base_url=running.url, timeout=30) as client:

            async def ask(**fields: Any) -> int:
                body = {**HELLO, "key": made.secret, **fields}
                return (await client.post("/v1/chat/completions", json=body)).status_code

            assert await ask() == 403
            assert await ask(model="acme/other") == 200
        assert len(up.requests) == 1
        assert "key" not in up.requests[0].json
        await running.clean()
