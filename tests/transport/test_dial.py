"""Names, addresses and sockets."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from tests.transport.peer import OK, always, once, peer, unix_peer

from tokenhouse.transport import Client, ConnectFailed, NameNotResolved, Origin
from tokenhouse.transport.dial import Address, connect_first, resolve_with_system

HERE: Address = (socket.AF_INET, ("127.0.0.1", 0))


def closed_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


class Names:
    """A resolver that is told its answers and counts its questions."""

    def __init__(self, *addresses: Address) -> None:
        self.addresses: Sequence[Address] = addresses
        self.asked: list[tuple[str, int]] = []

    async def __call__(self, host: str, port: int) -> Sequence[Address]:
        self.asked.append((host, port))
        return self.addresses


@pytest.fixture
def deaf() -> Iterator[Address]:
    """An address where a connection attempt gets no answer: its queue is full."""
    with socket.socket() as listener, socket.socket() as one, socket.socket() as two:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        for filler in (one, two):
            filler.setblocking(False)
            filler.connect_ex(address)
        yield socket.AF_INET, address


async def test_a_name_is_looked_up_for_each_connection_and_not_for_each_request() -> None:
    async with peer(always(OK)) as first, peer(once(OK)) as second:
        names = Names((socket.AF_INET, ("127.0.0.1", first.origin.port)))
        client = Client(resolve=names)
        origin = Origin("http", "moving.example", 8000)
        for _ in range(3):
            async with await client.send(origin, b"GET", b"/") as answer:
                await answer.read_all()
        assert names.asked == [("moving.example", 8000)]
        names.addresses = [(socket.AF_INET, ("127.0.0.1", second.origin.port))]
        async with (
            await client.send(origin, b"GET", b"/") as kept,
            await client.send(origin, b"GET", b"/") as made,
        ):
            assert await kept.read_all() == await made.read_all() == b"ok"
        assert (first.connections, second.connections) == (1, 1)
        await client.aclose()


async def test_a_name_without_address_is_its_own_error() -> None:
    async def resolve(host: str, port: int) -> list[Address]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    for client in (Client(resolve=resolve), Client(resolve=Names())):
        with pytest.raises(NameNotResolved, match=r"no\.example") as caught:
            await client.send(Origin("http", "no.example", 80), b"GET", b"/")
        assert not caught.value.may_have_run
        await client.aclose()


async def test_a_refused_connection_is_its_own_error(client: Client) -> None:
    with pytest.raises(ConnectFailed) as caught:
        await client.send(Origin("http", "127.0.0.1", closed_port()), b"GET", b"/")
    assert not caught.value.may_have_run


async def test_a_refused_address_gives_way_to_the_next() -> None:
    async with peer(always(OK)) as server:
        names = Names(
            (socket.AF_INET, ("127.0.0.1", closed_port())),
            (socket.AF_INET, ("127.0.0.1", server.origin.port)),
        )
        client = Client(resolve=names)
        async with await client.send(Origin("http", "two.example", 80), b"GET", b"/") as answer:
            assert await answer.read_all() == b"ok"
        await client.aclose()


async def test_when_every_address_refuses_all_reasons_are_told() -> None:
    names = Names(
        (socket.AF_INET, ("127.0.0.1", closed_port())),
        (socket.AF_INET6, ("::1", closed_port(), 0, 0)),
    )
    client = Client(resolve=names)
    with pytest.raises(ConnectFailed, match=r"two\.example"):
        await client.send(Origin("http", "two.example", 80), b"GET", b"/")
    await client.aclose()


async def test_an_address_that_does_not_answer_does_not_hold_up_the_next(deaf: Address) -> None:
    async with peer(always(OK)) as server:
        where = ("127.0.0.1", server.origin.port)
        sock = await connect_first([deaf, (socket.AF_INET, where)])
        assert sock.getpeername() == where
        sock.close()


async def test_ipv6_is_spoken() -> None:
    try:
        with socket.socket(socket.AF_INET6) as sock:
            sock.bind(("::1", 0))
    except OSError:
        pytest.skip("this machine has no IPv6")
    seen: list[bytes] = []
    client = Client()
    async with peer(always(OK), host="::1") as server:
        origin, _ = Origin.parse(f"http://[::1]:{server.origin.port}")
        assert origin == server.origin
        async with await client.send(origin, b"GET", b"/") as answer:
            seen.append(await answer.read_all())
    assert seen == [b"ok"]
    await client.aclose()


async def test_a_socket_is_kept_alive_and_sends_small_writes_at_once() -> None:
    async with peer(always(OK)) as server:
        sock = await connect_first([(socket.AF_INET, ("127.0.0.1", server.origin.port))])
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        sock.close()


async def test_an_address_in_numbers_is_not_looked_up() -> None:
    assert await resolve_with_system("127.0.0.1", 80) == [(socket.AF_INET, ("127.0.0.1", 80))]
    assert (await resolve_with_system("::1", 80))[0][0] == socket.AF_INET6
    assert await resolve_with_system("localhost", 80)


async def test_a_unix_socket_is_a_server_like_any(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "s"
    async with unix_peer(always(OK), path) as server:
        for _ in range(3):
            async with await client.send(server.origin, b"POST", b"/", body=b"{}") as answer:
                assert await answer.read_all() == b"ok"
        assert server.connections == 1


@pytest.mark.parametrize("name", ["none", "x" * 200])
async def test_a_unix_socket_that_is_not_there_is_a_failed_connection(
    client: Client, tmp_path: Path, name: str
) -> None:
    origin = Origin("http", "localhost", 80, str(tmp_path / name))
    with pytest.raises(ConnectFailed):
        await client.send(origin, b"GET", b"/")
