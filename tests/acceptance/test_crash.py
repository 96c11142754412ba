"""``kill -9`` in the middle of everything: every hold ends once, every request has its receipt."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.acceptance.asking import HELLO
from tests.support import answers, replies
from tests.support.house import UPSTREAM_ROWS
from tests.support.upstream import Upstream

STREAMS = 50


@asynccontextmanager
async def served(data_dir: Path) -> AsyncGenerator[tuple[asyncio.subprocess.Process, str, str]]:
    """A house in a process of its own: the process, its URL and the first run's key ("" later)."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tokenhouse", "serve", "--data", str(data_dir), "--port", "0"),
        *("--config", str(data_dir / "tokenhouse.toml")),
        stdout=asyncio.subprocess.PIPE,
        env={"PYTHONPATH": "src", "PATH": "", "UPSTREAM_KEY": "sk-upstream"},
    )
    assert process.stdout is not None
    try:
        url = (await process.stdout.readline()).decode().split()[-1]
        key = ""
        if not (data_dir / "known").exists():
            while not key.startswith("sk-th-"):
                key = (await process.stdout.readline()).decode().strip()
        yield process, url, key
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await process.stdout.read()


async def test_killed_during_fifty_streams_the_house_owes_and_loses_nothing(tmp_path: Path) -> None:
    async with Upstream() as up:
        rows = UPSTREAM_ROWS.format(url=up.url).replace(
            'monthly_grant = "0.00"', 'monthly_grant = "5.00"'
        )
        _write(tmp_path / "tokenhouse.toml", rows)
        gate = asyncio.Event()
        up.always(replies.stream([answers.role(), answers.text("one"), gate, answers.end()]))
        async with served(tmp_path) as (process, url, key):
            asked = await asyncio.gather(*(_begin(url, key) for _ in range(STREAMS)))
            process.send_signal(signal.SIGKILL)
            await process.wait()
            for _, writer, _ in asked:
                writer.close()
        gate.set()
        _write(tmp_path / "known", "")
        up.always(answers.said("fine"))
        async with served(tmp_path) as (process, url, _):
            ready = await _get(url, "/ready", key)
            assert ready["status"] == "ready"
            for _, _, request_id in asked:
                kept = (await _get(url, f"/api/v1/generation?id={request_id}", key))["data"]
                assert kept["outcome"] == "crashed"
            process.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(process.wait(), 20) == 0
        verified = await _tokenhouse(tmp_path, "ledger", "verify", "--json")
        assert verified == {"ok": True, "open_holds": 0, "errors": []}


async def test_told_to_stop_the_house_finishes_its_streams_and_settles_them(tmp_path: Path) -> None:
    async with Upstream() as up:
        rows = UPSTREAM_ROWS.format(url=up.url).replace(
            'monthly_grant = "0.00"', 'monthly_grant = "5.00"'
        )
        _write(tmp_path / "tokenhouse.toml", rows)
        gate = asyncio.Event()
        up.always(replies.stream([answers.role(), answers.text("one"), gate, answers.end()]))
        async with served(tmp_path) as (process, url, key):
            reader, writer, _ = await _begin(url, key)
            process.send_signal(signal.SIGTERM)
            await _until_refused(url)
            gate.set()
            rest = await reader.read()
            assert b"data: [DONE]" in rest
            writer.close()
            assert await asyncio.wait_for(process.wait(), 20) == 0
        verified = await _tokenhouse(tmp_path, "ledger", "verify", "--json")
        assert verified == {"ok": True, "open_holds": 0, "errors": []}


async def test_a_second_house_on_one_directory_is_refused(tmp_path: Path) -> None:
    _write(tmp_path / "tokenhouse.toml", "")
    async with served(tmp_path):
        second = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tokenhouse", "serve", "--data", str(tmp_path), "--port", "0"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={"PYTHONPATH": "src", "PATH": ""},
        )
        _, told = await second.communicate()
        assert second.returncode == 1
        assert str(tmp_path) in told.decode()


async def _begin(url: str, key: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, str]:
    """Ask for a stream and read up to its first content; its connection and request id."""
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    body = json.dumps({**HELLO, "stream": True}).encode()
    writer.write(
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n"
        b"authorization: Bearer %b\r\n\r\n%b" % (len(body), key.encode(), body)
    )
    request_id = ""
    while True:
        line = (await reader.readline()).decode()
        assert line, "the house closed the stream"
        if line.startswith("x-request-id: "):
            request_id = line.split()[1]
        if '"one"' in line:
            return reader, writer, request_id


async def _get(url: str, path: str, key: str) -> Any:
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        f"GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n"
        f"authorization: Bearer {key}\r\n\r\n".encode()
    )
    answer = await reader.read()
    writer.close()
    return json.loads(answer.partition(b"\r\n\r\n")[2])


async def _until_refused(url: str) -> None:
    """Wait until nobody listens there any more."""
    host, port = url.removeprefix("http://").split(":")
    while True:
        try:
            _, writer = await asyncio.open_connection(host, int(port))
        except ConnectionRefusedError:
            return
        writer.close()
        await asyncio.sleep(0.02)


async def _tokenhouse(data_dir: Path, *words: str) -> Any:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tokenhouse", *words, "--data", str(data_dir)),
        stdout=asyncio.subprocess.PIPE,
        env={"PYTHONPATH": "src", "PATH": "", "UPSTREAM_KEY": "sk-upstream"},
    )
    told, _ = await process.communicate()
    return json.loads(told)


def _write(path: Path, text: str) -> None:
    path.write_text(text)
