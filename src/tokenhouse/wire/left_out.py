"""How fields that an upstream is not told are named to a client: in a header, so with care."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

_MOST: Final = 16
_NAME_MOST: Final = 64


def named(fields: Iterable[str]) -> tuple[str, ...]:
    """``fields`` sorted, as many as a header should hold; names that are no plain words are not shown."""
    return tuple(name for name in sorted(fields) if _plain(name))[:_MOST]


def _plain(name: str) -> bool:
    return name.isascii() and name.replace("_", "").isalnum() and len(name) <= _NAME_MOST
