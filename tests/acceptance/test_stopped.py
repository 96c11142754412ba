"""Requests that somebody else ends: their account is suspended, or an operator cancels them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.acceptance.asking import HELLO, frames, http
from tests.api.asgi import Client, scope
from tests.support import answers, replies
from tests.support.house import anthropic_house, upstream_house
from tests.support.upstream import Upstream
from tokenhouse.relay import stopped_by_operator

STREAM = {**HELLO, "stream": True}
HI = {**STREAM, "max_tokens": 50}


def _held_open(up: Upstream) -> None:
    """The upstream says one word, then nothing."""
    never = asyncio.Event()
    up.script(replies.stream([answers.role(), answers.text("one"), never, answers.end()]))


async def test_a_suspended_accounts_running_stream_is_told_and_settled(tmp_path: Path) -> None:
    async with upstream_house(tmp_path) as (running, up), http(running) as client:
        _held_open(up)
        asking = await _begun(client)
        await running.house.billing.change_account("tester", state="suspended", reason="abuse")
        assert await running.house.patrol.turn() == 1
        request_id, text = await asking
        told = frames(text)[-1]
        assert told["error"]["code"] == "account_suspended"
        assert "'tester' of this API key is suspended now" in told["error"]["message"]
        await up.wait_closed_by_client()
        kept = await running.house.billing.receipt(request_id)
        assert (kept.outcome, kept.error) == ("cancelled", "account_suspended")
        assert (kept.output, kept.cost) == (1, kept.input * 350 + 560)
        assert len(running.house.relay.live) == 0
        await running.clean()
        assert (await client.post("/v1/chat/completions", json=HELLO)).status_code == 403


async def test_the_patrol_notices_what_another_process_suspended(tmp_path: Path) -> None:
    """The server's own loop does it, as for `tokenhouse accounts state` beside a running server."""
    async with upstream_house(tmp_path) as (running, up), http(running) as client:
        _held_open(up)
        asking = await _begun(client)
        await running.house.store.change_account(running.account.id, state="closed")
        async with asyncio.timeout(30):
            _, text = await asking
        assert frames(text)[-1]["error"]["code"] == "account_closed"
        await running.clean()


async def test_an_open_account_is_left_alone(tmp_path: Path) -> None:
    async with upstream_house(tmp_path) as (running, up), http(running) as client:
        go_on = asyncio.Event()
        up.script(replies.stream([answers.role(), answers.text("one"), go_on, answers.end()]))
        asking = await _begun(client)
        other = await running.house.billing.create_account("other", "free")
        await running.house.billing.change_account(other.id, state="suspended")
        assert await running.house.patrol.turn() == 0
        go_on.set()
        _, text = await asking
        assert frames(text)[-1] == "[DONE]"
        await running.clean()


async def test_a_cancelled_request_pays_what_was_delivered_and_no_other_ends(
    tmp_path: Path,
) -> None:
    async with upstream_house(tmp_path) as (running, up), http(running) as client:
        go_on = asyncio.Event()
        cut = replies.stream([answers.role(), answers.text("one"), go_on, answers.end()])
        up.script(cut)
        first = await _begun(client)
        up.script(cut)
        second = await _begun(client)
        one, two = running.house.relay.live.listed()
        assert (one.account_name, one.model, one.state) == ("tester", "acme/echo", "answering")
        assert (one.answer_tokens, one.provider) == (1, "up")
        over = running.house.relay.live.stop(one.id, stopped_by_operator("runaway"))
        assert over is not None
        await over.wait()
        kept = await running.house.billing.receipt(one.id)
        assert (kept.outcome, kept.error) == ("cancelled", "cancelled_by_operator")
        assert kept.cost == one.owed
        request_id, text = await first
        assert request_id == one.id
        assert frames(text)[-1]["error"]["message"].endswith("ended this request: runaway.")
        go_on.set()
        request_id, text = await second
        assert (request_id, frames(text)[-1]) == (two.id, "[DONE]")
        assert running.house.relay.live.stop(one.id, stopped_by_operator()) is None
        await running.clean()


async def test_a_request_stopped_before_content_owes_nothing_and_is_answered_403(
    tmp_path: Path,
) -> None:
    async with upstream_house(tmp_path) as (running, up), http(running) as client:
        for streamed in (False, True):
            seen = len(up.requests)
            up.script(replies.stall_before_headers())
            body = {**HELLO, "stream": streamed}
            asking = asyncio.create_task(client.post("/v1/chat/completions", json=body))
            await up.wait_requests(seen + 1)
            (live,) = running.house.relay.live.listed()
            assert (live.state, live.owed) == ("opening", 0)
            assert running.house.relay.live.stop(live.id, stopped_by_operator()) is not None
            answer = await asking
            assert answer.status_code == 403
            assert answer.json()["error"]["code"] == "cancelled_by_operator"
            assert (await running.house.billing.receipt(live.id)).cost == 0
        await running.clean()


async def test_a_stopped_request_of_messages_is_refused_in_its_own_envelope(tmp_path: Path) -> None:
    async with anthropic_house(tmp_path) as (running, up), http(running) as client:
        up.always(replies.stall_before_headers())
        asking = asyncio.create_task(client.post("/v1/messages", json=HI))
        await up.wait_requests(1)
        (live,) = running.house.relay.live.listed()
        assert running.house.relay.live.stop(live.id, stopped_by_operator()) is not None
        answer = await asking
        assert answer.status_code == 403
        assert answer.json()["error"]["type"] == "permission_error"
        await running.clean()


async def test_a_client_that_does_not_read_cant_delay_the_end_of_its_request(
    tmp_path: Path,
) -> None:
    async with upstream_house(tmp_path) as (running, up):
        never, read = asyncio.Event(), asyncio.Event()
        up.script(replies.stream([answers.role(), answers.text("one"), never, answers.end()]))
        client = _Unread(json.dumps(STREAM).encode(), reads=read)
        asking = asyncio.create_task(running.house(scope(running), client.receive, client.send))
        await client.until_sent(b"one")
        (live,) = running.house.relay.live.listed()
        over = running.house.relay.live.stop(live.id, stopped_by_operator())
        assert over is not None
        await over.wait()
        assert not asking.done()
        kept = await running.house.billing.receipt(live.id)
        assert (kept.outcome, kept.cost) == ("cancelled", live.owed)
        await running.clean()
        read.set()
        await asking
        assert b"cancelled_by_operator" in client.text
        assert client.finished


async def test_a_stopped_request_under_an_idempotency_key_tells_its_followers(
    tmp_path: Path,
) -> None:
    async with upstream_house(tmp_path) as (running, up), http(running) as client:
        _held_open(up)
        client.headers["idempotency-key"] = "k-1"
        asking = await _begun(client)
        (live,) = running.house.relay.live.listed()
        assert running.house.relay.live.stop(live.id, stopped_by_operator()) is not None
        request_id, text = await asking
        assert frames(text)[-1]["error"]["code"] == "cancelled_by_operator"
        assert (await running.house.billing.receipt(live.id)).cost == live.owed
        del request_id
        again = await client.post("/v1/chat/completions", json=STREAM)
        assert again.status_code == 409
        await running.clean()


@dataclass(slots=True)
class _Unread(Client):
    """A client whose connection takes nothing more after the first word, until ``reads``."""

    reads: asyncio.Event = field(default_factory=asyncio.Event)

    async def send(self, message: MutableMapping[str, Any]) -> None:
        stuck = b"one" in self.text
        await Client.send(self, message)
        if stuck:
            await self.reads.wait()


async def _streamed(
    client: httpx.AsyncClient, began: asyncio.Event | None = None
) -> tuple[str, str]:
    """→ (request id, all of the stream); ``began`` is set with its first word."""
    text = ""
    async with client.stream("POST", "/v1/chat/completions", json=STREAM) as got:
        async for piece in got.aiter_text():
            text += piece
            if began is not None and "one" in text:
                began.set()
        return got.headers["x-request-id"], text


async def _begun(client: httpx.AsyncClient) -> asyncio.Task[tuple[str, str]]:
    """A stream that has given its first word."""
    began = asyncio.Event()
    asking = asyncio.create_task(_streamed(client, began))
    async with asyncio.timeout(30):
        await began.wait()
    return asking
