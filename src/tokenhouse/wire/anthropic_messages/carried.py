"""Which fields of a request have a meaning in every dialect, and which only this one's providers know."""

from __future__ import annotations

from typing import Final

from tokenhouse.chat import Request
from tokenhouse.wire.left_out import named

CARRIED: Final = frozenset(
    {
        "cache_control",
        "key",
        "max_tokens",
        "messages",
        "metadata",
        "model",
        "model_id",
        "output_config",
        "output_format",
        "stop_sequences",
        "stream",
        "streaming",
        "system",
        "temperature",
        "thinking",
        "tool_choice",
        "tools",
        "top_k",
        "top_p",
    }
)
"""What a conversation takes along. Caching is a wish that every upstream may follow in its way."""


def left_out(request: Request) -> tuple[str, ...]:
    """The top-level fields of ``request`` that a provider of another dialect is not told, sorted."""
    return named(request.fields - CARRIED)
