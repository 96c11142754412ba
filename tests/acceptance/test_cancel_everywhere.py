"""A request cancelled at every single await: one resolution per hold, each time, nothing left."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine, Generator
from pathlib import Path
from typing import Any

import pytest

from tests.support import answers, replies
from tests.support.house import Running, upstream_house

AWAITS_MAX = 200


class CancelAt:
    """Awaits ``inner``, and cancels the current task as it suspends for the ``turn``-th time."""

    def __init__(self, inner: Coroutine[Any, Any, None], turn: int) -> None:
        self._inner = inner
        self._turn = turn
        self.suspended = 0

    def __await__(self) -> Generator[Any, Any, None]:
        inner = self._inner.__await__()
        error: BaseException | None = None
        while True:
            try:
                waited = inner.send(None) if error is None else inner.throw(error)
            except StopIteration:
                return
            error = None
            self.suspended += 1
            if self.suspended == self._turn:
                task = asyncio.current_task()
                assert task is not None
                task.cancel()
            try:
                yield waited
            except BaseException as caught:  # noqa: BLE001 -- handed on to the inner coroutine
                error = caught


@pytest.mark.parametrize("stream", [False, True])
async def test_cancelled_at_every_await_a_request_ends_its_hold_exactly_once(
    tmp_path: Path, stream: bool
) -> None:
    async with upstream_house(tmp_path) as (running, up):
        up.always(
            replies.stream(
                [answers.role(), answers.text("one"), answers.text(" two"), answers.end()]
            )
            if stream
            else answers.said("one two")
        )
        began = len(await running.house.billing.receipts(running.account.id, limit=1000))
        assert began == 0
        for turn in range(1, AWAITS_MAX):
            if not await _cancelled(running, stream=stream, turn=turn):
                break
        else:
            raise AssertionError("the request never ran to its end")
        assert turn > 5, "a request that is cancelled nowhere proves nothing"
        await running.until_no_hold()
        receipts = await running.house.billing.receipts(running.account.id, limit=1000)
        assert len({row.id for row in receipts}) == len(receipts)
        postings = await running.house.billing.postings(running.account.id, limit=1000)
        spent = -sum(posting.amount for posting in postings if posting.kind == "settle")
        assert spent == sum(row.cost for row in receipts)
        balance = await running.house.billing.balance(running.account.id)
        assert (balance.balance, balance.held) == (10**12 - spent, 0)


async def _cancelled(running: Running, *, stream: bool, turn: int) -> bool:
    """Run one request by hand, cancelled at its ``turn``-th await; False when it had fewer."""
    body = json.dumps(
        {"model": "echo", "stream": stream, "messages": [{"role": "user", "content": "x"}]}
    ).encode()
    sent: list[Any] = []
    asked = False
    forever = asyncio.Event()

    async def receive() -> dict[str, Any]:
        nonlocal asked
        if not asked:
            asked = True
            await asyncio.sleep(0)
            return {"type": "http.request", "body": body, "more_body": False}
        await forever.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        await asyncio.sleep(0)
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/chat/completions",
        "raw_path": b"/v1/chat/completions",
        "query_string": b"",
        "headers": [(b"authorization", b"Bearer " + running.key.encode())],
        "client": ("127.0.0.1", 1),
    }
    request = CancelAt(running.house(scope, receive, send), turn)
    task = asyncio.ensure_future(_run(request))
    await asyncio.wait({task})
    if not task.cancelled():
        assert task.exception() is None
    return request.suspended >= turn


async def _run(request: CancelAt) -> None:
    await request
