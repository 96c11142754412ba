"""``[images]``: what models that run in this house are shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final

from tokenhouse.config.fields import Key

SOME: Final = (1, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagesConfig:
    """``[images]``: what models of this house's engines are shown. Providers elsewhere look after
    themselves."""

    max_per_request: Annotated[int, Key("Images that one request may hold.", within=SOME)] = 10
    max_bytes: Annotated[
        int,
        Key("The largest image as it comes, decoded from base64.", form="size", within=SOME),
    ] = 10_000_000
    max_pixels: Annotated[
        int,
        Key("The most pixels (width × height) that an image may claim to have.", within=SOME),
    ] = 50_000_000
    fetch: Annotated[bool, Key("Images by https:// link are fetched.")] = True
    fetch_timeout_s: Annotated[
        float, Key("How long fetching one image may take, redirects included.", within=(0.1, None))
    ] = 10.0
    max_redirects: Annotated[int, Key("Redirects that a link may lead over.")] = 3
    allow_http: Annotated[bool, Key("Fetch images by plain http:// links too.")] = False
    allow_networks: Annotated[
        tuple[str, ...],
        Key(
            "Networks that links may lead to though they are not public, such as your file "
            'servers\': "10.20.0.0/16". All others that are not public are refused.'
        ),
    ] = ()
