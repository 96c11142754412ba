"""Plans that bound their accounts, and clients of an account on one; for tests of limits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

import httpx

from tests.acceptance.asking import chat
from tests.support import answers, replies
from tests.support.house import Running
from tests.support.upstream import Upstream

PLANS = """
[plans.lined]
concurrent_requests = 2
queue_depth = 3

[plans.hasty]
concurrent_requests = 1
queue_depth = 3
queue_wait_s = 0.2

[plans.crowd]
concurrent_requests = 1
queue_depth = 600
queue_wait_s = 600

[plans.minute]
requests_per_minute = 3
tokens_per_minute = 30000

[plans.tight]
tokens_per_minute = 4000

[plans.single]
requests_per_minute = 5
tokens_per_minute = 30000
concurrent_requests = 1

[plans.usual]
requests_per_minute = 60
tokens_per_minute = 200000
concurrent_requests = 5

[[models]]
id = "acme/coder"
name = "Coder"
context_length = 200000
max_output_tokens = 64000
price = { input = "0.35", output = "0.56" }
routes = [ { provider = "up", model = "m" } ]
"""


@asynccontextmanager
async def as_one_on(
    running: Running, plan: str, connections: int = 100
) -> AsyncGenerator[httpx.AsyncClient]:
    """A client of a new account on ``plan``."""
    key = await running.account_with(10**12, plan)
    limits = httpx.Limits(max_connections=connections)
    async with httpx.AsyncClient(
        base_url=running.url,
        headers={"authorization": f"Bearer {key}"},
        timeout=60,
        limits=limits,
    ) as client:
        yield client


def gated(gate: asyncio.Event, text: str = "done") -> replies.Reply:
    return replies.stream([answers.role(), gate, answers.text(text), answers.end()])


def begin(client: httpx.AsyncClient, text: str) -> asyncio.Task[httpx.Response]:
    messages = [{"role": "user", "content": text}]
    return asyncio.ensure_future(chat(client, messages=messages, stream=True))


async def until(holds: Callable[[], bool]) -> None:
    """Wait for what no socket tells."""
    for _ in range(4000):
        if holds():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it never came to hold")


async def waiting(running: Running, count: int) -> None:
    """Until ``count`` requests stand in line."""
    await until(lambda: len(running.house.relay.waiting) == count)


def asked(up: Upstream) -> list[Any]:
    return [cast(Any, seen.json)["messages"][-1]["content"] for seen in up.requests]
