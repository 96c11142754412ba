"""``kill -9`` in the middle of everything: every hold ends once, every request has its receipt."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

from tests.acceptance.processes import begin, get, served, tokenhouse, until_refused, write_settings
from tests.support import answers, replies
from tests.support.upstream import Upstream

STREAMS = 50


async def test_killed_during_fifty_streams_the_house_owes_and_loses_nothing(tmp_path: Path) -> None:
    async with Upstream() as up:
        data_dir = tmp_path / "data"
        write_settings(data_dir, up.url)
        gate = asyncio.Event()
        up.always(replies.stream([answers.role(), answers.text("one"), gate, answers.end()]))
        async with served(data_dir) as (process, url, key):
            asked = await asyncio.gather(*(begin(url, key) for _ in range(STREAMS)))
            process.send_signal(signal.SIGKILL)
            await process.wait()
            for _, writer, _ in asked:
                writer.close()
        gate.set()
        up.always(answers.said("fine"))
        async with served(data_dir, first=False) as (process, url, _):
            ready = await get(url, "/ready", key)
            assert ready["status"] == "ready"
            for _, _, request_id in asked:
                kept = (await get(url, f"/api/v1/generation?id={request_id}", key))["data"]
                assert kept["outcome"] == "crashed"
            process.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(process.wait(), 20) == 0
        verified = await tokenhouse(data_dir, "ledger", "verify", "--json")
        assert verified == {"ok": True, "open_holds": 0, "errors": []}


async def test_told_to_stop_the_house_finishes_its_streams_and_settles_them(tmp_path: Path) -> None:
    async with Upstream() as up:
        data_dir = tmp_path / "data"
        write_settings(data_dir, up.url)
        gate = asyncio.Event()
        up.always(replies.stream([answers.role(), answers.text("one"), gate, answers.end()]))
        async with served(data_dir) as (process, url, key):
            reader, writer, _ = await begin(url, key)
            process.send_signal(signal.SIGTERM)
            await until_refused(url)
            gate.set()
            rest = await reader.read()
            assert b"data: [DONE]" in rest
            writer.close()
            assert await asyncio.wait_for(process.wait(), 20) == 0
        verified = await tokenhouse(data_dir, "ledger", "verify", "--json")
        assert verified == {"ok": True, "open_holds": 0, "errors": []}


async def test_a_second_house_on_one_directory_is_refused(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    data_dir.with_suffix(".toml").write_text("")
    async with served(data_dir):
        second = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tokenhouse", "serve", "--data", str(data_dir), "--port", "0"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={"PYTHONPATH": "src", "PATH": ""},
        )
        _, told = await second.communicate()
        assert second.returncode == 1
        assert str(data_dir) in told.decode()
