"""Prices as rows: written when the catalogue changes one, never changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from tokenhouse.billing import PriceVersion
from tokenhouse.catalogue import Price, Tier
from tokenhouse.store.batch import Batch


class TierRates(msgspec.Struct, omit_defaults=True):
    """A tier as it is stored; picodollars per token."""

    above: int
    input: int
    output: int
    cache_read: int | None = None
    cache_write: int | None = None
    reasoning: int | None = None


class StoredPrice(msgspec.Struct, omit_defaults=True):
    """A price as it is stored; a name, once stored, keeps its meaning."""

    input: int
    output: int
    cache_read: int | None = None
    cache_write: int | None = None
    reasoning: int | None = None
    image: int = 0
    request: int = 0
    free: bool = False
    tiers: tuple[TierRates, ...] = ()


def put(batch: Batch, offered: Sequence[tuple[str, Price]], at_ms: int) -> tuple[PriceVersion, ...]:
    """Write each price that differs from its model's last. → those."""
    new: list[PriceVersion] = []
    for model, price in offered:
        found = batch.execute("price_last", (model,)).fetchone()
        number, version = (0, None) if found is None else found
        if version == price.version:
            continue
        row = (model, number + 1, price.version, encode(price), at_ms)
        batch.execute("price_new", row)
        new.append(PriceVersion(model, price, at_ms))
    return tuple(new)


def price_versions(rows: Iterable[tuple[Any, ...]]) -> tuple[PriceVersion, ...]:
    """Rows of ``price_get`` and ``price_list`` → what billing reads."""
    return tuple(PriceVersion(row[0], decode(row[2]), row[3]) for row in rows)


def encode(price: Price) -> str:
    """A price as it is stored: JSON, without what follows from the rest."""
    tiers = tuple(
        TierRates(
            tier.above,
            tier.input,
            tier.output,
            tier.cache_read,
            tier.cache_write,
            tier.reasoning,
        )
        for tier in price.tiers
    )
    stored = StoredPrice(
        price.input,
        price.output,
        price.cache_read,
        price.cache_write,
        price.reasoning,
        price.image,
        price.request,
        price.free,
        tiers,
    )
    return msgspec.json.encode(stored).decode()


def decode(text: str) -> Price:
    """The price that :func:`encode` wrote."""
    stored = msgspec.json.decode(text, type=StoredPrice)
    fields = msgspec.structs.asdict(stored)
    fields["tiers"] = tuple(Tier(**msgspec.structs.asdict(tier)) for tier in stored.tiers)
    return Price(**fields)
