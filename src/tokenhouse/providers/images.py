"""The images of a request: found where they stand, checked, and made into what the model sees."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import unquote_to_bytes

from tokenhouse.engine import ImageRefused, Picture, Pictures
from tokenhouse.providers.image_links import ImageLinks
from tokenhouse.providers.image_settings import ImageSettings
from tokenhouse.transport import Resolve, resolve_with_system

KEPT_BYTES: Final = 64 * 2**20
"""Pictures kept for the next turn of a conversation, which brings the same images again."""


class BadImage(Exception):
    """The image ``url`` is not read, and why."""

    def __init__(self, url: str, error: ImageRefused) -> None:
        self.url = url
        self.error = error
        super().__init__(str(error))


class Images:
    """Makes pictures of a request's images. One for each provider; ``aclose`` it."""

    def __init__(
        self,
        settings: ImageSettings,
        *,
        ca_file: str | None = None,
        resolve: Resolve = resolve_with_system,
    ) -> None:
        self.settings = settings
        self._links = ImageLinks(settings, ca_file=ca_file, resolve=resolve)
        self._pictures = Pictures(pixels_max=settings.max_pixels)
        self._kept: OrderedDict[bytes, Picture] = OrderedDict()
        self._kept_bytes = 0

    async def pictures(self, urls: Sequence[str], request_id: str) -> Mapping[str, Picture]:
        """Each url's picture. A link is fetched once for a request, however often it is asked for.

        Raises BadImage for the first that is not read, EngineMissing without the decoder.
        """
        wanted = list(dict.fromkeys(urls))
        made = await asyncio.gather(
            *(self._picture(url, request_id) for url in wanted), return_exceptions=True
        )
        pictures: dict[str, Picture] = {}
        for url, one in zip(wanted, made, strict=True):
            if isinstance(one, ImageRefused):
                raise BadImage(url, one) from one
            if isinstance(one, BaseException):
                raise one
            pictures[url] = one
        return pictures

    async def aclose(self) -> None:
        await self._links.aclose()
        self._pictures.close()

    async def _picture(self, url: str, request_id: str) -> Picture:
        if url[:5].lower() == "data:":
            data = await asyncio.to_thread(_from_data_url, url, self.settings.max_bytes)
            return await self._read(data)
        key = f"{request_id} {url}".encode("utf-8", "surrogatepass")
        known = self._known(key)
        if known is not None:
            return known
        picture = await self._read(await self._links.fetch(url))
        self._keep(key, picture)
        return picture

    async def _read(self, data: bytes) -> Picture:
        key = await asyncio.to_thread(_digest, data)
        known = self._known(key)
        if known is not None:
            return known
        picture = await self._pictures.read(data)
        self._keep(key, picture)
        return picture

    def _known(self, key: bytes) -> Picture | None:
        picture = self._kept.get(key)
        if picture is not None:
            self._kept.move_to_end(key)
        return picture

    def _keep(self, key: bytes, picture: Picture) -> None:
        if key in self._kept:
            return
        self._kept[key] = picture
        self._kept_bytes += len(picture.png)
        while self._kept_bytes > KEPT_BYTES:
            _, oldest = self._kept.popitem(last=False)
            self._kept_bytes -= len(oldest.png)


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=32).digest()


def _from_data_url(url: str, bytes_max: int) -> bytes:
    """The bytes in a data: URL (RFC 2397). Raises ImageRefused.

    What it says of the image's kind is not held against the bytes: many clients guess it.
    """
    head, comma, payload = url[5:].partition(",")
    words = [word.strip().lower() for word in head.split(";")]
    if not comma or not words[0].startswith("image/"):
        raise ImageRefused("must be like data:image/png;base64,… or an https:// link")
    if words[0] == "image/svg+xml":
        raise ImageRefused("is an SVG, which is a drawing's text", "send it as PNG")
    if words[-1] != "base64":
        raise ImageRefused("must be base64, like data:image/png;base64,…")
    if len(payload) * 3 // 4 > bytes_max + 2:
        raise ImageRefused(f"is larger than {bytes_max} bytes", "send it smaller")
    try:
        octets = unquote_to_bytes(payload) if "%" in payload else payload.encode("ascii")
        data = base64.b64decode(b"".join(octets.split()), validate=True)
    except (binascii.Error, ValueError):
        raise ImageRefused("is not valid base64") from None
    if not data:
        raise ImageRefused("is empty")
    if len(data) > bytes_max:
        raise ImageRefused(f"is larger than {bytes_max} bytes", "send it smaller")
    return data
