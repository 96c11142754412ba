"""``usage``: requests, tokens and cost as a table and a small chart, as JSON or as CSV."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, cast

import click

from tokenhouse.cli_days import DAY_MS, end_ms, first_ms, shown
from tokenhouse.cli_frame import Settings, Verb, settings_of
from tokenhouse.cli_open import House, run
from tokenhouse.cli_output import Column, dollars, print_bars, print_json, print_table

if TYPE_CHECKING:
    from tokenhouse.billing import Dimension, UsageRow

DIMENSIONS: Final = ("day", "hour", "account", "key", "model")
BARS_MAX: Final = 31
_HOUR_MS: Final = 3_600_000


def dimensions(
    context: click.Context, option: click.Parameter, value: str
) -> tuple[Dimension, ...]:
    """``day,model`` → what to tell apart, in that order; a callback of an option."""
    names = tuple(name.strip() for name in value.split(","))
    for name in names:
        if name not in DIMENSIONS:
            raise click.BadParameter(
                f"{name!r} is none of {', '.join(DIMENSIONS)}", context, option
            )
    if len(set(names)) != len(names) or {"day", "hour"} <= set(names):
        raise click.BadParameter("name each once, and day or hour", context, option)
    return cast("tuple[Dimension, ...]", names)


@click.command(
    cls=Verb,
    examples="""
    tokenhouse usage
    tokenhouse usage ada --days 7 --by day
    tokenhouse usage --by model --since 2026-11-01 --until 2026-11-30
    tokenhouse usage ada --by key,model --csv > november.csv
    tokenhouse usage --by hour --days 1 --json
    """,
)
@click.argument("account", required=False)
@click.option(
    "--days",
    type=click.IntRange(1, 3660),
    default=30,
    show_default=True,
    help="How many UTC days, today the last.",
)
@click.option("--since", metavar="DAY", callback=first_ms, help="The first day, instead of --days.")
@click.option("--until", metavar="DAY", callback=end_ms, help="The last day. Default: today.")
@click.option(
    "--by",
    default="day,account,model",
    show_default=True,
    callback=dimensions,
    help="What to tell apart: some of day (or hour), account, key, model.",
)
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV; amounts are whole nanodollars.")
@settings_of
def usage(
    settings: Settings,
    account: str | None,
    days: int,
    *,
    as_csv: bool,
    by: tuple[Dimension, ...],
    **between: int | None,
) -> None:
    """Show requests, tokens and cost.

    Of ACCOUNT (its name or id), or of all. In a terminal with a chart of the cost.
    """

    async def read(house: House) -> tuple[tuple[UsageRow, ...], Mapping[str, str]]:
        billing, until_ms = house.billing, between["until"]
        if until_ms is None:
            until_ms = house.clock.now_ms() + 1
        since_ms = between["since"]
        if since_ms is None:
            since_ms = max(0, ((until_ms - 1) // DAY_MS - days + 1) * DAY_MS)
        names = {found.id: found.name for found in await billing.accounts()}
        names |= {key.id: key.name or f"sk-th-…{key.hint}" for key in await billing.keys()}
        return await billing.usage(account, since_ms=since_ms, until_ms=until_ms, by=by), names

    found, names = run(settings.load(), read)
    if settings.as_json:
        print_json([_object(row, by) for row in found])
    elif as_csv:
        from tokenhouse.billing import export

        sys.stdout.write(export.table([(*by, *_COUNTS), *(_object(r, by).values() for r in found)]))
    else:
        _print(found, by, names)


def _print(rows: Sequence[UsageRow], by: Sequence[Dimension], names: Mapping[str, str]) -> None:
    if rows and sys.stdout.isatty():
        print_bars(bars(rows, by, names))
    columns = (
        *(Column(name) for name in by),
        Column("requests", number=True),
        Column("tokens in", number=True),
        Column("tokens out", number=True),
        Column("cost", number=True),
    )
    table = [
        (
            *_cells(row, by, names),
            str(row.requests),
            str(row.prompt_tokens),
            str(row.answer_tokens),
            dollars(row.cost),
        )
        for row in rows
    ]
    print_table(columns, table, empty="nothing was used in that time")


def bars(
    rows: Sequence[UsageRow], by: Sequence[Dimension], names: Mapping[str, str]
) -> list[tuple[str, int, str]]:
    """→ (label, cost, dollars): a bar a day (or hour), none left out between; else the dearest rows."""
    if "day" not in by and "hour" not in by:
        dearest = sorted(rows, key=lambda row: -row.cost)[:BARS_MAX]
        return [(" ".join(_cells(row, by, names)), row.cost, dollars(row.cost)) for row in dearest]
    hourly = "hour" in by
    step = _HOUR_MS if hourly else DAY_MS
    costs: dict[int, int] = {}
    for row in rows:
        if row.start_ms is not None:
            costs[row.start_ms] = costs.get(row.start_ms, 0) + row.cost
    last = max(costs)
    first = max(min(costs), last - (BARS_MAX - 1) * step)
    return [
        (shown(start)[: 16 if hourly else 10], costs.get(start, 0), dollars(costs.get(start, 0)))
        for start in range(first, last + step, step)
    ]


def _cells(row: UsageRow, by: Sequence[Dimension], names: Mapping[str, str]) -> tuple[str, ...]:
    texts = (str(getattr(row, name)) for name in by)
    return tuple(names.get(text, text) for text in texts)


_COUNTS: Final = (
    *("requests", "failed", "prompt_tokens", "completion_tokens", "input", "cache_read"),
    *("cache_write", "output", "reasoning", "images", "cost"),
)


def _object(row: UsageRow, by: Sequence[Dimension]) -> dict[str, object]:
    told: dict[str, object] = {name: getattr(row, name) for name in by}
    for name in _COUNTS:
        told[name] = row.answer_tokens if name == "completion_tokens" else getattr(row, name)
    return told
