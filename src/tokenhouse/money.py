"""Amounts and rates: integers only.

A *rate* is picodollars per token (``$0.35`` per 1M tokens = ``350_000``), so a list price with six
decimals is exact. An *amount* is nanodollars in a signed 64-bit integer (±9.2 billion dollars).
Rounding happens once, upwards, in :func:`amount_from_picodollars`; nothing else in the house rounds
money. Conversion to dollars is for display and the wire, on the way out only.
"""

from __future__ import annotations

import re

AMOUNT_MAX = 2**63 - 1
"""Largest amount in nanodollars; what a 64-bit column holds."""

RATE_MAX = 10**12
"""Largest rate in picodollars per token: one million dollars per 1M tokens."""

NANODOLLARS_PER_DOLLAR = 10**9

_DECIMAL = re.compile(r"(\d{1,12})(?:\.(\d{1,18}))?", re.ASCII)


class MoneyError(ValueError):
    """A text that is no exact amount or rate; the message names the text and the mend."""


def rate_from_usd_per_million(text: str) -> int:
    """``"0.35"`` (USD per 1M tokens) → ``350_000`` picodollars per token. Exact, or MoneyError."""
    rate = _scaled(text, 6)
    if rate > RATE_MAX:
        raise MoneyError(f"{text!r} is more than 1000000 USD per 1M tokens")
    return rate


def amount_from_usd(text: str) -> int:
    """``"1.00"`` (USD) → ``1_000_000_000`` nanodollars. Exact, or MoneyError."""
    amount = _scaled(text, 9)
    if amount > AMOUNT_MAX:
        raise MoneyError(f"{text!r} is more than this house can book")
    return amount


def amount_from_picodollars(picodollars: int) -> int:
    """Picodollars (tokens x rate, summed) → nanodollars, rounded up: the only rounding there is."""
    return -(-picodollars // 1000)


def usd(amount: int) -> str:
    """Nanodollars → exact decimal dollars, at least two decimals: ``-1_500_000_000`` → ``-1.50``."""
    whole, rest = divmod(abs(amount), NANODOLLARS_PER_DOLLAR)
    decimals = f"{rest:09d}".rstrip("0").ljust(2, "0")
    return f"{'-' if amount < 0 else ''}{whole}.{decimals}"


def usd_number(amount: int) -> bytes:
    """Nanodollars → the same dollars as a JSON number, exact digit by digit: ``0.000001925``."""
    whole, rest = divmod(abs(amount), NANODOLLARS_PER_DOLLAR)
    decimals = f"{rest:09d}".rstrip("0")
    sign = "-" if amount < 0 else ""
    return (f"{sign}{whole}.{decimals}" if decimals else f"{sign}{whole}").encode()


def usd_per_million(rate: int) -> str:
    """Picodollars per token → USD per 1M tokens as exact text: ``350_000`` → ``0.35``."""
    whole, rest = divmod(rate, 10**6)
    decimals = f"{rest:06d}".rstrip("0").ljust(2, "0")
    return f"{whole}.{decimals}"


def usd_per_token(rate: int) -> str:
    """Picodollars per token → USD per one token as exact text: ``350_000`` → ``0.00000035``."""
    whole, rest = divmod(rate, 10**12)
    decimals = f"{rest:012d}".rstrip("0")
    return f"{whole}.{decimals}" if decimals else str(whole)


def _scaled(text: str, places: int) -> int:
    match = _DECIMAL.fullmatch(text)
    if match is None:
        raise MoneyError(f'{text!r} is not an amount; write plain dollars like "0.35"')
    decimals = (match[2] or "").rstrip("0")
    if len(decimals) > places:
        raise MoneyError(f"{text!r} has more than {places} decimals")
    return int(match[1]) * 10**places + int(decimals.ljust(places, "0") or 0)
