"""The nouns of the catalogue. Rates are picodollars per token; see :mod:`tokenhouse.money`."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import date

from tokenhouse.chat import Sampling

STARTER = "starter"
"""In ``tokenizer``, ``weights`` and ``system_prompt``: the one that ships in the wheel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """A versioned price. ``input``, ``output``, ``cache_read``, ``cache_write``, ``reasoning`` are
    picodollars per token, ``image`` and ``request`` picodollars each; None was not given.

    No bucket is free by omission: ``cache_read_rate`` and ``cache_write_rate`` fall back on input,
    ``reasoning_rate`` on output. ``prompt_rate`` and ``answer_rate`` are the dearest of each side.
    ``version`` is a hash of the content: equal prices have equal versions.
    """

    input: int
    output: int
    cache_read: int | None = None
    cache_write: int | None = None
    reasoning: int | None = None
    image: int = 0
    request: int = 0
    free: bool = False
    cache_read_rate: int = field(init=False)
    cache_write_rate: int = field(init=False)
    reasoning_rate: int = field(init=False)
    prompt_rate: int = field(init=False)
    answer_rate: int = field(init=False)
    version: str = field(init=False)

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
            "version": _version(self),
        }
        for name, value in fixed.items():
            object.__setattr__(self, name, value)


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
class Model:
    """A catalogue entry; ``id`` is ``author/slug``. Lengths and ``*_tokens`` are tokens.

    ``price`` None: listed, not offered. ``tokenizer``, ``weights``: None where there is none;
    ``system_prompt`` is the template with {site}, {url} and {models}. ``defaults`` apply where the
    client says nothing.
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
    price: Price | None = None
    routes: tuple[Route, ...] = ()
    shipped: bool = False


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
    limit."""

    name: str
    monthly_grant: int = 0
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    concurrent_requests: int | None = None
    queue_depth: int | None = None


def _version(price: Price) -> str:
    content = ";".join(
        f"{name}={value}"
        for name, value in (
            ("input", price.input),
            ("output", price.output),
            ("cache_read", price.cache_read),
            ("cache_write", price.cache_write),
            ("reasoning", price.reasoning),
            ("image", price.image),
            ("request", price.request),
            ("free", price.free),
        )
    )
    return "prc_" + hashlib.sha256(content.encode()).hexdigest()[:12]
