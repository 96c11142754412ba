"""What runs beside what the settings on disk say, row by row. No secret is ever told, only its source."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Mapping
from typing import Final, Literal, cast

from tokenhouse.billing import Difference
from tokenhouse.catalogue import Catalogue, Model, Plan, Price, Rates
from tokenhouse.config import Config, Secret
from tokenhouse.money import usd, usd_per_million

Told = Mapping[str, object]
"""Key → value, as the settings have them."""

_SECTIONS: Final = ("server", "store", "site", "mail", "routing", "engine", "images")
_TAKEN_BY_RELOAD: Final = frozenset({("server", "default_model")})
_NOT_WRITTEN: Final = frozenset({"id", "author", "slug", "price", "routes", "hub", "shipped"})
"""Fields of a model that follow from others, or are told in a way of their own."""
_SHOWN_MAX: Final = 300


def differences(
    running: Config, catalogue: Catalogue, written: Config, wanted: Catalogue
) -> tuple[Difference, ...]:
    """Every row in which ``written`` (with its catalogue ``wanted``) differs from what runs."""
    found: list[Difference] = []
    models = _named(catalogue.models), _named(wanted.models)
    found += _tables("models", *models, taken="reload")
    plans = (
        {plan.name: _plan(plan) for plan in catalogue.plans.values()},
        {plan.name: _plan(plan) for plan in wanted.plans.values()},
    )
    found += _tables("plans", *plans, taken="reload")
    providers = (
        {provider.name: _fields(provider) for provider in running.providers},
        {provider.name: _fields(provider) for provider in written.providers},
    )
    found += _tables("providers", *providers, taken="restart")
    for section in _SECTIONS:
        old, new = _fields(getattr(running, section)), _fields(getattr(written, section))
        if section == "server" and written.server.port == 0:
            old = {**old, "port": 0, "public_url": new["public_url"]}  # the system chose one
        found += _tables(section, {"": old}, {"": new}, taken="restart")
    return tuple(
        dataclasses.replace(each, taken="reload")
        if (each.table, each.key) in _TAKEN_BY_RELOAD
        else each
        for each in found
    )


def _tables(
    table: str,
    running: Mapping[str, Told],
    written: Mapping[str, Told],
    *,
    taken: Literal["reload", "restart"],
) -> Iterator[Difference]:
    for name in dict.fromkeys((*running, *written)):
        old, new = running.get(name), written.get(name)
        if old is None or new is None:
            there = (None if old is None else "there", None if new is None else "there")
            yield Difference(
                table=table, name=name, key="", running=there[0], written=there[1], taken=taken
            )
            continue
        for key in dict.fromkeys((*old, *new)):
            before, after = old.get(key), new.get(key)
            if before != after:
                words = _words(before), _words(after)
                if words[0] == words[1]:
                    words = words[0], f"{words[1]} (another value)"
                yield Difference(
                    table=table, name=name, key=key, running=words[0], written=words[1], taken=taken
                )


def _named(models: tuple[Model, ...]) -> dict[str, Told]:
    return {model.id: _model(model) for model in models}


def _model(model: Model) -> Told:
    told = {name: value for name, value in _fields(model).items() if name not in _NOT_WRITTEN}
    told["routes"] = tuple(
        f"{route.provider}: {route.model} (priority {route.priority}, weight {route.weight})"
        for route in model.routes
    )
    return {**told, **_price(model.price)}


def _price(price: Price | None) -> Told:
    if price is None:
        return {"price": None}
    if price.free:
        return {"price": "free"}
    told = {f"price.{name}": rate for name, rate in _rates(price).items()}
    for name, fee in (("image", price.image), ("request", price.request)):
        if fee:
            told[f"price.{name}"] = f"${usd(fee // 1000)}"
    for tier in price.tiers:
        told |= {f"price above {tier.above}: {name}": rate for name, rate in _rates(tier).items()}
    return told


def _rates(rates: Rates) -> dict[str, str]:
    given = {
        "input": rates.input,
        "output": rates.output,
        "cache_read": rates.cache_read,
        "cache_write": rates.cache_write,
        "reasoning": rates.reasoning,
    }
    return {name: f"${usd_per_million(rate)}" for name, rate in given.items() if rate is not None}


def _plan(plan: Plan) -> Told:
    told = dict(_fields(plan))
    told["monthly_grant"] = f"${usd(plan.monthly_grant)}"
    return told


def _fields(of: object) -> dict[str, object]:
    assert dataclasses.is_dataclass(of)
    return {field.name: getattr(of, field.name) for field in dataclasses.fields(of)}


def _words(value: object) -> str | None:
    match value:
        case None:
            return None
        case Secret():
            return value.source
        case bool():
            return "true" if value else "false"
        case frozenset() | tuple():
            parts = [str(part) for part in cast("Collection[object]", value)]
            return ", ".join(parts if isinstance(value, tuple) else sorted(parts))
        case _:
            text = str(value)
            return text if len(text) <= _SHOWN_MAX else f"{text[:_SHOWN_MAX]}…"
