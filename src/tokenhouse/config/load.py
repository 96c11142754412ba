"""From a file and the environment to a :class:`Config`."""

from __future__ import annotations

import ipaddress
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import cast
from urllib.parse import urlsplit

from tokenhouse.config.fields import ConfigError, Reader, Secret, did_you_mean
from tokenhouse.config.images import ImagesConfig
from tokenhouse.config.sections import (
    CatalogueConfig,
    EngineConfig,
    EngineProviderConfig,
    MailConfig,
    ProviderConfig,
    RoutingConfig,
    ScriptedProviderConfig,
    ServerConfig,
    SiteConfig,
    StoreConfig,
    UpstreamConfig,
)

FILE_NAME = "tokenhouse.toml"
LOCAL_PROVIDER = "local"
HUB = "https://huggingface.co"
_SECTIONS = (
    "server", "store", "site", "mail", "routing", "engine", "images", "catalogue", "providers",
    "models", "plans",
)  # fmt: skip
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """What the environment says about proxies and certificates; "" is not said. A proxy's URL may carry
    a password, so no repr shows it."""

    https_proxy: str = field(default="", repr=False)
    no_proxy: str = ""
    ssl_cert_file: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Everything that an operator can set. ``path`` is the file read, None when there was none."""

    path: Path | None
    data_dir: Path
    server: ServerConfig
    store: StoreConfig
    site: SiteConfig
    mail: MailConfig
    routing: RoutingConfig
    engine: EngineConfig
    images: ImagesConfig
    catalogue: CatalogueConfig
    providers: tuple[ProviderConfig, ...]
    models: tuple[Mapping[str, object], ...]
    plans: Mapping[str, object]
    network: Network


def load(
    path: Path | None = None,
    data_dir: Path | None = None,
    *,
    default_data_dir: Path,
    environ: Mapping[str, str] | None = None,
    server: Mapping[str, object] | None = None,
) -> Config:
    """Read the settings; ConfigError names every mistake.

    The file: ``path``, else $TOKENHOUSE_CONFIG, else ./tokenhouse.toml, else tokenhouse.toml in the
    data directory, else none. The data directory: ``data_dir``, else $TOKENHOUSE_DATA, else
    ``default_data_dir``; nothing is made. ``server`` are keys of [server] from the command line,
    checked like the file's. ``environ`` is the process's own unless given.
    """
    env = os.environ if environ is None else environ  # noqa: TID251 -- the one place that reads it
    data = data_dir or Path(env.get("TOKENHOUSE_DATA") or default_data_dir)
    data = data.expanduser().absolute()
    file = _find(path, env, data)
    tables = {} if file is None else _read(file)
    reader = Reader(env, data if file is None else file.parent)
    for name in tables:
        if name not in _SECTIONS:
            reader.wrong(name, "unknown section" + did_you_mean(name, _SECTIONS))
    config = _config(reader, tables, server or {})
    config = replace(
        config,
        path=file,
        data_dir=data,
        store=_store(reader, config.store, data),
        engine=_engine(config.engine, data, env),
        network=_network(env),
    )
    _check(reader, config)
    reader.done("" if file is None else str(file))
    return config


def _find(path: Path | None, env: Mapping[str, str], data: Path) -> Path | None:
    named = path or (Path(env["TOKENHOUSE_CONFIG"]) if env.get("TOKENHOUSE_CONFIG") else None)
    if named is not None:
        return named.expanduser().absolute()
    for file in (Path(FILE_NAME).absolute(), data / FILE_NAME):
        if file.is_file():
            return file
    return None


def _read(file: Path) -> Mapping[str, object]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([f"not valid TOML: {error}"], str(file)) from error
    except UnicodeError as error:
        raise ConfigError(["not UTF-8 text"], str(file)) from error
    except OSError as error:
        raise ConfigError([f"cannot be read: {error.strerror}"], str(file)) from error


def _config(reader: Reader, tables: Mapping[str, object], server: Mapping[str, object]) -> Config:
    """All sections as they are written; what depends on the data directory is set by ``load``."""

    def table(name: str) -> object:
        return tables.get(name, {})

    written = table("server")
    if isinstance(written, Mapping):
        written = {**cast("Mapping[str, object]", written), **server}
    plans = table("plans")
    if not isinstance(plans, Mapping):
        reader.wrong("plans", "expected tables like [plans.free]")
        plans = {}
    return Config(
        path=None,
        data_dir=Path(),
        server=_server(reader, written),
        store=reader.section(StoreConfig, table("store"), "store"),
        site=reader.section(SiteConfig, table("site"), "site"),
        mail=reader.section(MailConfig, table("mail"), "mail"),
        routing=reader.section(RoutingConfig, table("routing"), "routing"),
        engine=reader.section(EngineConfig, table("engine"), "engine"),
        images=reader.section(ImagesConfig, table("images"), "images"),
        catalogue=reader.section(CatalogueConfig, table("catalogue"), "catalogue"),
        providers=_providers(reader, table("providers")),
        models=_models(reader, tables.get("models", [])),
        plans=MappingProxyType(dict(cast("Mapping[str, object]", plans))),
        network=Network(),
    )


def _server(reader: Reader, written: object) -> ServerConfig:
    server = reader.section(ServerConfig, written, "server")
    for at, proxy in enumerate(server.trusted_proxies):
        try:
            ipaddress.ip_network(proxy)
        except ValueError:
            sentence = f'expected an address or a network like "10.0.0.0/8", got "{proxy}"'
            reader.wrong(f"server.trusted_proxies[{at}]", sentence)
    return _public(server)


def _public(server: ServerConfig) -> ServerConfig:
    if server.public_url:
        return replace(server, public_url=server.public_url.rstrip("/"))
    host = "127.0.0.1" if server.host in ("0.0.0.0", "::", "") else server.host
    host = f"[{host}]" if ":" in host else host
    return replace(server, public_url=f"http://{host}:{server.port}")


def _models(reader: Reader, rows: object) -> tuple[Mapping[str, object], ...]:
    if isinstance(rows, list):
        items = cast("list[object]", rows)
        if all(isinstance(row, Mapping) for row in items):
            return tuple(cast("list[Mapping[str, object]]", items))
    reader.wrong("models", "expected tables that begin with [[models]]")
    return ()


def _providers(reader: Reader, tables: object) -> tuple[ProviderConfig, ...]:
    """The written providers, and the engine ``local`` unless one of that name is written."""
    found: list[ProviderConfig] = []
    if not isinstance(tables, Mapping):
        reader.wrong("providers", "expected tables like [providers.local]")
        tables = {}
    for name, table in cast("Mapping[str, object]", tables).items():
        where = f"providers.{name}"
        if _NAME.fullmatch(name) is None:
            reader.wrong(where, "a provider's name is lower-case letters, digits, - and _")
        found.append(_provider(reader, name, table, where))
    if all(provider.name != LOCAL_PROVIDER for provider in found):
        found.append(EngineProviderConfig(name=LOCAL_PROVIDER))
    return tuple(found)


def _provider(reader: Reader, name: str, table: object, where: str) -> ProviderConfig:
    kind = cast("Mapping[str, object]", table).get("kind") if isinstance(table, Mapping) else None
    if kind == "engine":
        return reader.section(EngineProviderConfig, table, where, name=name)
    if kind == "scripted":
        return reader.section(ScriptedProviderConfig, table, where, name=name)
    if kind is None and isinstance(table, Mapping):
        reader.wrong(f"{where}.kind", "is missing: openai, anthropic, engine or scripted")
    upstream = reader.section(UpstreamConfig, table, where, name=name)
    if kind in ("openai", "anthropic"):
        if not upstream.base_url:
            if not upstream.service:
                reader.wrong(f"{where}.base_url", "is missing: the address of the API")
        elif not _is_url(upstream.base_url, ("http", "https", "http+unix")):
            reader.wrong(f"{where}.base_url", "expected an address like https://host/v1")
    return upstream


def _store(reader: Reader, store: StoreConfig, data: Path) -> StoreConfig:
    url = store.url
    if url.startswith(("env:", "file:")):
        secret = reader.secret(url, "store.url")
        url = "" if secret is None else secret.reveal()
    if not url:
        url = "sqlite:///tokenhouse.db"
    if url.startswith("sqlite:///") and len(url) > len("sqlite:///"):
        return replace(store, url=f"sqlite:///{data / url.removeprefix('sqlite:///')}")
    if not url.startswith(("postgresql://", "postgres://")):
        reader.wrong("store.url", "expected sqlite:///PATH or postgresql://user@host/db")
    return replace(store, url=url)


def _engine(engine: EngineConfig, data: Path, env: Mapping[str, str]) -> EngineConfig:
    token = env.get("HF_TOKEN", "")
    return replace(
        engine,
        weights_dir=str(data / (engine.weights_dir or "weights")),
        hub=(engine.hub or env.get("HF_ENDPOINT") or HUB).rstrip("/"),
        hub_token=engine.hub_token or (Secret(token, "env:HF_TOKEN") if token else None),
    )


def _network(env: Mapping[str, str]) -> Network:
    def said(name: str) -> str:
        return env.get(name.lower()) or env.get(name) or ""

    return Network(
        https_proxy=said("HTTPS_PROXY"),
        no_proxy=said("NO_PROXY"),
        ssl_cert_file=env.get("SSL_CERT_FILE", ""),
    )


def _check(reader: Reader, config: Config) -> None:
    """What several keys say together."""
    if not _is_url(config.server.public_url, ("http", "https")):
        reader.wrong("server.public_url", "expected an address like https://api.example.com")
    if not _is_url(config.engine.hub, ("http", "https")):
        reader.wrong("engine.hub", "expected an address like https://huggingface.co")
    if config.mail.url and not _is_url(config.mail.url, ("smtp", "smtps")):
        reader.wrong("mail.url", "expected an address like smtps://mail.example.com:465")
    support = config.site.support_url
    if support and not (support.startswith("mailto:") or _is_url(support, ("http", "https"))):
        reader.wrong("site.support_url", "expected an address like https://help.example.com")
    for network in config.images.allow_networks:
        if not _is_network(network):
            reader.wrong("images.allow_networks", f'"{network}" is no network like "10.20.0.0/16"')
    if config.server.workers == 1:
        return
    if config.store.url.startswith("sqlite:"):
        reader.wrong("server.workers", "more than one worker needs a PostgreSQL store.url")
    for provider in config.providers:
        # the one that nobody wrote stays: it runs nothing until weights are there
        if provider.kind == "engine" and provider != EngineProviderConfig(name=LOCAL_PROVIDER):
            reader.wrong(
                f"providers.{provider.name}",
                "an engine needs server.workers = 1; run it as a house of its own",
            )


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        return False
    return True


def _is_url(text: str, schemes: tuple[str, ...]) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in schemes and bool(parts.netloc)
