"""What a page is before it is rendered."""

from __future__ import annotations

from dataclasses import dataclass

Words = dict[str, object]


@dataclass(frozen=True, slots=True)
class Shown:
    """A template and what it is filled with. ``retry_after_s``: when it may be tried again."""

    template: str
    words: Words
    status: int = 200
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """It stands at another path, for good."""

    path: str
