"""Verbs about models and tokens: ``models``, ``count``."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import click

from tokenhouse.catalogue import STARTER, Catalogue, Model
from tokenhouse.chat import estimate_tokens
from tokenhouse.cli_fit import fit_here, fit_rows
from tokenhouse.cli_frame import Settings, Verb, settings_of
from tokenhouse.cli_open import build_catalogue
from tokenhouse.cli_output import Column, print_json, print_table
from tokenhouse.cli_plans import price_cells
from tokenhouse.cli_states import states
from tokenhouse.config import Config
from tokenhouse.starter import tokenizer_path


@click.command(
    cls=Verb,
    examples="""
    tokenhouse models
    tokenhouse models --json
    """,
)
@settings_of
def models(settings: Settings) -> None:
    """List the catalogue.

    Ids, context lengths, prices in dollars per million tokens (and what they say beside input and
    output), where each model runs; for weights that run here, their size, whether they fit in
    memory (`tokenhouse pull` fetches them), and whether the running server has them loaded.
    """
    config = settings.load()
    catalogue = build_catalogue(config)
    told = states(config)
    if settings.as_json:
        by_id = {model.id: model for model in catalogue.models}
        rows = [
            {**asdict(row), "local": _local(by_id[row.id], config, told)} for row in catalogue.rows
        ]
        print_json(rows)
        return
    beside = any(price_cells(model.price)[2] for model in catalogue.models)
    columns = (
        Column("model"),
        Column("context", number=True),
        Column("input", number=True),
        Column("output", number=True),
        *((Column("beside"),) if beside else ()),
        Column("runs at"),
        Column("here"),
        Column("fits"),
        Column("state"),
    )
    lines = [_line(model, (config, told), beside=beside) for model in catalogue.models]
    print_table(
        columns, lines, empty="the catalogue is empty; give it [[models]] in tokenhouse.toml"
    )


@click.command(
    cls=Verb,
    examples="""
    tokenhouse count letter.txt
    cat letter.txt | tokenhouse count --model mistral-small-3.1
    """,
)
@click.argument("file", required=False, type=click.Path(path_type=Path, allow_dash=True))
@click.option(
    "--model", "name", help="Whose tokens. Default: the starter's, else the first model's."
)
@settings_of
def count(settings: Settings, file: Path | None, name: str | None) -> None:
    """Count the tokens of a text.

    Of FILE, or of stdin. The text alone: a request's messages have a frame around them that is
    counted too. Without the model's tokenizer the number is an estimate, and says so.
    """
    text = _text(file)
    config = settings.load()
    model = _model(build_catalogue(config), name)
    tokens, source = _count(text, _tokenizer_file(model, config))
    if settings.as_json:
        print_json({"tokens": tokens, "source": source, "model": model.id})
    elif source == "counted":
        print(tokens)
    else:
        print(f"{tokens} (estimated: the tokenizer of {model.id} is not here)")


def _line(
    model: Model, house: tuple[Config, Mapping[str, str] | None], *, beside: bool
) -> tuple[str, ...]:
    into, out, more = price_cells(model.price)
    places = dict.fromkeys(route.provider for route in model.routes)
    cells = (model.id, str(model.context_length), into, out, *((more,) if beside else ()))
    return (*cells, ", ".join(places) or "nowhere", *_here(model, *house))


def _here(model: Model, config: Config, told: Mapping[str, str] | None) -> tuple[str, str, str]:
    """→ (the size of its weights on this machine, whether they fit, where they are now)"""
    from tokenhouse.engine import gib

    if not _runs_here(model, config):
        return "", "", ""
    found = fit_here(config, model, served=told is not None)
    if found is None:
        return "no", "", ""
    _, size, fit = found
    fits = "broken file" if fit is None else {True: "yes", False: "no", None: "unknown"}[fit.fits]
    state = _state(model, told)
    return gib(size), fits, state if state in _SHORT else "failed"


_SHORT = ("loaded", "loading", "on disk", "unknown")


def _state(model: Model, told: Mapping[str, str] | None) -> str:
    """Where weights that are here are: as the running server says; on the disk without one."""
    return "on disk" if told is None else told.get(model.id, "unknown")


def _local(
    model: Model, config: Config, told: Mapping[str, str] | None
) -> dict[str, object] | None:
    """The same for JSON; None where the weights aren't here."""
    served = told is not None
    found = fit_here(config, model, served=served) if _runs_here(model, config) else None
    if found is None:
        return None
    file, size, fit = found
    rows = None if fit is None else fit_rows(fit)
    return {"file": str(file), "bytes": size, "fit": rows, "state": _state(model, told)}


def _runs_here(model: Model, config: Config) -> bool:
    kinds = {provider.name: provider.kind for provider in config.providers}
    return any(kinds.get(route.provider) == "engine" for route in model.routes)


def _text(file: Path | None) -> str:
    if file is None or str(file) == "-":
        octets = sys.stdin.buffer.read()
    else:
        octets = file.read_bytes()
    try:
        return octets.decode()
    except UnicodeDecodeError as error:
        raise click.UsageError(f"the text is not UTF-8 (byte {error.start})") from error


def _model(catalogue: Catalogue, name: str | None) -> Model:
    if name is not None:
        return catalogue.resolve(name)
    for model in catalogue.models:
        if model.tokenizer == STARTER:
            return model
    if not catalogue.models:
        raise click.UsageError("the catalogue is empty; name no model where there is none")
    return catalogue.models[0]


def _tokenizer_file(model: Model, config: Config) -> Path | None:
    """The tekken.json that lies here for ``model``, or that serving made out of its weights; None when
    there is none."""
    from tokenhouse.engine import find_weights

    if model.tokenizer == STARTER:
        return tokenizer_path()
    name, directory = model.tokenizer or "", Path(config.engine.weights_dir)
    if name == "" or name.startswith("tekken-"):
        weights = find_weights(directory, model.weights, model.id)
        own = None if weights is None else weights.with_name(f"{weights.stem}.tekken.json")
        if own is not None and own.is_file():
            return own
        name = "tekken.json" if name else ""
    if not name.endswith(".json"):
        return None
    file = directory / name
    return file if file.is_file() else None


def _count(text: str, tokenizer: Path | None) -> tuple[int, str]:
    from tokenhouse.engine import EngineMissing, load_tekken

    if tokenizer is not None:
        try:
            return len(load_tekken(tokenizer).encode(text)), "counted"
        except EngineMissing:
            pass  # without the engine's extra there is no tokenizer: an estimate, and it says so
    return estimate_tokens(text), "estimated"
