"""Images by link: fetched for strangers, so never from where only this house can reach.

Each name is looked up once per connection, its addresses are checked, and it is those very addresses
that are connected to: a name that changes its mind between look-up and connection gains nothing. The
same holds for every redirect. No proxy is used: behind one the address could not be checked.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Sequence
from typing import Final
from urllib.parse import quote, urljoin, urlsplit

from tokenhouse.engine import ImageRefused
from tokenhouse.providers.image_settings import ImageSettings
from tokenhouse.transport import (
    Address,
    Answer,
    Client,
    Limits,
    Origin,
    Resolve,
    TooBig,
    TransportError,
    header_block,
    resolve_with_system,
)

AT_ONCE: Final = 16
"""Links that are fetched at the same time, over all requests."""

URL_MOST: Final = 8_192
_ORIGINS_MOST: Final = 64
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_MEND: Final = "send the image itself, as a data: URL"
_SAFE: Final = "/%:@!$&'()*+,;=~?"
_NAT64: Final = 0x64_FF9B << 64
"""The first 96 bits of addresses that carry an IPv4 address behind them (RFC 6052)."""
IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


class AddressRefused(OSError):
    """None of a host's addresses may be fetched from."""


class ImageLinks:
    """Fetches images by http(s). ``ca_file`` replaces the system's certificates, ``resolve`` its name
    look-up."""

    def __init__(
        self,
        settings: ImageSettings,
        *,
        ca_file: str | None = None,
        resolve: Resolve = resolve_with_system,
    ) -> None:
        self._settings = settings
        self._look_up = resolve
        limits = Limits(
            connect_timeout_s=settings.fetch_timeout_s,
            headers_timeout_s=settings.fetch_timeout_s,
            idle_timeout_s=settings.fetch_timeout_s,
            body_bytes_max=settings.max_bytes,
        )
        self._client = Client(
            limits, ca_file=ca_file, resolve=self._resolve, origins_max=_ORIGINS_MOST
        )
        self._headers = header_block([(b"accept", b"image/*"), (b"user-agent", b"tokenhouse")])
        self._places = asyncio.Semaphore(AT_ONCE)

    async def fetch(self, url: str) -> bytes:
        """What lies there, whatever it is. Raises ImageRefused."""
        if not self._settings.fetch:
            raise ImageRefused("is a link, and this house fetches none", _MEND)
        limit_s = self._settings.fetch_timeout_s
        try:
            async with asyncio.timeout(limit_s), self._places:
                return await self._follow(url)
        except TimeoutError:
            raise ImageRefused(f"could not be fetched within {limit_s:g} s", _MEND) from None
        except TooBig:
            raise ImageRefused(f"is larger than {self._settings.max_bytes} bytes") from None
        except TransportError as error:
            if isinstance(error.__cause__, AddressRefused):
                raise ImageRefused(
                    "is at an address that this house does not fetch from", _MEND
                ) from error
            raise ImageRefused("could not be fetched", _MEND) from error

    async def aclose(self) -> None:
        await self._client.aclose()

    async def _follow(self, url: str) -> bytes:
        for _ in range(self._settings.max_redirects + 1):
            origin, target = self._parse(url)
            answer = await self._client.send(origin, b"GET", target, headers=self._headers)
            async with answer:
                if answer.status == 200:
                    return await self._body(answer)
                location = answer.header(b"location")
                if answer.status not in _REDIRECTS or location is None:
                    raise ImageRefused(f"is answered with HTTP status {answer.status}", _MEND)
                url = _onward(url, location)
        raise ImageRefused(f"is redirected more than {self._settings.max_redirects} times", _MEND)

    async def _body(self, answer: Answer) -> bytes:
        length = answer.header(b"content-length")
        if length is not None and length.isdigit() and int(length) > self._settings.max_bytes:
            raise ImageRefused(f"is larger than {self._settings.max_bytes} bytes")
        return await answer.read_all()

    def _parse(self, url: str) -> tuple[Origin, bytes]:
        """Where to ask and for what. Raises ImageRefused for what is no link or not allowed."""
        allowed = ("https", "http") if self._settings.allow_http else ("https",)
        try:
            parts = urlsplit(url)
            if parts.scheme not in allowed:
                raise ImageRefused("must be a data: URL or an https:// link")
            if len(url) > URL_MOST:
                raise ImageRefused(f"is a link of more than {URL_MOST} characters")
            origin, _ = Origin.parse(f"{parts.scheme}://{parts.netloc}")
        except ImageRefused:
            raise
        except ValueError as error:
            raise ImageRefused(f"is no link that can be fetched ({error})") from error
        target = quote(parts.path, safe=_SAFE) or "/"
        if parts.query:
            target += "?" + quote(parts.query, safe=_SAFE)
        return origin, target.encode("ascii")

    async def _resolve(self, host: str, port: int) -> Sequence[Address]:
        found = await self._look_up(host, port)
        allowed = [one for one in found if self._allowed(str(one[1][0]))]
        if found and not allowed:
            raise AddressRefused(f"{host} is on no network that images are fetched from")
        return allowed

    def _allowed(self, address: str) -> bool:
        seen = ipaddress.ip_address(address)
        if any(seen in network for network in self._settings.allow_networks):
            return True
        return all(map(_public, _meant(seen)))


def _onward(url: str, location: bytes) -> str:
    try:
        return urljoin(url, location.decode("latin-1"))
    except ValueError:
        raise ImageRefused("is redirected to what is no link", _MEND) from None


def _meant(address: IpAddress) -> tuple[IpAddress, ...]:
    """The address and those that are wrapped in it, which a router may unwrap."""
    if isinstance(address, ipaddress.IPv4Address):
        return (address,)
    inner: list[IpAddress] = [address]
    if address.ipv4_mapped is not None:
        return (address.ipv4_mapped,)
    if int(address) >> 32 == _NAT64:
        return (ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF),)
    if address.sixtofour is not None:
        inner.append(address.sixtofour)
    if address.teredo is not None:
        inner += address.teredo
    return tuple(inner)


def _public(address: IpAddress) -> bool:
    return address.is_global and not (
        address.is_multicast or address.is_reserved or address.is_unspecified
    )
