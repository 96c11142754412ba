"""What the latest requests say about each model: how soon it begins, how fast it writes, how often it
answers. From receipts alone; whoever asked is not told."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from tokenhouse.billing.values import ReceiptRow

HOUR_MS: Final = 3_600_000
CALLERS_FAULT: Final = frozenset((400, 404, 405, 409, 413, 415, 422))
"""Upstream statuses that say something about the request, not about the model."""


@dataclass(frozen=True, slots=True)
class Hour:
    """One UTC hour, by its start in unix milliseconds: requests begun in it, answered and failed."""

    start_ms: int
    answered: int
    failed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFigures:
    """Medians over the streamed answers, shares over all requests; None where none was measured.

    ``first_token_ms``: arrival to first content. ``tokens_per_second``: from then to the end.
    ``uptime``: answered / (answered + failed), from 0 to 1. ``hours``: earliest first, no gaps.
    """

    model: str
    answered: int
    failed: int
    first_token_ms: int | None
    tokens_per_second: float | None
    uptime: float | None
    hours: tuple[Hour, ...]


def figures(
    rows: Iterable[ReceiptRow], *, since_ms: int, until_ms: int
) -> Mapping[str, ModelFigures]:
    """Model id → its figures, for every model that has a receipt begun within the range."""
    by_model: dict[str, list[ReceiptRow]] = defaultdict(list)
    for row in rows:
        if since_ms <= row.created_ms < until_ms and not _is_the_callers_fault(row):
            by_model[row.model].append(row)
    return {
        model: _of(model, its, since_ms=since_ms, until_ms=until_ms)
        for model, its in by_model.items()
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteFigures:
    """What the latest attempts at one route say; ``latency_ms``: the median until they answered or
    failed. ``last_error`` is a code."""

    attempts: int
    failed: int
    latency_ms: int
    last_error: str | None = None
    last_failed_ms: int | None = None


def route_figures(rows: Iterable[ReceiptRow]) -> dict[tuple[str, str], RouteFigures]:
    """(provider, upstream model) → its figures, from the attempts of ``rows``."""
    times: dict[tuple[str, str], list[int]] = defaultdict(list)
    failed: dict[tuple[str, str], int] = defaultdict(int)
    last: dict[tuple[str, str], tuple[int, str]] = {}
    for row in rows:
        for attempt in row.attempts:
            route = (attempt.provider, attempt.upstream_model)
            times[route].append(attempt.latency_ms)
            if attempt.error is not None:
                failed[route] += 1
                last[route] = max(last.get(route, (0, "")), (row.ended_ms, attempt.error))
    return {
        route: RouteFigures(
            attempts=len(each),
            failed=failed[route],
            latency_ms=round(median(each)),
            last_error=last[route][1] if route in last else None,
            last_failed_ms=last[route][0] if route in last else None,
        )
        for route, each in times.items()
    }


def _of(model: str, rows: Sequence[ReceiptRow], *, since_ms: int, until_ms: int) -> ModelFigures:
    failed = sum(map(_failed, rows))
    streamed = [row for row in rows if row.streamed and not _failed(row)]
    first = [row.latency_ms for row in streamed if row.latency_ms is not None]
    speeds = [
        row.answer_tokens * 1000 / row.generation_ms
        for row in streamed
        if row.generation_ms is not None and row.generation_ms > 0 and row.answer_tokens > 1
    ]
    return ModelFigures(
        model=model,
        answered=len(rows) - failed,
        failed=failed,
        first_token_ms=round(median(first)) if first else None,
        tokens_per_second=median(speeds) if speeds else None,
        uptime=(len(rows) - failed) / len(rows) if rows else None,
        hours=_hours(rows, since_ms=since_ms, until_ms=until_ms),
    )


def _hours(rows: Iterable[ReceiptRow], *, since_ms: int, until_ms: int) -> tuple[Hour, ...]:
    answered: dict[int, int] = defaultdict(int)
    failures: dict[int, int] = defaultdict(int)
    for row in rows:
        counts = failures if _failed(row) else answered
        counts[row.created_ms // HOUR_MS] += 1
    return tuple(
        Hour(hour * HOUR_MS, answered[hour], failures[hour])
        for hour in range(since_ms // HOUR_MS, (until_ms - 1) // HOUR_MS + 1)
    )


def _failed(row: ReceiptRow) -> bool:
    return row.outcome in ("failed", "crashed")


def _is_the_callers_fault(row: ReceiptRow) -> bool:
    return _failed(row) and bool(row.attempts) and row.attempts[-1].status in CALLERS_FAULT
