"""What a request costs on its way through: Tokenhouse with money on, beside smg, nginx and LiteLLM.

``python -m benchmarks.relay [--quick] [--only tokenhouse,smg] [--soak] [--json FILE]``

The figure is CPU, user and system, of the gateway's whole process tree, from the OS. Neither the
load nor the upstream is in it, and both run in other processes. Gateways take turns in short rounds
(A B C D, B C D A, …), so that a busy machine is as busy for each; the ratio of two gateways is the
median of their ratios in each round. Absolute figures are this machine's at this hour; ratios last.

Each answer is read to its end and compared; a gateway that gives a wrong one is shown as failing and
not timed. Whatever comes out, the exit code is 0.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks import table
from benchmarks.gateways import (
    GATEWAYS,
    Bench,
    Gateway,
    Missing,
    direct,
    ledger_errors,
    upstream,
    with_stream,
)
from benchmarks.load import Job, Loader
from benchmarks.processes import cpu_seconds, end_on_sigterm, free_port, raise_descriptor_limit
from benchmarks.soak import soak

CHUNKS = 50
PACE_MS = 20.0
STREAMS = 200
ROUTER = "smg"
"""The peer that the targets are stated against."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """A load, and the ratio to the router that the house is held to."""

    name: str
    unit: str
    connections: int
    stream: bool
    target: float | None = None
    per_chunk: bool = False
    spread_s: float = 0.0


BURST = (
    Scenario("whole answer, 1 connection", "µs CPU/request", 1, False),
    Scenario("whole answer, 16 connections", "µs CPU/request", 16, False, 1.6),
    Scenario(f"stream of {CHUNKS}, 1 connection", "µs CPU/stream", 1, True),
    Scenario(f"stream of {CHUNKS}, 16 connections", "µs CPU/stream", 16, True, 1.0),
)
PACED = (
    Scenario(
        f"{STREAMS} streams, a chunk each {PACE_MS:g} ms",
        "µs CPU/chunk",
        STREAMS,
        True,
        target=1.0,
        per_chunk=True,
        spread_s=1.0,
    ),
)


@dataclass(frozen=True, slots=True)
class Plan:
    """How long: rounds, and seconds of load per gateway and scenario in each."""

    rounds: int
    seconds: float


class Report:
    """What was measured, as it comes."""

    def __init__(self) -> None:
        self.rows: list[table.Row] = []
        self.latency: dict[str, list[tuple[float, float]]] = {}
        self.speed: dict[str, list[float]] = {}
        self.notes: dict[str, str] = {}
        self.skipped: dict[str, str] = {}
        self.ledger = ""

    def row(self, scenario: Scenario) -> table.Row:
        for row in self.rows:
            if row.scenario == scenario.name:
                return row
        targets = {} if scenario.target is None else {ROUTER: scenario.target}
        self.rows.append(table.Row(scenario.name, scenario.unit, targets=targets))
        return self.rows[-1]

    def added(self, name: str) -> tuple[float, float] | None:
        """Milliseconds that a gateway adds at one client: (p50, p99), medians over the rounds."""
        through, alone = self.latency.get(name), self.latency.get("direct")
        if not through or not alone:
            return None
        return (
            _middle([a[0] - b[0] for a, b in zip(through, alone, strict=False)]) * 1e3,
            _middle([a[1] - b[1] for a, b in zip(through, alone, strict=False)]) * 1e3,
        )


def measure(report: Report, names: Sequence[str], plan: Plan) -> None:
    """Start every gateway, let them take turns before each upstream, stop them all."""
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="th-bench-")))
        bench = Bench(free_port(), directory, CHUNKS)
        gateways = list(_started(report, names, bench, stack))
        turns = Turns(report, stack.enter_context(Loader()), gateways, plan)
        for pace_ms, scenarios in ((0.0, BURST), (PACE_MS, PACED)):
            # the same port, so that gateways stay: they find new connections, which costs them one
            # answer that is not looked at
            with upstream(bench, pace_ms=pace_ms):
                turns.greet()
                for scenario in scenarios:
                    turns.take(scenario)
        if table.HOUSE in report.notes:
            report.ledger = ledger_errors(directory / table.HOUSE)


def _started(
    report: Report, names: Sequence[str], bench: Bench, stack: contextlib.ExitStack
) -> Iterator[Gateway]:
    yield stack.enter_context(direct(bench))
    with upstream(bench):  # some ask it for its models when they start
        for name in names:
            _progress(f"starting {name}")
            try:
                gateway = stack.enter_context(GATEWAYS[name](bench))
            except (Missing, OSError) as error:
                report.skipped[name] = str(error)
            else:
                report.notes[name] = gateway.note
                yield gateway


@dataclass(frozen=True, slots=True)
class Turns:
    """The gateways that run, and the load that goes from one to the next."""

    report: Report
    loader: Loader
    gateways: Sequence[Gateway]
    plan: Plan

    def greet(self) -> None:
        """Let every gateway find out that the upstream is another one."""
        for gateway in self.gateways:
            self.loader.run(Job(gateway.asked, connections=16, seconds=0.1))

    def take(self, scenario: Scenario) -> None:
        """All rounds of a scenario, after one that is not counted."""
        _progress(scenario.name)
        row = self.report.row(scenario)
        for gateway in self.gateways:  # caches and pools get warm; wrong answers show
            outcome = self.loader.run(_job(gateway, scenario, self.plan.seconds / 3))
            if outcome.wrong or not outcome.answers:
                row.fail(gateway.name, outcome.first_wrong or "no answer")
        for number in range(self.plan.rounds):
            for gateway in _rotated(self.gateways, number):
                if gateway.name not in row.failed:
                    self._sample(row, scenario, gateway)

    def _sample(self, row: table.Row, scenario: Scenario, gateway: Gateway) -> None:
        before = 0.0 if gateway.child is None else cpu_seconds(gateway.child.pid)
        outcome = self.loader.run(_job(gateway, scenario, self.plan.seconds))
        if outcome.wrong or not outcome.answers:
            row.fail(gateway.name, outcome.first_wrong or "no answer")
            return
        if scenario.connections == 1 and not scenario.stream:
            latencies = self.report.latency.setdefault(gateway.name, [])
            latencies.append((outcome.p50, outcome.p99))
        if gateway.child is None:
            speeds = self.report.speed.setdefault(scenario.name, [])
            speeds.append(outcome.answers / outcome.seconds)
            return
        spent = (cpu_seconds(gateway.child.pid) - before) * 1e6
        row.add(gateway.name, spent / (outcome.chunks if scenario.per_chunk else outcome.answers))


def _job(gateway: Gateway, scenario: Scenario, seconds: float) -> Job:
    asked = with_stream(gateway.asked) if scenario.stream else gateway.asked
    return Job(asked, scenario.connections, seconds, scenario.spread_s)


def _rotated(gateways: Sequence[Gateway], number: int) -> Iterator[Gateway]:
    """Each comes first in turn: what runs behind a busy neighbour is not always the same one."""
    place = number % len(gateways)
    yield from gateways[place:]
    yield from gateways[:place]


def show(report: Report, names: Sequence[str], plan: Plan) -> str:
    """The whole report as text."""
    present = [name for name in names if name in report.notes]
    lines = [
        f"{plan.rounds} rounds of {plan.seconds:g} s per gateway and scenario, interleaved; "
        f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}",
        *(f"  {name}: {report.notes[name]}" for name in present),
        *(f"  {name}: SKIPPED; {why}" for name, why in report.skipped.items()),
        "",
        table.render(report.rows, present),
        "",
        "added latency of a whole answer at 1 client (targets: p50 ≤ 0.5 ms, p99 ≤ 3 ms)",
    ]
    for name in present:
        added = report.added(name)
        if added is not None:
            lines.append(f"  {name:11} p50 {added[0]:+.2f} ms   p99 {added[1]:+.2f} ms")
    for row in report.rows:
        lines += [f"FAILS {row.scenario}: {name}: {why}" for name, why in row.failed.items()]
    alone = ", ".join(f"{name}: {_middle(found):.0f}/s" for name, found in report.speed.items())
    lines += ["", f"client and upstream alone manage: {alone}"]
    if table.HOUSE in present:
        lines.append(f"ledger verify: {report.ledger or 'in order'}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.relay",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="2 short rounds: a look, no verdict")
    parser.add_argument("--only", default=",".join(GATEWAYS), help="gateways, separated by commas")
    parser.add_argument("--rounds", type=int, help="default 5")
    parser.add_argument("--seconds", type=float, help="of load per round; default 2")
    parser.add_argument("--soak", action="store_true", help="also hold 8,000 streams open")
    parser.add_argument("--streams", type=int, default=8000, help="for --soak")
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
    report = Report()
    measure(report, names, plan)
    print(show(report, names, plan), flush=True)
    if given.json is not None:
        given.json.write_text(json.dumps(_as_json(report, plan), indent=1) + "\n")
    if given.soak:
        print(soak(given.streams), flush=True)


def _as_json(report: Report, plan: Plan) -> dict[str, object]:
    return {
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "rounds": plan.rounds,
        "seconds": plan.seconds,
        "gateways": report.notes,
        "skipped": report.skipped,
        "rows": table.as_json(report.rows),
        "added_ms": {name: report.added(name) for name in report.notes},
        "ledger": report.ledger or "in order",
    }


def _middle(numbers: Sequence[float]) -> float:
    ordered = sorted(numbers)
    return ordered[len(ordered) // 2] if ordered else 0.0


def _progress(text: str) -> None:
    sys.stderr.write(f"[{time.strftime('%H:%M:%S')}] {text}\n")


if __name__ == "__main__":
    main()
