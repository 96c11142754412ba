"""What it costs to keep the books: the house with both durabilities, beside LiteLLM's proxy.

``python -m benchmarks.money [--quick] [--only tokenhouse,power] [--directory DIR] [--json FILE]``

Whole answers at 1, 16 and 128 connections: requests per second, CPU per request of the gateway's
process tree, and the 99th percentile of the latency. ``tokenhouse`` keeps ``durability = "process"``,
``power`` the other. LiteLLM runs as in ``benchmarks.relay``: without a database, so that it knows
no budget and writes no spend; what it does beside that is all that the figures are compared with.

Gateways take turns in short rounds and a ratio is the median of the rounds' ratios, as in
``benchmarks.relay``. What ``power`` waits for is the disk below ``--directory``: on a file system
that lives in memory it waits for nothing. The exit code is 0 whatever comes out.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import psutil

from benchmarks import table
from benchmarks.gateways import (
    Bench,
    Gateway,
    Missing,
    Starting,
    direct,
    house,
    ledger_errors,
    litellm,
    upstream,
)
from benchmarks.load import Job, Loader, Outcome
from benchmarks.processes import cpu_seconds, end_on_sigterm, free_port, raise_descriptor_limit

CHUNKS = 50
CONNECTIONS = (1, 16, 128)
POWER = "power"

HOUSES: dict[str, Callable[[Bench], Starting]] = {
    table.HOUSE: functools.partial(house, name=table.HOUSE, durability="process"),
    POWER: functools.partial(house, name=POWER, durability="power"),
}
GATEWAYS: dict[str, Callable[[Bench], Starting]] = {**HOUSES, "litellm": litellm}


@dataclass(frozen=True, slots=True)
class Plan:
    """How long: rounds, and seconds of load per gateway and number of connections in each."""

    rounds: int
    seconds: float
    connections: Sequence[int] = CONNECTIONS


@dataclass(frozen=True, slots=True)
class Figures:
    """The three rows of one number of connections."""

    rate: table.Row
    cpu: table.Row
    p99: table.Row

    @classmethod
    def at(cls, connections: int) -> Figures:
        said = f"{connections} connection{'s' if connections > 1 else ''}"
        return cls(
            table.Row(f"{said}: answers", "1/s"),
            table.Row(f"{said}: CPU", "µs/answer"),
            table.Row(f"{said}: p99", "ms"),
        )

    def rows(self) -> tuple[table.Row, ...]:
        return self.rate, self.cpu, self.p99

    def fail(self, name: str, why: str) -> None:
        for row in self.rows():
            row.fail(name, why)

    def add(self, gateway: Gateway, outcome: Outcome, cpu_s: float) -> None:
        """One round; a wrong answer in it strikes the gateway out."""
        if outcome.wrong or not outcome.answers:
            self.fail(gateway.name, outcome.first_wrong or "no answer")
            return
        self.rate.add(gateway.name, outcome.answers / outcome.seconds)
        self.p99.add(gateway.name, outcome.p99 * 1e3)
        if gateway.child is not None:
            self.cpu.add(gateway.name, cpu_s * 1e6 / outcome.answers)


@dataclass(slots=True)
class Report:
    """What was measured, as it comes."""

    disk: str
    figures: list[Figures] = field(default_factory=list[Figures])
    notes: dict[str, str] = field(default_factory=dict[str, str])
    skipped: dict[str, str] = field(default_factory=dict[str, str])
    books: dict[str, str] = field(default_factory=dict[str, str])

    def rows(self) -> list[table.Row]:
        return [row for figures in self.figures for row in figures.rows()]


def measure(report: Report, names: Sequence[str], plan: Plan, directory: Path) -> None:
    """Start every gateway, let them take turns, look at the books while they still serve."""
    with contextlib.ExitStack() as stack:
        bench = Bench(free_port(), directory, CHUNKS)
        stack.enter_context(upstream(bench))
        gateways = list(_started(report, names, bench, stack))
        loader = stack.enter_context(Loader())
        for connections in plan.connections:
            _progress(f"{connections} connections")
            report.figures.append(_taken(loader, gateways, connections, plan))
        for name in report.notes:
            if name in HOUSES:
                report.books[name] = ledger_errors(directory / name) or "in order"


def _started(
    report: Report, names: Sequence[str], bench: Bench, stack: contextlib.ExitStack
) -> Iterator[Gateway]:
    yield stack.enter_context(direct(bench))
    for name in names:
        _progress(f"starting {name}")
        try:
            gateway = stack.enter_context(GATEWAYS[name](bench))
        except (Missing, OSError) as error:
            report.skipped[name] = str(error)
        else:
            report.notes[name] = gateway.note
            yield gateway


def _taken(loader: Loader, gateways: Sequence[Gateway], connections: int, plan: Plan) -> Figures:
    """All rounds at so many connections, after one that is not counted."""
    figures = Figures.at(connections)
    for gateway in gateways:
        outcome = loader.run(Job(gateway.asked, connections, plan.seconds / 3))
        if outcome.wrong or not outcome.answers:
            figures.fail(gateway.name, outcome.first_wrong or "no answer")
    for number in range(plan.rounds):
        place = number % len(gateways)
        for gateway in (*gateways[place:], *gateways[:place]):
            if gateway.name in figures.rate.failed:
                continue
            before = _cpu(gateway)
            outcome = loader.run(Job(gateway.asked, connections, plan.seconds))
            figures.add(gateway, outcome, _cpu(gateway) - before)
    return figures


def _cpu(gateway: Gateway) -> float:
    return 0.0 if gateway.child is None else cpu_seconds(gateway.child.pid)


def show(report: Report, names: Sequence[str], plan: Plan) -> str:
    """The whole report as text."""
    present = [name for name in names if name in report.notes]
    rows = report.rows()
    lines = [
        f"{plan.rounds} rounds of {plan.seconds:g} s per gateway, interleaved; "
        f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; books on {report.disk}",
        *(f"  {name}: {report.notes[name]}" for name in present),
        *(f"  {name}: SKIPPED; {why}" for name, why in report.skipped.items()),
        "",
        table.render_values(rows, ["direct", *present]),
        "",
        "answers: more is better; CPU and p99: less is better",
        "",
        table.render_ratios(rows, present),
    ]
    for figures in report.figures:
        for name, why in figures.rate.failed.items():
            lines.append(f"FAILS {figures.rate.scenario}: {name}: {why}")
    lines += ["", *(f"ledger verify, {name}: {said}" for name, said in report.books.items())]
    return "\n".join(lines)


def disk_of(directory: Path) -> str:
    """The type of the file system that the directory is on."""
    at = os.path.realpath(directory)
    best = ("", "an unknown file system")
    for part in psutil.disk_partitions(all=True):
        below = os.path.commonpath([part.mountpoint, at]) == part.mountpoint
        if below and len(part.mountpoint) >= len(best[0]):
            best = (part.mountpoint, part.fstype)
    return best[1]


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.money",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="2 short rounds: a look, no verdict")
    parser.add_argument("--only", default=",".join(GATEWAYS), help="gateways, separated by commas")
    parser.add_argument("--rounds", type=int, help="default 5")
    parser.add_argument("--seconds", type=float, help="of load per round; default 2")
    parser.add_argument("--directory", type=Path, help="on the disk to measure; default: temporary")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write samples and ratios there")
    given = parser.parse_args()
    names = [name for name in given.only.split(",") if name]
    if unknown := [name for name in names if name not in GATEWAYS]:
        parser.error(f"unknown: {', '.join(unknown)}; there are {', '.join(GATEWAYS)}")
    plan = Plan(2, 0.6) if given.quick else Plan(5, 2.0)
    if given.rounds is not None:
        plan = replace(plan, rounds=max(1, given.rounds))
    if given.seconds is not None:
        plan = replace(plan, seconds=given.seconds)
    end_on_sigterm()
    raise_descriptor_limit()
    with tempfile.TemporaryDirectory(prefix="th-bench-", dir=given.directory) as directory:
        report = Report(disk_of(Path(directory)))
        measure(report, names, plan, Path(directory))
    print(show(report, names, plan), flush=True)
    if given.json is not None:
        given.json.write_text(json.dumps(_as_json(report, plan), indent=1) + "\n")


def _as_json(report: Report, plan: Plan) -> dict[str, object]:
    return {
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "rounds": plan.rounds,
        "seconds": plan.seconds,
        "disk": report.disk,
        "gateways": report.notes,
        "skipped": report.skipped,
        "rows": table.as_json(report.rows()),
        "books": report.books,
    }


def _progress(text: str) -> None:
    sys.stderr.write(f"[{time.strftime('%H:%M:%S')}] {text}\n")


if __name__ == "__main__":
    main()
