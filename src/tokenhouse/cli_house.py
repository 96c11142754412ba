"""Verbs about the house as a whole: ``serve``, ``init``, ``check``, ``backup``."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

import click

from tokenhouse.catalogue import STARTER, Catalogue, Model, plan_parts, price_parts
from tokenhouse.cli_frame import ERROR, OK, Failure, Settings, Verb, settings_of
from tokenhouse.cli_open import House, build_catalogue, house_exists, run, store_path
from tokenhouse.cli_output import print_json
from tokenhouse.config import Config, ConfigError, EngineProviderConfig, commented_default
from tokenhouse.starter import weights_path

CONFIG_NAME = "tokenhouse.toml"


@click.command(
    cls=Verb,
    examples="""
    tokenhouse serve
    tokenhouse serve --port 9000 --data ./house
    tokenhouse serve --config tokenhouse.toml --host 0.0.0.0 --log-format json
    """,
)
@click.option("--host", help="The address to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65535), help="The port to listen on; 0 lets the system choose."
)
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    help="Processes that serve; more than one needs PostgreSQL.",
)
@click.option("--log-format", type=click.Choice(["text", "json"]), help="How log lines look.")
@settings_of
def serve(
    settings: Settings,
    host: str | None,
    port: int | None,
    workers: int | None,
    log_format: str | None,
) -> None:
    """Serve the API until it is told to stop.

    The first time it makes the data directory, an account and a key, and says how to use them.
    """
    from tokenhouse.app_serve import run as serve_until_stopped

    said = {"host": host, "port": port, "workers": workers, "log_format": log_format}
    server = {name: value for name, value in said.items() if value is not None}
    try:
        code = serve_until_stopped(settings.load(server), reload=lambda: settings.load(server))
    except SystemExit as ended:
        # the server library ends the process with codes of its own; ours mean other things
        code = OK if ended.code in (0, None) else ERROR
    raise click.exceptions.Exit(code)


@click.command(
    cls=Verb,
    examples="""
    tokenhouse init
    tokenhouse init --config /etc/tokenhouse.toml
    """,
)
@click.option("--force", is_flag=True, help="Write over a file that is there.")
@settings_of
def init(settings: Settings, force: bool) -> None:
    """Write a commented settings file.

    Every key stands in it with its default. Where: --config FILE, else tokenhouse.toml in --data
    DIR, else here.
    """
    path = settings.config or (settings.data or Path()) / CONFIG_NAME
    path = path.expanduser().absolute()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if force else os.O_EXCL)
    try:
        file = os.open(path, flags, 0o600)
    except FileExistsError:
        raise Failure(
            f"{path} is there already; --force writes over it", code="already_exists"
        ) from None
    with os.fdopen(file, "w", encoding="utf-8") as out:
        out.write(commented_default())
    if settings.as_json:
        print_json({"path": str(path)})
    else:
        print(f"wrote {path}; `tokenhouse check` reads it")


@click.command(
    cls=Verb,
    examples="""
    tokenhouse check
    tokenhouse check --config /etc/tokenhouse.toml --json
    """,
)
@settings_of
def check(settings: Settings) -> None:
    """Say all that is wrong with the settings.

    The catalogue included. Changes nothing.
    """
    from tokenhouse.app_mistakes import keys_missing, mistakes

    problems: tuple[str, ...] = ()
    config: Config | None = None
    catalogue: Catalogue | None = None
    try:
        config = settings.load()
        catalogue = build_catalogue(config)
        problems = mistakes(config)
    except ConfigError as error:
        problems = error.problems
    notes = _notes(config, catalogue) if config and catalogue else []
    if config and not problems:
        notes += keys_missing(config)
    if settings.as_json:
        print_json(_checked(config, catalogue, problems, notes))
    else:
        _print_checked(config, catalogue, problems, notes)
    if problems:
        raise click.exceptions.Exit(ERROR)


@click.command(
    cls=Verb,
    examples="""
    tokenhouse backup /var/backups/tokenhouse-2026-11-22.db
    """,
)
@click.argument("path", type=click.Path(path_type=Path))
@settings_of
def backup(settings: Settings, path: Path) -> None:
    """Copy the whole database into a new file.

    Accounts, keys, ledger and receipts as they are at one moment; PATH must not be there yet. The
    house may serve meanwhile.
    """
    target = path.expanduser().absolute()

    async def copy(house: House) -> None:
        await house.store.backup(target)

    run(settings.load(), copy)
    if settings.as_json:
        print_json({"path": str(target), "bytes": target.stat().st_size})
    else:
        print(f"wrote {target} ({target.stat().st_size} bytes)")


def _checked(
    config: Config | None,
    catalogue: Catalogue | None,
    problems: tuple[str, ...],
    notes: list[str],
) -> dict[str, object]:
    file = config.path if config is not None else None
    return {
        "ok": not problems,
        "config": None if file is None else str(file),
        "data": None if config is None else str(config.data_dir),
        "models": [] if catalogue is None else [model.id for model in catalogue.models],
        "prices": {} if catalogue is None else _prices(catalogue),
        "plans": {} if catalogue is None else _plans(catalogue),
        "problems": list(problems),
        "notes": notes,
    }


def _print_checked(
    config: Config | None,
    catalogue: Catalogue | None,
    problems: tuple[str, ...],
    notes: list[str],
) -> None:
    for problem in problems:
        click.echo(f"wrong: {problem}", err=True)
    for note in notes:
        print(f"note: {note}")
    if config is not None and catalogue is not None:
        file = config.path or "no file: everything is at its default"
        print(f"settings: {file}")
        print(f"data: {config.data_dir}")
        print(f"models: {', '.join(model.id for model in catalogue.models) or 'none'}")
        for model, parts in _prices(catalogue).items():
            print(f"price of {model}, beside input and output: {', '.join(parts)}")
        for plan, parts in _plans(catalogue).items():
            print(f"plan {plan}: {', '.join(parts) or 'no grant, no limits'}")
        if not problems:
            print("ok")


def _prices(catalogue: Catalogue) -> dict[str, list[str]]:
    """What each price says beside input and output; models whose price says no more are left out."""
    said = {m.id: price_parts(m.price) for m in catalogue.models if m.price is not None}
    return {name: list(parts) for name, parts in said.items() if parts}


def _plans(catalogue: Catalogue) -> dict[str, list[str]]:
    return {plan.name: list(plan_parts(plan)) for plan in catalogue.plans.values()}


def _notes(config: Config, catalogue: Catalogue) -> list[str]:
    """What is right, and may still surprise."""
    notes: list[str] = []
    if not house_exists(config):
        notes.append(f"no house yet at {store_path(config)}; `tokenhouse serve` makes it")
    kinds = {provider.name: provider.kind for provider in config.providers}
    for provider in config.providers:
        if isinstance(provider, EngineProviderConfig) and provider.llama_server_binary:
            binary = config.data_dir / Path(provider.llama_server_binary).expanduser()
            if not binary.is_file():
                where = f"providers.{provider.name}.llama_server_binary"
                notes.append(f"{where}: there is no file {binary}; its models can't run")
    no_engine = find_spec("xllamacpp") is None
    for model in catalogue.models:
        if model.price is None:
            notes.append(f"{model.id} has no price: it is listed, not offered")
        if not model.routes:
            notes.append(f"{model.id} has no routes: nobody can answer")
        elif all(kinds.get(route.provider) == "engine" for route in model.routes):
            weights = _weights(model, config)
            if no_engine:
                notes.append(f"{model.id} needs the engine: pip install 'tokenhouse[engine]'")
            elif weights is None:
                notes.append(f"{model.id} names no weights: the engine can't run it")
            elif not weights.is_file():
                pull = f"`tokenhouse pull {model.id}`, or " if model.hub is not None else ""
                notes.append(f"{model.id} can't run: {pull}put its weights at {weights}")
    return notes


def _weights(model: Model, config: Config) -> Path | None:
    """Where the weights of an engine's model belong; None when its row names none."""
    if model.weights == STARTER:
        return weights_path()
    from tokenhouse.engine import find_weights

    directory = Path(config.engine.weights_dir)
    found = find_weights(directory, model.weights, model.id)
    return found or (None if model.weights is None else directory / model.weights)
