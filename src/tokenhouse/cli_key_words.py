"""How a verb reads what a key may: ends, caps, counts. Callbacks of options; UNSET where none is given."""

from __future__ import annotations

import datetime
import re
from typing import Final

import click
from msgspec import UNSET, UnsetType

from tokenhouse.clock import SystemClock
from tokenhouse.money import MoneyError, amount_from_usd

_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_SPAN_MAX_S: Final = 100 * 365 * 86400


def models_of(
    context: click.Context, option: click.Parameter, value: str | None
) -> tuple[str, ...] | UnsetType | None:
    """``a,b`` → names, ``any`` → None."""
    if value is None:
        return UNSET
    if value == "any":
        return None
    names = tuple(name.strip() for name in value.split(","))
    if not all(names):
        raise click.BadParameter("write models with commas between them", context, option)
    return names


def cap_of(
    context: click.Context, option: click.Parameter, value: str | None
) -> int | UnsetType | None:
    """Dollars → nanodollars, ``none`` → None."""
    if value is None:
        return UNSET
    if value == "none":
        return None
    try:
        return amount_from_usd(value.removeprefix("$"))
    except MoneyError as error:
        raise click.BadParameter(str(error), context, option) from error


def count_of(
    context: click.Context, option: click.Parameter, value: str | None
) -> int | UnsetType | None:
    """A whole number of 1 or more, ``none`` → None."""
    if value is None:
        return UNSET
    if value == "none":
        return None
    if not (value.isascii() and value.isdigit()) or not 1 <= int(value) <= 10**12:
        raise click.BadParameter(
            f"{value!r} is no whole number from 1; `none` is no limit", context, option
        )
    return int(value)


def end_of(
    context: click.Context, option: click.Parameter, value: str | None
) -> int | UnsetType | None:
    """``30d``, ``2026-12-31`` (through that UTC day), ``2026-12-31T12:00Z`` or ``never``."""
    if value is None:
        return UNSET
    if value == "never":
        return None
    now_ms = SystemClock().now_ms()
    span = _span_ms(value)
    end_ms = _moment_ms(value) if span is None else now_ms + span
    if end_ms is None or end_ms <= now_ms:
        why = "is past" if end_ms is not None else "is no end"
        raise click.BadParameter(
            f"{value!r} {why}; write it like 30d, 2099-12-31, 2099-12-31T12:00Z or never",
            context,
            option,
        )
    return end_ms


def overlap_of(context: click.Context, option: click.Parameter, value: str) -> int:
    """``24h`` → milliseconds."""
    span = _span_ms(value)
    if span is None:
        raise click.BadParameter(
            f"{value!r} is no time; write it like 30m, 24h or 7d", context, option
        )
    return span


def shown_end(at_ms: int) -> str:
    """Unix milliseconds for people: ``2026-12-31T12:00Z``."""
    at = datetime.datetime.fromtimestamp(at_ms / 1000, datetime.UTC)
    return at.strftime("%Y-%m-%dT%H:%MZ")


def _span_ms(text: str) -> int | None:
    found = re.fullmatch(r"([0-9]{1,12})([smhdw])", text)
    if found is None:
        return None
    seconds = int(found[1]) * _SECONDS[found[2]]
    return seconds * 1000 if seconds <= _SPAN_MAX_S else None


def _moment_ms(text: str) -> int | None:
    try:
        moment = datetime.datetime.fromisoformat(text)
    except ValueError:
        return None
    if len(text) == len("2026-12-31"):
        moment += datetime.timedelta(days=1)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.UTC)
    return round(moment.timestamp() * 1000)
