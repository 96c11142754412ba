"""A stream whose model is silent: kept alive, still able to fail over, never ended by pretence."""

from __future__ import annotations

import asyncio
import json
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.asking import HELLO, frames
from tests.api.asgi import Client, ask, scope
from tests.support import answers, replies
from tests.support.house import Running, upstream_house
from tokenhouse.access import Access
from tokenhouse.api import ChatFront, Inference, Limits, Totals
from tokenhouse.api.silence import Silence

COMMENT = b": TOKENHOUSE PROCESSING\n\n"
QUIET = """
[server]
keepalive_s = 0.1
"""
SPARE = """
[providers.spare]
kind = "scripted"
reply = "from the spare"

[[models]]
id = "acme/two"
price = { input = "0.35", output = "0.56" }
routes = [ { provider = "up", model = "m" }, { provider = "spare", model = "s", priority = 1 } ]
"""
STREAMED = {**HELLO, "stream": True}


async def test_a_silent_stream_starts_and_sends_comments_until_the_model_speaks(
    tmp_path: Path,
) -> None:
    async with upstream_house(tmp_path, QUIET) as (running, up):
        gate = asyncio.Event()
        up.always(replies.stream([gate, answers.role(), answers.text("late"), answers.end()]))
        client, task = _begin(running, STREAMED)
        await client.until_sent(COMMENT * 2)
        assert client.status == 200
        gate.set()
        await task
        assert client.finished
        assert client.text.endswith(b"data: [DONE]\n\n")
        told = [f for f in frames(client.text.replace(COMMENT, b"").decode()) if f != "[DONE]"]
        assert "".join(f["choices"][0]["delta"].get("content") or "" for f in told) == "late"
        await running.clean()


async def test_silence_between_two_words_is_filled_as_well(tmp_path: Path) -> None:
    async with upstream_house(tmp_path, QUIET) as (running, up):
        gate = asyncio.Event()
        up.always(replies.stream([answers.role(), answers.text("one"), gate, answers.end()]))
        client, task = _begin(running, STREAMED)
        await client.until_sent(COMMENT)
        assert client.text.index(b'"one"') < client.text.index(COMMENT)
        gate.set()
        await task
        assert client.text.endswith(b"data: [DONE]\n\n")
        await running.clean()


async def test_after_a_comment_another_route_may_still_answer(tmp_path: Path) -> None:
    async with upstream_house(tmp_path, QUIET + SPARE) as (running, up):
        gate = asyncio.Event()
        up.script(replies.raw(gate, *replies.error(500).steps))
        client, task = _begin(running, {**STREAMED, "model": "acme/two"})
        await client.until_sent(COMMENT)
        gate.set()
        await task
        assert b"from" in client.text
        assert client.text.endswith(b"data: [DONE]\n\n")
        kept = await running.house.billing.receipt(client.header("x-request-id") or "")
        assert [attempt.error for attempt in kept.attempts] == ["upstream_error", None]
        await running.clean()


async def test_a_failure_after_a_comment_is_an_error_event_and_costs_nothing(
    tmp_path: Path,
) -> None:
    async with upstream_house(tmp_path, QUIET) as (running, up):
        gate = asyncio.Event()
        up.always(replies.raw(gate, *replies.error(500).steps))
        client, task = _begin(running, STREAMED)
        await client.until_sent(COMMENT)
        gate.set()
        await task
        assert client.status == 200
        assert b"[DONE]" not in client.text
        last = json.loads(client.text.split(b"data: ")[-1])
        assert last["error"]["code"] == "upstream_error"
        kept = await running.house.billing.receipt(client.header("x-request-id") or "")
        assert (kept.outcome, kept.cost) == ("failed", 0)
        await running.clean()


@pytest.mark.parametrize("stream", [False, True])
async def test_past_the_deadline_a_silent_request_is_a_504_and_costs_nothing(
    tmp_path: Path, stream: bool
) -> None:
    async with upstream_house(tmp_path) as (running, up):
        up.always(replies.stall_before_headers())
        client = await _limited(running, {**HELLO, "stream": stream}, Limits(deadline_s=0.2))
        assert client.status == 504
        assert json.loads(client.text)["error"]["code"] == "deadline_exceeded"
        await up.wait_closed_by_client()
        await running.until_no_hold()
        kept = await running.house.billing.receipt(client.header("x-request-id") or "")
        assert kept.cost == 0
        await up.wait_no_connections()


async def test_past_the_deadline_a_running_stream_ends_in_an_error_and_pays_what_it_got(
    tmp_path: Path,
) -> None:
    async with upstream_house(tmp_path) as (running, up):
        never = asyncio.Event()
        up.always(replies.stream([answers.role(), answers.text("one"), never]))
        client = await _limited(running, STREAMED, Limits(deadline_s=1.5))
        assert client.status == 200
        assert client.finished
        assert b"[DONE]" not in client.text
        assert b'"one"' in client.text
        last = json.loads(client.text.split(b"data: ")[-1])
        assert last["error"]["code"] == "deadline_exceeded"
        await up.wait_closed_by_client()
        await running.until_no_hold()
        kept = await running.house.billing.receipt(client.header("x-request-id") or "")
        assert kept.output == 1
        assert kept.cost == kept.input * 350 + 560
        never.set()


async def test_a_deadline_after_a_comment_is_an_error_event(tmp_path: Path) -> None:
    async with upstream_house(tmp_path) as (running, up):
        up.always(replies.stall_before_headers())
        limits = Limits(deadline_s=0.6, keep_alive_s=0.1)
        client = await _limited(running, STREAMED, limits)
        assert client.status == 200
        assert client.text.startswith(COMMENT)
        assert json.loads(client.text.split(b"data: ")[-1])["error"]["code"] == "deadline_exceeded"
        await running.until_no_hold()


async def test_while_a_slow_client_still_takes_a_piece_no_comment_queues_behind_it() -> None:
    taken: list[bytes] = []
    slow, intervals = asyncio.Event(), asyncio.Event()

    async def send(message: MutableMapping[str, Any]) -> None:
        if message.get("body"):
            await slow.wait()
        taken.append(message.get("body", b"<start>"))

    silence = Silence(send, [], lambda: COMMENT, 0.02)
    try:
        sending = asyncio.create_task(silence.body(b"data: first\n\n", more=True))
        asyncio.get_running_loop().call_later(0.2, intervals.set)
        await intervals.wait()
        assert asyncio.all_tasks() == {asyncio.current_task(), sending}
        slow.set()
        await sending
        assert taken == [b"<start>", b"data: first\n\n"]
    finally:
        silence.stop()


async def test_a_slow_client_is_owed_one_comment_at_most() -> None:
    taken: list[bytes] = []
    slow, intervals = asyncio.Event(), asyncio.Event()

    async def send(message: MutableMapping[str, Any]) -> None:
        if message.get("body"):
            await slow.wait()
        taken.append(message.get("body", b"<start>"))

    silence = Silence(send, [], lambda: COMMENT, 0.02)
    asyncio.get_running_loop().call_later(0.2, intervals.set)
    await intervals.wait()
    silence.stop()
    slow.set()
    await asyncio.sleep(0)
    assert taken == [b"<start>"]


async def test_every_answer_carries_its_id_under_three_names(tmp_path: Path) -> None:
    async with upstream_house(tmp_path) as (running, _):
        for asked in (HELLO, STREAMED, {"model": "acme/nothing"}):
            client = await ask(running, asked)
            ids = {
                client.header(n) for n in ("x-request-id", "request-id", "x-tokenhouse-request-id")
            }
            assert len(ids) == 1
            assert None not in ids
        await running.clean()


def _begin(running: Running, asked: dict[str, Any]) -> tuple[Client, asyncio.Task[None]]:
    client = Client(json.dumps(asked).encode())
    return client, asyncio.ensure_future(_drive(running, client))


async def _drive(running: Running, client: Client) -> None:
    await running.house(scope(running), client.receive, client.send)


async def _limited(running: Running, asked: dict[str, Any], limits: Limits) -> Client:
    """Ask through a handler of the same house with limits of its own."""
    house = running.house
    access: Access = house.access
    handler = Inference(
        ChatFront(), house.relay, access, limits=limits, totals=Totals(), keyed=house.keyed
    )
    client = Client(json.dumps(asked).encode())
    async with asyncio.timeout(60):
        await handler(scope(running), client.receive, client.send)
    return client
