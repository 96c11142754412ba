"""Under an Idempotency-Key, cancelled at every single await: client and running request each in turn.

Every hold ends once; asked again, the key answers, begins anew, or says that its answer is lost; and
nothing is charged twice for one answer.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.asking import HELLO
from tests.acceptance.test_cancel_everywhere import AWAITS_MAX, CancelAt
from tests.api.asgi import Client, scope
from tests.support import answers, replies
from tests.support.house import Running, upstream_house

PIECES = [answers.role(), answers.text("one"), answers.text(" two"), answers.end()]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("who", ["client", "request"])
async def test_cancelled_at_every_await_it_is_charged_once_and_its_key_tells_the_truth(
    tmp_path: Path, who: str, stream: bool
) -> None:
    async with upstream_house(tmp_path) as (running, up):
        up.always(replies.stream(PIECES) if stream else answers.said("one two"))
        body = json.dumps({**HELLO, "stream": stream}).encode()
        for turn in range(1, AWAITS_MAX):
            key = f"turn-{turn}"
            client = Client(body)
            if who == "client":
                cancelled = await _client_cancelled(running, client, key, turn)
            else:
                cancelled = await _request_cancelled(running, client, key, turn)
            await _again(running, body, key, client)
            if not cancelled:
                break
        else:
            raise AssertionError("the request never ran to its end")
        assert turn >= 2, "a request that is cancelled nowhere proves nothing"
        assert running.house.keyed.running == {}
        await running.until_no_hold()
        receipts = await running.house.billing.receipts(running.account.id, limit=1000)
        balance = await running.house.billing.balance(running.account.id)
        assert balance.balance == 10**12 - sum(row.cost for row in receipts)
        finished = [row for row in receipts if row.outcome == "finished"]
        assert len(finished) <= turn, "no key was answered twice"


async def _client_cancelled(running: Running, client: Client, key: str, turn: int) -> bool:
    asked = scope(running, idempotency_key=key)
    request = CancelAt(running.house(asked, client.receive, client.send), turn)
    task = asyncio.ensure_future(_run(request))
    await asyncio.wait({task})
    if not task.cancelled():
        assert task.exception() is None
    await _until_idle(running)
    return request.suspended >= turn


async def _request_cancelled(running: Running, client: Client, key: str, turn: int) -> bool:
    """The task in which the request runs is cancelled, not its client's."""
    loop = asyncio.get_running_loop()
    runs: list[CancelAt] = []

    def factory(
        loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, Any], **named: Any
    ) -> asyncio.Task[Any]:
        if getattr(coroutine, "__qualname__", "") == "KeyedAnswers._run":
            runs.append(CancelAt(coroutine, turn))
            coroutine = _run(runs[-1])
        return asyncio.Task(coroutine, loop=loop, **named)

    loop.set_task_factory(factory)  # type: ignore[arg-type]
    try:
        async with asyncio.timeout(30):
            await running.house(scope(running, idempotency_key=key), client.receive, client.send)
    finally:
        loop.set_task_factory(None)
    await _until_idle(running)
    assert len(runs) == 1
    assert client.finished
    return runs[0].suspended >= turn


async def _again(running: Running, body: bytes, key: str, before: Client) -> None:
    client = Client(body)
    async with asyncio.timeout(30):
        await running.house(scope(running, idempotency_key=key), client.receive, client.send)
    if client.status == 200:
        assert client.finished
        # a client that was told of the house's end may find the answer finished all the same
        if before.sent and before.status == 200 and b'"error"' not in before.text:
            assert client.header("idempotent-replayed") == "true"
            assert client.text == before.text
    else:
        assert client.status == 409
        assert json.loads(client.text)["error"]["code"] == "idempotency_answer_lost"


async def _until_idle(running: Running) -> None:
    """Whatever runs under a key without a client has ended."""
    async with asyncio.timeout(30):
        for _, task in tuple(running.house.keyed.running.values()):
            await asyncio.wait({task})


async def _run(request: CancelAt) -> None:
    await request
