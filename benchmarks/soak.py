"""Many open streams in one process: are they all held, does each end right, how much memory?"""

from __future__ import annotations

import contextlib
import tempfile
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

from benchmarks import table
from benchmarks.gateways import (
    Bench,
    ledger_errors,
    tokenhouse,
    upstream,
    with_stream,
)
from benchmarks.load import Job, Loader
from benchmarks.processes import free_port, resident_bytes

CHUNKS = 20
PACE_MS = 2000.0
RAMP_S = 30.0
"""Streams start over this time; each lasts CHUNKS × PACE_MS, so that all are open together."""
LIMIT_S = 240.0


def soak(streams: int) -> str:
    """Hold that many streams through Tokenhouse at once, money on; a paragraph of findings."""
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="th-bench-")))
        bench = Bench(free_port(), directory, CHUNKS)
        stack.enter_context(upstream(bench, pace_ms=PACE_MS))
        gateway = stack.enter_context(tokenhouse(bench))
        assert gateway.child is not None
        loader = stack.enter_context(Loader())
        idle = most = resident_bytes(gateway.child.pid)
        with ThreadPoolExecutor(1) as waiting:
            job = Job(with_stream(gateway.asked), streams, 0.0, RAMP_S, LIMIT_S)
            coming = waiting.submit(loader.run, job)
            while not coming.done():
                most = max(most, resident_bytes(gateway.child.pid))
                wait([coming], 1.0)
            outcome = coming.result()
        books = ledger_errors(directory / table.HOUSE) or "in order"
        lost = outcome.wrong
        return (
            f"soak: {streams} streams open at once, {outcome.answers} ended right, {lost} lost"
            f"{f' ({outcome.first_wrong})' if lost else ''}; memory {idle / 2**20:.0f} MiB idle, "
            f"{most / 2**20:.0f} MiB at most (target ≤ 350 MB); ledger verify: {books}"
        )
