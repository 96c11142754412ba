"""A disk that fills up under a house that serves: 503 for new work, nothing lost, and it heals."""

from __future__ import annotations

import asyncio
import json
import resource
import shutil
import signal
import sqlite3
from collections.abc import Generator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.processes import begin, books, get, post, served, write_settings
from tests.support import answers, replies
from tests.support.upstream import Upstream
from tokenhouse.clock import SystemClock
from tokenhouse.ledger import Verification
from tokenhouse.store import SqliteStore

_ROOM = ("sh", "-c", 'mount -t tmpfs -o size=3m none "$0" && exec "$@"')


@contextmanager
def no_room(pid: int) -> Generator[None]:
    """No file of the process may grow or be written, as if its disk were full."""
    unlimited = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, unlimited[1]))
    try:
        yield
    finally:
        with suppress(ProcessLookupError):  # it was killed meanwhile
            resource.prlimit(pid, resource.RLIMIT_FSIZE, unlimited)


@contextmanager
def filled(data_dir: Path) -> Generator[None]:
    """The disk that ``data_dir`` is on has no byte left."""
    filler = data_dir / "filler"
    with filler.open("wb", buffering=0) as file:
        with suppress(OSError):
            while file.write(bytes(4096)):
                pass
    try:
        yield
    finally:
        filler.unlink()


async def test_while_nothing_can_be_written_new_work_is_refused_and_a_stream_ends_and_settles_later(
    tmp_path: Path,
) -> None:
    async with Upstream() as up:
        data_dir = tmp_path / "data"
        write_settings(data_dir, up.url)
        async with served(data_dir, quiet=True) as (process, url, key):
            database = data_dir / "tokenhouse.db"
            await _through_a_full_disk(up, url, key, no_room(process.pid), database)
            process.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(process.wait(), 30) == 0
        assert (await books(database)).ok


async def test_the_same_on_a_disk_that_is_really_full(tmp_path: Path) -> None:
    unshare = shutil.which("unshare")
    if unshare is None:
        pytest.skip("there is no unshare here, to mount a small disk with")
    probe = await asyncio.create_subprocess_exec(
        unshare, "-rm", *_ROOM, str(tmp_path), "true", stderr=asyncio.subprocess.DEVNULL
    )
    if await probe.wait():
        pytest.skip("nothing may be mounted here, not even in a namespace of one's own")
    async with Upstream() as up:
        data_dir = tmp_path / "data"
        data_dir.mkdir()
        write_settings(data_dir, up.url)
        within = (unshare, "-rm", *_ROOM, str(data_dir))
        async with served(data_dir, within=within, quiet=True) as (process, url, key):
            inside = Path(f"/proc/{process.pid}/root{data_dir}")
            await _through_a_full_disk(up, url, key, filled(inside), inside / "tokenhouse.db")
            assert (await books(inside / "tokenhouse.db")).ok
            process.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(process.wait(), 30) == 0


async def test_a_disk_that_stays_full_until_the_process_dies_leaves_the_hold_to_the_next_start(
    tmp_path: Path,
) -> None:
    async with Upstream() as up:
        data_dir = tmp_path / "data"
        write_settings(data_dir, up.url)
        gate = asyncio.Event()
        up.script(replies.stream([answers.role(), answers.text("one"), gate, answers.end()]))
        async with served(data_dir, quiet=True) as (process, url, key):
            reader, writer, request_id = await begin(url, key)
            with no_room(process.pid):
                gate.set()
                assert b"store_unavailable" in await reader.read()
                writer.close()
                process.kill()
                await process.wait()
        async with served(data_dir, first=False) as (process, url, _):
            kept = (await get(url, f"/api/v1/generation?id={request_id}", key))["data"]
            assert (kept["outcome"], kept["total_cost"]) == ("crashed", 0)
            process.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(process.wait(), 30) == 0
        assert await books(data_dir / "tokenhouse.db") == Verification(ok=True, open_holds=0)


async def test_a_process_that_was_stopped_until_it_was_taken_for_dead_settles_late(
    tmp_path: Path,
) -> None:
    async with Upstream() as up:
        data_dir = tmp_path / "data"
        write_settings(data_dir, up.url)
        gate = asyncio.Event()
        up.script(replies.stream([answers.role(), answers.text("one"), gate, answers.end()]))
        async with served(data_dir) as (process, url, key):
            reader, writer, request_id = await begin(url, key)
            process.send_signal(signal.SIGSTOP)
            await _taken_for_dead(data_dir / "tokenhouse.db")
            gate.set()
            process.send_signal(signal.SIGCONT)
            assert b"[DONE]" in await reader.read()
            writer.close()
            kept = (await get(url, f"/api/v1/generation?id={request_id}", key))["data"]
            assert (kept["outcome"], kept["total_cost"]) == ("finished", 0)
            again = await post(url, key, {})
            assert again[0] == 200
            process.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(process.wait(), 30) == 0
        with closing(sqlite3.connect(data_dir / "tokenhouse.db")) as db:
            late = db.execute("SELECT late, cost FROM receipt WHERE id = ?", (request_id,))
            assert late.fetchone() == (1, 0)
        assert await books(data_dir / "tokenhouse.db") == Verification(ok=True, open_holds=0)


async def _through_a_full_disk(up: Upstream, url: str, key: str, full: Any, database: Path) -> None:
    gate = asyncio.Event()
    first = await post(url, key, {}, idempotency_key="before")
    up.script(replies.stream([answers.role(), answers.text("one"), gate, answers.end()]))
    reader, writer, request_id = await begin(url, key)
    with full:
        status, headers, body = await post(url, key, {})
        while status == 200:  # the log may still have had room for a few
            status, headers, body = await post(url, key, {})
        assert status == 503
        assert int(headers["retry-after"]) >= 1
        assert json.loads(body)["error"]["code"] == "store_unavailable"
        replayed = await post(url, key, {}, idempotency_key="before")
        assert replayed[0] == 200
        assert replayed[2] == first[2]
        asked = len(up.requests)
        gate.set()
        rest = await reader.read()
        assert b"store_unavailable" in rest
        assert b"[DONE]" not in rest
        assert rest.endswith(b"0\r\n\r\n")
        writer.close()
        assert (await post(url, key, {}))[0] == 503
        assert len(up.requests) == asked
    while (await post(url, key, {}))[0] != 200:
        pass
    kept = (await get(url, f"/api/v1/generation?id={request_id}", key))["data"]
    assert kept["outcome"] == "finished"
    assert kept["total_cost"] > 0
    verified = await books(database)
    assert verified.errors == ()
    assert verified.open_holds == 0


async def _taken_for_dead(database: Path) -> None:
    """Do what another process does that sees the lease of the one which serves stand still."""
    store = SqliteStore(database, clock=SystemClock())
    await store.start(serve=False)
    try:
        with closing(sqlite3.connect(database)) as db, db:
            (lease,) = db.execute("SELECT id FROM lease").fetchone()
            assert await store.expire(lease, at_ms=SystemClock().now_ms()) == 1
            db.execute("DELETE FROM lease WHERE id = ?", (lease,))
    finally:
        await store.stop()
