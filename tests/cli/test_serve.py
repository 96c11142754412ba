"""A served house and the verbs beside it, each a process of its own, on real sockets and files."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.cli.conftest import Cli, process_environ

SETTINGS = """
[server]
default_model = "house/parrot"
[catalogue]
shipped = false
[providers.fake]
kind = "scripted"
[[models]]
id = "house/parrot"
price = { input = "1.00", output = "2.00" }
routes = [{ provider = "fake" }]
"""

PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True)
class Served:
    """A running ``serve`` and what it printed until its first key was out."""

    data: Path
    url: str
    key: str
    playground: str
    process: asyncio.subprocess.Process

    async def __call__(self, *words: str, stdin: str = "", key: str | None = None) -> Said:
        return await verb(self.data, *words, stdin=stdin, key=key)


@dataclass(frozen=True, slots=True)
class Said:
    code: int
    out: str
    err: str


async def verb(data: Path, *words: str, stdin: str = "", key: str | None = None) -> Said:
    process = await start(data, *words, key=key)
    async with asyncio.timeout(PATIENCE_S):
        out, err = await process.communicate(stdin.encode())
    return Said(process.returncode or 0, out.decode(), err.decode())


async def start(data: Path, *words: str, key: str | None = None) -> asyncio.subprocess.Process:
    more = {} if key is None else {"TOKENHOUSE_API_KEY": key}
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tokenhouse", "--data", str(data), *words),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=process_environ(**more),
    )


@pytest.fixture
async def served(cli: Cli) -> AsyncGenerator[Served, None]:
    cli.data.mkdir()
    (cli.data / "tokenhouse.toml").write_text(SETTINGS)
    process = await start(cli.data, "serve", "--port", "0")
    assert process.stdout is not None
    async with asyncio.timeout(PATIENCE_S):
        first = (await process.stdout.readline()).decode()
        playground = ""
        while not (line := (await process.stdout.readline()).decode().strip()).startswith("sk-th-"):
            assert process.returncode is None
            if "/playground#" in line:
                playground = line
    yield Served(cli.data, first.split()[-1], line, playground, process)
    if process.returncode is None:
        process.kill()
    await process.communicate()


async def test_the_printed_playground_link_signs_in_once_with_the_printed_key(
    served: Served,
) -> None:
    link, _, code = served.playground.partition("#code=")
    assert link == f"{served.url}/playground"
    async with httpx.AsyncClient(base_url=served.url) as client:
        answer = await client.post("/api/v1/sign-in", json={"code": code})
        assert answer.json() == {"data": {"key": served.key}}
        assert answer.headers["cache-control"] == "no-store"
        again = await client.post("/api/v1/sign-in", json={"code": code})
        assert (again.status_code, again.json()["error"]["code"]) == (401, "invalid_sign_in_code")
        assert "set-cookie" not in again.headers
        # the browser that brought it is the first operator's, who says who they are
        assert "HttpOnly; SameSite=Lax" in answer.headers["set-cookie"]
        profile = await client.get("/profile")
        assert (profile.status_code, "Say who you are" in profile.text) == (200, True)
        listed = json.loads((await served("people", "list", "--json")).out)
        assert [(each["operator"], each["email"]) for each in listed] == [(True, "")]
        assert [each["name"] for each in listed[0]["accounts"]] == ["you"]
        odd = await client.post("/api/v1/sign-in", content=b"[]")
        assert (odd.status_code, odd.json()["error"]["param"]) == (400, "code")


async def test_a_chat_with_the_served_house_is_paid_for(served: Served) -> None:
    said = await served("chat", "house/parrot", "--url", served.url, stdin="hi", key=served.key)
    assert said == Said(0, "You said: hi\n", "")
    usage = await served("usage", "you")
    assert usage.out.splitlines()[1].split()[1:] == [
        "you",
        "house/parrot",
        "1",
        "1",
        "3",
        "$0.000007",
    ]
    verified = await served("ledger", "verify", "--json")
    assert verified.out == '{"ok": true, "open_holds": 0, "errors": []}\n'


async def test_an_account_made_beside_the_server_pays_with_its_own_credit(served: Served) -> None:
    plan = "[plans.bare]\n"
    settings = served.data / "tokenhouse.toml"
    settings.write_text(SETTINGS + plan)
    served.process.send_signal(signal.SIGHUP)
    assert (await served("accounts", "create", "ada", "--plan", "bare")).code == 0
    key = (await served("keys", "create", "ada")).out.strip()
    ask = ("chat", "house/parrot", "--url", served.url)
    assert (await served(*ask, stdin="hi", key=key)).code == 6
    assert (await served("credit", "ada", "1")).code == 0
    assert (await served(*ask, stdin="hi", key=key)).out == "You said: hi\n"
    assert (await served(*ask, stdin="hi", key="sk-th-wrong")).code == 3
    assert (await served("chat", "no/model", "--url", served.url, stdin="hi", key=key)).code == 5


async def test_a_second_server_of_one_directory_is_refused_in_words(served: Served) -> None:
    said = await served("serve", "--port", "0")
    assert said.code == 1
    assert "already" in said.err
    assert "Traceback" not in said.err


async def test_a_server_that_is_told_to_stop_leaves_the_directory_to_the_next(
    served: Served,
) -> None:
    served.process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(PATIENCE_S):
        assert await served.process.wait() in (0, -signal.SIGTERM)
    again = await start(served.data, "serve", "--port", "0")
    assert again.stdout is not None
    async with asyncio.timeout(PATIENCE_S):
        assert b"serving at" in await again.stdout.readline()
    again.kill()
    await again.communicate()
