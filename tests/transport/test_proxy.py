"""Tunnels through a proxy, and who is spared them."""

from __future__ import annotations

import asyncio
import base64
import ssl
from pathlib import Path

import pytest
import trustme
from tests.transport.peer import OK, Peer, Wire, always, peer
from tests.transport.tunnel import carry

from tokenhouse.transport import Client, Limits, Origin, Proxies, Proxy, ProxyFailed, TlsFailed


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> str:
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


@pytest.fixture
def tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


def through(proxy: Peer, no_proxy: str = "", authorization: bytes = b"") -> Proxies:
    return Proxies(Proxy("127.0.0.1", proxy.origin.port, authorization), no_proxy)


async def test_an_https_origin_is_reached_through_a_tunnel(
    tls: ssl.SSLContext, ca_file: str
) -> None:
    heads: list[bytes] = []

    async def script(wire: Wire) -> None:
        heads.append(await wire.head())
        await carry(wire, heads[-1])

    async with peer(always(OK), tls=tls) as server, peer(script) as proxy:
        proxies = through(proxy, authorization=b"Basic eDp5")
        client = Client(ca_file=ca_file, proxies=proxies)
        for _ in range(3):
            async with await client.send(server.origin, b"POST", b"/", body=b"{}") as answer:
                assert await answer.read_all() == b"ok"
        assert (server.connections, proxy.connections) == (1, 1)
        where = server.origin.authority.encode()
        assert heads == [
            b"CONNECT %b HTTP/1.1\r\nhost: %b\r\nproxy-authorization: Basic eDp5\r\n\r\n"
            % (where, where)
        ]
        await client.aclose()


async def test_the_origins_certificate_is_checked_behind_the_proxy(
    tls: ssl.SSLContext, tmp_path: Path
) -> None:
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))

    async def script(wire: Wire) -> None:
        await carry(wire, await wire.head())

    async with peer(always(OK), tls=tls) as server, peer(script) as proxy:
        client = Client(ca_file=str(other), proxies=through(proxy))
        with pytest.raises(TlsFailed):
            await client.send(server.origin, b"GET", b"/")
        await client.aclose()


@pytest.mark.parametrize(
    "sent",
    [
        b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n",
        b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 2\r\n\r\nno",
        b"HTTP/1.1 200 OK\r\n\r\nbytes that the origin did not send",
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno end",
        b"HTTP/1.1 200 OK\r\n" + b"x: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n" * 1000,
        b"",
    ],
)
async def test_a_proxy_that_opens_no_tunnel_is_an_error_of_the_proxy(sent: bytes) -> None:
    async def script(wire: Wire) -> None:
        await wire.head()
        await wire.say(sent)

    async with peer(script) as proxy:
        client = Client(Limits(connect_timeout_s=5), proxies=through(proxy))
        with pytest.raises(ProxyFailed) as caught:
            await client.send(Origin("https", "provider.example", 443), b"GET", b"/")
        assert not caught.value.may_have_run
        await client.aclose()


async def test_a_proxy_that_is_not_there_is_an_error_of_the_proxy() -> None:
    async with peer(always(OK)) as gone:
        pass
    client = Client(proxies=through(gone))
    with pytest.raises(ProxyFailed):
        await client.send(Origin("https", "provider.example", 443), b"GET", b"/")
    await client.aclose()


async def test_who_is_spared_the_proxy_is_reached_directly(
    tls: ssl.SSLContext, ca_file: str
) -> None:
    async with peer(always(OK), tls=tls) as server, peer(always(b"")) as proxy:
        client = Client(ca_file=ca_file, proxies=through(proxy, "localhost,127.0.0.1"))
        async with await client.send(server.origin, b"GET", b"/") as answer:
            assert await answer.read_all() == b"ok"
        assert proxy.connections == 0
        await client.aclose()


@pytest.mark.parametrize(
    ("no_proxy", "host", "spared"),
    [
        ("", "a.example", False),
        ("*", "a.example", True),
        ("a.example", "a.example", True),
        ("A.Example", "a.example", True),
        ("a.example", "b.a.example", True),
        (".a.example", "b.a.example", True),
        (".a.example", "a.example", True),
        ("a.example", "ba.example", False),
        ("b.example, a.example", "a.example", True),
        ("b.example a.example", "a.example", True),
        ("a.example:443", "a.example", True),
        ("a.example:8443", "a.example", False),
        ("10.0.0.0/8", "10.1.2.3", True),
        ("10.0.0.0/8", "11.1.2.3", False),
        ("10.0.0.0/99", "10.1.2.3", False),
        ("10.1.2.3", "10.1.2.3", True),
        ("0.0.0.3", "10.0.0.3", False),
        ("::1", "::1", True),
        ("[::1]", "::1", True),
        ("[::1]:443", "::1", True),
        ("[::1]:80", "::1", False),
        ("fd00::/8", "fd12::1", True),
        ("fd00::/8", "10.1.2.3", False),
    ],
)
def test_no_proxy_names_hosts_domains_ports_and_networks(
    no_proxy: str, host: str, spared: bool
) -> None:
    proxy = Proxy("proxy.example", 3128)
    proxies = Proxies(proxy, no_proxy)
    assert proxies.proxy_for(Origin("https", host, 443)) == (None if spared else proxy)


def test_plain_http_and_unix_sockets_take_no_proxy() -> None:
    proxies = Proxies(Proxy("proxy.example", 3128))
    assert proxies.proxy_for(Origin("http", "a.example", 80)) is None
    assert proxies.proxy_for(Origin("https", "a.example", 443, "/run/x.sock")) is None
    assert Proxies().proxy_for(Origin("https", "a.example", 443)) is None


def test_a_proxys_url_is_read() -> None:
    assert Proxy.parse("http://proxy.example:8080") == Proxy("proxy.example", 8080)
    assert Proxy.parse("proxy.example") == Proxy("proxy.example", 3128)
    assert Proxy.parse("http://[::1]:8080/") == Proxy("::1", 8080)
    secret = b"Basic " + base64.b64encode(b"me:p@ss")
    assert Proxy.parse("http://me:p%40ss@proxy.example:1") == Proxy("proxy.example", 1, secret)
    assert secret.decode() not in repr(Proxy.parse("http://me:p%40ss@proxy.example:1"))
    for bad in ("https://proxy.example", "socks5://proxy.example", "http://", "http://x:y:z"):
        with pytest.raises(ValueError):
            Proxy.parse(bad)


async def test_a_dial_through_a_silent_proxy_can_be_cancelled() -> None:
    asked = asyncio.Event()

    async def script(wire: Wire) -> None:
        await wire.head()
        asked.set()
        await wire.hung_up()

    async with peer(script) as proxy:
        client = Client(proxies=through(proxy))
        origin = Origin("https", "provider.example", 443)
        task = asyncio.create_task(client.send(origin, b"GET", b"/"))
        await asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await client.aclose()
