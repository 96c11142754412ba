"""The loop guard: an answer that repeats one run of tokens over and over will not end by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

RUN_MOST: Final = 64
"""Tokens of the longest run whose repetition is noticed."""

LOOKED_EVERY: Final = 64
"""Tokens between two looks."""


class LoopGuard:
    """Feed it an answer's tokens. `limit`: tokens that may be one run again and again; 0: any number."""

    __slots__ = ("_limit", "_seen", "_since")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._seen: list[int] = []
        self._since = 0

    def feed(self, tokens: Sequence[int]) -> bool:
        """True once the last `limit` tokens are nothing but one run of at most `RUN_MOST`, repeated."""
        if not self._limit:
            return False
        self._seen += tokens
        self._since += len(tokens)
        if self._since < LOOKED_EVERY or len(self._seen) < self._limit:
            return False
        self._since = 0
        last = self._seen = self._seen[-self._limit :]
        return any(
            last[run:] == last[:-run] for run in range(1, min(RUN_MOST, self._limit - 1) + 1)
        )
