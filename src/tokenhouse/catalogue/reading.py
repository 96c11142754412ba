"""Tables → models and plans. Every mistake is noted at its ``models[i].field`` with the model's id."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from types import MappingProxyType
from typing import Final

from tokenhouse.catalogue.reading_prices import read_amount, read_price
from tokenhouse.catalogue.values import FREE_VARIANT, STARTER, HubSource, Model, Plan, Route
from tokenhouse.chat import Sampling
from tokenhouse.config import (
    DefaultsRow,
    EngineRow,
    HubRow,
    ModelRow,
    PlanRow,
    Reader,
    RouteRow,
    did_you_mean,
)
from tokenhouse.money import NANODOLLARS_PER_DOLLAR, usd

GRANT_MAX: Final = 1_000_000 * NANODOLLARS_PER_DOLLAR
"""Many accounts' grants of it still sum to what 64 bits hold."""

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]*/[A-Za-z0-9][A-Za-z0-9._:-]*", re.ASCII)
_ALIAS = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,199}", re.ASCII)
_REPO = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)
_SHA256 = re.compile(r"[0-9a-fA-F]{64}", re.ASCII)
_PLAN = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}", re.ASCII)
_MODALITIES: Final = ("text", "image", "audio", "file", "video")
_CAPABILITIES: Final = ("streaming", "tools", "json", "reasoning", "logprobs")


def read_models(
    reader: Reader,
    rows: Sequence[Mapping[str, object]],
    *,
    providers: Sequence[str],
    starter_prompt: str,
    shipped: bool = False,
) -> tuple[Model, ...]:
    """Read ``[[models]]``; a row with a mistake is noted in ``reader`` and may be left out."""
    models: list[Model] = []
    first_of: dict[str, int] = {}
    for position, table in enumerate(rows):
        where = f"models[{position}]"
        known = len(reader.problems)
        row = reader.section(ModelRow, table, where)
        if _ID.fullmatch(row.id) is None:
            reader.wrong(f"{where}.id", f'expected author/slug, got "{row.id}"')
        else:
            models.append(_model(reader, row, where, providers=providers))
            first = first_of.setdefault(row.id.lower(), position)
            if first != position:
                reader.wrong(f"{where}.id", f"is already the id of models[{first}]")
        _name_model(reader, known, row.id)
    return tuple(_placed(model, starter_prompt, shipped) for model in models)


def read_plans(reader: Reader, tables: Mapping[str, object]) -> tuple[Plan, ...]:
    """Read ``[plans.NAME]``."""
    plans: list[Plan] = []
    for name, table in tables.items():
        where = f"plans.{name}"
        if _PLAN.fullmatch(name) is None:
            reader.wrong(where, "a plan's name is lower-case letters, digits, - and _")
        row = reader.section(PlanRow, table, where)
        plans.append(
            Plan(
                name=name,
                monthly_grant=_grant(reader, row, where),
                requests_per_minute=row.requests_per_minute,
                tokens_per_minute=row.tokens_per_minute,
                concurrent_requests=row.concurrent_requests,
                queue_depth=row.queue_depth,
                queue_wait_s=row.queue_wait_s,
                free_requests_per_day=row.free_requests_per_day,
            )
        )
    return tuple(plans)


def _grant(reader: Reader, row: PlanRow, where: str) -> int:
    grant = read_amount(reader, row.monthly_grant, where, "monthly_grant") or 0
    if grant > GRANT_MAX:
        most = f"more than {usd(GRANT_MAX)} USD a month"
        reader.wrong(f"{where}.monthly_grant", f'"{row.monthly_grant}" is {most}')
    return grant


def _model(reader: Reader, row: ModelRow, where: str, *, providers: Sequence[str]) -> Model:
    author, _, slug = row.id.partition("/")
    longest = row.context_length
    if row.max_output_tokens is not None:
        if row.max_output_tokens > row.context_length:
            reader.wrong(
                f"{where}.max_output_tokens", f"is more than context_length, {row.context_length}"
            )
        longest = row.max_output_tokens
    _among(reader, row.input_modalities, _MODALITIES, f"{where}.input_modalities")
    _among(reader, row.capabilities, _CAPABILITIES, f"{where}.capabilities")
    if row.id.endswith(FREE_VARIANT) and not row.free:
        reader.wrong(f"{where}.id", 'ends in ":free", so the model is free: say free = true')
    for alias in row.aliases:
        if _ALIAS.fullmatch(alias) is None:
            reader.wrong(f"{where}.aliases", f'"{alias}" is no name that a request could use')
    return Model(
        id=row.id,
        name=row.name or row.id,
        author=row.author or author,
        slug=slug,
        context_length=row.context_length,
        max_output_tokens=longest,
        description=row.description,
        license=row.license,
        open_weights=row.open_weights,
        added=row.added,
        input_modalities=row.input_modalities,
        capabilities=frozenset(row.capabilities),
        aliases=row.aliases,
        tokenizer=row.tokenizer or None,
        defaults=_defaults(reader, row, where),
        overhead_tokens=row.overhead_tokens,
        image_tokens=row.image_tokens,
        system_prompt=row.system_prompt or None,
        weights=row.weights or None,
        hub=_hub(reader, row, where),
        engine=_engine(reader, row, where),
        price=read_price(reader, row, where),
        routes=_routes(reader, row, where, providers=providers),
    )


def _placed(model: Model, starter_prompt: str, shipped: bool) -> Model:
    prompt = starter_prompt if model.system_prompt == STARTER else model.system_prompt
    if prompt is model.system_prompt and not shipped:
        return model
    return replace(model, system_prompt=prompt, shipped=shipped)


def _defaults(reader: Reader, row: ModelRow, where: str) -> Sampling:
    if row.defaults is None:
        return Sampling()
    written = reader.section(DefaultsRow, row.defaults, f"{where}.defaults")
    return Sampling(**{field.name: getattr(written, field.name) for field in fields(DefaultsRow)})


def _hub(reader: Reader, row: ModelRow, where: str) -> HubSource | None:
    if row.hub is None:
        return None
    written = reader.section(HubRow, row.hub, f"{where}.hub")
    if _REPO.fullmatch(written.repo) is None:
        reader.wrong(f"{where}.hub.repo", "expected owner/repository")
    hashes: dict[str, str] = {}
    for name, value in (written.sha256 or {}).items():
        if isinstance(value, str) and _SHA256.fullmatch(value):
            hashes[name] = value.lower()
        else:
            reader.wrong(f"{where}.hub.sha256.{name}", "expected 64 hexadecimal digits")
    return HubSource(
        repo=written.repo,
        revision=written.revision or None,
        projector=written.projector or None,
        sha256=MappingProxyType(hashes),
    )


def _engine(reader: Reader, row: ModelRow, where: str) -> EngineRow:
    return reader.section(EngineRow, row.engine or {}, f"{where}.engine")


def _routes(
    reader: Reader, row: ModelRow, where: str, *, providers: Sequence[str]
) -> tuple[Route, ...]:
    routes: list[Route] = []
    for position, table in enumerate(row.routes):
        at = f"{where}.routes[{position}]"
        written = reader.section(RouteRow, table, at)
        if written.provider not in providers:
            named = (
                f"there is no [providers.{written.provider}]" if written.provider else "is missing"
            )
            reader.wrong(f"{at}.provider", named + did_you_mean(written.provider, providers))
        route = Route(written.provider, written.model or row.id, written.priority, written.weight)
        if any(route.key == other.key for other in routes):
            reader.wrong(at, f"is the same as another route: {route.provider}, {route.model}")
        routes.append(route)
    return tuple(routes)


def _among(reader: Reader, words: Sequence[str], known: Sequence[str], where: str) -> None:
    for word in words:
        if word not in known:
            reader.wrong(where, f'does not know "{word}"{did_you_mean(word, known)}')


def _name_model(reader: Reader, known: int, model_id: str) -> None:
    if model_id:
        reader.problems[known:] = [
            f"{problem} (model {model_id})" for problem in reader.problems[known:]
        ]
