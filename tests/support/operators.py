"""People of a house for a test: operators and others, with their tokens and their browsers' cookies."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from tests.support.house import Running
from tokenhouse.access import Person, Role

PASSWORD = "correct horse battery staple"


async def person_of(
    running: Running, email: str, *, role: Role | None = None, operator: bool = False
) -> Person:
    """Somebody who signs in with PASSWORD; ``role``: in the house's first account."""
    people = running.house.people
    account = None if role is None else running.account.id
    link = await people.invite(account, email, role, "cli:test", operator=operator)
    code = re.split(r"[=#/]", link)[-1]
    _, signed = await people.accept(code, name=email.partition("@")[0], password=PASSWORD)
    return signed.person


async def token_of(running: Running, person: Person) -> str:
    return await running.house.people.create_token(person.id, None, "test")


@asynccontextmanager
async def operating(running: Running) -> AsyncGenerator[httpx.AsyncClient]:
    """A client below ``/api/admin/v1`` with the token of a new operator."""
    person = await person_of(running, "olga@example.com", operator=True)
    headers = {"authorization": f"Bearer {await token_of(running, person)}"}
    base = f"{running.url}/api/admin/v1"
    async with httpx.AsyncClient(base_url=base, headers=headers, timeout=60) as client:
        yield client


async def told(answer: httpx.Response) -> Any:
    """The data of an answer that went well."""
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


async def browser_of(running: Running, person: Person) -> httpx.AsyncClient:
    """A client with the cookie of a signed-in person; its ``csrf`` is in ``client.headers``."""
    secret, signed = await running.house.people.sign_in(person.email, PASSWORD, "127.0.0.1")
    client = httpx.AsyncClient(base_url=running.url, timeout=60)
    client.cookies.set("tokenhouse_session", secret)
    client.headers["x-test-csrf"] = signed.csrf
    return client
