"""What a page is before it is rendered."""

from __future__ import annotations

from dataclasses import dataclass

Words = dict[str, object]


@dataclass(frozen=True, slots=True)
class Shown:
    """A template and what it is filled with."""

    template: str
    words: Words
    status: int = 200


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """It stands at another path, for good."""

    path: str
