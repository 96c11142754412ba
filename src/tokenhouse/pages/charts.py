"""Figures as lines of text and as charts: the numbers of a small SVG, drawn by a template."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from tokenhouse.billing import ModelFigures

BAR: Final = 8
GAP: Final = 2
HEIGHT: Final = 48
_LEAST: Final = 3


@dataclass(frozen=True, slots=True)
class Bar:
    """One hour: a column of answered requests, failed ones on top. Pixels; y grows downwards."""

    x: int
    answered_y: int
    answered_height: int
    failed_y: int
    failed_height: int
    label: str
    answered: int
    failed: int


@dataclass(frozen=True, slots=True)
class Chart:
    width: int
    height: int
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class Column:
    """One of a row of columns, ``height`` pixels high from the ground up; 0 is nothing at all."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Columns:
    """``columns`` in the order of what they measure. Pixels; y grows downwards."""

    width: int
    height: int
    columns: tuple[Column, ...]


@dataclass(frozen=True, slots=True)
class LiveFigures:
    """What a page says of the last day. None: no data yet."""

    first_token: str | None
    speed: str | None
    uptime: str | None
    requests: int
    chart: Chart | None


NO_FIGURES: Final = LiveFigures(None, None, None, 0, None)


def live_figures(figures: ModelFigures | None) -> LiveFigures:
    """The figures in words, with a bar an hour."""
    if figures is None:
        return NO_FIGURES
    first, speed, uptime = figures.first_token_ms, figures.tokens_per_second, figures.uptime
    return LiveFigures(
        first_token=None if first is None else _time(first),
        speed=None if speed is None else f"{speed:,.0f} tokens/s",
        uptime=None if uptime is None else _percent(uptime),
        requests=figures.answered + figures.failed,
        chart=_chart(figures),
    )


def columns(amounts: Sequence[int], *, height: int = 120, width: int = 960) -> Columns:
    """A column for each amount, as high as it is beside the largest. What is not nothing is seen."""
    most = max(amounts, default=0)
    step = max(4, width // max(1, len(amounts)))
    gap = min(GAP * 4, step // 3)
    drawn = tuple(
        Column(at * step, height - tall, step - gap, tall)
        for at, amount in enumerate(amounts)
        for tall in (_height(amount, most, height),)
    )
    return Columns(max(1, len(drawn) * step - gap), height, drawn)


def shares(amounts: Sequence[int]) -> tuple[int, ...]:
    """How long each amount's bar is, where the largest's is 100; what is not nothing is seen."""
    most = max(amounts, default=0)
    return tuple(0 if amount <= 0 else max(1, amount * 100 // most) for amount in amounts)


def _chart(figures: ModelFigures) -> Chart:
    most = max((hour.answered + hour.failed for hour in figures.hours), default=0)
    bars: list[Bar] = []
    for position, hour in enumerate(figures.hours):
        answered = _height(hour.answered, most)
        failed = _height(hour.failed, most)
        moment = datetime.fromtimestamp(hour.start_ms / 1000, UTC)
        bars.append(
            Bar(
                x=position * (BAR + GAP),
                answered_y=HEIGHT - answered,
                answered_height=answered,
                failed_y=max(0, HEIGHT - answered - failed),
                failed_height=failed,
                label=f"{moment:%H}:00",
                answered=hour.answered,
                failed=hour.failed,
            )
        )
    return Chart(max(1, len(bars) * (BAR + GAP) - GAP), HEIGHT, tuple(bars))


def _height(count: int, most: int, height: int = HEIGHT) -> int:
    return 0 if count <= 0 else max(_LEAST, count * height // most)


def _time(ms: int) -> str:
    return f"{ms} ms" if ms < 1000 else f"{ms / 1000:.1f} s"


def _percent(share: float) -> str:
    """Never 100 % when something failed."""
    if share == 1:
        return "100%"
    return f"{int(share * 10_000) / 100:g}%"
