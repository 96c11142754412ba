"""Reads `phrases/`: topics with questions (`?`) and answers (`>` house seen, `~` not), and lists."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "phrases"


@dataclass(slots=True)
class Topic:
    """One intent. `weight` says how often it is drawn beside others of its file."""

    name: str
    weight: float
    asks: list[str] = field(default_factory=list[str])
    seen: list[str] = field(default_factory=list[str])
    unseen: list[str] = field(default_factory=list[str])


@cache
def topics(file: str) -> tuple[Topic, ...]:
    """Topics of `phrases/FILE.txt`, a later block of one name adding to the first.

    Raises ValueError naming a line that is none of the four.
    """
    found: dict[str, Topic] = {}
    topic = Topic("", 0.0)
    for number, line in enumerate(lines(file), 1):
        mark, _, rest = line.partition(" ")
        if mark == "==":
            name, _, weight = rest.partition(" ")
            topic = found.setdefault(name, Topic(name, float(weight or 1)))
        elif mark in "?>~" and rest:
            {"?": topic.asks, ">": topic.seen, "~": topic.unseen}[mark].append(rest)
        elif line and mark != "#":
            raise ValueError(f"{file}.txt line {number}: {line!r}")
    return tuple(found.values())


@cache
def asks(file: str, name: str) -> tuple[str, ...]:
    """The questions of one topic; raises StopIteration when there is none of that name."""
    return tuple(next(t for t in topics(file) if t.name == name).asks)


@cache
def lists() -> dict[str, tuple[str, ...]]:
    """The word lists of `phrases/lists.txt`."""
    found: dict[str, list[str]] = {}
    name = ""
    for line in lines("lists"):
        if line.startswith("@ "):
            name = line[2:]
        elif line and not line.startswith("#"):
            found.setdefault(name, []).extend(line.split(" ; "))
    return {name: tuple(entries) for name, entries in found.items()}


def lines(file: str) -> list[str]:
    """The lines of `phrases/FILE.txt`."""
    return (FOLDER / f"{file}.txt").read_text("utf-8").splitlines()
