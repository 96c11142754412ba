"""Samples of one run → medians, ratios and a table in plain text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

HOUSE = "tokenhouse"


@dataclass(slots=True)
class Row:
    """One scenario: samples by gateway, in the order of the rounds; who failed, and how.

    A round that a gateway lost has no sample in any list, so that equal places are one round.
    """

    scenario: str
    unit: str
    samples: dict[str, list[float]] = field(default_factory=dict[str, list[float]])
    failed: dict[str, str] = field(default_factory=dict[str, str])
    targets: dict[str, float] = field(default_factory=dict[str, float])
    """Peer → the ratio that the house is held to."""

    def add(self, gateway: str, sample: float) -> None:
        self.samples.setdefault(gateway, []).append(sample)

    def fail(self, gateway: str, why: str) -> None:
        """It gave a wrong answer: it is not timed at all."""
        self.failed.setdefault(gateway, why)
        self.samples.pop(gateway, None)

    def value(self, gateway: str) -> float | None:
        """Its median, None when nothing was measured."""
        found = self.samples.get(gateway)
        return median(found) if found else None

    def ratio(self, peer: str) -> float | None:
        """House / peer: the median of the ratios of the rounds, which drift does not touch."""
        return self.between(HOUSE, peer)

    def between(self, one: str, other: str) -> float | None:
        """The same of any two."""
        above, below = self.samples.get(one), self.samples.get(other)
        if not above or not below:
            return None
        pairs = [a / b for a, b in zip(above, below, strict=False) if b > 0]
        return median(pairs) if pairs else None

    def verdict(self, peer: str) -> str:
        """``1.32 ≤ 1.60 ok``, ``1.90 > 1.60 MISSED``, or the ratio alone without a target."""
        ratio = self.ratio(peer)
        if ratio is None:
            return "–"
        target = self.targets.get(peer)
        if target is None:
            return f"{ratio:.2f}"
        kept = ratio <= target
        return f"{ratio:.2f} {'≤' if kept else '>'} {target:.2f} {'ok' if kept else 'MISSED'}"


def render(rows: Sequence[Row], gateways: Sequence[str]) -> str:
    """Two tables: the medians by gateway, the house's ratio to each peer."""
    return "\n\n".join((render_values(rows, gateways), render_ratios(rows, gateways)))


def render_values(rows: Sequence[Row], gateways: Sequence[str]) -> str:
    """The medians by gateway."""
    head = ["scenario", "unit", *gateways]
    body = [
        [row.scenario, row.unit, *(_cell(row, gateway) for gateway in gateways)] for row in rows
    ]
    return lines_of(head, body)


def render_ratios(rows: Sequence[Row], gateways: Sequence[str]) -> str:
    """The house's ratio to each peer, beside its target."""
    peers = [name for name in gateways if name not in (HOUSE, "direct")]
    head = ["tokenhouse /", *peers]
    body = [[row.scenario, *(row.verdict(peer) for peer in peers)] for row in rows]
    return lines_of(head, body)


def as_json(rows: Sequence[Row]) -> list[Mapping[str, object]]:
    """All of it, samples included."""
    return [
        {
            "scenario": row.scenario,
            "unit": row.unit,
            "samples": row.samples,
            "medians": {name: row.value(name) for name in row.samples},
            "ratios": {name: row.ratio(name) for name in row.samples if name != HOUSE},
            "targets": row.targets,
            "failed": row.failed,
        }
        for row in rows
    ]


def _cell(row: Row, gateway: str) -> str:
    if gateway in row.failed:
        return "FAILS"
    value = row.value(gateway)
    if value is None:
        return "–"
    return f"{value:.2f}" if value < 10 else f"{value:.0f}"


def lines_of(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    """A table: the first column to the left, the others to the right."""
    widths = [max(len(line[i]) for line in [head, *body]) for i in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        first, *rest = (
            cell.ljust(width) if place == 0 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        return "  ".join([first, *rest]).rstrip()

    return "\n".join([line(head), line(["-" * width for width in widths]), *map(line, body)])
