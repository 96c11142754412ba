"""Wherever a request is cancelled, nothing is left and nobody gets another's answer."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest
import trustme
from tests.transport.peer import Peer, Wire, nothing_left, open_sockets, peer
from tests.transport.tunnel import tunnel

from tokenhouse.transport import Client, ClientClosed, Limits, Origin, Proxies, Proxy

KINDS = ("http", "https", "proxy")
LIMITS = Limits(connections_per_origin_max=1, pool_timeout_s=5, connect_timeout_s=5)


async def echo_in_pieces(wire: Wire) -> None:
    while True:
        body = (await wire.request()).partition(b"\r\n\r\n")[2]
        await wire.say(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        for at in range(len(body)):
            await wire.say(b"1\r\n%b\r\n" % body[at : at + 1])
            await asyncio.sleep(0)
        await wire.say(b"0\r\n\r\n")


async def fetch(client: Client, origin: Origin, body: bytes) -> bytes:
    async with await client.send(origin, b"POST", b"/", body=body) as answer:
        return await answer.read_all()


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


class Stage:
    """A server, perhaps with TLS, perhaps behind a proxy, and a way to make clients for it."""

    def __init__(self, authority: trustme.CA, folder: Path) -> None:
        self.ca_file = str(folder / "ca.pem")
        authority.cert_pem.write_to_path(self.ca_file)
        self.tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert("127.0.0.1").configure_cert(self.tls)

    def client(self, proxy: Peer | None) -> Client:
        proxies = None
        if proxy is not None:
            proxies = Proxies(https=Proxy("127.0.0.1", proxy.origin.port))
        return Client(LIMITS, ca_file=self.ca_file, proxies=proxies)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_request_cancelled_at_any_step_leaves_nothing_and_harms_no_other(
    kind: str, authority: trustme.CA, tmp_path: Path
) -> None:
    stage = Stage(authority, tmp_path)
    tls = None if kind == "http" else stage.tls
    async with peer(echo_in_pieces, tls=tls) as server, peer(tunnel) as proxy:
        client = stage.client(proxy if kind == "proxy" else None)
        finished = steps = 0
        while finished < 3:  # from cancelled at once to not in time any more
            task = asyncio.create_task(fetch(client, server.origin, b"first%d" % steps))
            for _ in range(steps):
                await asyncio.sleep(0)
            if not task.cancel():
                finished += 1
            await asyncio.gather(task, return_exceptions=True)
            # One connection is all there may be: had it leaked, this would wait in vain; were it
            # half used, this would read what belongs to the first.
            assert await fetch(client, server.origin, b"second%d" % steps) == b"second%d" % steps
            if steps % 3 == 0:
                await client.aclose()
                client = stage.client(proxy if kind == "proxy" else None)
            steps += 1
        await client.aclose()
        assert steps > 10


@pytest.mark.parametrize("kind", KINDS)
async def test_a_client_closed_at_any_step_leaves_nothing(
    kind: str, authority: trustme.CA, tmp_path: Path
) -> None:
    stage = Stage(authority, tmp_path)
    tls = None if kind == "http" else stage.tls
    finished = steps = 0
    while finished < 2:
        before = open_sockets()
        async with peer(echo_in_pieces, tls=tls) as server, peer(tunnel) as proxy:
            client = stage.client(proxy if kind == "proxy" else None)
            tasks = [
                asyncio.create_task(fetch(client, server.origin, b"body%d" % number))
                for number in range(2)
            ]
            for _ in range(steps):
                await asyncio.sleep(0)
            await client.aclose()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            for number, result in enumerate(results):
                assert isinstance(result, ClientClosed) or result == b"body%d" % number
            finished += not any(isinstance(result, ClientClosed) for result in results)
        await nothing_left(before)
        steps += 3
    assert steps > 10


async def test_a_cancelled_read_loses_nothing(client: Client) -> None:
    go_on = asyncio.Event()

    async def script(wire: Wire) -> None:
        await wire.request()
        await wire.say(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n")
        await go_on.wait()
        await wire.say(b"body")

    async with (
        peer(script) as server,
        await client.send(server.origin, b"GET", b"/") as answer,
    ):
        reading = asyncio.create_task(answer.read())
        await asyncio.sleep(0)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        go_on.set()
        assert await answer.read_all() == b"body"
