"""The store's sentences: named statements and numbered migrations, read from ``*.sql`` beside this.

A statement is written ``-- @name: what it does``, a newline, and its SQL up to the semicolon.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

_FILES = (
    *(
        "audit",
        "idempotency",
        "keys",
        "leases",
        "money",
        "people",
        "prices",
        "receipts",
        "usage",
        "verify",
    ),
    "vouchers",
)
_MARK = "-- @"


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of the schema; ``number`` counts from 1 without gaps."""

    number: int
    name: str
    sql: str


def statements() -> Mapping[str, str]:
    """Every named statement. ValueError when a name is used twice or has no description."""
    found: dict[str, str] = {}
    for file in _FILES:
        text = (files(__name__) / f"{file}.sql").read_text("utf-8")
        for block in text.split(_MARK)[1:]:
            head, _, sql = block.partition("\n")
            name, _, meaning = head.partition(": ")
            if not meaning or name in found:
                raise ValueError(f"{file}.sql: statement {name!r} is named twice or not described")
            found[name] = sql.strip().removesuffix(";")
    return found


def migrations() -> tuple[Migration, ...]:
    """The steps in order. ValueError when a number is missing."""
    steps: list[Migration] = []
    for entry in sorted((files(__name__) / "migrations").iterdir(), key=lambda file: file.name):
        if not entry.name.endswith(".sql"):
            continue
        number, _, name = entry.name.removesuffix(".sql").partition("_")
        steps.append(Migration(int(number), name, entry.read_text("utf-8")))
    if [step.number for step in steps] != list(range(1, len(steps) + 1)):
        raise ValueError("migrations are not numbered 1, 2, 3 …")
    return tuple(steps)
