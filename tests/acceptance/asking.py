"""Plain HTTP to a house, for what no SDK would send."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from tests.support.house import Running

HELLO: dict[str, Any] = {"model": "echo", "messages": [{"role": "user", "content": "hello there"}]}


@asynccontextmanager
async def http(running: Running) -> AsyncGenerator[httpx.AsyncClient]:
    """A client whose requests carry the house's first key."""
    headers = {"authorization": f"Bearer {running.key}"}
    async with httpx.AsyncClient(base_url=running.url, headers=headers, timeout=30) as client:
        yield client


async def chat(client: httpx.AsyncClient, **fields: Any) -> httpx.Response:
    """POST /v1/chat/completions with HELLO and ``fields``."""
    return await client.post("/v1/chat/completions", json={**HELLO, **fields})


def frames(text: str) -> list[Any]:
    """The data of every event of a finished stream; ``[DONE]`` stays a string."""
    found: list[Any] = []
    for block in text.split("\n\n"):
        if block.startswith("data: "):
            data = block.removeprefix("data: ")
            found.append(data if data == "[DONE]" else json.loads(data))
    return found


async def receipt(client: httpx.AsyncClient, answer: httpx.Response) -> dict[str, Any]:
    """The receipt of ``answer``'s request."""
    request_id = answer.headers["x-request-id"]
    got = await client.get("/api/v1/generation", params={"id": request_id})
    assert got.status_code == 200, got.text
    data: dict[str, Any] = got.json()["data"]
    return data
