"""How verbs speak: one JSON object with ``--json``; else text, in tables where there is a terminal."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from tokenhouse.money import usd


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
