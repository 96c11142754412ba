"""A whole house for a test: real app, real store, real sockets, in the test's own loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.anthropic_answers import anthropic_upstream
from tests.support.upstream import Upstream
from tokenhouse.api import ServerSettings, listen, uvicorn_server
from tokenhouse.app import House, build
from tokenhouse.clock import Clock
from tokenhouse.config import load
from tokenhouse.ledger import Account

UPSTREAM_ROWS = """
[catalogue]
shipped = false

[providers.up]
kind = "openai"
base_url = "{url}"
api_key = "env:UPSTREAM_KEY"

[[models]]
id = "acme/echo"
name = "Echo"
context_length = 32000
max_output_tokens = 4000
aliases = ["echo"]
price = {{ input = "0.35", output = "0.56" }}
routes = [ {{ provider = "up", model = "m" }} ]

[plans.free]
monthly_grant = "0.00"

[plans.narrow]
requests_per_minute = 3
tokens_per_minute = 100000
concurrent_requests = 2
"""
"""One model, ``acme/echo``, at an OpenAI-shaped upstream; ``{url}`` is its address."""

ANTHROPIC_ROWS = UPSTREAM_ROWS.replace('kind = "openai"', 'kind = "anthropic"')
"""The same model at an Anthropic-shaped upstream."""


@dataclass(slots=True)
class Running:
    """A house that serves at ``url``, with an account, its key, and what it began with."""

    house: House
    url: str
    account: Account
    key: str
    data_dir: Path
    keys: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    async def account_with(self, dollars: int, plan: str = "free") -> str:
        """A new account with ``dollars`` (nanodollars) of credit; its key's secret."""
        billing = self.house.billing
        name = f"account {len(self.keys) + 2}"
        account = await billing.create_account(name, plan)
        if dollars:
            await billing.credit(account.id, dollars, reason="test", idempotency_key=name)
        made = await billing.create_key(account.id, "key")
        self.keys[made.secret] = account.id
        return made.secret

    async def clean(self) -> None:
        """What every fault test ends with: the ledger verifies and no hold is open."""
        verification = await self.house.billing.verify()
        assert verification.errors == ()
        assert verification.open_holds == 0

    async def until_no_hold(self) -> None:
        """Wait until what was queued is written; for clients that left before the end."""
        for _ in range(500):
            verification = await self.house.billing.verify()
            if verification.open_holds == 0:
                break
            await asyncio.sleep(0.01)
        await self.clean()


@asynccontextmanager
async def serving(
    data_dir: Path,
    rows: str,
    *,
    credit: int = 10**12,
    environ: dict[str, str] | None = None,
    clock: Clock | None = None,
) -> AsyncGenerator[Running]:
    """Serve a house with the settings ``rows`` from ``data_dir``; ``credit`` in nanodollars."""
    _write(data_dir, rows)
    bound = listen(ServerSettings(port=0))
    port = bound.getsockname()[1]
    config = load(
        data_dir / "tokenhouse.toml",
        data_dir,
        default_data_dir=data_dir,
        environ={"UPSTREAM_KEY": "sk-upstream", **(environ or {})},
        server={"port": port},
    )
    house = build(config, clock=clock)
    started = asyncio.Event()

    async def say() -> None:
        started.set()

    server = uvicorn_server(
        house,
        ServerSettings(
            port=port, shutdown_grace_s=5, trusted_proxies=config.server.trusted_proxies
        ),
        started=say,
        stopping=house.relay.refuse_waiting,
    )
    # not serve(): the signals stay the test runner's
    task = asyncio.create_task(server._serve([bound]))  # pyright: ignore[reportPrivateUsage]
    waiting = asyncio.create_task(started.wait())
    await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    try:
        if house.failure is not None:
            raise house.failure
        yield await _furnish(house, f"http://127.0.0.1:{port}", credit, data_dir)
    finally:
        server.should_exit = True
        await task
        bound.close()


@asynccontextmanager
async def upstream_house(
    data_dir: Path, extra: str = "", *, clock: Clock | None = None
) -> AsyncGenerator[tuple[Running, Upstream]]:
    """A house in front of a scripted upstream; ``clock`` instead of the machine's own."""
    async with Upstream() as up:
        rows = UPSTREAM_ROWS.format(url=up.url) + extra
        async with serving(data_dir, rows, clock=clock) as running:
            yield running, up
        await up.wait_no_connections()  # a house that has stopped holds none


@asynccontextmanager
async def anthropic_house(
    data_dir: Path, extra: str = ""
) -> AsyncGenerator[tuple[Running, Upstream]]:
    """A house in front of a scripted upstream that speaks Anthropic's messages."""
    async with anthropic_upstream() as up:
        async with serving(data_dir, ANTHROPIC_ROWS.format(url=up.url) + extra) as running:
            yield running, up
        await up.wait_no_connections()


def reload(running: Running, *changes: tuple[str, str]) -> None:
    """Read the settings again, as SIGHUP does, with ``changes`` (old, new) made to the file."""
    file = running.data_dir / "tokenhouse.toml"
    text = file.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    file.write_text(text)
    environ = {"UPSTREAM_KEY": "sk-upstream"}
    data = running.data_dir
    running.house.reload(load(file, data, default_data_dir=data, environ=environ))


async def _furnish(house: House, url: str, credit: int, data_dir: Path) -> Running:
    billing = house.billing
    known = [account for account in await billing.accounts() if account.name == "tester"]
    account = known[0] if known else await billing.create_account("tester", "free")
    if credit and not known:
        await billing.credit(account.id, credit, reason="test", idempotency_key="first")
    made = await billing.create_key(account.id, "test")
    return Running(house, url, account, made.secret, data_dir)


def _write(data_dir: Path, rows: str) -> None:
    data_dir.mkdir(exist_ok=True)
    (data_dir / "tokenhouse.toml").write_text(rows)
