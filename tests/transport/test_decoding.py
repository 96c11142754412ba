"""Content codings that come although identity was asked for."""

from __future__ import annotations

import asyncio
import gzip
import itertools
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.transport.peer import Wire, always, peer

from tokenhouse.transport import Client, Malformed, TooBig
from tokenhouse.transport.decoding import READ_BYTES_MAX, Inflater


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


PACKERS = {
    b"gzip": gzip.compress,
    b"x-gzip": gzip.compress,
    b"deflate": zlib.compress,
    b"Deflate": raw_deflate,
}


def answer_of(coding: bytes, body: bytes) -> bytes:
    head = b"HTTP/1.1 200 OK\r\ncontent-encoding: %b\r\ncontent-length: %d\r\n\r\n"
    return head % (coding, len(body)) + body


@pytest.mark.parametrize("coding", list(PACKERS))
@pytest.mark.parametrize("spelled", [False, True])
async def test_a_packed_answer_is_unpacked(client: Client, coding: bytes, spelled: bool) -> None:
    sent = answer_of(coding, PACKERS[coding](b"hello " * 50))

    async def script(wire: Wire) -> None:
        while True:
            await wire.request()
            await (wire.spell(sent) if spelled else wire.say(sent))

    async with peer(script) as server:
        for _ in range(2):
            async with await client.send(server.origin, b"GET", b"/") as answer:
                assert await answer.read_all() == b"hello " * 50
                assert await answer.read() == b""
        assert server.connections == 1


async def test_a_packed_stream_is_unpacked_as_it_comes(client: Client) -> None:
    packer = zlib.compressobj(wbits=31)
    pieces = [packer.compress(b"one") + packer.flush(zlib.Z_SYNC_FLUSH)]
    pieces.append(packer.compress(b"two") + packer.flush())

    read = asyncio.Event()

    async def script(wire: Wire) -> None:
        await wire.request()
        await wire.say(b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n")
        await wire.say(b"transfer-encoding: chunked\r\n\r\n")
        await wire.say(b"%x\r\n%b\r\n" % (len(pieces[0]), pieces[0]))
        await read.wait()
        await wire.say(b"%x\r\n%b\r\n0\r\n\r\n" % (len(pieces[1]), pieces[1]))

    async with (
        peer(script) as server,
        await client.send(server.origin, b"GET", b"/") as answer,
    ):
        assert await answer.read() == b"one"
        read.set()
        assert await answer.read() == b"two"
        assert await answer.read() == b""


async def test_a_bomb_is_handed_out_in_pieces_and_stopped_by_the_readers_limit(
    client: Client,
) -> None:
    bomb = gzip.compress(b"\0" * 100_000_000)
    assert len(bomb) < 200_000
    async with peer(always(answer_of(b"gzip", bomb))) as server:
        async with await client.send(server.origin, b"GET", b"/") as answer:
            for _ in range(5):
                assert len(await answer.read()) <= READ_BYTES_MAX
        async with await client.send(server.origin, b"GET", b"/") as answer:
            with pytest.raises(TooBig) as caught:
                await answer.read_all(1_000_000)
            assert caught.value.limit == "body_bytes_max"


@pytest.mark.parametrize(
    "body",
    [
        gzip.compress(b"hello" * 100)[:-9],  # cut, though the HTTP message is whole
        b"plain text",
        gzip.compress(b"x") + b"junk",
        b"\x1f",
    ],
)
async def test_a_broken_packed_body_is_never_taken_for_whole(client: Client, body: bytes) -> None:
    async with peer(always(answer_of(b"gzip", body))) as server:
        async with await client.send(server.origin, b"GET", b"/") as answer:
            with pytest.raises(Malformed):
                await answer.read_all()
            with pytest.raises(Malformed):
                await answer.read()


@pytest.mark.parametrize("coding", [b"br", b"zstd", b"gzip, gzip"])
async def test_another_coding_is_refused(client: Client, coding: bytes) -> None:
    async with peer(always(answer_of(coding, b"??"))) as server:
        with pytest.raises(Malformed):
            await client.send(server.origin, b"GET", b"/")


@pytest.mark.parametrize("coding", [b"gzip", b"br"])
async def test_an_answer_without_body_needs_no_unpacking(client: Client, coding: bytes) -> None:
    head = b"content-encoding: %b\r\n\r\n" % coding
    async with peer(always(b"HTTP/1.1 304 Not Modified\r\n" + head)) as server:
        async with await client.send(server.origin, b"GET", b"/") as answer:
            assert await answer.read_all() == b""


async def test_an_empty_body_is_whole_in_any_coding(client: Client) -> None:
    async with peer(always(answer_of(b"gzip", b""))) as server:
        async with await client.send(server.origin, b"GET", b"/") as answer:
            assert await answer.read_all() == b""


@given(
    data=st.binary(max_size=5000),
    cuts=st.lists(st.integers(0, 5000), max_size=8),
    coding=st.sampled_from(list(PACKERS)),
    members=st.integers(1, 3),
)
def test_unpacking_does_not_depend_on_where_the_bytes_are_cut(
    data: bytes, cuts: list[int], coding: bytes, members: int
) -> None:
    gzipped = coding in (b"gzip", b"x-gzip")
    packed = PACKERS[coding](data) * (members if gzipped else 1)
    inflater = Inflater(coding.lower())
    out = b""
    edges = sorted({0, len(packed), *(cut % (len(packed) + 1) for cut in cuts)})
    for start, end in itertools.pairwise(edges):
        inflater.feed(packed[start:end])
        while piece := inflater.take():
            out += piece
    assert out == data * (members if gzipped else 1)
    assert inflater.complete
