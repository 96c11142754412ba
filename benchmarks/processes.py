"""Children of a benchmark: started in a group of their own, accounted as a tree, always stopped."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache" / "bench"

_STOP_S = 5.0
_PR_SET_PDEATHSIG = 1


@dataclass(slots=True)
class Child:
    """A process that a benchmark started, with whatever it starts itself."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def pid(self) -> int:
        return self.process.pid

    def ended(self) -> bool:
        return self.process.poll() is not None

    def last_words(self, lines: int = 3) -> str:
        """The end of its log, for a message that says why it failed."""
        text = self.log.read_text(encoding="utf-8", errors="replace")
        return " | ".join(line.strip() for line in text.splitlines()[-lines:] if line.strip())


def tree(pid: int) -> list[psutil.Process]:
    """The process and all its descendants that are alive now."""
    try:
        parent = psutil.Process(pid)
        return [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def cpu_seconds(pid: int) -> float:
    """User and system time of the tree so far, those of its members that ended included.

    The system counts in ticks of 10 ms: measure over seconds.
    """
    spent = 0.0
    for process in tree(pid):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            spent += times.user + times.system
            # what its ended children used (0 where the system does not say)
            spent += times.children_user + times.children_system
    return spent


def resident_bytes(pid: int) -> int:
    """Memory of the tree that is in RAM."""
    total = 0
    for process in tree(pid):
        with contextlib.suppress(psutil.NoSuchProcess):
            total += process.memory_info().rss
    return total


@contextlib.contextmanager
def running(
    name: str,
    command: Sequence[str | Path],
    *,
    log: Path,
    environ: Mapping[str, str] | None = None,
) -> Generator[Child, None, None]:
    """The command as a child for as long as the block runs; its whole group is stopped after it."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            cwd=ROOT,
            env={**python_environ(), **(environ or {})},
            start_new_session=True,
            preexec_fn=_end_with_parent if sys.platform == "linux" else None,
        )
    try:
        yield Child(name, process, log)
    finally:
        _stop(process)


def python_environ() -> dict[str, str]:
    """This environment, with the checkout importable in children."""
    path = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    return {**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"}


def free_port() -> int:
    """A port of the loopback that nobody has now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def until_listening(child: Child, port: int, within_s: float = 30.0) -> None:
    """Return once something accepts on the port. TimeoutError or ChildProcessError say why not."""
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        if child.ended():
            raise ChildProcessError(f"{child.name} ended: {child.last_words()}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise TimeoutError(f"{child.name} does not listen after {within_s:g} s: {child.last_words()}")


def end_on_sigterm() -> None:
    """Let SIGTERM unwind as Ctrl-C does, so that every ``finally`` runs."""

    def leave(number: int, _: object) -> None:
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, leave)


def raise_descriptor_limit() -> int:
    """Take as many descriptors as the system allows this process; children inherit it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def _stop(process: subprocess.Popen[bytes]) -> None:
    """The group, not the process alone: a gateway's own children go with it."""
    family = tree(process.pid)
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_S)
    psutil.wait_procs(family, timeout=_STOP_S)


def _end_with_parent() -> None:
    """A benchmark that is killed leaves no gateway behind."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
