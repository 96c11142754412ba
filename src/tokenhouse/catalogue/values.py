"""The nouns of the catalogue. Rates are picodollars per token; see :mod:`tokenhouse.money`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import cast

from tokenhouse.chat import Sampling
from tokenhouse.config import EngineRow

STARTER = "starter"
"""In ``tokenizer``, ``weights`` and ``system_prompt``: the one that ships in the wheel."""

FREE_VARIANT = ":free"
"""The end of the id of a free variant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Picodollars per token, by bucket; None was not given.

    No bucket is free by omission: ``cache_read_rate`` and ``cache_write_rate`` fall back on input,
    ``reasoning_rate`` on output. ``prompt_rate`` and ``answer_rate`` are the dearest of each side.
    """

    input: int
    output: int
    cache_read: int | None = None
    cache_write: int | None = None
    reasoning: int | None = None
    cache_read_rate: int = field(init=False)
    cache_write_rate: int = field(init=False)
    reasoning_rate: int = field(init=False)
    prompt_rate: int = field(init=False)
    answer_rate: int = field(init=False)

    def __post_init__(self) -> None:
        read = self.input if self.cache_read is None else self.cache_read
        write = self.input if self.cache_write is None else self.cache_write
        reasoning = self.output if self.reasoning is None else self.reasoning
        fixed = {
            "cache_read_rate": read,
            "cache_write_rate": write,
            "reasoning_rate": reasoning,
            "prompt_rate": max(self.input, read, write),
            "answer_rate": max(self.output, reasoning),
        }
        for name, value in fixed.items():
            object.__setattr__(self, name, value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier(Rates):
    """The rates of prompts of more than ``above`` tokens, for the whole request. A set of its own:
    what it leaves out falls back within it."""

    above: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Price(Rates):
    """A versioned price: rates, and ``image`` and ``request`` in picodollars each.

    ``tiers`` in rising order of ``above``; each takes the place of the rates for longer prompts.
    ``version`` is a hash of the content: equal prices have equal versions.
    """

    image: int = 0
    request: int = 0
    free: bool = False
    tiers: tuple[Tier, ...] = ()
    version: str = field(init=False)

    def __post_init__(self) -> None:
        Rates.__post_init__(self)
        object.__setattr__(self, "version", _version(self))

    def rates_at(self, prompt_tokens: int) -> Rates:
        """The rates of a request whose prompt has that many tokens, cached ones included."""
        rates: Rates = self
        for tier in self.tiers:
            if prompt_tokens <= tier.above:
                break
            rates = tier
        return rates

    def spans(self, prompt_max: int) -> Iterator[tuple[int, int, Rates]]:
        """(shortest prompt, longest prompt, rates) of everything that a prompt of at most
        ``prompt_max`` tokens can reach."""
        low, rates = 0, cast("Rates", self)
        for tier in self.tiers:
            if prompt_max <= tier.above:
                break
            yield low, tier.above, rates
            low, rates = tier.above + 1, tier
        yield low, prompt_max, rates


@dataclass(frozen=True, slots=True)
class Route:
    """Where a model runs: a provider and the model's name there. Lower ``priority`` is tried first;
    ``weight`` is the share among routes of one priority. ``key`` tells routes apart in health."""

    provider: str
    model: str
    priority: int = 0
    weight: int = 1
    key: tuple[str, str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", (self.provider, self.model))


@dataclass(frozen=True, slots=True, kw_only=True)
class HubSource:
    """Where a model's weights are fetched from. ``sha256``: file name → what it must be; None: as it
    comes."""

    repo: str
    revision: str | None = None
    projector: str | None = None
    sha256: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A catalogue entry; ``id`` is ``author/slug``. Lengths and ``*_tokens`` are tokens.

    ``price`` None: listed, not offered. ``tokenizer``, ``weights``: None where there is none;
    ``system_prompt`` is the template with {site}, {url} and {models}. ``defaults`` apply where the
    client says nothing. ``engine``: how an engine runs it where that differs from its provider.
    """

    id: str
    name: str
    author: str
    slug: str
    context_length: int
    max_output_tokens: int
    description: str = ""
    license: str = ""
    open_weights: bool = False
    added: date | None = None
    input_modalities: tuple[str, ...] = ("text",)
    capabilities: frozenset[str] = frozenset()
    aliases: tuple[str, ...] = ()
    tokenizer: str | None = None
    defaults: Sampling = field(default_factory=Sampling)
    overhead_tokens: int = 0
    image_tokens: int = 0
    system_prompt: str | None = None
    weights: str | None = None
    hub: HubSource | None = None
    engine: EngineRow = field(default_factory=EngineRow)
    price: Price | None = None
    routes: tuple[Route, ...] = ()
    shipped: bool = False

    @property
    def free_variant(self) -> bool:
        """A model given away, counted per day: its id ends in ``:free``."""
        return self.id.endswith(FREE_VARIANT)


@dataclass(frozen=True, slots=True)
class Offer:
    """A model with the price in force. ``system_prompt`` is filled in; it is used, counted and billed
    where the client sends none. ``frame_tokens`` bounds what the prompt takes beside the client's own
    words, ``system_tokens`` the same with the default system prompt."""

    model: Model
    price: Price
    system_prompt: str | None = None
    frame_tokens: int = field(init=False)
    system_tokens: int = field(init=False)

    def __post_init__(self) -> None:
        frame = self.model.overhead_tokens
        prompt = 0 if self.system_prompt is None else len(self.system_prompt.encode())
        object.__setattr__(self, "frame_tokens", frame)
        object.__setattr__(self, "system_tokens", frame + prompt)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Limits and the free grant. ``monthly_grant`` in nanodollars, 0 is none; a limit of None is no
    limit. ``free_requests_per_day``: requests to free variants per UTC day."""

    name: str
    monthly_grant: int = 0
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    concurrent_requests: int | None = None
    queue_depth: int | None = None
    queue_wait_s: float = 30.0
    free_requests_per_day: int | None = None


def _version(price: Price) -> str:
    fees = f";image={price.image};request={price.request};free={price.free}"
    tiers = "".join(f";above={tier.above};{_written(tier)}" for tier in price.tiers)
    return "prc_" + hashlib.sha256((_written(price) + fees + tiers).encode()).hexdigest()[:12]


def _written(rates: Rates) -> str:
    return ";".join(f"{name}={getattr(rates, name)}" for name in _GIVEN)


_GIVEN = ("input", "output", "cache_read", "cache_write", "reasoning")
