"""Fenced blocks of a Markdown page. One that is marked ``run`` is meant to be executed by a test:

```sh run
```python run
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Snippet:
    """``line`` is where its text begins in the page, counted from 1."""

    language: str
    marks: tuple[str, ...]
    text: str
    line: int


def snippets(page: Path) -> Iterator[Snippet]:
    """Every fenced block of the page, in order. A block that is never closed is a ValueError."""
    opened: tuple[int, list[str]] | None = None
    body: list[str] = []
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        if not line.startswith("```"):
            body.append(line)
        elif opened is None:
            opened, body = (number + 1, line[3:].split()), []
        else:
            start, words = opened
            language = words[0] if words else ""
            yield Snippet(language, tuple(words[1:]), "\n".join(body) + "\n", start)
            opened = None
    if opened is not None:
        raise ValueError(f"{page}:{opened[0]}: a fenced block is not closed")


def runnable(page: Path) -> list[Snippet]:
    """The blocks marked ``run``, which a test executes in order against a house of its own."""
    return [snippet for snippet in snippets(page) if "run" in snippet.marks]
