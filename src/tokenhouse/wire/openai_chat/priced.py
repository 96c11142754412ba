"""Priced words: what in a request can change who answers or what it costs.

They pass to a provider only where the model's row prices them. Names below the top level are written
with their path (``file.file_id``); a hosted tool is named by its type (``web_search``), and so is a
content part whose tokens the request's size does not bound (``video_url``, ``file``).
"""

from __future__ import annotations

from collections.abc import Set
from typing import Final

from tokenhouse.chat import Request
from tokenhouse.wire.body import NULL
from tokenhouse.wire.openai_chat.request import parsed_of

PRICED: Final = frozenset(
    {
        # who answers
        "adapter",
        "fallbacks",
        "lora",
        "lora_path",
        "models",
        "preset",
        "provider",
        "route",
        # what runs beside the model, or is kept
        "audio",
        "bootstrap_host",
        "container",
        "custom_logit_processor",
        "kv_transfer_params",
        "logits_processors",
        "mcp_servers",
        "modalities",
        "plugins",
        "store",
        "web_search_options",
        # what is counted, and at which rate
        "best_of",
        "cache_control.ttl",
        "chat_template",
        "mm_processor_kwargs",
        "prediction",
        "priority",
        "service_tier",
        "speed",
        "transforms",
        "use_beam_search",
        # what another account may have left with the provider
        "audio.id",
        "file.file_id",
    }
)
"""Every word that is refused unless a model's row prices it."""

_HARMLESS: Final = {
    "service_tier": frozenset({b'"auto"', b'"default"'}),
    "store": frozenset({b"false"}),
    "modalities": frozenset({b'["text"]'}),
    "best_of": frozenset({b"1"}),
    "use_beam_search": frozenset({b"false"}),
    "priority": frozenset({b"0"}),
}


def priced_words(request: Request, allowed: Set[str] = frozenset()) -> str | None:
    """The first priced word of ``request`` that is not ``allowed``, or None."""
    parsed = parsed_of(request)
    for word in parsed.facts.priced:
        if word not in allowed:
            return word
    found = PRICED & request.fields
    if not found:
        return None
    for word in sorted(found - allowed):
        value = bytes(parsed.raw[word]).replace(b" ", b"")
        if value != NULL and value not in _HARMLESS.get(word, ()):
            return word
    return None
