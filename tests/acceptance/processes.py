"""Houses in processes of their own: served, killed, asked over raw sockets."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.acceptance.asking import HELLO
from tests.support.house import UPSTREAM_ROWS
from tokenhouse.clock import SystemClock
from tokenhouse.ledger import Verification
from tokenhouse.store import SqliteStore


@asynccontextmanager
async def served(
    data_dir: Path, *, first: bool = True, within: Sequence[str] = (), quiet: bool = False
) -> AsyncGenerator[tuple[asyncio.subprocess.Process, str, str]]:
    """A house in a process of its own: the process, its URL and the ``first`` run's key ("" later).

    Its settings are beside the directory, in ``DIR.toml``. ``within``: words in front of the command,
    that become it in the end. ``quiet``: its log is dropped.
    """
    process = await asyncio.create_subprocess_exec(
        *within,
        *(sys.executable, "-m", "tokenhouse", "serve", "--data", str(data_dir), "--port", "0"),
        *("--config", str(data_dir.parent / f"{data_dir.name}.toml")),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL if quiet else None,
        env={"PYTHONPATH": "src", "PATH": os.defpath, "UPSTREAM_KEY": "sk-upstream"},
    )
    assert process.stdout is not None
    try:
        url = (await process.stdout.readline()).decode().split()[-1]
        key = ""
        if first:
            while not key.startswith("sk-th-"):
                key = (await process.stdout.readline()).decode().strip()
        yield process, url, key
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await process.stdout.read()


async def begin(url: str, key: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, str]:
    """Ask for a stream and read up to its first content; its connection and request id."""
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    body = json.dumps({**HELLO, "stream": True}).encode()
    writer.write(
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nconnection: close\r\n"
        b"content-length: %d\r\nauthorization: Bearer %b\r\n\r\n%b"
        % (len(body), key.encode(), body)
    )
    request_id = ""
    while True:
        line = (await reader.readline()).decode()
        assert line, "the house closed the stream"
        if line.startswith("x-request-id: "):
            request_id = line.split()[1]
        if '"one"' in line:
            return reader, writer, request_id


async def get(url: str, path: str, key: str) -> Any:
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        f"GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n"
        f"authorization: Bearer {key}\r\n\r\n".encode()
    )
    answer = await reader.read()
    writer.close()
    return json.loads(answer.partition(b"\r\n\r\n")[2])


async def until_refused(url: str) -> None:
    """Wait until nobody listens there any more."""
    host, port = url.removeprefix("http://").split(":")
    while True:
        try:
            _, writer = await asyncio.open_connection(host, int(port))
        except ConnectionRefusedError:
            return
        writer.close()
        await asyncio.sleep(0.02)


async def tokenhouse(data_dir: Path, *words: str) -> Any:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tokenhouse", *words, "--data", str(data_dir)),
        stdout=asyncio.subprocess.PIPE,
        env={"PYTHONPATH": "src", "PATH": "", "UPSTREAM_KEY": "sk-upstream"},
    )
    told, _ = await process.communicate()
    return json.loads(told)


def write_settings(data_dir: Path, upstream: str) -> None:
    """One model, at ``upstream``; the first account gets five dollars a month."""
    rows = UPSTREAM_ROWS.format(url=upstream)
    text = rows.replace('monthly_grant = "0.00"', 'monthly_grant = "5.00"')
    data_dir.parent.joinpath(f"{data_dir.name}.toml").write_text(text)


async def books(path: Path) -> Verification:
    """What a verification of the database says, read beside the process that serves it."""
    store = SqliteStore(path, clock=SystemClock())
    await store.start(serve=False)
    try:
        return await store.verify()
    finally:
        await store.stop()


async def post(
    url: str, key: str, fields: dict[str, Any], **headers: str
) -> tuple[int, dict[str, str], bytes]:
    """One request, its answer read to the end: status, headers, body (chunks and all)."""
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    body = json.dumps({**HELLO, **fields}).encode()
    more = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    writer.write(
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nconnection: close\r\n%b"
        b"content-length: %d\r\nauthorization: Bearer %b\r\n\r\n%b"
        % (more.encode(), len(body), key.encode(), body)
    )
    try:
        head, _, rest = (await reader.read()).partition(b"\r\n\r\n")
    finally:
        writer.close()
    status, *lines = head.decode("latin-1").split("\r\n")
    if not lines:
        raise ConnectionResetError("no answer")
    found = dict(line.split(": ", 1) for line in lines)
    return int(status.split()[1]), found, rest
