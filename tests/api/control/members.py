"""A house with people in it, each with an access token, and a client that speaks for one of them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.access.people_house import WORDS, code_of
from tests.support.house import Running, upstream_house
from tests.support.upstream import Upstream
from tokenhouse.access import Role, SignedIn
from tokenhouse.api import CONTROL
from tokenhouse.clock import Clock

OPEN = """
[site]
sign_up = "open"
"""
ROOMY = """
[server]
control_per_minute = 100000
control_money_per_minute = 100000
control_sign_ins_per_minute = 100000
failed_keys_per_minute = 100000
"""
"""Limits that no test reaches by asking a lot."""


@dataclass(slots=True)
class Voice:
    """Somebody who asks the control plane."""

    signed: SignedIn
    token: str
    client: httpx.AsyncClient

    async def ask(self, method: str, path: str, body: Any = None, **more: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {self.token}", **more.pop("headers", {})}
        return await self.client.request(method, CONTROL + path, json=body, headers=headers, **more)

    async def get(self, path: str, **query: Any) -> Any:
        """The ``data`` of a GET that must go well."""
        got = await self.ask("GET", path, params=query)
        assert got.status_code == 200, got.text
        return told(got)

    async def do(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """The ``data`` of an act that must go well."""
        got = await self.ask(method, path, body, headers=headers)
        assert got.status_code in (200, 201), got.text
        return told(got)


def told(got: httpx.Response) -> Any:
    """The data of an answer in the envelope."""
    body = got.json()
    assert body["error"] is None
    assert body["meta"]["request_id"] == got.headers["x-request-id"]
    return body["data"]


def refused(got: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The error of a refusal in the envelope."""
    assert got.status_code == status, got.text
    body = got.json()
    assert body["data"] is None
    assert body["meta"]["request_id"] == got.headers["x-request-id"]
    assert body["error"]["code"] == code, body
    assert body["message"] == body["error"]["message"]
    error: dict[str, Any] = body["error"]
    return error


@dataclass(slots=True)
class Town:
    """A running house, its upstream, and who has come in."""

    running: Running
    up: Upstream
    client: httpx.AsyncClient
    count: int = 0
    voices: dict[str, Voice] = field(default_factory=dict[str, Voice])

    async def join(self, account: str, role: Role) -> Voice:
        """Somebody new in ``account`` (an id), with an access token for it."""
        self.count += 1
        people = self.running.house.people
        email = f"person{self.count}@example.org"
        link = await people.invite(account, email, role, "test")
        _, signed = await people.accept(code_of(link), WORDS, f"Person {self.count}")
        token = await people.create_token(signed.person.id, account, "test")
        return Voice(signed, token, self.client)

    async def stranger(self) -> Voice:
        """An owner of another account, with a key that has spent and a redeemed voucher."""
        secret = await self.running.account_with(10**9)
        await chat(self.client, secret)
        return await self.join(self.running.keys[secret], Role.OWNER)


@asynccontextmanager
async def town(
    tmp_path: Path, extra: str = OPEN + ROOMY, *, clock: Clock | None = None
) -> AsyncGenerator[Town]:
    """A house with the settings ``extra`` and an account of the tester's."""
    async with upstream_house(tmp_path, extra, clock=clock) as (running, up):
        async with httpx.AsyncClient(base_url=running.url, timeout=60) as client:
            yield Town(running, up, client)


async def chat(client: httpx.AsyncClient, key: str) -> httpx.Response:
    """A request that is answered and paid."""
    body: Mapping[str, Any] = {
        "model": "acme/echo",
        "messages": [{"role": "user", "content": "Hello!"}],
    }
    got = await client.post(
        "/v1/chat/completions", json=body, headers={"authorization": f"Bearer {key}"}
    )
    assert got.status_code == 200, got.text
    return got
