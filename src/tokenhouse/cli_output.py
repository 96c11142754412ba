"""How verbs speak: one JSON object with ``--json``; else text, in tables where there is a terminal."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tokenhouse.ledger import Credited
from tokenhouse.money import usd

BAR_WIDTH: Final = 40
_EIGHTHS: Final = " ▏▎▍▌▋▊▉█"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table; numbers stand on the right."""

    title: str
    number: bool = False


def print_json(value: object) -> None:
    """One JSON value, on one line where nobody looks, indented for a reader."""
    indent = 2 if sys.stdout.isatty() else None
    print(json.dumps(value, ensure_ascii=False, indent=indent))


def print_table(columns: Sequence[Column], rows: Sequence[Sequence[str]], *, empty: str) -> None:
    """Rows as a table; plain aligned columns when stdout is no terminal; ``empty`` when none."""
    if not rows:
        print(empty, file=sys.stderr)
        return
    if sys.stdout.isatty():
        _print_rich(columns, rows)
        return
    widths = [
        max(len(column.title), *(len(row[place]) for row in rows))
        for place, column in enumerate(columns)
    ]
    for row in ([column.title for column in columns], *rows):
        cells = [
            cell.rjust(width) if column.number else cell.ljust(width)
            for cell, width, column in zip(row, widths, columns, strict=True)
        ]
        print("  ".join(cells).rstrip())


def print_credited(credited: Credited, *, as_json: bool) -> None:
    """What moved into (or out of) an account, and what it has now."""
    if as_json:
        print_json(
            {
                "id": credited.id,
                "account": credited.account,
                "amount": credited.amount,
                "balance": credited.balance,
                "replayed": credited.replayed,
            }
        )
        return
    again = " (was there already: nothing changed)" if credited.replayed else ""
    balance = dollars(credited.balance)
    print(f"{credited.id}  {dollars(credited.amount)}, balance {balance}{again}")


def print_bars(bars: Sequence[tuple[str, int, str]]) -> None:
    """A bar chart for a terminal: (label, how much, how much in words) each; the most fills the width."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    most = max(amount for _, amount, _ in bars)
    chart = Table.grid(padding=(0, 1))
    chart.add_column(no_wrap=True)
    chart.add_column(no_wrap=True)
    chart.add_column(justify="right", no_wrap=True)
    for label, amount, words in bars:
        chart.add_row(Text(label), Text(bar(amount, most), style="green"), Text(words))
    Console().print(chart)


def bar(amount: int, most: int, width: int = BAR_WIDTH) -> str:
    """``amount`` of ``most`` in eighths of a letter; whatever is more than 0 can be seen."""
    if amount <= 0 or most <= 0:
        return ""
    whole, rest = divmod(max(1, amount * width * 8 // most), 8)
    return (_EIGHTHS[8] * whole + _EIGHTHS[rest]).rstrip()


def dollars(amount: int) -> str:
    """Nanodollars for people: ``$1.50``, ``-$0.000021``."""
    text = usd(abs(amount))
    return f"-${text}" if amount < 0 else f"${text}"


def _print_rich(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column.title, justify="right" if column.number else "left")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    Console().print(table)
