"""The tables of models and plans: every key, its default and one line about it.

They are read by the catalogue, which gives them their meaning.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import date
from typing import Annotated, Final

from tokenhouse.config.fields import Key
from tokenhouse.config.sections import KV_FORMS, EngineProviderConfig, KvForm

SOME: Final = (1, None)
_PER_MILLION: Final = "USD per 1M tokens"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRow:
    """``[[models]]`` as written; the catalogue gives it its meaning."""

    id: Annotated[str, Key("author/slug.", shown='"mistralai/mistral-small-3.1-24b-instruct"')] = ""
    name: Annotated[str, Key("Its name on pages. Default: the id.")] = ""
    author: Annotated[str, Key("Who made it. Default: the part of the id before the slash.")] = ""
    description: Annotated[str, Key("A few sentences for its page.")] = ""
    license: Annotated[str, Key("Under which the weights may be used.")] = ""
    open_weights: Annotated[bool, Key("Anyone can get the weights.")] = False
    added: Annotated[
        date | None, Key("The day it came into the catalogue.", form="date", shown="2026-02-20")
    ] = None
    context_length: Annotated[
        int, Key("Tokens of prompt and answer together.", within=(1, 100_000_000))
    ] = 8192
    max_output_tokens: Annotated[
        int | None,
        Key(
            "Tokens of one answer at most. Default: the context length.",
            form="whole number",
            within=(1, 100_000_000),
            shown="8192",
        ),
    ] = None
    input_modalities: Annotated[tuple[str, ...], Key('What it reads: "text", "image".')] = ("text",)
    capabilities: Annotated[
        tuple[str, ...], Key('"streaming", "tools", "json", "reasoning", "logprobs".')
    ] = ("streaming",)
    aliases: Annotated[tuple[str, ...], Key("Other names that requests may use.")] = ()
    tokenizer: Annotated[
        str,
        Key(
            '"tekken-v3", "-v7", "-v11" or "-v13"; a tekken.json; "engine": the weights\' own template and '
            'tokenizer; "provider". None: the weights\' own, else counts are estimated.'
        ),
    ] = ""
    defaults: Annotated[
        Mapping[str, object] | None,
        Key(
            "Sampling where the client says nothing.", form="table", shown="{ temperature = 0.15 }"
        ),
    ] = None
    free: Annotated[bool, Key("It costs nothing; then it needs no price.")] = False
    overhead_tokens: Annotated[
        int, Key("Tokens that the prompt's frame takes beside its text.", within=(0, 1_000_000))
    ] = 0
    image_tokens: Annotated[
        int, Key("Tokens that one image can take at most.", within=(0, 1_000_000))
    ] = 4096
    system_prompt: Annotated[
        str,
        Key(
            "Used when the client sends none; {site}, {url} and {models} are filled in. "
            '"starter": the one shipped with the starter.'
        ),
    ] = ""
    weights: Annotated[
        str, Key('For engines: a GGUF file in the weights directory; "starter": the one shipped.')
    ] = ""
    hub: Annotated[
        Mapping[str, object] | None,
        Key(
            "Where `tokenhouse pull` finds its weights.",
            form="table",
            shown='{ repo = "owner/repository-GGUF" }',
        ),
    ] = None
    engine: Annotated[
        Mapping[str, object] | None,
        Key(
            "How an engine runs it, where that differs from its provider's settings.",
            form="table",
            shown="{ context = 32768, slots = 8 }",
        ),
    ] = None
    price: Annotated[
        Mapping[str, object] | None,
        Key(
            "What it costs; without one it is listed, not offered.",
            form="table",
            shown='{ input = "0.35", output = "0.56" }',
        ),
    ] = None
    routes: Annotated[
        tuple[Mapping[str, object], ...],
        Key(
            "Where it runs.",
            form="list of tables",
            shown='[ { provider = "upstream1", model = "m", priority = 0, weight = 1 } ]',
        ),
    ] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HubRow:
    """``models.hub``: a repository of GGUF files."""

    repo: Annotated[str, Key("owner/repository on the hub (engine.hub).")] = ""
    revision: Annotated[str, Key("A commit, tag or branch. Default: its main branch.")] = ""
    projector: Annotated[
        str, Key("The file that reads images. Default: the repository's best one, if any.")
    ] = ""
    sha256: Annotated[
        Mapping[str, object] | None,
        Key(
            "File name to the SHA-256 that it must have. Default: as the hub says.",
            form="table",
            shown='{ "FILE.gguf" = "64 hexadecimal digits" }',
        ),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineRow:
    """``models.engine``: keys of ``[providers.NAME]`` of kind engine, for this model alone. What is left
    out is as the provider says."""

    threads: Annotated[
        int | None,
        Key("CPU threads; 0: all cores but one.", form="whole number", within=(0, 1024)),
    ] = None
    slots: Annotated[
        int | None,
        Key("Answers written at the same time.", form="whole number", within=(1, 256)),
    ] = None
    context: Annotated[
        int | None,
        Key(
            "Tokens of context that all slots share; 0: the context_length.",
            form="whole number",
            within=(0, 100_000_000),
        ),
    ] = None
    gpu_layers: Annotated[
        int | None,
        Key("Layers on the GPU; -1: all of them.", form="whole number", within=(-1, 10_000)),
    ] = None
    batch: Annotated[
        int | None, Key("Prompt tokens per step.", form="whole number", within=(1, 65536))
    ] = None
    cache: Annotated[
        int | None,
        Key("Memory for the prompts of earlier requests.", form="size", shown='"256MiB"'),
    ] = None
    kv: Annotated[
        KvForm | None,
        Key("How the context is kept.", form="text", choices=KV_FORMS, shown='"q8_0"'),
    ] = None
    queue: Annotated[
        int | None, Key("Requests that may wait.", form="whole number", within=(1, 65536))
    ] = None
    unload_after_s: Annotated[
        float | None, Key("Unused this long, it is unloaded; 0: never.", form="number")
    ] = None


def tuned(settings: EngineProviderConfig, row: EngineRow) -> EngineProviderConfig:
    """The settings of a provider as they are for one model."""
    said = {field.name: getattr(row, field.name) for field in fields(EngineRow)}
    return replace(settings, **{key: value for key, value in said.items() if value is not None})


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceRow:
    """``models.price``: exact decimal texts; the catalogue makes rates and amounts of them."""

    input: Annotated[str | None, Key("A token of the prompt.", form=_PER_MILLION)] = None
    output: Annotated[str | None, Key("A token of the answer.", form=_PER_MILLION)] = None
    cache_read: Annotated[
        str | None,
        Key("A prompt token found in a cache. Default: as input.", form=_PER_MILLION),
    ] = None
    cache_write: Annotated[
        str | None,
        Key("A prompt token put in a cache. Default: as input.", form=_PER_MILLION),
    ] = None
    reasoning: Annotated[
        str | None,
        Key("A token that the model thought. Default: as output.", form=_PER_MILLION),
    ] = None
    image: Annotated[
        str | None, Key("An image, beside its tokens, which are input.", form="USD")
    ] = None
    request: Annotated[str | None, Key("A request.", form="USD")] = None
    tiers: Annotated[
        tuple[Mapping[str, object], ...],
        Key(
            "Other rates for longer prompts.",
            form="list of tables",
            shown='[ { above = 200000, input = "0.70", output = "1.12" } ]',
        ),
    ] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TierRow:
    """``models.price.tiers``: a whole set of rates, for the whole request."""

    above: Annotated[
        int | None,
        Key(
            "For prompts of more than this many tokens.",
            form="whole number",
            within=(1, 100_000_000),
        ),
    ] = None
    input: Annotated[str | None, Key("A token of the prompt.", form=_PER_MILLION)] = None
    output: Annotated[str | None, Key("A token of the answer.", form=_PER_MILLION)] = None
    cache_read: Annotated[
        str | None,
        Key("A prompt token found in a cache. Default: as the tier's input.", form=_PER_MILLION),
    ] = None
    cache_write: Annotated[
        str | None,
        Key("A prompt token put in a cache. Default: as the tier's input.", form=_PER_MILLION),
    ] = None
    reasoning: Annotated[
        str | None,
        Key("A token that the model thought. Default: as the tier's output.", form=_PER_MILLION),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteRow:
    """``models.routes``."""

    provider: Annotated[str, Key("The name of a provider.")] = ""
    model: Annotated[str, Key("The model's name there. Default: the id.")] = ""
    priority: Annotated[int, Key("Lower numbers are tried first.", within=(-1000, 1000))] = 0
    weight: Annotated[
        int,
        Key(
            "Its share among the routes of one priority; 0: only after them.", within=(0, 1_000_000)
        ),
    ] = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class DefaultsRow:
    """``models.defaults``: sampling where the client says nothing."""

    temperature: Annotated[float | None, Key("0 is greedy.", form="number", within=(0, 2))] = None
    top_p: Annotated[float | None, Key("Nucleus.", form="number", within=(0, 1))] = None
    top_k: Annotated[
        int | None, Key("Best tokens kept.", form="whole number", within=(0, 1_000_000))
    ] = None
    min_p: Annotated[float | None, Key("Against the best token.", form="number", within=(0, 1))] = (
        None
    )
    presence_penalty: Annotated[
        float | None, Key("On tokens that were there.", form="number", within=(-2, 2))
    ] = None
    frequency_penalty: Annotated[
        float | None, Key("On tokens by how often.", form="number", within=(-2, 2))
    ] = None
    repetition_penalty: Annotated[
        float | None, Key("On tokens by division.", form="number", within=(0, 2))
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRow:
    """``[plans.NAME]``: a limit left out is no limit."""

    monthly_grant: Annotated[
        str, Key('US dollars given each month; "0.00" is none.', form="USD", shown='"1.00"')
    ] = "0"
    requests_per_minute: Annotated[
        int | None, Key("Requests begun per minute.", form="whole number", shown="60")
    ] = None
    tokens_per_minute: Annotated[
        int | None,
        Key("Tokens of prompts and answers per minute.", form="whole number", shown="200000"),
    ] = None
    concurrent_requests: Annotated[
        int | None, Key("Requests at the same time.", form="whole number", within=SOME, shown="5")
    ] = None
    queue_depth: Annotated[
        int | None,
        Key("Requests over that which may wait instead of a 429.", form="whole number", shown="0"),
    ] = None
    queue_wait_s: Annotated[
        float, Key("How long one of them waits; then it gets the 429.", within=(0.1, 3600))
    ] = 30.0
    free_requests_per_day: Annotated[
        int | None,
        Key(
            'Requests per UTC day to free variants: models whose id ends in ":free".',
            form="whole number",
            shown="50",
        ),
    ] = None
