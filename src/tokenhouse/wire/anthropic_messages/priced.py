"""Priced words: what in a request, or in its betas, can change who answers or what it costs.

They pass to a provider only where the model's row prices them. Names below the top level are written
with their path (``cache_control.ttl``); a hosted tool is named by its type (``web_search_20250305``),
so is a content block of a kind not known here, and a beta by its name without the date.
"""

from __future__ import annotations

from collections.abc import Set
from typing import Final

from tokenhouse.chat import Request
from tokenhouse.wire.anthropic_messages.request import parsed_of
from tokenhouse.wire.body import NULL

PRICED: Final = frozenset(
    {
        # who answers, and who pays the provider
        "billing_policy",
        "fallback_credit_token",
        "fallbacks",
        "inference_geo",
        "models",
        "provider",
        "route",
        "user_profile_id",
        "workspace_id",
        # what runs beside the model, or is kept
        "container",
        "mcp_servers",
        "plugins",
        # what is counted, and at which rate
        "cache_control.ttl",
        "compaction",
        "context_management.compact",
        "service_tier",
        "speed",
        "transforms",
        # what another account may have left with the provider
        "source.file_id",
    }
)
"""Every word that is refused unless a model's row prices it; betas stand in ``PRICED_BETAS``."""

PRICED_BETAS: Final = (
    "context-1m",
    "fallback-credit",
    "fast-mode",
    "server-side-fallback",
)
"""Betas that cost or decide something by themselves; the others only allow fields."""

_HARMLESS: Final = {
    "container": frozenset({b"{}"}),
    "fallbacks": frozenset({b"[]"}),
    "inference_geo": frozenset({b'"global"'}),
    "mcp_servers": frozenset({b"[]"}),
    "service_tier": frozenset({b'"auto"', b'"standard_only"'}),
    "speed": frozenset({b'"standard"'}),
}


def priced_words(request: Request, allowed: Set[str] = frozenset()) -> str | None:
    """The first priced word of ``request`` that is not ``allowed``, or None."""
    parsed = parsed_of(request)
    for word in parsed.facts.priced:
        if word not in allowed:
            return word
    for word in sorted((PRICED & request.fields) - allowed):
        value = bytes(parsed.raw[word]).replace(b" ", b"")
        if value != NULL and value not in _HARMLESS.get(word, ()):
            return word
    for beta in request.betas:
        word = next((name for name in PRICED_BETAS if beta.startswith(name)), None)
        if word is not None and word not in allowed:
            return word
    return None
