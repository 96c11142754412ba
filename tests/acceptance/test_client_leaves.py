"""A client that leaves: the upstream is cancelled at once, and what was produced is paid."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing
from pathlib import Path

from tests.acceptance.asking import HELLO, http
from tests.api.asgi import Client, scope
from tests.support import answers, replies
from tests.support.house import Running, upstream_house


async def test_leaving_a_stream_cancels_the_upstream_and_charges_what_was_delivered(
    tmp_path: Path,
) -> None:
    """Rows 39, 41, 42 and 44: neither nothing nor all of it, the prompt included; and no more runs."""
    async with upstream_house(tmp_path) as (running, up), http(running) as client:
        hold = asyncio.Event()
        up.script(replies.stream([answers.role(), answers.text("one"), hold, answers.end()]))
        async with client.stream(
            "POST", "/v1/chat/completions", json={**HELLO, "stream": True}
        ) as got:
            request_id = got.headers["x-request-id"]
            async for line in got.aiter_lines():
                if "one" in line:
                    break
        await up.wait_closed_by_client()
        await running.until_no_hold()
        kept = await running.house.billing.receipt(request_id)
        assert kept.outcome == "cancelled"
        assert (kept.output, kept.answer_source) == (1, "estimated")
        assert kept.cost == kept.input * 350 // 1 + 560


async def test_leaving_before_the_upstream_answers_costs_nothing(tmp_path: Path) -> None:
    """Row 41: billed in full for what nobody saw, while the upstream ran on."""
    async with upstream_house(tmp_path) as (running, up):
        up.always(replies.stall_before_headers())
        for stream in (False, True):
            seen = len(up.requests)
            reader, writer = await _ask_raw(running, stream=stream)
            await up.wait_requests(seen + 1)
            writer.close()
            await writer.wait_closed()
            await up.wait_closed_by_client()
            del reader
        await running.until_no_hold()
        balance = await running.house.billing.balance(running.account.id)
        assert balance.balance == 10**12
        outcomes = await running.house.billing.receipts(running.account.id)
        assert [row.outcome for row in outcomes] == ["cancelled", "cancelled"]


async def test_five_hundred_that_leave_while_their_holds_are_queued_hold_and_owe_nothing(
    tmp_path: Path,
) -> None:
    async with upstream_house(tmp_path) as (running, up):
        clients = [Client(json.dumps(HELLO).encode()) for _ in range(500)]
        with closing(sqlite3.connect(running.data_dir / "tokenhouse.db")) as beside:
            beside.isolation_level = None
            beside.execute("BEGIN IMMEDIATE")  # nothing can be admitted while this stands
            tasks = [
                asyncio.create_task(running.house(scope(running), client.receive, client.send))
                for client in clients
            ]
            await asyncio.sleep(0)
            for client in clients:
                client.left.set()
            await asyncio.wait(tasks)
            beside.execute("ROLLBACK")
        await running.until_no_hold()
        assert up.requests == []
        assert not any(client.sent for client in clients)
        balance = await running.house.billing.balance(running.account.id)
        assert (balance.balance, balance.held) == (10**12, 0)


async def test_a_body_that_never_comes_holds_nothing(tmp_path: Path) -> None:
    async with upstream_house(tmp_path) as (running, _):
        _, writer = await asyncio.open_connection("127.0.0.1", running.port)
        writer.write(
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n"
            b"authorization: Bearer " + running.key.encode() + b'\r\n\r\n{"model"'
        )
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        await running.until_no_hold()
        assert await running.house.billing.receipts(running.account.id) == ()


async def _ask_raw(
    running: Running, *, stream: bool
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
    body = json.dumps({**HELLO, "stream": stream}).encode()
    writer.write(
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n"
        b"authorization: Bearer %b\r\n\r\n%b" % (len(body), running.key.encode(), body)
    )
    await writer.drain()
    return reader, writer
