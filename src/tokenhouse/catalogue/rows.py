"""Rows of ``GET /v1/models``: OpenAI's fields and OpenRouter's, as plain values (prices in USD per
one token, as exact text). The api renders them; JSON names are the field names."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass

from tokenhouse.catalogue.values import Model, Price, Rates
from tokenhouse.chat import Sampling
from tokenhouse.money import usd_per_token

_PARAMETERS = (
    "frequency_penalty",
    "max_completion_tokens",
    "max_tokens",
    "n",
    "presence_penalty",
    "seed",
    "stop",
    "temperature",
    "top_p",
)
_OF_CAPABILITY: Mapping[str, tuple[str, ...]] = {
    "tools": ("parallel_tool_calls", "tool_choice", "tools"),
    "json": ("response_format", "structured_outputs"),
    "reasoning": ("include_reasoning", "reasoning"),
    "logprobs": ("logprobs", "top_logprobs"),
}
_DEFAULTS = (
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "frequency_penalty",
    "presence_penalty",
    "repetition_penalty",
)


@dataclass(frozen=True, slots=True)
class Architecture:
    input_modalities: tuple[str, ...]
    output_modalities: tuple[str, ...]
    modality: str
    tokenizer: str
    instruct_type: str | None = None


@dataclass(frozen=True, slots=True)
class TopProvider:
    context_length: int
    max_completion_tokens: int
    is_moderated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PricingTier:
    """``pricing`` of requests whose prompt has more than ``above`` tokens, under the same names."""

    above: int
    prompt: str
    completion: str
    input_cache_read: str
    input_cache_write: str
    internal_reasoning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One model. ``created`` in unix seconds. ``pricing`` is empty for a model that has no price;
    ``pricing_tiers`` take its place for longer prompts."""

    id: str
    object: str = "model"
    created: int
    owned_by: str
    canonical_slug: str
    name: str
    description: str
    context_length: int
    architecture: Architecture
    pricing: Mapping[str, str]
    pricing_tiers: tuple[PricingTier, ...] = ()
    top_provider: TopProvider
    per_request_limits: None = None
    supported_parameters: tuple[str, ...]
    default_parameters: Mapping[str, float]


def row(model: Model) -> Row:
    """The row of ``model``."""
    inputs = model.input_modalities
    added = model.added
    created = (
        datetime.datetime.combine(added, datetime.time(), datetime.UTC).timestamp() if added else 0
    )
    return Row(
        id=model.id,
        created=int(created),
        owned_by=model.author,
        canonical_slug=model.id,
        name=model.name,
        description=model.description,
        context_length=model.context_length,
        architecture=Architecture(
            inputs, ("text",), f"{'+'.join(inputs)}->text", _tokenizer_family(model)
        ),
        pricing=_pricing(model.price),
        pricing_tiers=_tiers(model.price),
        top_provider=TopProvider(model.context_length, model.max_output_tokens),
        supported_parameters=_parameters(model),
        default_parameters=_defaults(model.defaults),
    )


def _pricing(price: Price | None) -> Mapping[str, str]:
    if price is None:
        return {}
    fees = {"request": usd_per_token(price.request), "image": usd_per_token(price.image)}
    return {**_per_token(price), **fees}


def _tiers(price: Price | None) -> tuple[PricingTier, ...]:
    tiers = () if price is None else price.tiers
    return tuple(PricingTier(above=tier.above, **_per_token(tier)) for tier in tiers)


def _per_token(rates: Rates) -> dict[str, str]:
    named = {
        "prompt": rates.input,
        "completion": rates.output,
        "input_cache_read": rates.cache_read_rate,
        "input_cache_write": rates.cache_write_rate,
        "internal_reasoning": rates.reasoning_rate,
    }
    return {name: usd_per_token(picodollars) for name, picodollars in named.items()}


def _parameters(model: Model) -> tuple[str, ...]:
    names: set[str] = set(_PARAMETERS)
    for capability in model.capabilities:
        names.update(_OF_CAPABILITY.get(capability, ()))
    return tuple(sorted(names))


def _defaults(sampling: Sampling) -> Mapping[str, float]:
    found = ((name, getattr(sampling, name)) for name in _DEFAULTS)
    return {name: value for name, value in found if value is not None}


def _tokenizer_family(model: Model) -> str:
    tokenizer = model.tokenizer or ""
    return "Mistral" if tokenizer.startswith("tekken") or tokenizer == "starter" else "Other"
