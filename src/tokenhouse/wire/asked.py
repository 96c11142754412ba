"""What of a request its answer has to be read with, once it was put in a provider's words."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from tokenhouse.chat import Conversation
from tokenhouse.wire.tool_ids import names_back


class Asked(NamedTuple):
    """``stops``: the client's stop sequences, to know one again that the provider names. ``names``:
    tool names as the provider was given them → the client's own, where they differ.
    """

    stops: tuple[str, ...] = ()
    names: Mapping[str, str] = MappingProxyType({})


NOTHING_ASKED = Asked()


def asked_of(conversation: Conversation, *, name_most: int) -> Asked:
    """What the answer to ``conversation`` has to be read with, from a provider that takes tool names of
    ``name_most`` characters."""
    names = names_back((tool.name for tool in conversation.tools), name_most)
    return Asked(conversation.sampling.stop, names)
