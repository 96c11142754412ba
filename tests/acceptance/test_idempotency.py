"""``Idempotency-Key`` on inference: asked twice, answered the same, charged once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anthropic
import httpx
import openai
import pytest

from tests.acceptance.asking import HELLO, http, receipt
from tests.acceptance.messaging import KINDS, Kind, asked, house
from tests.acceptance.messaging import sdk as anthropic_sdk
from tests.api.asgi import Client, scope
from tests.support import answers, replies
from tests.support.house import Running, upstream_house
from tokenhouse.store import SqliteStore

KEY = {"idempotency-key": "order-66"}
PIECES = [answers.role(), answers.text("one"), answers.text(" two"), answers.end()]


@dataclass(slots=True)
class Timer:
    cancelled: bool = False

    def cancel(self) -> None:
        self.cancelled = True


@dataclass(slots=True)
class Timers:
    """Timers that go off when told to."""

    now: float = 0.0
    waiting: list[tuple[float, Callable[[], None], Timer]] = field(
        default_factory=list[tuple[float, Callable[[], None], Timer]]
    )

    def __call__(self, delay: float, callback: Callable[[], None], /) -> Timer:
        timer = Timer()
        self.waiting.append((self.now + delay, callback, timer))
        return timer

    def advance(self, seconds: float) -> None:
        self.now += seconds
        due = [entry for entry in self.waiting if entry[0] <= self.now]
        self.waiting = [entry for entry in self.waiting if entry[0] > self.now]
        for _, callback, timer in due:
            if not timer.cancelled:
                callback()


async def ask(client: httpx.AsyncClient, key: str = "order-66", **fields: Any) -> httpx.Response:
    return await client.post(
        "/v1/chat/completions",
        content=json.dumps({**HELLO, **fields}),
        headers={"idempotency-key": key},
    )


async def spent(running: Running) -> tuple[int, int]:
    """What the account has paid, and for how many requests; the ledger must be clean."""
    await running.until_no_hold()
    rows = await running.house.billing.receipts(running.account.id, limit=1000)
    balance = await running.house.billing.balance(running.account.id)
    paid = 10**12 - balance.balance
    assert paid == sum(row.cost for row in rows)
    return paid, len(rows)


@pytest.mark.parametrize("fields", [{}, {"stream": True}])
async def test_asked_again_it_is_the_same_answer_and_nothing_is_charged(
    tmp_path: Path, fields: dict[str, Any]
) -> None:
    async with upstream_house(tmp_path) as (running, up), http(running) as client:
        first = await ask(client, **fields)
        paid = await spent(running)
        again = await ask(client, **fields)
        assert (first.status_code, again.status_code) == (200, 200)
        assert again.content == first.content
        assert again.headers["x-request-id"] == first.headers["x-request-id"]
        assert again.headers["content-type"] == first.headers["content-type"]
        assert "idempotent-replayed" not in first.headers
        assert again.headers["idempotent-replayed"] == "true"
        assert await receipt(client, again) == await receipt(client, first)
        assert await spent(running) == paid
        assert paid[0] > 0
        assert len(up.requests) == 1


async def test_without_the_header_nothing_is_kept_and_each_request_is_charged(
    tmp_path: Path,
) -> None:
    async with upstream_house(tmp_path) as (running, up), http(running) as client:
        for _ in range(2):
            assert (await client.post("/v1/chat/completions", json=HELLO)).status_code == 200
        assert (await spent(running))[1] == 2
        assert len(up.requests) == 2
        assert await running.house.store.kept(running.account.id, "order-66") is None


async def test_a_replay_needs_no_credit_no_limit_and_no_model_that_runs(tmp_path: Path) -> None:
    async with upstream_house(tmp_path) as (running, up), http(running) as client:
        secret = await running.account_with(10**9, "narrow")
        client.headers["authorization"] = f"Bearer {secret}"
        first = await ask(client)
        await up.refuse()
        up.drop_connections()
        for _ in range(5):  # the plan allows three requests a minute
            assert (await ask(client)).content == first.content
        await running.clean()


async def test_another_body_or_route_under_the_same_key_is_refused_for_good(tmp_path: Path) -> None:
    async with upstream_house(tmp_path) as (running, up), http(running) as client:
        await ask(client)
        other_body = await ask(client, temperature=1)
        other_route = await client.post(
            "/v1/completions", json={"model": "echo", "prompt": "x"}, headers=KEY
        )
        for got in (other_body, other_route):
            assert got.status_code == 409
            assert got.headers["x-should-retry"] == "false"
            assert got.json()["error"]["code"] == "idempotency_key_reused"
            assert got.json()["error"]["param"] == "Idempotency-Key"
        same_route = await client.post(
            "/api/v7/llm/chat/completions", content=json.dumps(HELLO), headers=KEY
        )
        assert same_route.status_code == 200
        assert same_route.headers["idempotent-replayed"] == "true"
        assert len(up.requests) == 1
        await running.clean()


async def test_a_key_belongs_to_its_account(tmp_path: Path) -> None:
    async with upstream_house(tmp_path) as (running, up), http(running) as client:
        first = await ask(client)
        client.headers["authorization"] = f"Bearer {await running.account_with(10**9)}"
        other = await ask(client)
        assert other.headers["x-request-id"] != first.headers["x-request-id"]
        assert len(up.requests) == 2
        await running.clean()


@pytest.mark.parametrize("key", ["", "x" * 256, "with space", "na\u00efve", "tab\there"])
async def test_a_key_that_cant_be_taken_is_named(tmp_path: Path, key: str) -> None:
    async with upstream_house(tmp_path) as (running, up):
        client = Client(json.dumps(HELLO).encode())
        sent = scope(running)
        sent["headers"].append((b"idempotency-key", key.encode("latin-1")))
        await running.house(sent, client.receive, client.send)
        assert client.status == 400
        assert json.loads(client.text)["error"]["param"] == "Idempotency-Key"
        assert up.requests == []
        twice = Client(json.dumps(HELLO).encode())
        sent = scope(running)
        sent["headers"] += [(b"idempotency-key", b"one"), (b"idempotency-key", b"two")]
        await running.house(sent, twice.receive, twice.send)
        assert twice.status == 400
        await running.clean()


async def test_an_answer_that_failed_before_it_cost_anything_is_asked_anew(tmp_path: Path) -> None:
    async with upstream_house(tmp_path) as (running, up), http(running) as client:
        up.script(replies.error(500), replies.cut([answers.role()]))
        assert (await ask(client)).status_code == 502
        assert (await ask(client)).status_code == 502
        broke = await running.account_with(1)
        poor = await client.post(
            "/v1/chat/completions",
            json=HELLO,
            headers={**KEY, "authorization": f"Bearer {broke}"},
        )
        assert poor.status_code == 402
        await running.house.billing.credit(
            running.keys[broke], 10**9, reason="paid", idempotency_key="c"
        )
        rich = await client.post(
            "/v1/chat/completions",
            json=HELLO,
            headers={**KEY, "authorization": f"Bearer {broke}"},
        )
        good = await ask(client)
        assert (good.status_code, rich.status_code) == (200, 200)
        assert "idempotent-replayed" not in good.headers
        await running.clean()


async def test_a_stream_that_broke_after_it_cost_something_is_given_again_as_it_was(
    tmp_path: Path,
) -> None:
    async with upstream_house(tmp_path) as (running, up), http(running) as client:
        up.script(replies.cut([answers.role(), answers.text("one")]))
        first = await ask(client, stream=True)
        paid = await spent(running)
        again = await ask(client, stream=True)
        assert again.content == first.content
        assert b"one" in first.content
        assert b'"error"' in first.content
        assert again.headers["idempotent-replayed"] == "true"
        assert await spent(running) == paid
        assert paid[0] > 0


async def test_asked_again_mid_stream_it_gets_what_was_sent_and_then_what_comes(
    tmp_path: Path,
) -> None:
    async with upstream_house(tmp_path) as (running, up):
        gate = asyncio.Event()
        up.script(replies.stream([*PIECES[:2], gate, *PIECES[2:]]))
        body = json.dumps({**HELLO, "stream": True}).encode()
        first, second = Client(body), Client(body)
        async with asyncio.TaskGroup() as group:
            group.create_task(running.house(scope(running, **KEY), first.receive, first.send))
            await first.until_sent(b"one")
            group.create_task(running.house(scope(running, **KEY), second.receive, second.send))
            await second.until_sent(b"one")
            assert second.header("idempotent-replayed") == "true"
            gate.set()
        assert first.text == second.text
        assert first.finished
        assert second.finished
        assert b"[DONE]" in second.text
        assert first.header("x-request-id") == second.header("x-request-id")
        third = Client(body)
        await running.house(scope(running, **KEY), third.receive, third.send)
        assert third.text == first.text
        assert len(up.requests) == 1
        assert (await spent(running))[1] == 1


async def test_a_client_that_leaves_and_comes_back_within_a_minute_misses_nothing(
    tmp_path: Path,
) -> None:
    timers = Timers()
    async with upstream_house(tmp_path) as (running, up):
        running.house.keyed.later = timers
        gate = asyncio.Event()
        up.script(replies.stream([*PIECES[:2], gate, *PIECES[2:]]))
        first = await _leave_after_one(running)
        timers.advance(59)
        body = json.dumps({**HELLO, "stream": True}).encode()
        second = Client(body)
        async with asyncio.TaskGroup() as group:
            group.create_task(running.house(scope(running, **KEY), second.receive, second.send))
            await second.until_sent(b"one")
            timers.advance(60)  # somebody is there again: nothing is cancelled
            gate.set()
        assert second.text.startswith(first.text)
        assert b"[DONE]" in second.text
        rows = await running.house.billing.receipts(running.account.id)
        assert [row.outcome for row in rows] == ["finished"]
        await spent(running)


async def test_nobody_comes_back_for_a_minute_and_the_answer_is_finished_before(
    tmp_path: Path,
) -> None:
    timers = Timers()
    async with upstream_house(tmp_path) as (running, up), http(running) as client:
        running.house.keyed.later = timers
        gate = asyncio.Event()
        up.script(replies.stream([*PIECES[:2], gate, *PIECES[2:]]))
        await _leave_after_one(running)
        gate.set()
        await running.until_no_hold()
        timers.advance(60)
        got = await ask(client, stream=True)
        assert got.headers["idempotent-replayed"] == "true"
        assert got.text.endswith("data: [DONE]\n\n")
        assert (await spent(running))[1] == 1


async def test_nobody_comes_back_for_a_minute_and_it_is_cancelled_and_settled_as_usual(
    tmp_path: Path,
) -> None:
    timers = Timers()
    async with upstream_house(tmp_path) as (running, up), http(running) as client:
        running.house.keyed.later = timers
        up.script(replies.stall_in_body(PIECES[:2]))
        await _leave_after_one(running)
        timers.advance(60)
        await up.wait_closed_by_client()
        await running.until_no_hold()
        rows = await running.house.billing.receipts(running.account.id)
        assert [row.outcome for row in rows] == ["cancelled"]
        assert rows[0].cost > 0
        lost = await ask(client, stream=True)
        assert lost.status_code == 409
        assert lost.headers["x-should-retry"] == "false"
        assert lost.json()["error"]["code"] == "idempotency_answer_lost"
        assert rows[0].id in lost.json()["error"]["message"]
        assert len(up.requests) == 1


async def test_a_house_that_stops_ends_what_runs_without_a_client_and_settles_it(
    tmp_path: Path,
) -> None:
    timers = Timers()
    async with upstream_house(tmp_path) as (running, up):
        running.house.keyed.later = timers
        up.script(replies.stall_in_body(PIECES[:2]))
        await _leave_after_one(running)
        house, account = running.house, running.account.id
    assert house.keyed.running == {}
    store = SqliteStore(tmp_path / "tokenhouse.db", clock=house.clock)
    await store.start(serve=False)
    try:
        verification = await store.verify()
        assert (verification.errors, verification.open_holds) == ((), 0)
        rows = await store.receipts(account, since_ms=0, until_ms=2**62, limit=9)
        assert [row.outcome for row in rows] == ["cancelled"]
        assert rows[0].cost > 0
    finally:
        await store.stop()


async def test_an_answer_longer_than_is_kept_is_given_once_and_says_so_afterwards(
    tmp_path: Path,
) -> None:
    long = "x" * 200_000
    async with upstream_house(tmp_path) as (running, up), http(running) as client:
        for fields in ({"stream": True}, {}):
            key = f"long-{len(fields)}"
            if fields:
                pieces = [answers.role(), *(answers.text(long) for _ in range(25)), answers.end()]
                up.script(replies.stream(pieces))
            else:
                up.script(answers.said(long * 25))
            first = await ask(client, key, max_tokens=4000, **fields)
            assert first.status_code == 200
            assert first.text.count("x") >= 25 * len(long)
            again = await ask(client, key, max_tokens=4000, **fields)
            assert again.status_code == 409
            assert again.headers["x-should-retry"] == "false"
            assert again.json()["error"]["code"] == "idempotency_answer_too_large"
        assert (await spent(running))[1] == 2


async def test_another_process_says_409_until_it_is_finished_and_then_replays(
    tmp_path: Path,
) -> None:
    async with upstream_house(tmp_path) as (running, up), http(running) as client:
        gate = asyncio.Event()
        up.script(replies.stream([*PIECES[:2], gate, *PIECES[2:]]))
        body = json.dumps({**HELLO, "stream": True}).encode()
        first = Client(body)
        async with asyncio.TaskGroup() as group:
            group.create_task(running.house(scope(running, **KEY), first.receive, first.send))
            await first.until_sent(b"one")
            here, running.house.keyed.running = running.house.keyed.running, {}
            busy = await client.post("/v1/chat/completions", content=body, headers=KEY)
            assert busy.status_code == 409
            assert busy.headers["x-should-retry"] == "true"
            assert int(busy.headers["retry-after"]) >= 1
            assert busy.json()["error"]["code"] == "idempotency_key_in_use"
            running.house.keyed.running = here
            gate.set()
        got = await client.post("/v1/chat/completions", content=body, headers=KEY)
        assert got.content == first.text
        assert (await spent(running))[1] == 1


async def test_the_sdk_retries_after_a_dropped_connection_and_is_charged_once(
    tmp_path: Path,
) -> None:
    """Row 55: a retry after a dropped connection was a second answer, and paid twice."""
    async with upstream_house(tmp_path) as (running, up), Dropping(running) as proxy:
        gate = asyncio.Event()
        up.script(replies.raw(gate, *answers.said("here you are").steps))
        sdk = openai.AsyncOpenAI(
            base_url=f"http://127.0.0.1:{proxy.port}/v1", api_key=running.key, max_retries=2
        )
        async with sdk:
            asking = asyncio.create_task(
                sdk.chat.completions.create(
                    model="echo",
                    messages=[{"role": "user", "content": "hello"}],
                    extra_headers={"Idempotency-Key": "sdk-1"},
                )
            )
            await up.wait_requests(1)
            proxy.drop()
            await proxy.connected(2)
            gate.set()
            got = await asking
        assert got.choices[0].message.content == "here you are"
        assert len(up.requests) == 1
        assert (await spent(running))[1] == 1


@pytest.mark.parametrize("kind", KINDS)
async def test_a_message_streamed_to_anthropics_sdk_is_streamed_to_it_again(
    tmp_path: Path, kind: Kind
) -> None:
    async with house(kind, tmp_path) as (running, up), anthropic_sdk(running) as client:
        key = {"Idempotency-Key": "message-1"}

        async def streamed() -> str:
            async with client.messages.stream(**asked(), extra_headers=key) as stream:
                return (await stream.get_final_message()).model_dump_json()

        async def whole() -> str:
            own = {"Idempotency-Key": "message-2"}
            return (await client.messages.create(**asked(), extra_headers=own)).model_dump_json()

        for ask_it in (streamed, whole):
            first = await ask_it()
            assert await ask_it() == first
        assert len(up.requests) == 2
        with pytest.raises(anthropic.ConflictError) as caught:
            await client.messages.create(**asked("else"), extra_headers=key)
        assert caught.value.response.headers["x-should-retry"] == "false"
        assert (await spent(running))[1] == 2


@pytest.mark.parametrize("kind", KINDS)
async def test_a_message_followed_mid_stream_is_the_one_that_is_kept(
    tmp_path: Path, kind: Kind
) -> None:
    async with house(kind, tmp_path) as (running, _):
        body = json.dumps(asked(stream=True)).encode()
        clients = [Client(body) for _ in range(3)]
        for client in clients:
            async with asyncio.timeout(30):
                await running.house(
                    scope(running, "/v1/messages", anthropic_version="2023-06-01", **KEY),
                    client.receive,
                    client.send,
                )
        assert clients[0].text == clients[1].text == clients[2].text
        assert clients[0].text.count(b"content_block_stop") >= 1
        newer = Client(body)
        await running.house(
            scope(running, "/v1/messages", anthropic_version="2026-10-21", **KEY),
            newer.receive,
            newer.send,
        )
        assert newer.status == 409
        assert (await spent(running))[1] == 1


async def test_the_sdk_does_not_retry_a_key_that_was_used_for_something_else(
    tmp_path: Path,
) -> None:
    async with upstream_house(tmp_path) as (running, up), Dropping(running) as proxy:
        sdk = openai.AsyncOpenAI(
            base_url=f"http://127.0.0.1:{proxy.port}/v1", api_key=running.key, max_retries=2
        )
        async with sdk:
            await _sdk_ask(sdk, "hello")
            with pytest.raises(openai.ConflictError):
                await _sdk_ask(sdk, "something else")
        assert len(up.requests) == 1
        assert proxy.requests == 2
        await running.clean()


async def _sdk_ask(sdk: openai.AsyncOpenAI, text: str) -> None:
    await sdk.chat.completions.create(
        model="echo",
        messages=[{"role": "user", "content": text}],
        extra_headers={"Idempotency-Key": "sdk-2"},
    )


async def _leave_after_one(running: Running) -> Client:
    """Ask for a stream under KEY, leave after its first content, wait until that was noticed."""
    client = Client(json.dumps({**HELLO, "stream": True}).encode())
    task = asyncio.ensure_future(running.house(scope(running, **KEY), client.receive, client.send))
    await client.until_sent(b"one")
    client.left.set()
    await task
    return client


class Dropping:
    """A TCP proxy in front of a house that drops its clients' connections when told to."""

    def __init__(self, running: Running) -> None:
        self._to = running.port
        self._clients: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._count = 0
        self._changed = asyncio.Condition()
        self.port = 0
        self.requests = 0

    async def __aenter__(self) -> Dropping:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.drop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def drop(self) -> None:
        for writer in self._clients:
            writer.transport.abort()

    async def connected(self, count: int) -> None:
        async with self._changed, asyncio.timeout(30):
            await self._changed.wait_for(lambda: self._count >= count)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._clients.add(writer)
        house_reader, house_writer = await asyncio.open_connection("127.0.0.1", self._to)
        async with self._changed:
            self._count += 1
            self._changed.notify_all()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pump(reader, house_writer, counting=True))
                group.create_task(self._pump(house_reader, writer))
        finally:
            house_writer.close()
            writer.close()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, counting: bool = False
    ) -> None:
        try:
            while octets := await reader.read(65536):
                self.requests += counting and octets.startswith(b"POST ")
                writer.write(octets)
                await writer.drain()
        except ConnectionError:
            pass
        writer.close()
