"""``kill -9`` at random moments under load, again and again on one data directory.

After each restart: the books are right and no hold is open; what a client had been answered under an
Idempotency-Key is answered the same again; no request is charged twice.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import sqlite3
from collections.abc import Coroutine
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.processes import books, post, served, write_settings
from tests.support.upstream import Upstream
from tokenhouse.ledger import Verification

WORKERS = 8
CLEAN = Verification(ok=True, open_holds=0)


@dataclass(slots=True)
class Load:
    """Clients that ask without end, and what they were told."""

    seed: int
    asked: int = 0
    answered: asyncio.Condition = field(default_factory=asyncio.Condition)
    count: int = 0
    told: dict[str, bytes] = field(default_factory=dict[str, bytes])
    """Idempotency-Key → the body of the answer that was read to its end."""
    keys: list[str] = field(default_factory=list[str])

    async def run(self, url: str, key: str) -> None:
        """Ask until the house is gone."""
        draw = random.Random(self.seed * 1000 + self.asked)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                self.asked += 1
                fields = self.fields(self.asked)
                headers: dict[str, str] = {}
                if draw.random() < 0.5:
                    headers["idempotency_key"] = f"{self.seed}-{self.asked}"
                    self.keys.append(headers["idempotency_key"])
                status, _, body = await post(url, key, fields, **headers)
                if status == 200 and headers and ended(body):
                    self.told[headers["idempotency_key"]] = body
                async with self.answered:
                    self.count += 1
                    self.answered.notify_all()

    def fields(self, number: int) -> dict[str, Any]:
        words = "word " * (number % 40 + 1)
        return {
            "stream": number % 3 > 0,
            "max_tokens": 50,
            "messages": [{"role": "user", "content": words}],
        }

    async def until(self, count: int) -> None:
        async with self.answered, asyncio.timeout(60):
            await self.answered.wait_for(lambda: self.count >= count)


def ended(body: bytes) -> bool:
    """Was the answer read to its own end? (A whole one has its length; a stream says so.)"""
    return body.endswith((b"data: [DONE]\n\n\r\n0\r\n\r\n", b"}"))


def words_of(body: bytes) -> bytes:
    """The body without what chunks add: a replay is cut otherwise."""
    if not body.startswith(b"{"):
        pieces: list[bytes] = []
        while body:
            size, _, rest = body.partition(b"\r\n")
            length = int(size, 16)
            pieces.append(rest[:length])
            body = rest[length + 2 :]
            if not length:
                break
        return b"".join(pieces)
    return body


async def killed_again_and_again(tmp_path: Path, rounds: int, seed: int) -> None:
    draw = random.Random(seed)
    data_dir = tmp_path / "data"
    database = data_dir / "tokenhouse.db"
    key = ""
    before: Load | None = None
    async with Upstream() as up:
        write_settings(data_dir, up.url)
        for number in range(rounds + 1):
            async with served(data_dir, first=not number) as (process, url, found):
                key = found or key
                assert await books(database) == CLEAN, f"seed {seed}, round {number}"
                if before is not None:
                    await asked_again(before, url, key)
                if number == rounds:
                    break
                load = Load(draw.getrandbits(32))
                tasks = [asyncio.create_task(_quietly(load.run(url, key))) for _ in range(WORKERS)]
                await load.until(draw.randrange(1, 60))
                await asyncio.sleep(draw.random() * 0.02)  # some moment or other
                process.kill()
                await process.wait()
                await asyncio.wait(tasks)
                before = load
    with closing(sqlite3.connect(database)) as db:
        (paid,) = db.execute("SELECT sum(cost) FROM receipt").fetchone()
        (taken,) = db.execute(
            "SELECT -sum(amount) FROM transfer WHERE kind IN ('settle', 'expire')"
        ).fetchone()
        assert paid == taken
        assert paid > 0


async def _quietly(load: Coroutine[Any, Any, None]) -> None:
    with contextlib.suppress(ValueError, IndexError):  # an answer cut in its head
        await load


async def asked_again(before: Load, url: str, key: str) -> None:
    """Every key of the last round: told before → told the same; else answered now, or said to be lost."""
    for name in before.keys:
        number = int(name.rpartition("-")[2])
        status, headers, body = await post(url, key, before.fields(number), idempotency_key=name)
        told = before.told.get(name)
        if told is not None:
            assert status == 200, (name, body)
            assert headers["idempotent-replayed"] == "true"
            assert words_of(body) == words_of(told)
        else:
            assert status == 200 or (status == 409 and b"idempotency_answer_lost" in body)


async def test_killed_at_random_moments_the_house_is_right_after_each_restart(
    tmp_path: Path,
) -> None:
    """Row 48: what a dead process held was gone for good."""
    await killed_again_and_again(tmp_path, 3, random.SystemRandom().getrandbits(32))


@pytest.mark.long
@pytest.mark.timeout(1800)
async def test_killed_fifty_times_the_house_is_right_after_each_restart(tmp_path: Path) -> None:
    await killed_again_and_again(tmp_path, 50, random.SystemRandom().getrandbits(32))
