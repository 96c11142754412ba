"""What of a request its answer has to be read with, once it was put in a provider's words."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class Asked(NamedTuple):
    """``stops``: the client's stop sequences, to know one again that the provider names. ``names``:
    tool names as the provider was given them → the client's own, where they differ.
    """

    stops: tuple[str, ...] = ()
    names: Mapping[str, str] = MappingProxyType({})


NOTHING_ASKED = Asked()
