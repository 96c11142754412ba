"""Images by link: what is fetched, and from where nothing is, whatever names and redirects say."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import trustme

from tokenhouse.engine import ImageRefused
from tokenhouse.providers import ImageSettings
from tokenhouse.providers.image_links import ImageLinks
from tokenhouse.transport import Address

LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)
PRIVATE = [
    "127.0.0.1", "127.9.9.9", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254",
    "100.64.0.1", "0.0.0.0", "255.255.255.255", "224.0.0.1", "192.0.2.1", "198.18.0.1", "240.0.0.1",
    "::1", "::", "fe80::1", "fe80::1%lo", "fc00::1", "fd12::1", "ff02::1", "2001:db8::1",
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a00:1",
    "2002:7f00:1::", "2002:a00:1::1", "2001:0:4136:e378:8000:63bf:80ff:fffe",
]  # fmt: skip
PUBLIC = ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"]


@dataclass(slots=True)
class Site:
    """A server on this machine: path → (status, headers, body); None never answers."""

    port: int = 0
    pages: dict[str, tuple[int, Mapping[str, str], bytes] | None] = field(
        default_factory=dict[str, "tuple[int, Mapping[str, str], bytes] | None"]
    )
    asked: list[str] = field(default_factory=list[str])
    heads: list[str] = field(default_factory=list[str])
    left: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            path = head.split(" ")[1]
            self.heads.append(head)
            self.asked.append(path)
            page = self.pages.get(path, (404, {}, b"none"))
            if page is None:
                await reader.read()
                return
            status, headers, body = page
            lines = [
                f"HTTP/1.1 {status} x",
                *(f"{name}: {value}" for name, value in headers.items()),
            ]
            if "transfer-encoding" not in headers and "content-length" not in headers:
                lines.append(f"content-length: {len(body)}")
            writer.write("\r\n".join([*lines, "connection: close", "", ""]).encode() + body)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            self.left.set()


@asynccontextmanager
async def site(context: ssl.SSLContext | None = None) -> AsyncGenerator[Site]:
    one = Site()
    server = await asyncio.start_server(one.serve, "127.0.0.1", 0, ssl=context)
    one.port = server.sockets[0].getsockname()[1]
    try:
        yield one
    finally:
        server.close()
        await server.wait_closed()


Look = Callable[[str, int], Awaitable[Sequence[Address]]]


def names(*answers: Sequence[str], asked: list[str] | None = None) -> Look:
    """A resolver that gives these addresses, one list after another (the last for ever)."""
    left = list(answers)

    async def look_up(host: str, port: int) -> Sequence[Address]:
        if asked is not None:
            asked.append(host)
        found = left.pop(0) if len(left) > 1 else left[0]
        return [
            (int(socket.AF_INET6), (one, port, 0, 0))
            if ":" in one
            else (int(socket.AF_INET), (one, port))
            for one in found
        ]

    return look_up


@asynccontextmanager
async def links(
    look_up: Look | None = None, ca_file: str | None = None, **settings: object
) -> AsyncGenerator[ImageLinks]:
    values = {"allow_http": True, "fetch_timeout_s": 20.0, **settings}
    chosen = ImageSettings(**values)  # type: ignore[arg-type]
    made = (
        ImageLinks(chosen, ca_file=ca_file)
        if look_up is None
        else ImageLinks(chosen, ca_file=ca_file, resolve=look_up)
    )
    try:
        yield made
    finally:
        await made.aclose()


@pytest.mark.parametrize("address", PRIVATE)
async def test_a_name_that_leads_inside_is_not_connected_to(address: str) -> None:
    async with links(names([address])) as one:
        with pytest.raises(ImageRefused, match="address that this house does not fetch from"):
            await one.fetch("http://innocent.example/a.png")


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_allowed(address: str) -> None:
    one = ImageLinks(ImageSettings())
    assert one._allowed(address)  # pyright: ignore[reportPrivateUsage]


async def as_the_c_library(host: str, port: int) -> Sequence[Address]:
    """Numbers in all the ways that it takes them, without asking anybody."""
    if ":" in host:
        return [(int(socket.AF_INET6), (host, port, 0, 0))]
    plain = "127.0.0.1" if host in ("localhost", "127.0.0.1.") else host
    return [(int(socket.AF_INET), (socket.inet_ntoa(socket.inet_aton(plain)), port))]


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "[::1]", "0x7f.0.0.1", "2130706433", "127.1", "[::ffff:127.0.0.1]", "0",
     "0177.0.0.1", "[::]", "127.0.0.1."],
)  # fmt: skip
async def test_no_way_to_write_this_machine_reaches_it(host: str) -> None:
    async with site() as inside:
        inside.pages["/secret"] = (200, {}, b"secret")
        async with links(as_the_c_library) as one:
            with pytest.raises(ImageRefused):
                await one.fetch(f"http://{host}:{inside.port}/secret")
        assert inside.asked == []


async def test_a_network_that_the_operator_allows_is_fetched_from() -> None:
    async with site() as inside, links(allow_networks=LOOPBACK) as one:
        inside.pages["/a.png?b=c"] = (200, {}, b"bytes")
        assert await one.fetch(f"http://localhost:{inside.port}/a.png?b=c") == b"bytes"
        assert "authorization" not in inside.heads[0].lower()
        assert "cookie" not in inside.heads[0].lower()


async def test_the_address_that_was_checked_is_the_one_that_is_connected_to() -> None:
    """A name that says something else the second time: it is asked once for a connection."""
    asked: list[str] = []
    async with site() as inside:
        inside.pages["/a"] = (200, {}, b"seen")
        look_up = names(["127.0.0.1"], ["10.0.0.1"], asked=asked)
        async with links(look_up, allow_networks=LOOPBACK) as one:
            assert await one.fetch(f"http://turncoat.example:{inside.port}/a") == b"seen"
            assert asked == ["turncoat.example"]
            with pytest.raises(ImageRefused, match="address"):
                await one.fetch(f"http://turncoat.example:{inside.port}/a")
        assert inside.asked == ["/a"]


async def test_of_several_addresses_only_public_ones_are_tried() -> None:
    async with site() as inside:
        inside.pages["/a"] = (200, {}, b"seen")
        look_up = names(["10.0.0.1", "127.0.0.1", "::1"])
        async with links(look_up, allow_networks=LOOPBACK) as one:
            assert await one.fetch(f"http://several.example:{inside.port}/a") == b"seen"


async def test_every_redirect_is_checked_like_the_first_link() -> None:
    async def look_up(host: str, port: int) -> Sequence[Address]:
        address = "127.0.0.1" if host == "outside.example" else "10.0.0.1"
        return [(int(socket.AF_INET), (address, port))]

    async with site() as outside, links(look_up, allow_networks=LOOPBACK) as one:
        base = f"http://outside.example:{outside.port}"
        for place in (
            "http://inside.example/x", "file:///etc/passwd", "http+unix://%2Frun%2Fd.sock/x",
            "ftp://outside.example/x", "http://user:pass@outside.example/x", "//inside.example/x",
            "javascript:1", "http://", "data:image/png;base64,AAAA", "http://[::1", "gopher://a/",
        ):  # fmt: skip
            outside.pages["/go"] = (302, {"location": place}, b"")
            with pytest.raises(ImageRefused):
                await one.fetch(f"{base}/go")
        outside.pages["/go"] = (302, {"location": "/there"}, b"")
        outside.pages["/there"] = (301, {"location": f"{base}/end"}, b"")
        outside.pages["/end"] = (200, {}, b"here")
        assert await one.fetch(f"{base}/go") == b"here"


async def test_redirects_come_to_an_end() -> None:
    async with site() as inside, links(allow_networks=LOOPBACK, max_redirects=2) as one:
        inside.pages["/round"] = (307, {"location": "/round"}, b"")
        with pytest.raises(ImageRefused, match="more than 2 times"):
            await one.fetch(f"http://127.0.0.1:{inside.port}/round")
        assert inside.asked == ["/round"] * 3


@pytest.mark.parametrize(
    "url",
    ["file:///etc/passwd", "http://a.example/x", "ftp://a/x", "", "x", "//a/x", "https://", "https:///x",
     "https://user@a.example/", "https://a.example:99999/", "https://a.example:0/", "HTTP://a/",
     "http+unix://a",
     "https://a b/", "https://" + "a" * 9000, "blob:https://a/x"],
)  # fmt: skip
async def test_by_default_only_https_links_are_taken(url: str) -> None:
    async with links(names(["127.0.0.1"]), allow_http=False) as one:
        with pytest.raises(ImageRefused):
            await one.fetch(url)


async def test_a_body_is_read_to_its_limit_and_no_further() -> None:
    async with site() as inside, links(allow_networks=LOOPBACK, max_bytes=1000) as one:
        base = f"http://127.0.0.1:{inside.port}"
        inside.pages["/fits"] = (200, {}, b"x" * 1000)
        inside.pages["/told"] = (200, {"content-length": "1001"}, b"")
        chunks = {"transfer-encoding": "chunked"}
        inside.pages["/untold"] = (
            200,
            chunks,
            b"3e8\r\n" + b"x" * 1000 + b"\r\n1\r\nx\r\n0\r\n\r\n",
        )
        assert len(await one.fetch(f"{base}/fits")) == 1000
        for path in ("told", "untold"):
            with pytest.raises(ImageRefused, match="larger than 1000 bytes"):
                await one.fetch(f"{base}/{path}")


async def test_a_server_that_never_answers_is_left_in_time() -> None:
    async with site() as inside, links(allow_networks=LOOPBACK, fetch_timeout_s=0.2) as one:
        inside.pages["/slow"] = None
        with pytest.raises(ImageRefused, match=r"within 0\.2 s"):
            await one.fetch(f"http://127.0.0.1:{inside.port}/slow")
        await inside.left.wait()


@pytest.mark.parametrize("status", [204, 304, 401, 404, 500])
async def test_another_status_is_told(status: int) -> None:
    async with site() as inside, links(allow_networks=LOOPBACK) as one:
        inside.pages["/x"] = (status, {"content-length": "0"}, b"")
        with pytest.raises(ImageRefused, match=f"status {status}"):
            await one.fetch(f"http://127.0.0.1:{inside.port}/x")


async def test_a_house_that_fetches_nothing_says_so() -> None:
    async with links(fetch=False) as one:
        with pytest.raises(ImageRefused, match="fetches none"):
            await one.fetch("https://a.example/x.png")


async def test_certificates_are_checked(tmp_path: Path) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("pictures.example").configure_cert(context)
    trusted = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(trusted))
    stranger = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(stranger))
    look_up = names(["127.0.0.1"])
    async with site(context) as inside:
        inside.pages["/a"] = (200, {}, b"safe")
        url = f"https://pictures.example:{inside.port}/a"
        async with links(look_up, str(trusted), allow_networks=LOOPBACK) as one:
            assert await one.fetch(url) == b"safe"
        async with links(look_up, str(stranger), allow_networks=LOOPBACK) as one:
            with pytest.raises(ImageRefused, match="could not be fetched"):
                await one.fetch(url)


async def test_hosts_that_strangers_name_are_forgotten_again() -> None:
    async with site() as inside:
        inside.pages["/a"] = (200, {}, b"x")
        async with links(names(["127.0.0.1"]), allow_networks=LOOPBACK) as one:
            for number in range(200):
                await one.fetch(f"http://h{number}.example:{inside.port}/a")
            client = one._client  # pyright: ignore[reportPrivateUsage]
            assert len(client._pools) <= 65  # pyright: ignore[reportPrivateUsage]
