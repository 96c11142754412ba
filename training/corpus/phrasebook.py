"""Reads `phrases/*.txt`: blocks of questions (`?`) and their answers (`>` house seen, `~` not)."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
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


@lru_cache(maxsize=None)
def topics(file: str) -> tuple[Topic, ...]:
    """Topics of `phrases/FILE.txt`; raises ValueError naming a line that is none of the four."""
    found: list[Topic] = []
    for number, line in enumerate((FOLDER / f"{file}.txt").read_text("utf-8").splitlines(), 1):
        mark, _, rest = line.partition(" ")
        if mark == "==":
            name, _, weight = rest.partition(" ")
            found.append(Topic(name, float(weight or 1)))
        elif mark in "?>~" and rest:
            topic = found[-1]
            {"?": topic.asks, ">": topic.seen, "~": topic.unseen}[mark].append(rest)
        elif line and mark != "#":
            raise ValueError(f"{file}.txt line {number}: {line!r}")
    return tuple(found)
