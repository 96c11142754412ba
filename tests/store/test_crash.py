"""kill -9 while writing: what was acknowledged is there, and the next start puts the books in order."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.store.requests import request_id, sound

from tokenhouse.clock import SystemClock
from tokenhouse.store import SqliteStore

WRITER = Path(__file__).with_name("crashing.py")


@pytest.mark.parametrize("acknowledged", [1, 40, 150])
async def test_a_process_killed_while_writing_leaves_one_ending_per_hold(
    path: Path, acknowledged: int
) -> None:
    lines = _run_until_killed(path, acknowledged)
    admitted = {int(line.split()[1]) for line in lines if line.startswith("admitted ")}
    charged = {
        int(line.split()[1]): int(line.split()[2]) for line in lines if line.startswith("closed ")
    }
    assert len(lines) >= acknowledged

    store = SqliteStore(path, clock=SystemClock())
    await store.start(serve=True)
    try:
        await sound(store)
        account = await store.find_account("mill")
        assert account is not None
        assert account.held == 0
        rows = await store.receipts(account.id, since_ms=0, until_ms=2**62, limit=100_000)
        found = {row.id: row for row in rows}
        for number in admitted:
            row = found[request_id(number)]
            if number in charged:
                assert (row.outcome, row.cost) == ("finished", charged[number])
            elif row.outcome == "crashed":
                assert row.cost in (0, 4)
        postings = await store.postings(account.id, limit=100_000)
        assert sum(row.cost for row in rows) == 10_000_000 - account.balance
        assert sum(posting.amount for posting in postings) == account.balance
        used = await store.usage(account.id, since_ms=0, until_ms=2**62)
        assert sum(row.cost for row in used) == sum(row.cost for row in rows)
        assert sum(row.requests for row in used) == len(rows)
    finally:
        await store.stop()


def _run_until_killed(path: Path, lines_enough: int) -> list[str]:
    command = [sys.executable, str(WRITER), str(path)]
    lines: list[str] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        for line in child.stdout:
            lines.append(line)
            if len(lines) == lines_enough:
                child.kill()
    assert child.returncode == -9
    return [line for line in lines if line.endswith("\n")]
