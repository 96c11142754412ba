"""Days and times as a verb takes and shows them, all in UTC."""

from __future__ import annotations

import datetime
from typing import Final

import click

DAY_MS: Final = 24 * 3600 * 1000
FOREVER_MS: Final = 2**63 - 1


def first_ms(context: click.Context, option: click.Parameter, value: str | None) -> int | None:
    """A day → the moment at which it begins; a callback of an option."""
    return None if value is None else _day_ms(context, option, value)


def end_ms(context: click.Context, option: click.Parameter, value: str | None) -> int | None:
    """A day → the moment at which it has passed; a callback of an option."""
    return None if value is None else _day_ms(context, option, value) + DAY_MS


def shown(at_ms: int | None) -> str:
    """A moment for people: ``2026-11-22 17:20:34``; "" for none."""
    if at_ms is None:
        return ""
    moment = datetime.datetime.fromtimestamp(at_ms / 1000, datetime.UTC)
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def _day_ms(context: click.Context, option: click.Parameter, value: str) -> int:
    try:
        day = datetime.date.fromisoformat(value)
    except ValueError:
        raise click.BadParameter(
            f"{value!r} is no day; write it like 2026-11-22", context, option
        ) from None
    return (day - datetime.date(1970, 1, 1)).days * DAY_MS
