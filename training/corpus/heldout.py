"""Keeps the held-out questions out of the corpus."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

QUESTIONS = Path(__file__).parents[1] / "questions"
# Shared words over all words of two questions, from which on they count as one.
ALIKE = 0.7


def plain(text: str) -> str:
    """Words and figures of `text` in lower case, parted by one space."""
    return " ".join(re.findall(r"[a-z0-9]+", text.lower()))


def is_held_out(question: str) -> bool:
    """Whether `question` is a held-out one, or has nearly the same words as one of them."""
    words = frozenset(plain(question).split())
    size = len(words)
    for held in _held():
        shared = len(words & held)
        if shared >= ALIKE * (size + len(held) - shared) and shared:
            return True
    return False


@cache
def _held() -> tuple[frozenset[str], ...]:
    asks: list[str] = []
    for name in ("newcomer", "unknown"):
        data: dict[str, Any] = tomllib.loads((QUESTIONS / f"{name}.toml").read_text("utf-8"))
        asks += data.get("ask", ())
        asks += [row["ask"] for row in data.get("question", ())]
    return tuple(frozenset(plain(ask).split()) for ask in asks)
