"""Providers from their settings: which clients, engines and tokenizers this house needs."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tokenhouse import starter
from tokenhouse.app_images import images_for, make_images
from tokenhouse.catalogue import STARTER, Catalogue, Model
from tokenhouse.config import (
    Config,
    EngineProviderConfig,
    Network,
    ProviderConfig,
    ScriptedProviderConfig,
    UpstreamConfig,
    tuned,
)
from tokenhouse.engine import (
    FORMATS,
    Budget,
    Encoder,
    Engine,
    EngineError,
    EngineSettings,
    Format,
    ModelSpec,
    OwnTemplate,
    Tekken,
    WeightsError,
    derive_tekken,
    find_projector,
    find_tekken,
    find_weights,
    format_of,
    load_tekken,
    read_header,
    read_own_template,
)
from tokenhouse.errors import HouseError
from tokenhouse.providers import (
    AnthropicProvider,
    EngineModel,
    EngineProvider,
    Images,
    OpenAIProvider,
    Provider,
    Scripted,
    Service,
    UpstreamSettings,
    service_of,
)
from tokenhouse.relay import TokenCounter
from tokenhouse.transport import Client, Limits, Proxies, Proxy

log = logging.getLogger("tokenhouse")

ENGINE_COMMAND = "pip install 'tokenhouse[engine]'"
_WITH_AN_OWN_SERVER = ("tiktoken", "llguidance", "httpx2")
_ENGINE_PACKAGES = ("xllamacpp", "tiktoken", "llguidance")


@dataclass(frozen=True, slots=True)
class RunBy:
    """With what a model runs: its settings, a llama-server of the operator's own, if any, and what reads
    its images."""

    settings: EngineProviderConfig
    binary: Path | None
    images: Images


@dataclass(slots=True)
class Providing:
    """The providers of a house, the clients to close after them, and counters by tokenizer name.

    ``budget``: the memory of all its engines. ``engine_missing``: an engine is configured but its
    packages are not installed.
    """

    providers: dict[str, Provider] = field(default_factory=dict[str, Provider])
    clients: list[Client] = field(default_factory=list[Client])
    counters: dict[str, TokenCounter] = field(default_factory=dict[str, TokenCounter])
    eager: list[Engine] = field(default_factory=list[Engine])
    budget: Budget = field(default_factory=Budget)
    engine_missing: bool = False


def make_providers(config: Config, catalogue: Catalogue) -> Providing:
    """Every provider of ``config``. HouseError names what can't be built and the mend."""
    providing = Providing(budget=Budget(config.engine.memory or None))
    for settings in config.providers:
        providing.providers[settings.name] = _make(settings, config, catalogue, providing)
    for name in {model.tokenizer for model in catalogue.models if model.price is not None}:
        if name is not None and name not in providing.counters:
            _count_with(name, Path(config.engine.weights_dir), providing)
    return providing


def _make(
    settings: ProviderConfig, config: Config, catalogue: Catalogue, providing: Providing
) -> Provider:
    match settings:
        case UpstreamConfig():
            return _upstream(settings, config.network, providing)
        case EngineProviderConfig():
            return _engine(settings, config, catalogue, providing)
        case ScriptedProviderConfig():
            return Scripted(
                settings.name,
                reply=settings.reply,
                first_event_delay_s=settings.first_event_delay_s,
                event_delay_s=settings.event_delay_s,
                failure=settings.failure,
                failure_status=settings.failure_status,
            )


def _upstream(settings: UpstreamConfig, network: Network, providing: Providing) -> Provider:
    service = service_behind(settings)
    limits = Limits(
        connect_timeout_s=settings.connect_timeout_s,
        headers_timeout_s=settings.first_event_timeout_s,
        idle_timeout_s=settings.idle_timeout_s,
        connections_per_origin_max=settings.connections,
    )
    client = Client(limits, ca_file=network.ssl_cert_file or None, proxies=_proxies(network))
    providing.clients.append(client)
    key = settings.api_key
    secret = None if key is None else key.reveal()
    if wanting := missing_key(settings, service):
        log.warning("%s", wanting)
    kind = AnthropicProvider if settings.kind == "anthropic" else OpenAIProvider
    upstream = UpstreamSettings(
        base_url=settings.base_url or service.base_url,
        api_key=secret,
        priced_words=settings.priced_words,
        service=service,
    )
    return kind(settings.name, upstream, client=client)


def missing_key(settings: UpstreamConfig, service: Service) -> str | None:
    """What to say of an API that asks for a key where the settings have none."""
    if settings.api_key is not None or not service.key or not service.name:
        return None
    return f'providers.{settings.name}.api_key: {service.title} asks for a key; say "env:NAME"'


def service_behind(settings: UpstreamConfig) -> Service:
    """The row of the API that ``settings`` mean; HouseError for a name or a kind that is not its."""
    try:
        service = service_of(settings.service, settings.base_url)
    except ValueError as error:
        where = f"providers.{settings.name}.service"
        raise HouseError(f"{where}: {error}", code="config_invalid") from None
    if settings.service and service.kind != settings.kind:
        where = f"providers.{settings.name}.kind"
        raise HouseError(
            f'{where}: {service.title} is of kind "{service.kind}"', code="config_invalid"
        )
    return service


def _proxies(network: Network) -> Proxies | None:
    if not network.https_proxy:
        return None
    return Proxies(https=Proxy.parse(network.https_proxy), no_proxy=network.no_proxy)


def _engine(
    settings: EngineProviderConfig, config: Config, catalogue: Catalogue, providing: Providing
) -> Provider:
    limits = Limits(
        headers_timeout_s=settings.first_event_timeout_s, idle_timeout_s=settings.idle_timeout_s
    )
    client = Client(limits)
    providing.clients.append(client)
    images = make_images(config.images, config.network)
    models: dict[str, EngineModel] = {}
    failures: dict[str, str] = {}
    own = config.data_dir / Path(settings.llama_server_binary).expanduser()
    binary = own if settings.llama_server_binary else None
    needed = _ENGINE_PACKAGES if binary is None else _WITH_AN_OWN_SERVER
    missing = [name for name in needed if importlib.util.find_spec(name) is None]
    for model, upstream_model in _models_of(settings.name, catalogue):
        if missing:
            providing.engine_missing = True
            failures[upstream_model] = f"the engine is not installed: run {ENGINE_COMMAND}"
            continue
        weights_dir = Path(config.engine.weights_dir)
        run_by = RunBy(tuned(settings, model.engine), binary, images)
        made = _engine_model(model, run_by, weights_dir, providing)
        if isinstance(made, EngineModel):
            models[upstream_model] = made
        else:
            failures[upstream_model] = made
    return EngineProvider(
        settings.name,
        models,
        client=client,
        failures=failures,
        load_wait_s=settings.load_wait_s,
        loop_guard=settings.loop_guard,
    )


def _models_of(provider: str, catalogue: Catalogue) -> list[tuple[Model, str]]:
    return [
        (model, route.model)
        for model in catalogue.models
        for route in model.routes
        if route.provider == provider
    ]


def _engine_model(
    model: Model,
    run_by: RunBy,
    weights_dir: Path,
    providing: Providing,
) -> EngineModel | str:
    """The model's engine (cold) and encoder, or why it can't run here."""
    settings, binary = run_by.settings, run_by.binary
    shipped = model.weights == STARTER
    weights = starter.weights_path() if shipped else None
    weights = weights or find_weights(weights_dir, model.weights, model.id)
    if weights is None:
        # callers read this: the operator's paths are for the log and for `tokenhouse check`
        if model.hub is not None:
            return f"its weights are not here: run `tokenhouse pull {model.id}`, then start again"
        if model.weights is None:
            return f'its row names no weights; set weights = "FILE.gguf" for {model.id}'
        return (
            f"its weights are not here: put {model.weights} into the directory engine.weights_dir"
        )
    try:
        words = _words(model, weights)
    except EngineError as error:
        log.error("%s: %s", model.id, error)
        return str(error).replace(f"{weights.parent}/", "")
    projector = find_projector(weights) if "image" in model.input_modalities else None
    context = settings.context or model.context_length
    engine = Engine(
        ModelSpec(model.id, weights, context, projector),
        EngineSettings(
            slots=settings.slots,
            threads=settings.threads or None,
            n_batch=settings.batch,
            gpu_layers=settings.gpu_layers,
            kv=settings.kv,
            cache_ram_mib=settings.cache >> 20,
            queue_limit=settings.queue,
            load_timeout_s=settings.start_timeout_s,
            unload_after_s=settings.unload_after_s,
            binary=binary,
        ),
        budget=providing.budget,
    )
    engine.look()
    if shipped:
        providing.eager.append(engine)
    if isinstance(words, OwnTemplate):
        return EngineModel(engine, None, own=words)
    path, tekken, form = words
    if model.tokenizer is not None:
        providing.counters[model.tokenizer] = lambda text: len(tekken.encode(text))
    images = images_for(model, projector, run_by.images)
    return EngineModel(engine, Encoder(tekken, path), form, images=images)


def _words(model: Model, weights: Path) -> tuple[Path, Tekken, Format] | OwnTemplate:
    """How its prompts are written: by the weights' own template where the row says "engine", or names
    no tokenizer and the weights are of another family than Mistral's."""
    own = model.tokenizer == "engine"
    if own or (model.tokenizer is None and read_header(weights).tokenizer_pre != "tekken"):
        return read_own_template(weights)
    return _tekken(model, weights)


def _tekken(model: Model, weights: Path) -> tuple[Path, Tekken, Format]:
    """The model's tekken.json (the named one, one beside the weights that suits them, or one made out of
    them), and the format that its row names, else that file."""
    header, name = read_header(weights), model.tokenizer or ""
    version = name.removeprefix("tekken-") if name in FORMATS else None
    if name == STARTER or name.endswith(".json"):
        path = starter.tokenizer_path() if name == STARTER else weights.parent / name
        tekken = load_tekken(path)
        return path, tekken, format_of(tekken, header)
    own = weights.with_name(f"{weights.stem}.tekken.json")
    try:
        path = find_tekken(weights)
        tekken = load_tekken(path)
        return path, tekken, format_of(tekken, header, version)
    except WeightsError:
        if own.is_file():
            raise
    tekken = load_tekken(derive_tekken(weights, own, version))
    return own, tekken, format_of(tekken, header, version)


def _count_with(tokenizer: str, weights_dir: Path, providing: Providing) -> None:
    """A counter for models that run elsewhere, where their tokenizer's file lies in the weights
    directory: the one that the row names, ``tekken.json`` for "tekken-v7" and its like."""
    path = weights_dir / ("tekken.json" if tokenizer in FORMATS else tokenizer)
    if path.suffix != ".json" or not path.is_file():
        return
    try:
        tekken = load_tekken(path)
    except EngineError as error:
        log.warning("tokens of %s are estimated: %s", tokenizer, error)
        return
    if tokenizer in FORMATS and tokenizer != f"tekken-{tekken.version}":
        return
    providing.counters[tokenizer] = lambda text: len(tekken.encode(text))


def why_nothing_answers(providing: Providing, catalogue: Catalogue) -> Mapping[str, str]:
    """Model id → why it can't answer now, for every offered model that can't."""
    found: dict[str, str] = {}
    for model in catalogue.models:
        reasons = [
            providing.providers[route.provider].why_not(route.model)
            for route in model.routes
            if route.provider in providing.providers
        ]
        if not reasons or all(reason is not None for reason in reasons):
            found[model.id] = next(filter(None, reasons), "it has no route")
    return found


LOADED, LOADING, ON_DISK, ELSEWHERE = "loaded", "loading", "on disk", "elsewhere"
_BEST_FIRST = (LOADED, LOADING, ON_DISK, ELSEWHERE)


def model_states(providing: Providing, catalogue: Catalogue) -> Mapping[str, str]:
    """Offered model → "loaded", "loading", "on disk" (its first request loads it), "elsewhere" (another
    API runs it), or why it can't answer now."""
    found: dict[str, str] = {}
    for model in catalogue.models:
        if model.price is not None:
            told = [
                _state(providing.providers[route.provider], route.model)
                for route in model.routes
                if route.provider in providing.providers
            ]
            best = [state for state in _BEST_FIRST if state in told]
            found[model.id] = next(iter(best or told), "it has no route")
    return found


def _state(provider: Provider, upstream_model: str) -> str:
    why = provider.why_not(upstream_model)
    if why is not None:
        return why
    if not isinstance(provider, EngineProvider):
        return ELSEWHERE
    state = provider.engines[upstream_model].state
    return {"ready": LOADED, "loading": LOADING}.get(state, ON_DISK)
