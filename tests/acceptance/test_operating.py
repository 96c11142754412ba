"""A served house under its operator's hands: JSON logs, and settings read again while it runs."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.acceptance.asking import HELLO
from tests.support import answers, replies
from tests.support.house import UPSTREAM_ROWS
from tests.support.upstream import Upstream

PATIENCE_S = 60.0


@dataclass(slots=True)
class Served:
    """A house in a process of its own, logging JSON; ``lines`` are what it logged so far."""

    url: str
    key: str
    settings: Path
    process: asyncio.subprocess.Process
    lines: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    async def logged(self, words: str) -> dict[str, Any]:
        """The next log line whose message holds ``words``."""
        assert self.process.stderr is not None
        async with asyncio.timeout(PATIENCE_S):
            while line := await self.process.stderr.readline():
                self.lines.append(json.loads(line))
                if words in self.lines[-1]["message"]:
                    return self.lines[-1]
        raise AssertionError(f"{words!r} was never logged")

    async def reload(self, settings: str) -> None:
        self.settings.write_text(settings)
        self.process.send_signal(signal.SIGHUP)

    async def ask(self, client: httpx.AsyncClient, **fields: Any) -> httpx.Response:
        return await client.post(f"{self.url}/v1/chat/completions", json={**HELLO, **fields})

    async def receipt(self, client: httpx.AsyncClient, answer: httpx.Response) -> dict[str, Any]:
        wanted = answer.headers["x-request-id"]
        got = await client.get(f"{self.url}/api/v1/generation", params={"id": wanted})
        data: dict[str, Any] = got.json()["data"]
        return data

    def http(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(headers={"authorization": f"Bearer {self.key}"}, timeout=30)


@pytest.fixture
async def up() -> AsyncGenerator[Upstream, None]:
    async with Upstream() as upstream:
        yield upstream


@pytest.fixture
async def served(tmp_path: Path, up: Upstream) -> AsyncGenerator[Served, None]:
    settings = tmp_path / "tokenhouse.toml"
    settings.write_text(_rows(up))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tokenhouse", "serve", "--data", str(tmp_path), "--port", "0"),
        *("--config", str(settings), "--log-format", "json"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={"PYTHONPATH": "src", "PATH": "", "UPSTREAM_KEY": "sk-upstream"},
    )
    assert process.stdout is not None
    key = ""
    try:
        async with asyncio.timeout(PATIENCE_S):
            url = (await process.stdout.readline()).decode().split()[-1]
            while not key.startswith("sk-th-"):
                key = (await process.stdout.readline()).decode().strip()
        yield Served(url, key, settings, process)
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(PATIENCE_S):
            await process.communicate()
    assert process.returncode == 0


async def test_each_log_line_is_json_and_names_its_request(served: Served, up: Upstream) -> None:
    async with served.http() as client:
        up.script(replies.error(500))
        failed = await served.ask(client)
        assert failed.status_code == 502
    line = await served.logged("502")
    assert line["request_id"] == failed.headers["x-request-id"]
    assert line["level"] == "warning"
    assert {"time", "logger", "message"} <= set(line)
    text = json.dumps(served.lines)
    assert served.key not in text
    assert "hello there" not in text


async def test_a_new_price_counts_from_the_reload_on_and_a_running_answer_keeps_the_old(
    served: Served, up: Upstream
) -> None:
    async with served.http() as client:
        before = await served.receipt(client, await served.ask(client))
        gate = asyncio.Event()
        up.script(replies.stream([gate, *_said_back()]))
        running = asyncio.create_task(served.ask(client, stream=True))
        await up.wait_requests(2)
        await served.reload(_rows(up).replace('input = "0.35"', 'input = "3.50"'))
        await served.logged("settings read again")
        after = await served.receipt(client, await served.ask(client))
        gate.set()
        meanwhile = await served.receipt(client, await running)
    assert after["price_version"] != before["price_version"]
    assert after["tokens_prompt"] == before["tokens_prompt"]
    dearer = (3500 - 350) * before["tokens_prompt"] / 1e9
    assert after["total_cost"] == pytest.approx(before["total_cost"] + dearer)
    assert meanwhile["price_version"] == before["price_version"]


async def test_settings_that_are_wrong_change_nothing_and_are_named(
    served: Served, up: Upstream
) -> None:
    async with served.http() as client:
        before = await served.receipt(client, await served.ask(client))
        for wrong, told in (
            ("[server\n", "toml"),
            (_rows(up).replace('input = "0.35"', 'input = "cheap"'), "price"),
            (_rows(up) + "\n[plans.more]\nmonthly_gift = 1\n", "monthly_gift"),
        ):
            await served.reload(wrong)
            line = await served.logged("settings not taken")
            assert line["level"] == "error"
            assert told in line["message"]
        after = await served.receipt(client, await served.ask(client))
        assert after["price_version"] == before["price_version"]
        assert after["total_cost"] == before["total_cost"]


def _rows(up: Upstream) -> str:
    return UPSTREAM_ROWS.format(url=up.url).replace(
        'monthly_grant = "0.00"', 'monthly_grant = "5.00"'
    )


def _said_back() -> list[Any]:
    return [answers.role(), answers.text("one"), answers.end(), answers.usage_chunk(2, 1)]
