"""One run of an engine's process: spawn, wait until it answers, log, end. No restarts here.

Two kinds: `Worker`, llama.cpp from the installed wheel, and `OwnServer` (its own module), a llama-server
that somebody built.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Final, cast

from .errors import EngineError, EngineMissing, LoadFailed
from .settings import Load

_WORKER: Final = Path(__file__).with_name("worker.py")
_LINE_LIMIT: Final = 500
_TAIL_LINES: Final = 40
_LINES_PER_S: Final = 50
_STOP_S: Final = 2.0
_SMALLER: Final = "lower context_length or choose a smaller quantisation"

log = logging.getLogger("tokenhouse.engine")


class Child:
    """A running process; it is gone after `stop` or when `wait` returns."""

    def __init__(self, process: asyncio.subprocess.Process, name: str) -> None:
        self._process = process
        self._name = name
        self._tail: deque[str] = deque(maxlen=_TAIL_LINES)
        self._pump = asyncio.create_task(self._pump_log(), name=f"engine-log-{name}")

    @property
    def pid(self) -> int:
        return self._process.pid

    async def ready(self) -> None:
        """Wait until the model answers. Raises NeedsMemory, LoadFailed, EngineMissing."""
        raise NotImplementedError

    async def wait(self) -> int:
        """Wait until the process has ended and its log is read; → its exit code (−signal)."""
        code = await self._process.wait()
        await asyncio.wait([self._pump])
        return code

    async def stop(self) -> None:
        """End it: SIGTERM, then SIGKILL. Idempotent; leaves no process, pipe or task."""
        process = self._process
        if process.stdin is not None:
            process.stdin.close()
        if process.returncode is None:
            process.terminate()
            try:
                async with asyncio.timeout(_STOP_S):
                    await process.wait()
            except TimeoutError:
                process.kill()
        await self.wait()

    def ended(self, code: int) -> str:
        """How it ended, in words, with the last thing it said."""
        why = self.why()
        return ending(code) + (f": {why}" if why else "")

    def why(self) -> str:
        """The first errors that llama.cpp wrote (the later ones only follow), or its last line."""
        errors = [_message(line) for line in self._tail if " E " in line]
        return "; ".join(errors[:2]) if errors else (self._tail[-1] if self._tail else "")

    def died_loading(self, code: int) -> LoadFailed:
        """It ended before it could answer, and nobody stopped it."""
        why = self.why()
        return LoadFailed(
            f"the engine's process ended while it loaded ({ending(code)})"
            + (f": {why}" if why else ""),
            f"see whether the machine ran out of memory; {_SMALLER}",
            short=code < 0 or is_short(why),
        )

    async def _pump_log(self) -> None:
        stderr = self._process.stderr
        if stderr is None:
            return
        budget, second, dropped, rest = _LINES_PER_S, 0, 0, b""
        while block := await stderr.read(8192):
            *lines, rest = (rest + block).split(b"\n")
            rest = rest[-_LINE_LIMIT:]
            now = int(asyncio.get_running_loop().time())
            if now != second:
                budget, second = _LINES_PER_S, now
                if dropped:
                    log.warning("%s: %d lines of its log left out", self._name, dropped)
                    dropped = 0
            for raw in lines:
                line = raw[:_LINE_LIMIT].decode("utf-8", "replace").rstrip()
                if not line:
                    continue
                self._tail.append(line)
                budget -= 1
                if budget >= 0:
                    level = logging.WARNING if " E " in line else logging.DEBUG
                    log.log(level, "%s: %s", self._name, line)
                else:
                    dropped += 1
        if rest:
            self._tail.append(rest.decode("utf-8", "replace"))


class Worker(Child):
    """llama.cpp from the wheel, in the module `worker`."""

    @classmethod
    async def spawn(cls, load: Load, name: str, available: int | None) -> Worker:
        """`available` bytes of memory; None: unknown."""
        return cls(await run_worker({**asdict(load), "available": available}), name)

    async def ready(self) -> None:
        stdout = self._process.stdout
        line = b"" if stdout is None else await stdout.readline()
        answer = _answer(line)
        if "ready" in answer:
            return
        code = await self.wait()
        kind, message = answer.get("kind"), answer.get("error", "")
        if kind == "missing":
            raise EngineMissing("xllamacpp")
        if kind == "memory":
            raise NeedsMemory
        if kind != "load":
            raise self.died_loading(code)
        why = self.why() or str(message)
        raise refused(why)


class NeedsMemory(EngineError):
    """The worker saw no GPU and too little memory; the supervisor knows the numbers."""

    def __init__(self) -> None:
        super().__init__("too little memory")


async def run_worker(config: Mapping[str, object]) -> asyncio.subprocess.Process:
    """Start the module `worker` and tell it what to do."""
    # PR_SET_PDEATHSIG follows the *thread* that spawned: only the main one lives long enough.
    # Elsewhere the worker ends with its stdin.
    on_main = threading.current_thread() is threading.main_thread()
    line = json.dumps({**config, "die_with_parent": on_main, "parent": os.getpid()})
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", str(_WORKER),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    if process.stdin is not None:
        process.stdin.write(line.encode() + b"\n")
    return process


def refused(why: str) -> LoadFailed:
    """llama.cpp looked at the model and would not."""
    short = is_short(why)
    mend = _SMALLER if short else "choose another file or correct the model's settings"
    return LoadFailed(f"llama.cpp refused the model: {why}", mend, short=short, lasting=not short)


def is_short(why: str) -> bool:
    """Does llama.cpp say that memory was short?"""
    return "alloc" in why or "memory" in why


def ending(code: int) -> str:
    return f"killed by signal {-code}" if code < 0 else f"exit code {code}"


def _answer(line: bytes) -> dict[str, object]:
    try:
        answer: object = json.loads(line)
    except ValueError:
        return {}
    return cast("dict[str, object]", answer) if isinstance(answer, dict) else {}


def _message(line: str) -> str:
    """Without llama.cpp's time stamp and column."""
    return line.split(" E ", 1)[-1].strip()
