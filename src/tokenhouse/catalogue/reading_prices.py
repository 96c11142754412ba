"""``models.price`` → Price: exact texts become rates and fees; a mistake is noted at its key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tokenhouse.catalogue.values import Price, Tier
from tokenhouse.config import ModelRow, PriceRow, Reader, TierRow
from tokenhouse.money import (
    NANODOLLARS_PER_DOLLAR,
    MoneyError,
    amount_from_usd,
    rate_from_usd_per_million,
    usd,
)

FEE_MAX: Final = 1000 * NANODOLLARS_PER_DOLLAR
"""The most that an image or a request can cost beside its tokens, in nanodollars."""

_RATES: Final = ("input", "output", "cache_read", "cache_write", "reasoning")
_NEEDED: Final = ("input", "output")
_FEES: Final = ("image", "request")
_FREE: Final = Price(input=0, output=0, free=True)


def read_price(reader: Reader, row: ModelRow, where: str) -> Price | None:
    """The price of a model's row; None where it has none, or none that can be read."""
    if row.price is None:
        return _FREE if row.free else None
    where = f"{where}.price"
    written = reader.section(PriceRow, row.price, where)
    if row.free:
        numbers: dict[str, object] = {
            **{name: _rate(reader, getattr(written, name), where, name) for name in _RATES},
            **{name: read_amount(reader, getattr(written, name), where, name) for name in _FEES},
            "tiers": written.tiers,
        }
        for name, number in numbers.items():
            if number:
                reader.wrong(
                    f"{where}.{name}", "a free model has no price; leave out price or free"
                )
        return _FREE
    rates = _rates(reader, written, row.price, where)
    fees = {name: read_amount(reader, getattr(written, name), where, name) for name in _FEES}
    for name, fee in fees.items():
        if fee is not None and fee > FEE_MAX:
            text = getattr(written, name)
            reader.wrong(f"{where}.{name}", f'"{text}" is more than {usd(FEE_MAX)} USD for one')
    tiers = _tiers(reader, written, where, context_length=row.context_length)
    if rates is None:
        return None
    return Price(
        input=rates["input"] or 0,
        output=rates["output"] or 0,
        cache_read=rates["cache_read"],
        cache_write=rates["cache_write"],
        reasoning=rates["reasoning"],
        image=(fees["image"] or 0) * 1000,
        request=(fees["request"] or 0) * 1000,
        tiers=tiers,
    )


def read_amount(reader: Reader, text: str | None, where: str, name: str) -> int | None:
    """An amount in nanodollars; None where none is written, or none that can be read."""
    if text is None:
        return None
    try:
        return amount_from_usd(text)
    except MoneyError as error:
        reader.wrong(f"{where}.{name}", str(error))
        return None


def _tiers(
    reader: Reader, written: PriceRow, where: str, *, context_length: int
) -> tuple[Tier, ...]:
    tiers: list[Tier] = []
    last = 0
    for position, table in enumerate(written.tiers):
        at = f"{where}.tiers[{position}]"
        row = reader.section(TierRow, table, at)
        rates = _rates(reader, row, table, at)
        if row.above is None:
            if "above" not in table:
                reader.wrong(
                    f"{at}.above", "is missing: the tokens of prompt beyond which it holds"
                )
            continue
        if row.above <= last:
            reader.wrong(f"{at}.above", f"must be more than the tier before it says, {last}")
        if row.above >= context_length:
            reader.wrong(
                f"{at}.above",
                f"must be less than context_length, {context_length}: no prompt is longer",
            )
        last = max(last, row.above)
        if rates is not None:
            tiers.append(
                Tier(
                    above=row.above,
                    input=rates["input"] or 0,
                    output=rates["output"] or 0,
                    cache_read=rates["cache_read"],
                    cache_write=rates["cache_write"],
                    reasoning=rates["reasoning"],
                )
            )
    return tuple(tiers)


def _rates(
    reader: Reader, written: PriceRow | TierRow, table: Mapping[str, object], where: str
) -> Mapping[str, int | None] | None:
    """Every rate in picodollars per token; None when one that is needed is missing or wrong."""
    rates = {name: _rate(reader, getattr(written, name), where, name) for name in _RATES}
    for name in _NEEDED:
        if name not in table:
            reader.wrong(f"{where}.{name}", "is missing; a price names input and output")
    for name, rate in rates.items():
        if rate == 0:
            reader.wrong(f"{where}.{name}", 'is "0": nothing is free by accident; say free = true')
    return None if any(rates[name] is None for name in _NEEDED) else rates


def _rate(reader: Reader, text: str | None, where: str, name: str) -> int | None:
    if text is None:
        return None
    try:
        return rate_from_usd_per_million(text)
    except MoneyError as error:
        reader.wrong(f"{where}.{name}", str(error))
        return None
