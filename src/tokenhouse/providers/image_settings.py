"""What of images this house takes, for models of its own engine."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from tokenhouse.engine import PIXELS_MAX

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSettings:
    """``max_bytes`` of an image as it comes, ``max_pixels`` (width × height) as its header says.
    ``allow_networks`` are those that links may lead to though they are not public."""

    max_per_request: int = 10
    max_bytes: int = 10_000_000
    max_pixels: int = PIXELS_MAX
    fetch: bool = True
    fetch_timeout_s: float = 10.0
    max_redirects: int = 3
    allow_http: bool = False
    allow_networks: tuple[Network, ...] = ()
