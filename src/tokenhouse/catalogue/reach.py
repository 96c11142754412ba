"""How long a model's context is in this house: no longer than the routes that it runs on hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from tokenhouse.catalogue.values import Model
from tokenhouse.config import EngineProviderConfig, ProviderConfig


def contexts_of(providers: Iterable[ProviderConfig]) -> Mapping[str, int]:
    """Provider → tokens of context, for engines that were given fewer than their models could hold."""
    return {
        provider.name: provider.context
        for provider in providers
        if isinstance(provider, EngineProviderConfig) and provider.context
    }


def within_reach(model: Model, contexts: Mapping[str, int]) -> Model:
    """``model`` with the smaller of its own context and that of its longest route. Page, limits,
    ceiling and refusals all read it."""
    if not model.routes:
        return model
    longest = max(contexts.get(route.provider, model.context_length) for route in model.routes)
    if longest >= model.context_length:
        return model
    answer = min(model.max_output_tokens, longest)
    return replace(model, context_length=longest, max_output_tokens=answer)
