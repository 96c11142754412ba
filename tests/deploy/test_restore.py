"""A backup taken under load is restored as docs/howto/backup-and-restore.md says, and verifies."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from tests.acceptance.processes import begin, get, post, served, tokenhouse, write_settings
from tests.support import answers, replies
from tests.support.upstream import Upstream

STREAMS = 8


async def test_a_backup_taken_under_load_restores_to_a_ledger_that_verifies(tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    restored = tmp_path / "restored"
    async with Upstream() as up:
        data_dir = tmp_path / "data"
        write_settings(data_dir, up.url)
        held = replies.stream([answers.role(), answers.text("one"), asyncio.Event(), answers.end()])
        async with served(data_dir, quiet=True) as (process, url, key):
            for _ in range(STREAMS):
                up.script(held)
            streams = [await begin(url, key) for _ in range(STREAMS)]
            done = asyncio.Event()

            async def ask() -> int:
                answered = 0
                while not done.is_set():
                    answered += (await post(url, key, {}))[0] == 200
                return answered

            asking = [asyncio.create_task(ask()) for _ in range(4)]
            try:
                await _tokenhouse("backup", str(copy), "--data", str(data_dir))
            finally:
                done.set()
            assert sum(await asyncio.gather(*asking)) >= 4
            process.send_signal(signal.SIGKILL)
            for _, writer, _ in streams:
                writer.close()
        restored.mkdir(mode=0o700)
        copy.rename(restored / "tokenhouse.db")
        write_settings(restored, up.url)
        before = await tokenhouse(restored, "ledger", "verify", "--json")
        assert before["ok"], before["errors"]
        assert STREAMS <= before["open_holds"] <= STREAMS + 4
        async with served(restored, first=False, quiet=True) as (process, url, _):
            for _, _, request_id in streams:
                kept = await get(url, f"/api/v1/generation?id={request_id}", key)
                assert kept["data"]["outcome"] == "crashed"
            assert (await post(url, key, {}))[0] == 200
            process.send_signal(signal.SIGTERM)
            await process.wait()
        after = await tokenhouse(restored, "ledger", "verify", "--json")
        assert after == {"ok": True, "open_holds": 0, "errors": []}


async def _tokenhouse(*words: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tokenhouse", *words),
        env={"PYTHONPATH": "src", "PATH": os.defpath, "UPSTREAM_KEY": "sk-upstream"},
    )
    assert await process.wait() == 0
