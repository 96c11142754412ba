"""A price as lines of text. Exact: what is printed is the rate that bills."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from tokenhouse import money
from tokenhouse.catalogue import Price, Rates

PER_MILLION: Final = "per 1M tokens"


@dataclass(frozen=True, slots=True)
class PriceLine:
    """``what`` costs ``usd`` dollars per ``unit``; ``note`` says where the rate comes from."""

    what: str
    usd: str
    unit: str = PER_MILLION
    note: str = ""


def price_lines(price: Price) -> tuple[PriceLine, ...]:
    """Every rate and fee that was given, tier by tier; what was not follows input or output."""
    return tuple(_lines(price))


def _lines(price: Price) -> Iterator[PriceLine]:
    first = f"prompts of up to {price.tiers[0].above:,} tokens" if price.tiers else ""
    yield from _rates(price, first)
    for tier in price.tiers:
        yield from _rates(tier, f"prompts of more than {tier.above:,} tokens")
    if price.image:
        yield PriceLine("Image", _fee(price.image), "per image", "beside its tokens")
    if price.request:
        yield PriceLine("Request", _fee(price.request), "per request", "beside its tokens")


def _rates(rates: Rates, note: str) -> Iterator[PriceLine]:
    named = (
        ("Input", rates.input),
        ("Output", rates.output),
        ("Cached input", rates.cache_read),
        ("Writing a cache", rates.cache_write),
        ("Reasoning", rates.reasoning),
    )
    for what, rate in named:
        if rate is not None:
            yield PriceLine(what, money.usd_per_million(rate), PER_MILLION, note)


def blended(price: Price) -> str:
    """The mean of input and output in USD per 1M tokens, exact. Nothing is billed at it."""
    whole, rest = divmod((price.input + price.output) * 5, 10**7)
    return f"{whole}.{f'{rest:07d}'.rstrip('0').ljust(2, '0')}"


def calculator_rates(price: Price) -> Mapping[str, object]:
    """What the calculator multiplies by: picodollars, as text (they may not fit a double)."""
    tiers = [{"above": str(tier.above), **_as_text(tier)} for tier in price.tiers]
    fees = {"image": str(price.image), "request": str(price.request)}
    return {**_as_text(price), **fees, "tiers": tiers}


def _as_text(rates: Rates) -> Mapping[str, str]:
    return {
        "input": str(rates.input),
        "cache_read": str(rates.cache_read_rate),
        "cache_write": str(rates.cache_write_rate),
        "output": str(rates.output),
        "reasoning": str(rates.reasoning_rate),
    }


def _fee(picodollars: int) -> str:
    return money.usd(picodollars // 1000)
