"""What a translation costs: clients of one dialect on upstreams of the other, beside LiteLLM's.

``python -m benchmarks.dialects [--quick] [--only tokenhouse] [--json FILE]``

One house, money on, in front of one upstream that speaks both dialects; a lane is a client's dialect
and an upstream's. Lanes take turns in short rounds as gateways do in ``benchmarks.relay``, and the
figure is the same: CPU of the gateway's whole process tree, from the OS. A chunk of a lane that
translates is held to 1.5 times a chunk of the lane on the same upstream that does not: the same bytes
come in there.

LiteLLM's ``/v1/messages`` in front of OpenAI's chat translates as well. It has no database here, so
its billing is off. Every answer is compared in full; a lane that gives a wrong one has no figure.
Whatever comes out, the exit code is 0.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from benchmarks import gateways, messages, table
from benchmarks.gateways import Bench, Gateway, Missing
from benchmarks.load import Loader
from benchmarks.processes import end_on_sigterm, free_port, raise_descriptor_limit
from benchmarks.relay import Plan, Report, Scenario, Turns

CHUNKS = 50
PACE_MS = 20.0
STREAMS = 100
PER_CHUNK = "µs CPU/chunk"
MOST = 1.5
CHAT = "/v1/chat/completions"
LITELLM = "litellm: messages → chat"


@dataclass(frozen=True, slots=True)
class Lane:
    """A client's path and the model whose upstream speaks one dialect; what it is compared with."""

    name: str
    path: str
    model: str
    peer: str | None = None


LANES = (
    Lane("chat → chat", CHAT, "bench/chat"),
    Lane("messages → chat", messages.PATH, "bench/chat", peer="chat → chat"),
    Lane("messages → messages", messages.PATH, "bench/messages"),
    Lane("chat → messages", CHAT, "bench/messages", peer="messages → messages"),
)
BURST = (
    Scenario("whole answer, 16 connections", "µs CPU/request", 16, False),
    Scenario(f"stream of {CHUNKS}, 16 connections", PER_CHUNK, 16, True, per_chunk=True),
)
PACED = (
    Scenario(
        f"{STREAMS} streams, a chunk each {PACE_MS:g} ms",
        PER_CHUNK,
        STREAMS,
        True,
        per_chunk=True,
        spread_s=1.0,
    ),
)


def measure(report: Report, only: Sequence[str], plan: Plan) -> None:
    """Start the house and LiteLLM, let the lanes take turns before each upstream, stop them."""
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="th-bench-")))
        bench = Bench(free_port(), directory, CHUNKS)
        lanes = list(_started(report, only, bench, stack))
        turns = Turns(report, stack.enter_context(Loader()), lanes, plan)
        for pace_ms, scenarios in ((0.0, BURST), (PACE_MS, PACED)):
            with gateways.upstream(bench, pace_ms=pace_ms):
                turns.greet()
                for scenario in scenarios:
                    turns.take(scenario)
        if table.HOUSE in only:
            report.ledger = gateways.ledger_errors(directory / "house")


def _started(
    report: Report, only: Sequence[str], bench: Bench, stack: contextlib.ExitStack
) -> Iterator[Gateway]:
    if table.HOUSE in only:
        for lane in stack.enter_context(house(bench)):
            report.notes[lane.name] = lane.note
            yield lane
    if "litellm" in only:
        try:
            found = stack.enter_context(gateways.litellm(bench))
        except (Missing, OSError) as error:
            report.skipped[LITELLM] = str(error)
        else:
            report.notes[LITELLM] = found.note
            asked = msgspec.structs.replace(found.asked, path=messages.PATH)
            yield Gateway(LITELLM, asked, found.child, found.note)


@contextlib.contextmanager
def house(bench: Bench) -> Generator[list[Gateway], None, None]:
    """One house, money on; each lane stands as a gateway of its own, with the same process."""
    data = bench.directory / "house"
    data.mkdir()
    (data / "tokenhouse.toml").write_text(
        _HOUSE.format(upstream=bench.upstream, output=bench.chunks + 14)
    )
    key = gateways.paying_key(data)
    with gateways.serving(data, bench.directory / "tokenhouse.log") as (child, port):
        note = "tokenhouse, money ON (SQLite)"
        asked = gateways.Asked(port, key=key, chunks=bench.chunks)
        yield [
            Gateway(
                lane.name,
                msgspec.structs.replace(asked, path=lane.path, model=lane.model),
                child,
                note,
            )
            for lane in LANES
        ]


def ratios(row: table.Row) -> dict[str, float | None]:
    """Of one scenario: each translating lane to its peer, and to LiteLLM's."""
    found = {
        f"{lane.name} / {lane.peer}": row.between(lane.name, lane.peer)
        for lane in LANES
        if lane.peer is not None
    }
    return found | {f"messages → chat / {LITELLM}": row.between("messages → chat", LITELLM)}


def show(report: Report, plan: Plan) -> str:
    """The whole report as text."""
    present = list(report.notes)
    lines = [
        f"{plan.rounds} rounds of {plan.seconds:g} s per lane and scenario, interleaved; "
        f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}",
        *(f"  {name}: {report.notes[name]}" for name in present),
        *(f"  {name}: SKIPPED; {why}" for name, why in report.skipped.items()),
        "",
        table.render_values(report.rows, present),
        "",
    ]
    for row in report.rows:
        lines.append(row.scenario)
        for pair, ratio in ratios(row).items():
            held = row.unit == PER_CHUNK and not pair.endswith(LITELLM)
            lines.append(f"  {pair:48} {_verdict(ratio, held)}")
        lines += [f"  FAILS {name}: {why}" for name, why in row.failed.items()]
    lines += ["", f"ledger verify: {report.ledger or 'in order'}"]
    return "\n".join(lines)


def _verdict(ratio: float | None, held: bool) -> str:
    if ratio is None:
        return "–"
    if not held:
        return f"{ratio:.2f}"
    kept = ratio <= MOST
    return f"{ratio:.2f} {'≤' if kept else '>'} {MOST:.2f} {'ok' if kept else 'MISSED'}"


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.dialects",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="2 short rounds: a look, no verdict")
    parser.add_argument("--only", default=f"{table.HOUSE},litellm", help="separated by commas")
    parser.add_argument("--rounds", type=int, help="default 5")
    parser.add_argument("--seconds", type=float, help="of load per round; default 2")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write samples and ratios there")
    given = parser.parse_args()
    names = [name for name in given.only.split(",") if name]
    if unknown := [name for name in names if name not in (table.HOUSE, "litellm")]:
        parser.error(f"unknown: {', '.join(unknown)}; there are {table.HOUSE}, litellm")
    plan = Plan(2, 0.6) if given.quick else Plan(5, 2.0)
    plan = Plan(
        plan.rounds if given.rounds is None else max(1, given.rounds),
        plan.seconds if given.seconds is None else given.seconds,
    )
    end_on_sigterm()
    raise_descriptor_limit()
    report = Report()
    measure(report, names, plan)
    sys.stdout.write(show(report, plan) + "\n")
    if given.json is not None:
        given.json.write_text(json.dumps(_as_json(report, plan), indent=1) + "\n")


def _as_json(report: Report, plan: Plan) -> dict[str, object]:
    return {
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "rounds": plan.rounds,
        "seconds": plan.seconds,
        "lanes": report.notes,
        "skipped": report.skipped,
        "rows": table.as_json(report.rows),
        "ratios": {row.scenario: ratios(row) for row in report.rows},
        "ledger": report.ledger or "in order",
    }


_HOUSE = """
[catalogue]
shipped = false

[providers.chat]
kind = "openai"
base_url = "http://127.0.0.1:{upstream}/v1"
api_key = "env:BENCH_KEY"
connections = 20000

[providers.messages]
kind = "anthropic"
base_url = "http://127.0.0.1:{upstream}/v1"
api_key = "env:BENCH_KEY"
connections = 20000

[[models]]
id = "bench/chat"
context_length = 32000
max_output_tokens = {output}
price = {{ input = "0.35", output = "0.56" }}
routes = [ {{ provider = "chat", model = "m" }} ]

[[models]]
id = "bench/messages"
context_length = 32000
max_output_tokens = {output}
price = {{ input = "0.35", output = "0.56" }}
routes = [ {{ provider = "messages", model = "m" }} ]

[plans.bench]
requests_per_minute = 100000000
tokens_per_minute = 100000000000
concurrent_requests = 1000000
"""


if __name__ == "__main__":
    main()
