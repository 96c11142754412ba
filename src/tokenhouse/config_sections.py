"""The sections of ``tokenhouse.toml``: every key, its default and one line about it."""

# ruff: noqa: RUF009 -- key() declares a field, as dataclasses.field does

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

from tokenhouse.config_fields import Secret, key

LogFormat = Literal["text", "json"]
Durability = Literal["process", "power"]
SignUp = Literal["closed", "open"]
ProviderKind = Literal["openai", "anthropic", "engine", "scripted"]
Failure = Literal["", "refuse", "stall", "error", "cut", "error_in_stream"]

PORTS = (0, 65535)
SOME = (1, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerConfig:
    """``[server]``. Times in seconds, sizes in bytes."""

    host: str = key("127.0.0.1", 'The address to listen on; "0.0.0.0" is every network.')
    port: int = key(8080, "The port to listen on; 0 lets the system choose.", within=PORTS)
    public_url: str = key(
        "",
        "How clients reach this house; stands on pages and in prompts. Default: host and port.",
        shown='"http://127.0.0.1:8080"',
    )
    workers: int = key(
        1, "Processes that serve. More than one needs PostgreSQL and no engine.", within=SOME
    )
    max_body: int = key(
        32_000_000, "The largest request body.", form="size", within=SOME, shown='"32MB"'
    )
    max_keyless_body: int = key(
        4 * 2**20,
        "The largest body that is read before a key is known (the key may stand in it).",
        form="size",
        within=SOME,
        shown='"4MiB"',
    )
    max_header: int = key(
        64 * 2**10,
        "The largest request line and headers together.",
        form="size",
        within=(1024, None),
        shown='"64KiB"',
    )
    cors_origins: tuple[str, ...] = key(
        ("*",), "Web origins that may call the inference routes from a browser."
    )
    default_model: str = key(
        "", "The model for requests that name none. Default: the first one that can answer now."
    )
    header_timeout_s: float = key(10.0, "How long a client may take to send its headers.")
    request_deadline_s: float = key(
        600.0, "How long one request may take in all.", within=(1, None)
    )
    keepalive_s: float = key(
        10.0, "A stream that is silent this long gets a keep-alive.", within=(0.1, None)
    )
    shutdown_grace_s: float = key(
        30.0, "How long running answers may go on after the house was told to stop."
    )
    failed_keys_per_minute: int = key(
        30, "Wrong keys that one address may try per minute.", within=SOME
    )
    log_format: LogFormat = key("text", "How log lines are written.", choices=("text", "json"))


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreConfig:
    """``[store]``. ``url`` is resolved: never empty in a loaded Config."""

    url: str = key(
        "",
        "Where money and keys are kept: sqlite:///PATH (relative to the data directory; four "
        'slashes begin an absolute path), postgresql://user@host/db, or "env:NAME" with it.',
        shown='"sqlite:///tokenhouse.db"',
    )
    durability: Durability = key(
        "process",
        '"process" survives kill -9; "power" also survives the loss of power, and is slower.',
        choices=("process", "power"),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteConfig:
    """``[site]``."""

    name: str = key("Tokenhouse", "The name of this house on pages, in mails and in prompts.")
    support_url: str = key("", "Where people get help; shown on pages and in errors.")
    sign_up: SignUp = key(
        "closed", '"open" lets visitors make accounts.', choices=("closed", "open")
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingConfig:
    """``[routing]``."""

    failures_to_open: int = key(5, "Failures in a row after which a route rests.", within=(1, 1000))
    probe_after_s: float = key(
        10.0, "How long a failed route rests before one request tries it again.", within=(0.1, None)
    )
    attempts: int = key(3, "Routes that one request may try at most.", within=(1, 100))


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineConfig:
    """``[engine]``: what all engine processes of this house share. ``weights_dir`` is resolved."""

    weights_dir: str = key(
        "", "Where weights lie. Default: in the data directory.", shown='"weights"'
    )
    memory: int = key(
        0,
        "What the weights and caches of all models together may take; 0: what the machine has free.",
        form="size",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueConfig:
    """``[catalogue]``."""

    shipped: bool = key(True, "Load the models that ship with Tokenhouse.")


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamConfig:
    """``[providers.NAME]`` of kind openai or anthropic: an API elsewhere."""

    name: str
    kind: ProviderKind = key(
        "openai",
        "openai and anthropic are APIs elsewhere, engine runs weights here, scripted is a fake.",
        choices=("openai", "anthropic", "engine", "scripted"),
    )
    base_url: str = key(
        "",
        "The API's address, with or without its closing /v1.",
        shown='"http://127.0.0.1:9001/v1"',
    )
    api_key: Secret | None = key(
        None,
        'The key that the API asks for, as "env:NAME" or "file:PATH".',
        form="secret",
        shown='"env:UPSTREAM1_KEY"',
    )
    connect_timeout_s: float = key(10.0, "To name, connect and agree on TLS.", within=(0.1, None))
    first_event_timeout_s: float = key(
        300.0, "From the request sent to the first event of the answer.", within=(0.1, None)
    )
    idle_timeout_s: float = key(120.0, "The longest silence inside an answer.", within=(0.1, None))
    connections: int = key(256, "Connections held open to it at most.", within=SOME)
    priced_words: tuple[str, ...] = key(
        (),
        "Request fields, beside the known ones, that change the price: refused where the model has "
        "no price for them.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineProviderConfig:
    """``[providers.NAME]`` of kind engine: weights that run here."""

    name: str
    kind: ProviderKind = key("engine", "engine.", choices=("engine",))
    threads: int = key(0, "CPU threads per model; 0: one per core.", within=(0, 1024))
    slots: int = key(4, "Answers that one model writes at the same time.", within=(1, 256))
    context: int = key(
        0,
        "Tokens of context that all slots of a model share; 0: the model's context_length.",
        within=(0, 100_000_000),
    )
    gpu_layers: int = key(
        -1, "Layers on the GPU; -1: all of them when there is a GPU.", within=(-1, 10_000)
    )
    batch: int = key(256, "Prompt tokens per step; smaller stops sooner.", within=(1, 65536))
    cache: int = key(
        256 * 2**20, "Memory for the prompts of earlier requests.", form="size", shown='"256MiB"'
    )
    start_timeout_s: float = key(600.0, "How long loading the weights may take.", within=SOME)
    first_event_timeout_s: float = key(
        600.0, "From the request to the first token, waiting for a slot included.", within=SOME
    )
    idle_timeout_s: float = key(120.0, "The longest silence inside an answer.", within=SOME)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptedProviderConfig:
    """``[providers.NAME]`` of kind scripted: a fake for trials, that answers what it is told."""

    name: str
    kind: ProviderKind = key("scripted", "scripted.", choices=("scripted",))
    reply: str = key("", "The answer, word by word; empty: it repeats the last message.")
    first_event_delay_s: float = key(0.0, "Before the first event.")
    event_delay_s: float = key(0.0, "Between two events.")
    failure: Failure = key(
        "",
        "How it fails, if it shall.",
        choices=("", "refuse", "stall", "error", "cut", "error_in_stream"),
    )
    failure_status: int = key(500, 'The status of failure = "error".', within=(400, 599))


ProviderConfig = UpstreamConfig | EngineProviderConfig | ScriptedProviderConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRow:
    """``[[models]]`` as written; the catalogue gives it its meaning."""

    id: str = key("", "author/slug.", shown='"mistralai/mistral-small-3.1-24b-instruct"')
    name: str = key("", "Its name on pages. Default: the id.")
    author: str = key("", "Who made it. Default: the part of the id before the slash.")
    description: str = key("", "A few sentences for its page.")
    license: str = key("", "Under which the weights may be used.")
    open_weights: bool = key(False, "Anyone can get the weights.")
    added: date | None = key(
        None, "The day it came into the catalogue.", form="date", shown="2026-02-20"
    )
    context_length: int = key(
        8192, "Tokens of prompt and answer together.", within=(1, 100_000_000)
    )
    max_output_tokens: int | None = key(
        None,
        "Tokens of one answer at most. Default: the context length.",
        form="whole number",
        within=(1, 100_000_000),
        shown="8192",
    )
    input_modalities: tuple[str, ...] = key(("text",), 'What it reads: "text", "image".')
    capabilities: tuple[str, ...] = key(
        ("streaming",), '"streaming", "tools", "json", "reasoning", "logprobs".'
    )
    aliases: tuple[str, ...] = key((), "Other names that requests may use.")
    tokenizer: str = key(
        "", '"tekken-v7", a tokenizer.json, "engine", "provider"; none: counts are estimated.'
    )
    defaults: Mapping[str, object] | None = key(
        None,
        "Sampling where the client says nothing.",
        form="table",
        shown="{ temperature = 0.15 }",
    )
    free: bool = key(False, "It costs nothing; then it needs no price.")
    overhead_tokens: int = key(
        0, "Tokens that the prompt's frame takes beside its text.", within=(0, 1_000_000)
    )
    image_tokens: int = key(4096, "Tokens that one image can take at most.", within=(0, 1_000_000))
    system_prompt: str = key(
        "",
        "Used when the client sends none; {site}, {url} and {models} are filled in. "
        '"starter": the one shipped with the starter.',
    )
    weights: str = key(
        "", 'For engines: a GGUF file in the weights directory; "starter": the one shipped.'
    )
    mmproj: str = key("", "For engines: the GGUF file that reads images.")
    price: Mapping[str, object] | None = key(
        None,
        "What it costs; without one it is listed, not offered.",
        form="table",
        shown='{ input = "0.35", output = "0.56" }',
    )
    routes: tuple[Mapping[str, object], ...] = key(
        (),
        "Where it runs.",
        form="list of tables",
        shown='[ { provider = "upstream1", model = "m", priority = 0, weight = 1 } ]',
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceRow:
    """``models.price``: rates in picodollars per token, image and request in nanodollars each."""

    input: int | None = key(None, "A token of the prompt.", form="USD per 1M tokens")
    output: int | None = key(None, "A token of the answer.", form="USD per 1M tokens")
    cache_read: int | None = key(
        None, "A prompt token found in a cache. Default: as input.", form="USD per 1M tokens"
    )
    cache_write: int | None = key(
        None, "A prompt token put in a cache. Default: as input.", form="USD per 1M tokens"
    )
    reasoning: int | None = key(
        None, "A token that the model thought. Default: as output.", form="USD per 1M tokens"
    )
    image: int | None = key(
        None, "An image, beside its tokens, which are input.", form="USD", within=(0, 10**12)
    )
    request: int | None = key(None, "A request.", form="USD", within=(0, 10**12))


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteRow:
    """``models.routes``."""

    provider: str = key("", "The name of a provider.")
    model: str = key("", "The model's name there. Default: the id.")
    priority: int = key(0, "Lower numbers are tried first.", within=(-1000, 1000))
    weight: int = key(
        1, "Its share among the routes of one priority; 0: only after them.", within=(0, 1_000_000)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class DefaultsRow:
    """``models.defaults``: sampling where the client says nothing."""

    temperature: float | None = key(None, "0 is greedy.", form="number", within=(0, 2))
    top_p: float | None = key(None, "Nucleus.", form="number", within=(0, 1))
    top_k: int | None = key(None, "Best tokens kept.", form="whole number", within=(0, 1_000_000))
    min_p: float | None = key(None, "Against the best token.", form="number", within=(0, 1))
    presence_penalty: float | None = key(
        None, "On tokens that were there.", form="number", within=(-2, 2)
    )
    frequency_penalty: float | None = key(
        None, "On tokens by how often.", form="number", within=(-2, 2)
    )
    repetition_penalty: float | None = key(
        None, "On tokens by division.", form="number", within=(0, 2)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRow:
    """``[plans.NAME]``: a limit left out is no limit."""

    monthly_grant: int = key(
        0, 'US dollars given each month; "0.00" is none.', form="USD", shown='"1.00"'
    )
    requests_per_minute: int | None = key(
        None, "Requests begun per minute.", form="whole number", shown="60"
    )
    tokens_per_minute: int | None = key(
        None, "Tokens of prompts and answers per minute.", form="whole number", shown="200000"
    )
    concurrent_requests: int | None = key(
        None, "Requests at the same time.", form="whole number", within=SOME, shown="5"
    )
    queue_depth: int | None = key(
        None, "Requests over that which may wait instead of a 429.", form="whole number", shown="0"
    )
