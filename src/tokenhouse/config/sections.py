"""The sections of ``tokenhouse.toml``: every key, its default and one line about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from tokenhouse.config.fields import Key, Secret

LogFormat = Literal["text", "json"]
Durability = Literal["process", "power"]
SignUp = Literal["closed", "open"]
ProviderKind = Literal["openai", "anthropic", "engine", "scripted"]
KvForm = Literal["f16", "q8_0", "q4_0"]
Failure = Literal["", "refuse", "stall", "error", "cut", "error_in_stream"]

PORTS = (0, 65535)
SOME = (1, None)
KV_FORMS: tuple[KvForm, ...] = ("f16", "q8_0", "q4_0")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerConfig:
    """``[server]``. Times in seconds, sizes in bytes."""

    host: Annotated[str, Key('The address to listen on; "0.0.0.0" is every network.')] = "127.0.0.1"
    port: Annotated[int, Key("The port to listen on; 0 lets the system choose.", within=PORTS)] = (
        8080
    )
    public_url: Annotated[
        str,
        Key(
            "How clients reach this house; stands on pages and in prompts. Default: host and port.",
            shown='"http://127.0.0.1:8080"',
        ),
    ] = ""
    workers: Annotated[
        int, Key("Processes that serve. More than one needs PostgreSQL and no engine.", within=SOME)
    ] = 1
    max_body: Annotated[
        int, Key("The largest request body.", form="size", within=SOME, shown='"32MB"')
    ] = 32_000_000
    max_keyless_body: Annotated[
        int,
        Key(
            "The largest body that is read before a key is known (the key may stand in it).",
            form="size",
            within=SOME,
            shown='"4MiB"',
        ),
    ] = 4 * 2**20
    max_header: Annotated[
        int,
        Key(
            "The largest request line and headers together.",
            form="size",
            within=(1024, None),
            shown='"64KiB"',
        ),
    ] = 64 * 2**10
    cors_origins: Annotated[
        tuple[str, ...], Key("Web origins that may call the inference routes from a browser.")
    ] = ("*",)
    trusted_proxies: Annotated[
        tuple[str, ...],
        Key(
            "Addresses and networks of proxies in front of this house, whose X-Forwarded-For and "
            "X-Forwarded-Proto say who asks; nobody else's do."
        ),
    ] = ()
    default_model: Annotated[
        str,
        Key("The model for requests that name none. Default: the first one that can answer now."),
    ] = ""
    header_timeout_s: Annotated[float, Key("How long a client may take to send its headers.")] = (
        10.0
    )
    request_deadline_s: Annotated[
        float, Key("How long one request may take in all.", within=(1, None))
    ] = 600.0
    keepalive_s: Annotated[
        float, Key("A stream that is silent this long gets a keep-alive.", within=(0.1, None))
    ] = 10.0
    shutdown_grace_s: Annotated[
        float, Key("How long running answers may go on after the house was told to stop.")
    ] = 30.0
    failed_keys_per_minute: Annotated[
        int, Key("Wrong keys that one address may try per minute.", within=SOME)
    ] = 30
    counts_per_minute: Annotated[
        int,
        Key("Token counts (free) that one account may ask for per minute.", within=SOME),
    ] = 600
    control_per_minute: Annotated[
        int,
        Key("Requests to the control plane that one person may make per minute.", within=SOME),
    ] = 120
    control_money_per_minute: Annotated[
        int,
        Key("Of these, requests that move money, such as redeeming vouchers.", within=SOME),
    ] = 15
    control_sign_ins_per_minute: Annotated[
        int,
        Key("Sign-ups, sign-ins and resets by API that one address may try a minute.", within=SOME),
    ] = 20
    log_format: Annotated[
        LogFormat, Key("How log lines are written.", choices=("text", "json"))
    ] = "text"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class StoreConfig:
    """``[store]``. ``url`` is resolved: never empty in a loaded Config; no repr shows it, for it may
    carry a password."""

    url: Annotated[
        str,
        Key(
            "Where money and keys are kept: sqlite:///PATH (relative to the data directory; four "
            'slashes begin an absolute path), postgresql://user@host/db, or "env:NAME" with it.',
            shown='"sqlite:///tokenhouse.db"',
        ),
    ] = ""
    durability: Annotated[
        Durability,
        Key(
            '"process" survives kill -9; "power" also survives the loss of power, and is slower.',
            choices=("process", "power"),
        ),
    ] = "process"
    keep_receipts_days: Annotated[
        int,
        Key(
            "Days that receipts stay; 0 is for ever. Balances, postings and usage sums stay always.",
            within=(0, 36_500),
        ),
    ] = 90
    keep_hours_days: Annotated[
        int,
        Key(
            "Days that usage by the hour stays; 0 is for ever. Usage by the day stays always.",
            within=(0, 36_500),
        ),
    ] = 400

    def __repr__(self) -> str:
        return f"StoreConfig(url={self.url.partition(':')[0]}:…, durability={self.durability!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteConfig:
    """``[site]``."""

    name: Annotated[str, Key("The name of this house on pages, in mails and in prompts.")] = (
        "Tokenhouse"
    )
    support_url: Annotated[str, Key("Where people get help; shown on pages and in errors.")] = ""
    sign_up: Annotated[
        SignUp, Key('"open" lets visitors make accounts.', choices=("closed", "open"))
    ] = "closed"
    visitor_cap: Annotated[
        str,
        Key(
            "What a visitor without a key may spend in the playground a day, in US dollars; the account "
            "`visitors` pays for all of them, on [plans.visitors]. Nothing: none may.",
            form="USD",
            shown='"0.00"',
        ),
    ] = "0.00"


@dataclass(frozen=True, slots=True, kw_only=True)
class MailConfig:
    """``[mail]``."""

    url: Annotated[
        str,
        Key(
            "The server that takes mail: smtps://host:465, or smtp://host:587, where TLS begins if it is "
            "offered. Empty: mails are printed where the house runs.",
        ),
    ] = ""
    sender: Annotated[
        str,
        Key("Who mails come from, an address or NAME <ADDRESS>. Default: no-reply at public_url."),
    ] = ""
    user: Annotated[str, Key("Who signs in at the mail server; empty: nobody.")] = ""
    password: Annotated[
        Secret | None,
        Key(
            'The password there, as "env:NAME" or "file:PATH".',
            form="secret",
            shown='""',
        ),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingConfig:
    """``[routing]``."""

    failures_to_open: Annotated[
        int, Key("Failures in a row after which a route rests.", within=(1, 1000))
    ] = 5
    probe_after_s: Annotated[
        float,
        Key("How long a failed route rests before one request tries it again.", within=(0.1, None)),
    ] = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineConfig:
    """``[engine]``: what all engine processes of this house share. ``weights_dir`` and ``hub`` are
    resolved."""

    memory: Annotated[
        int,
        Key(
            "Memory that all loaded models may take together; on a GPU, name what it has. 0: nine "
            "tenths of this machine's.",
            form="size",
        ),
    ] = 0
    weights_dir: Annotated[
        str, Key("Where weights lie. Default: in the data directory.", shown='"weights"')
    ] = ""
    hub: Annotated[
        str,
        Key(
            "Where `tokenhouse pull` asks for weights. Default: $HF_ENDPOINT, else Hugging Face.",
            shown='"https://huggingface.co"',
        ),
    ] = ""
    hub_token: Annotated[
        Secret | None,
        Key(
            "Who asks, for repositories that want to know. Default: $HF_TOKEN, else none.",
            form="secret",
            shown='"env:HF_TOKEN"',
        ),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueConfig:
    """``[catalogue]``."""

    shipped: Annotated[bool, Key("Load the models that ship with Tokenhouse.")] = True


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamConfig:
    """``[providers.NAME]`` of kind openai or anthropic: an API elsewhere."""

    name: str
    kind: Annotated[
        ProviderKind,
        Key(
            "openai and anthropic are APIs elsewhere, engine runs weights here, scripted is a fake.",
            choices=("openai", "anthropic", "engine", "scripted"),
        ),
    ] = "openai"
    service: Annotated[
        str,
        Key(
            'Which API it is, where it is a known one (reference/services.md), like "vllm" or "mistral": '
            "its words and its address are known then. Default: told by base_url's host.",
        ),
    ] = ""
    base_url: Annotated[
        str,
        Key(
            "The API's address, with or without its closing /v1. Default: the service's own.",
            shown='"http://127.0.0.1:9001/v1"',
        ),
    ] = ""
    api_key: Annotated[
        Secret | None,
        Key(
            'The key that the API asks for, as "env:NAME" or "file:PATH".',
            form="secret",
            shown='"env:UPSTREAM1_KEY"',
        ),
    ] = None
    connect_timeout_s: Annotated[
        float, Key("To name, connect and agree on TLS.", within=(0.1, None))
    ] = 10.0
    first_event_timeout_s: Annotated[
        float, Key("From the request sent to the first event of the answer.", within=(0.1, None))
    ] = 300.0
    idle_timeout_s: Annotated[
        float, Key("The longest silence inside an answer.", within=(0.1, None))
    ] = 120.0
    connections: Annotated[int, Key("Connections held open to it at most.", within=SOME)] = 256
    priced_words: Annotated[
        tuple[str, ...],
        Key(
            "Request fields, beside the known ones, that change the price: refused where the model has "
            "no price for them."
        ),
    ] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineProviderConfig:
    """``[providers.NAME]`` of kind engine: weights that run here."""

    name: str
    kind: Annotated[ProviderKind, Key("engine.", choices=("engine",))] = "engine"
    threads: Annotated[
        int, Key("CPU threads per model; 0: all cores but one.", within=(0, 1024))
    ] = 0
    slots: Annotated[
        int, Key("Answers that one model writes at the same time.", within=(1, 256))
    ] = 4
    context: Annotated[
        int,
        Key(
            "Tokens of context that all slots of a model share; 0: the model's context_length.",
            within=(0, 100_000_000),
        ),
    ] = 0
    gpu_layers: Annotated[
        int, Key("Layers on the GPU; -1: all of them when there is a GPU.", within=(-1, 10_000))
    ] = -1
    batch: Annotated[
        int, Key("Prompt tokens per step; smaller stops sooner.", within=(1, 65536))
    ] = 256
    cache: Annotated[
        int, Key("Memory for the prompts of earlier requests.", form="size", shown='"256MiB"')
    ] = 256 * 2**20
    kv: Annotated[
        KvForm,
        Key(
            "How the context is kept: q8_0 takes half of f16's memory, q4_0 a quarter, at some loss.",
            choices=KV_FORMS,
        ),
    ] = "f16"
    queue: Annotated[
        int,
        Key("Requests that may wait for one model; accounts take turns.", within=(1, 65536)),
    ] = 256
    unload_after_s: Annotated[
        float,
        Key("A model unused this long is unloaded; 0: it stays while there is room."),
    ] = 900.0
    load_wait_s: Annotated[
        float, Key("How long a request waits for its model to be loaded.", within=SOME)
    ] = 300.0
    llama_server_binary: Annotated[
        str,
        Key(
            "A llama-server that you built (for a GPU, say), run instead of the installed wheel. "
            "Relative to the data directory."
        ),
    ] = ""
    loop_guard: Annotated[
        int,
        Key(
            "Tokens after which an answer that only repeats itself is ended, as if max_tokens were met "
            "(finish_reason length); 0: never.",
            within=(0, 1_000_000),
        ),
    ] = 1024
    start_timeout_s: Annotated[
        float, Key("How long loading the weights may take.", within=SOME)
    ] = 600.0
    first_event_timeout_s: Annotated[
        float, Key("From the request to the first token, waiting for a slot included.", within=SOME)
    ] = 600.0
    idle_timeout_s: Annotated[float, Key("The longest silence inside an answer.", within=SOME)] = (
        120.0
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptedProviderConfig:
    """``[providers.NAME]`` of kind scripted: a fake for trials, that answers what it is told."""

    name: str
    kind: Annotated[ProviderKind, Key("scripted.", choices=("scripted",))] = "scripted"
    reply: Annotated[str, Key("The answer, word by word; empty: it repeats the last message.")] = ""
    first_event_delay_s: Annotated[float, Key("Before the first event.")] = 0.0
    event_delay_s: Annotated[float, Key("Between two events.")] = 0.0
    failure: Annotated[
        Failure,
        Key(
            "How it fails, if it shall.",
            choices=("", "refuse", "stall", "error", "cut", "error_in_stream"),
        ),
    ] = ""
    failure_status: Annotated[int, Key('The status of failure = "error".', within=(400, 599))] = 500


ProviderConfig = UpstreamConfig | EngineProviderConfig | ScriptedProviderConfig
