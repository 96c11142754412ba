"""Guests of a house: HTTP clients that fill in its forms as a browser would, and read its mail."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.access.people_house import WORDS, KeptMail, code_of
from tests.pages.houses import ROWS, Elements
from tests.support.house import Running, serving

OPEN_ROWS = ROWS.replace("[site]\n", '[site]\nsign_up = "open"\n')


@dataclass(slots=True)
class Guest:
    """One browser's worth of cookies. Follows no redirect by itself."""

    client: httpx.AsyncClient
    post: KeptMail
    running: Running

    async def get(self, path: str) -> httpx.Response:
        return await self.client.get(path)

    async def csrf(self, path: str) -> str:
        """What the forms of that page carry."""
        page = await self.client.get(path, follow_redirects=True)
        inputs = Elements(page.text).every("input")
        return next(each["value"] for each in inputs if each.get("name") == "csrf")

    async def send(self, page: str, action: str = "", **fields: str) -> httpx.Response:
        """Open ``page``, fill in its form, send it to ``action`` (the page itself)."""
        form = {"csrf": await self.csrf(page), **fields}
        return await self.client.post(action or page, data=form)

    async def mail(self) -> str:
        """The text of the last mail, once it was sent."""
        await self.running.house.people.errands.idle()
        return self.post.mails[-1].text

    async def code(self) -> str:
        return code_of(await self.mail())

    async def join(self, email: str, name: str, password: str = WORDS) -> None:
        """Sign up, confirm, be signed in."""
        answer = await self.send("/sign-up", email=email, name=name, password=password)
        assert answer.status_code == 303, answer.text
        answer = await self.send(f"/verify?code={await self.code()}", "/verify", password=password)
        assert answer.status_code == 303, answer.text

    async def sign_in(self, email: str, password: str = WORDS) -> httpx.Response:
        return await self.send("/sign-in", email=email, password=password)

    async def account(self) -> str:
        """The id of the account that is looked at."""
        signed = await self.running.house.people.signed_in(self.session or "")
        assert signed is not None
        assert signed.account is not None
        return signed.account

    @property
    def session(self) -> str | None:
        """The session's cookie."""
        return self.client.cookies.get("tokenhouse_session")


@dataclass(slots=True)
class Hosting:
    """A served house whose mail is kept, and its guests."""

    running: Running
    post: KeptMail
    _clients: list[httpx.AsyncClient] = field(default_factory=list[httpx.AsyncClient])

    def guest(self) -> Guest:
        """Another browser."""
        client = httpx.AsyncClient(base_url=self.running.url, timeout=60)
        self._clients.append(client)
        return Guest(client, self.post, self.running)

    async def close(self) -> None:
        for client in self._clients:
            await client.aclose()


@asynccontextmanager
async def hosting(data_dir: Path, rows: str = OPEN_ROWS) -> AsyncGenerator[Hosting]:
    async with serving(data_dir, rows) as running:
        post = KeptMail()
        running.house.people.send_by(post)
        hosted = Hosting(running, post)
        try:
            yield hosted
        finally:
            await hosted.close()
