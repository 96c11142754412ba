"""What the house costs on top of its own engine: through the API, money on, and straight at it.

``python -m benchmarks.engine [--tiny] [--rounds N] [--tokens N] [--json FILE]``

Both sides run the same weights (1.1 B random parameters, made once in ``.cache/bench``) with the same
settings: the house in its process, the bare engine in one of its own, asked on its unix socket with
the same token ids. They take turns; the one whose turn it is not sleeps. Targets: at least 0.97 of
the bare engine's tokens per second, at most 3 ms more to the first token.

Beside that: the first token of a prompt that no cache has, and of the same one again; how soon a slot
that a client has left serves the next (eight stream, a ninth waits, one of the eight leaves); memory of
the house and its engine before the model is loaded, with it, and after it was unloaded. The exit code is
always 0.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Awaitable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Protocol

import psutil

from benchmarks import weights
from benchmarks.gateways import ledger_errors, paying_key, serving
from benchmarks.load import Asked
from benchmarks.processes import CACHE, end_on_sigterm, resident_bytes, tree
from benchmarks.reading import QUESTION, Read, from_engine, through_api
from benchmarks.table import lines_of
from tokenhouse.engine import (
    Conversation,
    Encoder,
    Engine,
    EngineSettings,
    ModelSpec,
    Turn,
    find_tekken,
    load_tekken,
    v7_pieces,
)

CONTEXT = 4096
STREAMS = (1, 4, 8)
SLOTS = max(STREAMS)
UNLOAD_AFTER_S = 60
FIRST_TOKENS = 6
"""Asks for one token in each round, for the time to it."""
LOAD_S = 300.0
FRESH = "No. {}: " + "a token is a stamped piece of brass that stands for a coin; " * 30 + QUESTION
"""A prompt of a few hundred tokens, which no cache has seen to its end."""
LONG = 200
"""Tokens of an answer that is to be left in the middle."""


class Ask(Protocol):
    """One side: the answer to ``question`` as it was read."""

    def __call__(
        self, question: str, most: int, begun: asyncio.Event | None = None
    ) -> Awaitable[Read]: ...


@dataclass(slots=True)
class Samples:
    """What one side showed, a number each round."""

    speed: dict[int, list[float]] = field(default_factory=dict[int, list[float]])
    first_ms: list[float] = field(default_factory=list[float])
    fresh_ms: list[float] = field(default_factory=list[float])
    again_ms: list[float] = field(default_factory=list[float])
    left_ms: list[float] = field(default_factory=list[float])


@dataclass(slots=True)
class Memory:
    """Resident MiB of the house with its engine; None: not waited for."""

    idle: float = 0.0
    loaded: float = 0.0
    asleep: float | None = None


@dataclass(slots=True)
class Found:
    api: Samples = field(default_factory=Samples)
    bare: Samples = field(default_factory=Samples)
    house_cpu_s: float = 0.0
    house_tokens: int = 0
    memory: Memory = field(default_factory=Memory)
    ledger: str = ""


async def measure(path: Path, rounds: int, tokens: int, *, wait: bool) -> Found:
    """Serve the weights, load them once more beside it, let both take turns. ``wait`` until the house
    has unloaded the model, in the end."""
    found = Found()
    async with contextlib.AsyncExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="th-bench-")))
        data = directory / "house"
        data.mkdir()
        (data / "tokenhouse.toml").write_text(_SETTINGS.format(weights=path))
        key = await asyncio.to_thread(paying_key, data)
        child, port = stack.enter_context(serving(data, directory / "tokenhouse.log"))
        asked = Asked(port, key=key, model="bench/random")
        tokenizer = find_tekken(path)
        encoder = Encoder(load_tekken(tokenizer), tokenizer)
        engine = Engine(ModelSpec("bare", path, CONTEXT), EngineSettings(slots=SLOTS))
        stack.push_async_callback(engine.stop)
        await engine.wait_ready(LOAD_S)
        house = psutil.Process(child.pid)
        found.memory.idle = resident_bytes(child.pid) / 2**20

        def api(question: str, most: int, begun: asyncio.Event | None = None) -> Awaitable[Read]:
            return through_api(asked, question, most, begun)

        async def bare(question: str, most: int, begun: asyncio.Event | None = None) -> Read:
            prompt = await encoder.encode(v7_pieces(Conversation((Turn("user", question),))))
            return await from_engine(engine, prompt, most, begun)

        _progress("loading")
        for ask in (api, bare):  # the model is loaded, the prompt is in the cache
            await ask(QUESTION, 2)
        found.memory.loaded = resident_bytes(child.pid) / 2**20
        for number in range(rounds):
            _progress(f"round {number + 1} of {rounds}")
            sides = [(found.api, api), (found.bare, bare)]
            sides = sides if number % 2 == 0 else sides[::-1]
            await _round(sides, tokens, found, house)
            await _first_of(sides, FRESH.format(number))
            for samples, ask in sides:
                samples.left_ms.append(await _left(ask) * 1e3)
        if wait:
            _progress(f"waiting {UNLOAD_AFTER_S} s for the model to be unloaded")
            await _unloaded(child.pid)
            found.memory.asleep = resident_bytes(child.pid) / 2**20
        found.ledger = await asyncio.to_thread(ledger_errors, data)
    return found


async def _first_of(sides: Sequence[tuple[Samples, Ask]], question: str) -> None:
    """The first token of a prompt that is new, and of the same prompt again."""
    for samples, ask in sides:
        samples.fresh_ms.append((await ask(question, 1)).first_s * 1e3)
        samples.again_ms.append((await ask(question, 1)).first_s * 1e3)


async def _left(ask: Ask) -> float:
    """Seconds from one client's leaving to the first token of the one that waited for its slot."""
    begun = [asyncio.Event() for _ in range(SLOTS)]
    running = [
        asyncio.ensure_future(ask(f"{number}: {QUESTION}", LONG, event))
        for number, event in enumerate(begun)
    ]
    await asyncio.gather(*(event.wait() for event in begun))
    served = asyncio.Event()
    waiting = asyncio.ensure_future(ask(f"next: {QUESTION}", 1, served))
    await asyncio.sleep(0.1)  # it is in the queue
    since = time.perf_counter()
    running[0].cancel()
    await served.wait()
    took = time.perf_counter() - since
    for task in running:
        task.cancel()
    await asyncio.gather(*running, waiting, return_exceptions=True)
    return took


async def _unloaded(pid: int) -> None:
    """Until the house's engine has ended; TimeoutError when it stays."""
    children = tree(pid)[1:]
    _, alive = await asyncio.to_thread(psutil.wait_procs, children, UNLOAD_AFTER_S * 2)
    if alive:
        raise TimeoutError(f"the model is still loaded after {UNLOAD_AFTER_S * 2} s")


async def _round(
    sides: Sequence[tuple[Samples, Ask]], tokens: int, found: Found, house: psutil.Process
) -> None:
    for _ in range(FIRST_TOKENS):
        for samples, ask in sides:
            samples.first_ms.append((await ask(QUESTION, 1)).first_s * 1e3)
    for streams in STREAMS:
        for samples, ask in sides:
            before = house.cpu_times()
            begin = time.perf_counter()
            reads = await asyncio.gather(*(ask(QUESTION, tokens) for _ in range(streams)))
            took = time.perf_counter() - begin
            produced = sum(read.tokens for read in reads)
            samples.speed.setdefault(streams, []).append(produced / took)
            if samples is found.api:
                after = house.cpu_times()
                spent = after.user + after.system - before.user - before.system
                found.house_cpu_s += spent
                found.house_tokens += produced


def show(found: Found, path: Path, rounds: int, tokens: int) -> str:
    """The report as text."""
    rows: list[Sequence[str]] = []
    for streams in STREAMS:
        api, bare = found.api.speed[streams], found.bare.speed[streams]
        ratio = median(a / b for a, b in zip(api, bare, strict=True))
        name = f"tokens/s, {streams} stream{'s' if streams > 1 else ''}"
        verdict = f"{ratio:.3f}"
        if path.stem == weights.JUDGED:
            verdict += " ≥ 0.97 ok" if ratio >= 0.97 else " < 0.97 MISSED"
        rows.append([name, f"{median(api):.2f}", f"{median(bare):.2f}", verdict])
    pairs = zip(found.api.first_ms, found.bare.first_ms, strict=True)
    more = median(a - b for a, b in pairs)
    verdict = f"{more:+.2f} ms {'≤ 3 ok' if more <= 3 else '> 3 MISSED'}"
    api_ms, bare_ms = median(found.api.first_ms), median(found.bare.first_ms)
    rows.append(["ms to the first token", f"{api_ms:.2f}", f"{bare_ms:.2f}", verdict])
    for what, of_api, of_bare in (
        ("… of a new prompt", found.api.fresh_ms, found.bare.fresh_ms),
        ("… of the same again", found.api.again_ms, found.bare.again_ms),
        ("ms from leaving to the next's", found.api.left_ms, found.bare.left_ms),
    ):
        more = median(a - b for a, b in zip(of_api, of_bare, strict=True))
        cells = [f"{median(of_api):.2f}", f"{median(of_bare):.2f}", f"{more:+.2f} ms"]
        rows.append([what, *cells])
    memory = found.memory
    asleep = "not waited for" if memory.asleep is None else f"{memory.asleep:.0f} MiB"
    return "\n".join(
        (
            f"{path.name}, {rounds} rounds of {tokens} tokens, taking turns; {os.cpu_count()} cores, "
            f"load {os.getloadavg()[0]:.1f}",
            "",
            lines_of(["", "through the API", "bare engine", "median over pairs"], rows),
            "",
            f"the house's own CPU: {found.house_cpu_s * 1e6 / found.house_tokens:.0f} µs/token; "
            f"ledger verify: {found.ledger or 'in order'}",
            f"house and engine: {memory.idle:.0f} MiB before the model is loaded, "
            f"{memory.loaded:.0f} MiB with it, unloaded again: {asleep}",
        )
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.engine",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--tiny", action="store_true", help="1.6 M parameters: does it run at all?")
    parser.add_argument("--quick", action="store_true", help="2 rounds instead of 6")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--tokens", type=int, default=24, help="of each answer; default 24")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the samples there")
    given = parser.parse_args()
    end_on_sigterm()
    rounds = given.rounds
    if rounds is None:
        rounds = 2 if given.quick else 6
    _progress("weights")
    path = (weights.tiny if given.tiny else weights.billion)(CACHE / "weights")
    found = asyncio.run(measure(path, rounds, given.tokens, wait=not given.quick))
    print(show(found, path, rounds, given.tokens), flush=True)
    if given.json is not None:
        given.json.write_text(json.dumps(asdict(found), indent=1) + "\n")


def _progress(text: str) -> None:
    sys.stderr.write(f"[{time.strftime('%H:%M:%S')}] {text}\n")


_SETTINGS = f"""
[catalogue]
shipped = false

[engine]
weights_dir = "{{weights.parent}}"

[providers.here]
kind = "engine"
slots = {SLOTS}
unload_after_s = {UNLOAD_AFTER_S}

[[models]]
id = "bench/random"
context_length = {CONTEXT}
weights = "{{weights.name}}"
tokenizer = "{{weights.stem}}.tekken.json"
price = {{{{ input = "0.35", output = "0.56" }}}}
routes = [ {{{{ provider = "here", model = "bench/random" }}}} ]

[plans.bench]
requests_per_minute = 100000000
tokens_per_minute = 100000000000
concurrent_requests = 1000000
"""


if __name__ == "__main__":
    main()
