"""Which fields of a request have a meaning in every dialect, and which only this one's providers know."""

from __future__ import annotations

from typing import Final

from tokenhouse.chat import Request
from tokenhouse.wire.left_out import named

CARRIED: Final = frozenset(
    {
        "cache_control",
        "continue_final_message",
        "frequency_penalty",
        "function_call",
        "functions",
        "key",
        "logit_bias",
        "logprobs",
        "max_completion_tokens",
        "max_tokens",
        "messages",
        "min_p",
        "modalities",
        "model",
        "model_id",
        "n",
        "parallel_tool_calls",
        "presence_penalty",
        "reasoning_effort",
        "repetition_penalty",
        "response_format",
        "safety_identifier",
        "seed",
        "stop",
        "stream",
        "stream_options",
        "streaming",
        "temperature",
        "tool_choice",
        "tools",
        "top_k",
        "top_logprobs",
        "top_p",
        "user",
    }
)
"""What a conversation takes along; what a provider then has no word for, it refuses or leaves."""


def left_out(request: Request) -> tuple[str, ...]:
    """The top-level fields of ``request`` that a provider of another dialect is not told, sorted."""
    left = request.fields - CARRIED
    return named(left) if left else ()
