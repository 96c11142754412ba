"""Run by test_crash: admits, notes and closes without end, telling each acknowledgement, until killed."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

from tests.store.requests import account_with, admission, receipt, request_id  # noqa: E402

from tokenhouse.clock import SystemClock  # noqa: E402
from tokenhouse.store import SqliteStore  # noqa: E402


async def work(path: Path) -> None:
    store = SqliteStore(path, clock=SystemClock())
    await store.start(serve=True)
    account = await account_with(store, 10_000_000)
    await asyncio.gather(*(run(store, account, first) for first in range(16)), keep(store))


async def keep(store: SqliteStore) -> None:
    while True:
        await store.fold(limit=5)


async def run(store: SqliteStore, account: str, number: int) -> None:
    while True:
        await store.admit(admission(number, account))
        tell(f"admitted {number}")
        if number % 3:
            await store.note(request_id(number), 4)
        if number % 5:
            closed = await store.close(receipt(number, account, 7), tokens=0)
            tell(f"closed {number} {closed.charged}")
        number += 16


def tell(line: str) -> None:
    os.write(1, f"{line}\n".encode())


if __name__ == "__main__":
    asyncio.run(work(Path(sys.argv[1])))
