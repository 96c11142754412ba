"""Each wait has a limit with a name, and flow control holds in both directions."""

from __future__ import annotations

import asyncio
import tracemalloc

import pytest
from tests.transport.peer import Wire, peer

from tokenhouse.transport import Client, ClosedEarly, Limits, Origin, TimedOut

CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
LARGE = b"x" * 50_000_000


@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 200", b"HTTP/1.1 100 Continue\r\n\r\n"])
async def test_headers_that_do_not_come_run_out_their_limit(client: Client, sent: bytes) -> None:
    async def script(wire: Wire) -> None:
        await wire.request()
        await wire.say(sent)
        await wire.hung_up()

    async with peer(script) as server:
        with pytest.raises(TimedOut) as caught:
            await client.send(server.origin, b"GET", b"/", limits=Limits(headers_timeout_s=0.02))
        assert caught.value.limit == "headers_timeout_s"
        assert caught.value.may_have_run


async def test_headers_that_drip_run_out_the_same_limit(client: Client) -> None:
    async def script(wire: Wire) -> None:
        await wire.request()
        await wire.say(b"HTTP/1.1 200 OK\r\nx: ")
        while not wire.writer.transport.is_closing():
            await wire.say(b"y")
            await asyncio.sleep(0)

    async with peer(script) as server:
        limits = Limits(headers_timeout_s=0.05, header_bytes_max=2**30)
        with pytest.raises(TimedOut) as caught:
            await client.send(server.origin, b"GET", b"/", limits=limits)
        assert caught.value.limit == "headers_timeout_s"


@pytest.mark.parametrize("drip", [b"", b"5;x="])
async def test_a_body_that_falls_silent_runs_out_its_limit(client: Client, drip: bytes) -> None:
    async def script(wire: Wire) -> None:
        await wire.request()
        await wire.say(CHUNKED + b"1\r\na\r\n" + drip)
        await wire.hung_up()

    async with peer(script) as server:
        limits = Limits(idle_timeout_s=0.02)
        async with await client.send(server.origin, b"GET", b"/", limits=limits) as answer:
            assert await answer.read() == b"a"
            for _ in range(2):
                with pytest.raises(TimedOut) as caught:
                    await answer.read()
                assert caught.value.limit == "idle_timeout_s"
                assert caught.value.may_have_run


async def test_a_connection_that_does_not_come_about_runs_out_its_limit(client: Client) -> None:
    async def script(wire: Wire) -> None:
        await wire.hung_up()  # accepts, and never says a word of TLS

    async with peer(script) as server:
        origin = Origin("https", "127.0.0.1", server.origin.port)
        with pytest.raises(TimedOut) as caught:
            await client.send(origin, b"GET", b"/", limits=Limits(connect_timeout_s=0.05))
        assert caught.value.limit == "connect_timeout_s"
        assert not caught.value.may_have_run


async def test_a_name_that_is_not_resolved_in_time_runs_out_the_same_limit() -> None:
    async def resolve(host: str, port: int) -> list[tuple[int, tuple[str | int, ...]]]:
        await asyncio.Event().wait()
        raise AssertionError

    client = Client(Limits(connect_timeout_s=0.02), resolve=resolve)
    with pytest.raises(TimedOut) as caught:
        await client.send(Origin("http", "slow.example", 80), b"GET", b"/")
    assert caught.value.limit == "connect_timeout_s"
    await client.aclose()


async def test_a_large_body_to_a_slow_reader_is_held_back_in_bounded_memory(
    client: Client,
) -> None:
    read_on = asyncio.Event()

    async def script(wire: Wire) -> None:
        await wire.head()
        await read_on.wait()  # its reader's buffer fills, then it stops reading
        got = 0
        while got < len(LARGE) and (piece := await wire.reader.read(2**20)):
            got += len(piece)
        await wire.say(b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n%d" % got)

    async with peer(script) as server:
        tracemalloc.start()
        try:
            limits = Limits(write_timeout_s=0.1)
            with pytest.raises(TimedOut) as caught:
                await client.send(server.origin, b"POST", b"/", body=LARGE, limits=limits)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert caught.value.limit == "write_timeout_s"
        assert not caught.value.may_have_run
        assert peak < 8_000_000
        read_on.set()
        async with await client.send(server.origin, b"POST", b"/", body=LARGE) as answer:
            assert await answer.read_all() == b"%d" % len(LARGE)


@pytest.mark.parametrize("then_close", [False, True])
async def test_an_answer_before_the_body_is_sent_ends_the_sending(
    client: Client, then_close: bool
) -> None:
    got = 0

    async def script(wire: Wire) -> None:
        nonlocal got
        await wire.head()
        sent = b"HTTP/1.1 413 Content Too Large\r\ncontent-length: 8\r\n\r\ntoo much"
        await wire.say(sent)
        if then_close:
            wire.writer.write_eof()
        while piece := await wire.reader.read(65536):
            got += len(piece)

    async with peer(script) as server:
        async with await client.send(server.origin, b"POST", b"/", body=LARGE) as answer:
            assert answer.status == 413
            assert await answer.read_all() == b"too much"
        async with await client.send(server.origin, b"POST", b"/", body=b"{}") as answer:
            assert await answer.read_all() == b"too much"
        assert server.connections == 2  # the half-written one is not used again
        assert got < len(LARGE)


async def test_an_answer_is_read_though_its_server_hangs_up_on_the_body(client: Client) -> None:
    """Bytes that it leaves unread make its kernel reset the connection behind the answer."""

    async def script(wire: Wire) -> None:
        await wire.head()
        await wire.say(b"HTTP/1.1 413 Content Too Large\r\ncontent-length: 8\r\n\r\ntoo much")
        wire.writer.transport.abort()

    async with peer(script) as server:
        for _ in range(20):
            async with await client.send(server.origin, b"POST", b"/", body=LARGE) as answer:
                assert await answer.read_all() == b"too much"


async def test_a_server_that_hangs_up_while_the_body_is_written_has_not_run_it(
    client: Client,
) -> None:
    async def script(wire: Wire) -> None:
        await wire.head()
        wire.reset()

    async with peer(script) as server:
        with pytest.raises(ClosedEarly) as caught:
            await client.send(server.origin, b"POST", b"/", body=LARGE)
        assert caught.value.where == "head"
        assert not caught.value.may_have_run


async def test_a_slow_reader_holds_the_upstream_back(client: Client) -> None:
    total = 96 * 2**20
    piece = b"x" * 2**16
    stuck = asyncio.Event()
    sent = 0

    async def script(wire: Wire) -> None:
        nonlocal sent
        await wire.request()
        await wire.say(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % total)
        while sent < total:
            wire.writer.write(piece)
            sent += len(piece)
            if wire.writer.transport.get_write_buffer_size() > 2**20:
                stuck.set()
                await wire.writer.drain()
            await asyncio.sleep(0)
        stuck.set()

    async with (
        peer(script) as server,
        await client.send(server.origin, b"GET", b"/") as answer,
    ):
        await stuck.wait()
        assert sent < total / 2  # the kernel's buffers and ours, no more
        size = 0
        while got := await answer.read():
            size += len(got)
            assert len(got) < 2**20
        assert size == total
