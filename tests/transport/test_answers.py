"""What an upstream may send in answer, and what becomes of it."""

from __future__ import annotations

import asyncio

import pytest
from tests.transport.peer import OK, Wire, always, once, peer

from tokenhouse.transport import (
    Client,
    ClosedEarly,
    Limits,
    Malformed,
    TooBig,
    UnexpectedUpgrade,
)

CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


async def test_a_request_is_written_with_host_length_and_identity(client: Client) -> None:
    seen: list[bytes] = []

    async def script(wire: Wire) -> None:
        seen.append(await wire.request())
        await wire.say(OK)

    async with peer(script) as server:
        answer = await client.send(
            server.origin, b"POST", b"/v1/x?y=1", headers=[(b"x-a", b"b")], body=b"hello"
        )
        async with answer:
            assert (answer.status, answer.reason) == (200, b"OK")
            assert answer.headers == [(b"content-length", b"2")]
            assert answer.header(b"content-length") == b"2"
            assert answer.header(b"x-none") is None
            assert await answer.read_all() == b"ok"
            assert answer.end_known
    assert seen == [
        b"POST /v1/x?y=1 HTTP/1.1\r\nhost: %b\r\naccept-encoding: identity\r\nx-a: b\r\n"
        b"content-length: 5\r\n\r\nhello" % server.origin.authority.encode()
    ]


@pytest.mark.parametrize(
    ("sent", "body"),
    [
        (OK, b"ok"),
        (b"HTTP/1.1 200\r\nX-Empty:\r\nContent-Length:  2 \r\n\r\nok", b"ok"),
        (CHUNKED + b"1\r\no\r\n1\r\nk\r\n0\r\n\r\n", b"ok"),
        (CHUNKED + b'1;a=b;c="d"\r\no\r\n01\r\nk\r\n0;e\r\nX-Trailer: 1\r\nY: 2\r\n\r\n', b"ok"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, b"ok"),
        (b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 102 P\r\n\r\n" + OK, b"ok"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        (b"HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n", b""),
        (b"HTTP/1.1 200 OK\r\nupgrade: h2c\r\nconnection: upgrade\r\ncontent-length: 2\r\n\r\nok", b"ok"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", b"ok"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("spelled", [False, True])
async def test_an_answer_is_read_whole_and_its_connection_serves_again(
    client: Client, sent: bytes, body: bytes, spelled: bool
) -> None:
    async def script(wire: Wire) -> None:
        while True:
            await wire.request()
            await (wire.spell(sent) if spelled else wire.say(sent))

    async with peer(script) as server:
        for _ in range(3):
            async with await client.send(server.origin, b"POST", b"/", body=b"{}") as answer:
                assert await answer.read_all() == body
                assert answer.end_known
                assert await answer.read() == b""
                assert answer.header(b"link") is None  # of an interim answer
                assert answer.header(b"x-trailer") is None
        assert server.connections == 1


async def test_chunks_that_came_together_are_read_together(client: Client) -> None:
    go_on = asyncio.Event()

    async def script(wire: Wire) -> None:
        await wire.request()
        await wire.say(CHUNKED + b"1\r\na\r\n1\r\nb\r\n")
        await go_on.wait()
        await wire.say(b"1\r\nc\r\n0\r\n\r\n")

    async with (
        peer(script) as server,
        await client.send(server.origin, b"GET", b"/") as answer,
    ):
        assert await answer.read() == b"ab"
        go_on.set()
        assert await answer.read() == b"c"
        assert await answer.read() == b""


async def test_the_answer_to_head_has_no_body(client: Client) -> None:
    sent = b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n"
    async with peer(always(sent)) as server:
        for _ in range(2):
            async with await client.send(server.origin, b"HEAD", b"/") as answer:
                assert answer.header(b"content-length") == b"500"
                assert await answer.read_all() == b""
        assert server.connections == 2  # what follows such a head cannot be told apart


@pytest.mark.parametrize(
    "sent",
    [
        b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok",
    ],
)
async def test_an_answer_that_closes_is_not_followed_by_another(
    client: Client, sent: bytes
) -> None:
    async with peer(always(sent)) as server:
        for _ in range(2):
            async with await client.send(server.origin, b"GET", b"/") as answer:
                assert await answer.read_all() == b"ok"
                assert answer.end_known
        assert server.connections == 2


async def test_http_1_0_may_ask_to_be_kept(client: Client) -> None:
    sent = b"HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 2\r\n\r\nok"
    async with peer(always(sent)) as server:
        for _ in range(2):
            async with await client.send(server.origin, b"GET", b"/") as answer:
                assert await answer.read_all() == b"ok"
        assert server.connections == 1


async def test_a_body_without_length_ends_with_the_connection_and_says_so(client: Client) -> None:
    async with (
        peer(once(b"HTTP/1.1 200 OK\r\n\r\nsome")) as server,
        await client.send(server.origin, b"GET", b"/") as answer,
    ):
        assert not answer.end_known
        assert await answer.read_all() == b"some"


async def test_a_body_without_length_that_is_reset_was_cut(client: Client) -> None:
    read = asyncio.Event()

    async def script(wire: Wire) -> None:
        await wire.request()
        await wire.say(b"HTTP/1.1 200 OK\r\n\r\nsome")
        await read.wait()
        wire.reset()

    async with (
        peer(script) as server,
        await client.send(server.origin, b"GET", b"/") as answer,
    ):
        assert await answer.read() == b"some"
        read.set()
        with pytest.raises(ClosedEarly) as caught:
            await answer.read()
        assert caught.value.where == "body"


@pytest.mark.parametrize(
    "sent", [b"", b"HTTP/1.1 200 OK\r\ncontent-le", b"HTTP/1.1 100 Continue\r\n\r\n"]
)
async def test_a_head_cut_short_is_an_error_and_no_second_try(client: Client, sent: bytes) -> None:
    async with peer(once(sent)) as server:
        with pytest.raises(ClosedEarly) as caught:
            await client.send(server.origin, b"POST", b"/", body=b"{}")
        assert caught.value.where == "head"
        assert caught.value.may_have_run
        assert server.connections == 1  # a fresh connection is not tried again


@pytest.mark.parametrize(
    "sent",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhal",
        CHUNKED + b"3\r\nhal\r\n",
        CHUNKED + b"3\r\nhal\r\n0\r\n",
    ],
)
async def test_a_body_cut_short_gives_what_came_and_then_an_error(
    client: Client, sent: bytes
) -> None:
    async with (
        peer(once(sent)) as server,
        await client.send(server.origin, b"POST", b"/", body=b"{}") as answer,
    ):
        assert await answer.read() == b"hal"
        with pytest.raises(ClosedEarly) as caught:
            await answer.read()
        assert caught.value.where == "body"
        assert caught.value.may_have_run


@pytest.mark.parametrize(
    "sent",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 two hundred\r\n\r\n",
        b"HTTP/1.1 099 OK\r\ncontent-length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2, 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\ncontent-length: -2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked, gzip\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: identity\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx : a\r\ncontent-length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nx: a\r\n b\r\ncontent-length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nx: a\0b\r\ncontent-length: 2\r\n\r\nok",
    ],
)  # fmt: skip
async def test_a_malformed_head_is_refused(client: Client, sent: bytes) -> None:
    async with peer(once(sent)) as server:
        with pytest.raises(Malformed) as caught:
            await client.send(server.origin, b"GET", b"/")
        assert caught.value.may_have_run


async def test_a_malformed_chunk_ends_the_body_with_an_error(client: Client) -> None:
    async with (
        peer(once(CHUNKED + b"2\r\nok\r\nzz\r\n")) as server,
        await client.send(server.origin, b"GET", b"/") as answer,
    ):
        assert await answer.read() == b"ok"
        for _ in range(2):
            with pytest.raises(Malformed):
                await answer.read()


@pytest.mark.parametrize("headers", [b"", b"upgrade: websocket\r\nconnection: upgrade\r\n"])
async def test_a_switch_of_protocols_is_refused(client: Client, headers: bytes) -> None:
    async with peer(once(b"HTTP/1.1 101 Switching Protocols\r\n" + headers + b"\r\nxyz")) as server:
        with pytest.raises(UnexpectedUpgrade):
            await client.send(server.origin, b"GET", b"/")


@pytest.mark.parametrize(
    "sent",
    [
        b"HTTP/1.1 200 OK\r\nx: " + b"y" * 70_000,  # no end in sight
        b"HTTP/1.1 200 OK\r\nx: " + b"y" * 70_000 + b"\r\ncontent-length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\n" + b"x: yyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n" * 3000,
        b"HTTP/1.1 103 Early\r\nlink: yyyyyyyyyyyyyyyy\r\n\r\n" * 2000,
    ],
)
async def test_a_head_larger_than_the_limit_is_refused(client: Client, sent: bytes) -> None:
    async def script(wire: Wire) -> None:
        await wire.request()
        await wire.say(sent)
        await wire.hung_up()

    async with peer(script) as server:
        with pytest.raises(TooBig) as caught:
            await client.send(server.origin, b"GET", b"/")
        assert caught.value.limit == "header_bytes_max"


@pytest.mark.parametrize("endless", [b"0\r\nx: ", b"5;ext="])
async def test_endless_trailers_and_chunk_extensions_are_refused(
    client: Client, endless: bytes
) -> None:
    async def script(wire: Wire) -> None:
        await wire.request()
        await wire.say(CHUNKED + b"2\r\nok\r\n" + endless)
        while True:
            await wire.say(b"y" * 4096)

    async with (
        peer(script) as server,
        await client.send(server.origin, b"GET", b"/") as answer,
    ):
        assert await answer.read() == b"ok"
        with pytest.raises(TooBig) as caught:
            await answer.read()
        assert caught.value.limit == "header_bytes_max"


async def test_read_all_stops_at_its_limit(client: Client) -> None:
    sent = b"HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n" + b"x" * 5000
    async with peer(always(sent)) as server:
        async with await client.send(server.origin, b"GET", b"/") as answer:
            assert len(await answer.read_all(5000)) == 5000
        async with await client.send(server.origin, b"GET", b"/") as answer:
            with pytest.raises(TooBig) as caught:
                await answer.read_all(4999)
            assert caught.value.limit == "body_bytes_max"
        limits = Limits(body_bytes_max=10)
        async with await client.send(server.origin, b"GET", b"/", limits=limits) as answer:
            with pytest.raises(TooBig):
                await answer.read_all()


async def test_reading_a_closed_answer_is_a_mistake_not_an_end(client: Client) -> None:
    async with peer(always(OK)) as server:
        answer = await client.send(server.origin, b"GET", b"/")
        await answer.aclose()
        await answer.aclose()
        with pytest.raises(RuntimeError):
            await answer.read()
