"""What requests came to since this process started, in plain integers, read when metrics are asked.

Counted from the receipt at the moment in which it is said to the book, once for each request, so that
what an operator is alarmed by is what is billed.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from typing import Final

from tokenhouse.relay.receipt import Receipt

FIRST_CONTENT_MS: Final = (25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000)
"""Upper bounds of the times to the first content, in milliseconds; the last bucket has none."""

WHOLE_MS: Final = (100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000)
"""Upper bounds of the times from arrival to the end."""

BUCKETS: Final = ("input", "cache_read", "cache_write", "output", "reasoning", "images")


class Times:
    """How many took how long; ``counts`` has one number more than ``bounds``."""

    __slots__ = ("bounds", "counts", "sum_ms")

    def __init__(self, bounds: tuple[int, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum_ms = 0

    def add(self, ms: int) -> None:
        self.counts[bisect_left(self.bounds, ms)] += 1
        self.sum_ms += ms


class ModelTotals:
    """Of one model: requests by outcome, tokens by bucket, nanodollars (what the usage came to, and what
    of it is the house's loss), times."""

    __slots__ = ("first_content", "lost", "outcomes", "owed", "tokens", "whole")

    def __init__(self) -> None:
        self.outcomes: dict[str, int] = {}
        self.tokens = [0] * len(BUCKETS)
        self.owed = 0
        self.lost = 0
        self.first_content = Times(FIRST_CONTENT_MS)
        self.whole = Times(WHOLE_MS)

    def add(self, receipt: Receipt) -> None:
        """One request has ended."""
        outcome = receipt.outcome
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1
        usage, tokens = receipt.usage, self.tokens
        tokens[0] += usage.input
        tokens[1] += usage.cache_read
        tokens[2] += usage.cache_write
        tokens[3] += usage.output
        tokens[4] += usage.reasoning
        tokens[5] += usage.images
        self.owed += receipt.owed
        if receipt.latency_ms is not None:
            self.first_content.add(receipt.latency_ms)
        if receipt.total_ms is not None:
            self.whole.add(receipt.total_ms)


@dataclass(slots=True)
class RelayTotals:
    """What happened since the start, for metrics; ``models`` by the id of a model."""

    admitted: int = 0
    refused: int = 0
    retried: int = 0
    failed_attempts: dict[str, int] = field(default_factory=dict[str, int])
    models: dict[str, ModelTotals] = field(default_factory=dict[str, ModelTotals])

    def add(self, receipt: Receipt) -> None:
        """One request has ended."""
        of_model = self.models.get(receipt.model)
        if of_model is None:
            of_model = self.models[receipt.model] = ModelTotals()
        of_model.add(receipt)

    def lose(self, model: str, nanodollars: int) -> None:
        """So much of what an ended request owed could not be charged."""
        self.models[model].lost += nanodollars
