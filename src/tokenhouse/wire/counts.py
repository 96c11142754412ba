"""Numbers of an upstream, read as they come: in the right form, as text or fraction, or not at all.

Counts are kept within 0 … 2⁴⁰: a bill never multiplies an absurd one.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import msgspec

_MOST: Final = 2**40

HOUSE_ONLY: Final = frozenset({"cost", "cost_details", "is_byok"})
"""Fields of an upstream's usage that no caller sees: what the house pays is its own affair."""

_FIELDS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_NUMBER: Final = msgspec.json.Decoder(int | float | None)
_NOTHING: Final[Mapping[str, msgspec.Raw]] = MappingProxyType({})


def fields_of(value: object) -> Mapping[str, msgspec.Raw]:
    """Raw JSON → its fields; an empty mapping for anything that is no object."""
    if not isinstance(value, (bytes, msgspec.Raw)):
        return _NOTHING
    try:
        return _FIELDS.decode(value)
    except (ValueError, RecursionError):
        return _NOTHING


def number(raw: msgspec.Raw | None) -> int | None:
    """A count, also where a fraction stands; None when there is none."""
    if raw is None:
        return None
    try:
        value = _NUMBER.decode(raw)
    except (ValueError, RecursionError):
        return None
    return None if value is None else int(value)


def within(count: int | None) -> int:
    """``count`` as something that can be billed."""
    return 0 if count is None else min(max(count, 0), _MOST)
