"""People of an account, signed in without a mail: for tests of the pages that they see."""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.support.house import UPSTREAM_ROWS, Running, serving
from tests.support.upstream import Upstream
from tokenhouse import ids
from tokenhouse.access import MailCode, NewPerson, Role
from tokenhouse.clock import Clock

COOKIE = "tokenhouse_session"


@dataclass(slots=True)
class Insider:
    """A browser of somebody signed in: ``client`` carries their session, ``csrf`` stands in forms."""

    client: httpx.AsyncClient
    person: str
    secret: str
    csrf: str

    async def get(self, path: str) -> httpx.Response:
        return await self.client.get(path)

    async def post(self, path: str, **fields: str | list[str]) -> httpx.Response:
        """Send a form of ours."""
        return await self.client.post(path, data={"csrf": self.csrf, **fields})

    async def field(self, path: str, name: str) -> str:
        """What a hidden field of a page holds."""
        page = (await self.get(path)).text
        found = re.search(rf'name="{name}" value="([^"]*)"', page)
        assert found is not None, name
        return found[1]


async def signed_in(
    running: Running, role: Role = Role.OWNER, *, account: str = "", name: str = "Ada"
) -> Insider:
    """Somebody who is ``role`` in an account (the house's first), in a browser of their own."""
    house, account = running.house, account or running.account.id
    email = f"{name.lower()}@example.org"
    now_ms = house.clock.now_ms()
    digest = hashlib.sha256(f"{email} {account}".encode()).digest()
    code = MailCode(
        digest=digest,
        purpose="invite",
        email=email,
        created_ms=now_ms,
        ends_ms=now_ms + 1000,
        account=account,
        role=role,
    )
    await house.store.add_code(code)
    new = NewPerson(ids.new("psn_", now_ms), email, name, None, now_ms)
    person = await house.store.accept(digest, new, at_ms=now_ms)
    assert person is not None
    secret, signed = await house.people.sign_in_person(person.id)
    client = httpx.AsyncClient(base_url=running.url, timeout=60, cookies={COOKIE: secret})
    return Insider(client, person.id, secret, signed.csrf)


@asynccontextmanager
async def inside(
    data_dir: Path,
    role: Role = Role.OWNER,
    *,
    rows: str = UPSTREAM_ROWS,
    credit: int = 5 * 10**9,
    clock: Clock | None = None,
) -> AsyncGenerator[tuple[Running, Insider, Upstream]]:
    """A house with a scripted upstream, ``credit`` in its account, and somebody in it."""
    async with Upstream() as up:
        text = rows.format(url=up.url)
        async with serving(data_dir, text, credit=credit, clock=clock) as running:
            insider = await signed_in(running, role)
            async with insider.client:
                yield running, insider, up


async def ask(running: Running, key: str = "", *, model: str = "acme/echo") -> httpx.Response:
    """One small request with a key (the house's first)."""
    body = {"model": model, "messages": [{"role": "user", "content": "hello"}], "max_tokens": 20}
    async with httpx.AsyncClient(base_url=running.url, timeout=60) as client:
        headers = {"authorization": f"Bearer {key or running.key}"}
        return await client.post("/v1/chat/completions", json=body, headers=headers)
