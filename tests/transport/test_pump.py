"""A body given to a function as it comes, beside one that is read."""

from __future__ import annotations

import asyncio

import pytest
from tests.transport.peer import OK, Wire, peer

from tokenhouse.transport import Client, ClosedEarly, Limits, TimedOut

HEAD = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


async def test_what_is_pumped_and_what_is_read_together_is_the_body(client: Client) -> None:
    async def script(wire: Wire) -> None:
        await wire.request()
        await wire.say(HEAD)
        await wire.spell(b"".join(_chunk(b"word %d " % number) for number in range(20)) + END)
        await wire.request()
        await wire.say(OK)

    async with peer(script) as server:
        for wanted in (b"".join(b"word %d " % number for number in range(20)), b"ok"):
            given: list[bytes] = []

            def take(data: bytes, given: list[bytes] = given) -> bool:
                given.append(data)
                return True

            async with await client.send(server.origin, b"POST", b"/") as answer:
                while True:
                    await answer.pump(take)
                    data = await answer.read()
                    if not data:
                        break
                    given.append(data)
            assert b"".join(given) == wanted
        assert server.connections == 1


async def test_a_taker_that_has_enough_leaves_the_rest_to_be_read(client: Client) -> None:
    more = asyncio.Event()

    async def script(wire: Wire) -> None:
        await wire.request()
        await wire.say(HEAD)
        await wire.say(_chunk(b"one"))
        await more.wait()
        await wire.say(_chunk(b"two") + END)

    def enough(data: bytes) -> bool:
        more.set()
        return data != b"one"

    async with peer(script) as server, await client.send(server.origin, b"GET", b"/") as answer:
        await answer.pump(enough)
        more.set()  # the first chunk may have come with the head: then nothing was pumped
        assert (await answer.read_all()).endswith(b"two")


async def test_what_the_taker_raises_is_raised_where_it_was_asked_for(client: Client) -> None:
    go = asyncio.Event()

    async def script(wire: Wire) -> None:
        await wire.request()
        await wire.say(HEAD)
        await go.wait()
        await wire.say(_chunk(b"one"))
        await wire.reader.read()

    def refuse(data: bytes) -> bool:
        raise KeyError(data)

    async with peer(script) as server, await client.send(server.origin, b"GET", b"/") as answer:
        go.set()
        with pytest.raises(KeyError, match="one"):
            await answer.pump(refuse)


async def test_a_cut_while_pumping_is_told_by_the_next_read(client: Client) -> None:
    go = asyncio.Event()

    async def script(wire: Wire) -> None:
        await wire.request()
        await wire.say(HEAD)
        await go.wait()
        await wire.say(_chunk(b"one") + b"5\r\nno")

    given: list[bytes] = []
    async with peer(script) as server:
        async with await client.send(server.origin, b"GET", b"/") as answer:
            go.set()
            await answer.pump(lambda data: not given.append(data))
            with pytest.raises(ClosedEarly):
                await answer.read_all()
    assert b"".join(given).startswith(b"one")


async def test_silence_while_pumping_runs_into_the_idle_limit() -> None:
    async def script(wire: Wire) -> None:
        await wire.request()
        await wire.say(HEAD)
        await wire.reader.read()

    client = Client(Limits(idle_timeout_s=0.05))
    async with peer(script) as server:
        async with await client.send(server.origin, b"GET", b"/") as answer:
            await answer.pump(lambda data: True)
            with pytest.raises(TimedOut, match="idle_timeout_s"):
                await answer.read()
    await client.aclose()


async def test_a_pump_that_is_cancelled_loses_nothing_that_was_not_given(client: Client) -> None:
    go = asyncio.Event()

    async def script(wire: Wire) -> None:
        await wire.request()
        await wire.say(HEAD)
        await go.wait()
        await wire.say(_chunk(b"after") + END)

    async with peer(script) as server, await client.send(server.origin, b"GET", b"/") as answer:
        pumping = asyncio.create_task(answer.pump(lambda data: True))
        await asyncio.sleep(0)
        pumping.cancel()
        with pytest.raises(asyncio.CancelledError):
            await pumping
        go.set()
        assert await answer.read_all() == b"after"
