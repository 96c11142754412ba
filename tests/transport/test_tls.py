"""Whom the client trusts, and what it tells a server about whom it wants."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import trustme
from tests.transport.peer import OK, Wire, always, peer

from tokenhouse.transport import Client, Limits, Origin, TlsFailed

Addresses = list[tuple[int, tuple[str | int, ...]]]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> str:
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


def serving(authority: trustme.CA, *names: str) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(*names).configure_cert(context)
    return context


async def at_home(host: str, port: int) -> Addresses:
    """Every name leads here."""
    return [(2, ("127.0.0.1", port))]


async def test_a_server_vouched_for_by_the_ca_file_is_trusted_and_told_its_name(
    authority: trustme.CA, ca_file: str
) -> None:
    asked: list[str | None] = []
    tls = serving(authority, "provider.example")
    tls.sni_callback = lambda _socket, name, _context: asked.append(name)
    client = Client(ca_file=ca_file, resolve=at_home)
    async with peer(always(OK), tls=tls) as server:
        origin = Origin("https", "provider.example", server.origin.port)
        for _ in range(3):
            async with await client.send(origin, b"POST", b"/", body=b"{}") as answer:
                assert await answer.read_all() == b"ok"
        assert server.connections == 1
    assert asked == ["provider.example"]
    await client.aclose()


async def test_an_address_may_stand_in_the_certificate(authority: trustme.CA, ca_file: str) -> None:
    client = Client(ca_file=ca_file)
    async with peer(always(OK), tls=serving(authority, "127.0.0.1")) as server:
        async with await client.send(server.origin, b"GET", b"/") as answer:
            assert await answer.read_all() == b"ok"
    await client.aclose()


async def test_a_certificate_for_another_host_is_refused(
    authority: trustme.CA, ca_file: str
) -> None:
    client = Client(ca_file=ca_file, resolve=at_home)
    async with peer(always(OK), tls=serving(authority, "other.example")) as server:
        origin = Origin("https", "provider.example", server.origin.port)
        with pytest.raises(TlsFailed, match=r"provider\.example") as caught:
            await client.send(origin, b"GET", b"/")
        assert not caught.value.may_have_run
    await client.aclose()


async def test_a_certificate_from_an_unknown_authority_is_refused(ca_file: str) -> None:
    client = Client(ca_file=ca_file)
    async with peer(always(OK), tls=serving(trustme.CA(), "127.0.0.1")) as server:
        with pytest.raises(TlsFailed):
            await client.send(server.origin, b"GET", b"/")
    await client.aclose()


async def test_without_a_ca_file_the_systems_authorities_are_trusted_and_no_other(
    authority: trustme.CA,
) -> None:
    client = Client()
    async with peer(always(OK), tls=serving(authority, "127.0.0.1")) as server:
        with pytest.raises(TlsFailed):
            await client.send(server.origin, b"GET", b"/")
    await client.aclose()


async def test_a_server_that_speaks_no_tls_is_an_error_of_tls(ca_file: str) -> None:
    client = Client(Limits(connect_timeout_s=5), ca_file=ca_file)

    async def script(wire: Wire) -> None:
        await wire.reader.read(1)
        await wire.say(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with peer(script) as server:
        origin = Origin("https", "127.0.0.1", server.origin.port)
        with pytest.raises(TlsFailed):
            await client.send(origin, b"GET", b"/")
    await client.aclose()


async def test_a_large_body_and_answer_pass_through_tls(
    authority: trustme.CA, ca_file: str
) -> None:
    sent = b"HTTP/1.1 200 OK\r\ncontent-length: 3000000\r\n\r\n" + b"z" * 3_000_000
    client = Client(ca_file=ca_file)
    async with peer(always(sent), tls=serving(authority, "127.0.0.1")) as server:
        for _ in range(2):
            body = b"x" * 3_000_000
            async with await client.send(server.origin, b"POST", b"/", body=body) as answer:
                assert await answer.read_all() == b"z" * 3_000_000
        assert server.connections == 1
    await client.aclose()


async def test_a_ca_file_that_cannot_be_read_is_told_when_the_client_is_made(
    tmp_path: Path,
) -> None:
    with pytest.raises(FileNotFoundError):
        Client(ca_file=str(tmp_path / "none.pem"))
    empty = tmp_path / "empty.pem"
    empty.write_text("no certificate")
    with pytest.raises(OSError):
        Client(ca_file=str(empty))
