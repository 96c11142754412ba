"""Which connection a request travels on, how many there are, and who waits for whom."""

from __future__ import annotations

import asyncio

import pytest
from tests.transport.peer import OK, Wire, always, peer

from tokenhouse.transport import Client, ClientClosed, ClosedEarly, Limits, Origin, TimedOut

EVIL = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil"


async def fetch(client: Client, origin: Origin, body: bytes = b"{}") -> bytes:
    async with await client.send(origin, b"POST", b"/", body=body) as answer:
        return await answer.read_all()


async def echo(wire: Wire) -> None:
    """Answer with the request's body."""
    while True:
        body = (await wire.request()).partition(b"\r\n\r\n")[2]
        await wire.say(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))


@pytest.mark.parametrize("surplus", [EVIL, b"X", b"HTTP/1.1 100 Continue\r\n\r\n"])
@pytest.mark.parametrize(
    "sent",
    [
        OK,
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok",
    ],
)
async def test_surplus_bytes_after_an_answer_never_reach_another_request(
    client: Client, sent: bytes, surplus: bytes
) -> None:
    async with peer(always(sent + surplus)) as server:
        for number in range(1, 4):
            assert await fetch(client, server.origin) == b"ok"
            assert server.connections == number


@pytest.mark.parametrize("surplus", [EVIL, b"\r\n"])
async def test_bytes_that_come_while_idle_close_the_connection(
    client: Client, surplus: bytes
) -> None:
    read = asyncio.Event()
    said = asyncio.Event()

    async def script(wire: Wire) -> None:
        await wire.request()
        await wire.say(OK)
        if wire.number == 0:
            await read.wait()
            await wire.say(surplus)
            said.set()  # in the client's socket, but its event loop has not looked there yet
            await wire.hung_up()

    async with peer(script) as server:
        assert await fetch(client, server.origin) == b"ok"
        read.set()
        await said.wait()
        assert await fetch(client, server.origin) == b"ok"
        assert server.connections == 2


async def test_an_idle_connection_hears_surplus_bytes_without_being_asked(client: Client) -> None:
    read = asyncio.Event()
    hung_up = asyncio.Event()

    async def script(wire: Wire) -> None:
        await wire.request()
        await wire.say(OK)
        await read.wait()
        await wire.say(EVIL)
        await wire.hung_up()
        hung_up.set()

    async with peer(script) as server:
        assert await fetch(client, server.origin) == b"ok"
        read.set()
        await hung_up.wait()


@pytest.mark.parametrize("size", [2, 1_000_000])
async def test_a_stale_connection_is_replaced_once_and_the_request_sent_again(
    client: Client, size: int
) -> None:
    bodies: list[int] = []

    async def script(wire: Wire) -> None:
        bodies.append(len((await wire.request()).partition(b"\r\n\r\n")[2]))
        await wire.say(OK)
        if wire.number == 0:
            await wire.head()  # a second request, which it drops

    async with peer(script) as server:
        assert await fetch(client, server.origin, b"x") == b"ok"
        assert await fetch(client, server.origin, b"y" * size) == b"ok"
        assert server.connections == 2
        assert bodies == [1, size]


async def test_a_fresh_connection_in_place_of_a_stale_one_is_not_replaced_again(
    client: Client,
) -> None:
    async def script(wire: Wire) -> None:
        await wire.request()
        if wire.number == 0:
            await wire.say(OK)
            await wire.request()

    async with peer(script) as server:
        assert await fetch(client, server.origin) == b"ok"
        with pytest.raises(ClosedEarly) as caught:
            await fetch(client, server.origin)
        assert caught.value.may_have_run
        assert server.connections == 2


async def test_a_reused_connection_that_answered_a_byte_is_not_replaced(client: Client) -> None:
    async def script(wire: Wire) -> None:
        await wire.request()
        await wire.say(OK)
        await wire.request()
        await wire.say(b"H")

    async with peer(script) as server:
        assert await fetch(client, server.origin) == b"ok"
        with pytest.raises(ClosedEarly):
            await fetch(client, server.origin)
        assert server.connections == 1


async def test_a_reused_connection_that_is_silent_too_long_is_not_tried_again(
    client: Client,
) -> None:
    async def script(wire: Wire) -> None:
        await wire.request()
        await wire.say(OK)
        await wire.request()
        await wire.hung_up()

    async with peer(script) as server:
        assert await fetch(client, server.origin) == b"ok"
        with pytest.raises(TimedOut):
            await client.send(server.origin, b"GET", b"/", limits=Limits(headers_timeout_s=0.02))
        assert server.connections == 1


async def test_a_connection_closed_while_idle_is_forgotten(client: Client) -> None:
    async def script(wire: Wire) -> None:
        await wire.request()
        await wire.say(OK)

    async with peer(script) as server:
        for number in range(1, 4):
            assert await fetch(client, server.origin) == b"ok"
            assert server.connections == number


async def test_an_idle_connection_is_closed_after_its_time() -> None:
    hung_up = asyncio.Event()

    async def script(wire: Wire) -> None:
        await wire.request()
        await wire.say(OK)
        await wire.hung_up()
        hung_up.set()

    client = Client(Limits(idle_connection_s=0.02))
    async with peer(script) as server:
        assert await fetch(client, server.origin) == b"ok"
        await hung_up.wait()
    await client.aclose()


async def test_the_default_idle_time_is_below_the_five_seconds_of_vllm_and_uvicorn() -> None:
    assert Limits().idle_connection_s == 4.0


async def test_an_answer_left_before_its_end_closes_its_connection_at_once(client: Client) -> None:
    hung_up = asyncio.Event()

    async def script(wire: Wire) -> None:
        await wire.request()
        await wire.say(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n")
        await wire.hung_up()
        hung_up.set()

    async with peer(script) as server:
        async with await client.send(server.origin, b"GET", b"/") as answer:
            assert await answer.read() == b"a"
        await hung_up.wait()


async def test_an_answer_that_is_whole_but_unread_leaves_its_connection_usable(
    client: Client,
) -> None:
    async with peer(always(OK)) as server:
        for _ in range(3):
            await (await client.send(server.origin, b"GET", b"/")).aclose()
        assert server.connections == 1


async def test_there_are_never_more_connections_than_the_bound() -> None:
    now = most = 0

    async def script(wire: Wire) -> None:
        nonlocal now, most
        await wire.request()
        now += 1
        most = max(most, now)
        await asyncio.sleep(0)
        now -= 1
        await wire.say(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok")

    client = Client(Limits(connections_per_origin_max=2))
    async with peer(script) as server:
        await asyncio.gather(*(fetch(client, server.origin) for _ in range(12)))
        assert most == 2
        assert server.connections == 12
    await client.aclose()


@pytest.mark.parametrize("keep", [True, False])
async def test_who_asked_first_is_served_first(keep: bool) -> None:
    order: list[bytes] = []
    go_on = asyncio.Event()
    close = b"" if keep else b"connection: close\r\n"

    async def script(wire: Wire) -> None:
        while True:
            order.append((await wire.request()).partition(b"\r\n\r\n")[2])
            await go_on.wait()
            await wire.say(b"HTTP/1.1 200 OK\r\n%bcontent-length: 2\r\n\r\nok" % close)

    client = Client(Limits(connections_per_origin_max=1))
    async with peer(script) as server:
        tasks = [
            asyncio.create_task(fetch(client, server.origin, b"%d" % number)) for number in range(8)
        ]
        await asyncio.sleep(0)  # all have asked
        tasks[3].cancel()
        go_on.set()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert isinstance(results[3], asyncio.CancelledError)
        assert order == [b"0", b"1", b"2", b"4", b"5", b"6", b"7"]
        assert server.connections == (1 if keep else 7)
    await client.aclose()


async def test_waiting_for_a_connection_has_its_limit() -> None:
    async def script(wire: Wire) -> None:
        await wire.request()
        await wire.hung_up()

    client = Client(Limits(connections_per_origin_max=1, pool_timeout_s=0.02))
    async with peer(script) as server:
        first = asyncio.create_task(fetch(client, server.origin))
        await asyncio.sleep(0)
        with pytest.raises(TimedOut) as caught:
            await fetch(client, server.origin)
        assert caught.value.limit == "pool_timeout_s"
        assert not caught.value.may_have_run
        assert server.connections <= 1
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        async with asyncio.timeout(5):
            server.script = echo
            assert await fetch(client, server.origin) == b"{}"  # the permit came back
    await client.aclose()


async def test_origins_do_not_share_connections_or_bounds() -> None:
    client = Client(Limits(connections_per_origin_max=1))
    async with peer(always(OK)) as one, peer(always(OK)) as other:
        async with (
            await client.send(one.origin, b"GET", b"/") as first,
            await client.send(other.origin, b"GET", b"/") as second,
        ):
            assert await first.read_all() == await second.read_all() == b"ok"
        assert one.connections == other.connections == 1
    await client.aclose()


async def test_many_requests_at_once_get_each_its_own_answer(client: Client) -> None:
    async with peer(echo) as server:
        bodies = [b"%d" % number * (number * 37 + 1) for number in range(40)]
        answers = await asyncio.gather(*(fetch(client, server.origin, body) for body in bodies))
        assert answers == bodies


async def test_closing_the_client_ends_what_is_under_way_and_all_that_comes(
    client: Client,
) -> None:
    arrived = asyncio.Event()

    async def script(wire: Wire) -> None:
        await wire.request()
        arrived.set()
        await wire.hung_up()

    async with peer(script) as server:
        waiting = asyncio.create_task(fetch(client, server.origin))
        await arrived.wait()
        await client.aclose()
        await client.aclose()
        with pytest.raises(ClientClosed) as caught:
            await waiting
        assert caught.value.may_have_run
        for origin in (server.origin, Origin("http", "127.0.0.1", 1)):
            with pytest.raises(ClientClosed) as caught:
                await fetch(client, origin)
            assert not caught.value.may_have_run


async def test_closing_the_client_ends_those_who_wait_in_line() -> None:
    arrived = asyncio.Event()

    async def script(wire: Wire) -> None:
        await wire.request()
        arrived.set()
        await wire.hung_up()

    client = Client(Limits(connections_per_origin_max=1))
    async with peer(script) as server:
        tasks = [asyncio.create_task(fetch(client, server.origin)) for _ in range(3)]
        await arrived.wait()
        await client.aclose()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(result, ClientClosed) for result in results)
