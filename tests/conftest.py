"""What holds for every test: no network but this machine, and nothing left behind."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import psutil
import pytest
import pytest_asyncio

GRACE_S = 2.0
"""How long what a test started may take to end by itself before it counts as left behind."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--run-long", action="store_true", help="run tests marked `long` as well")


def pytest_configure(config: pytest.Config) -> None:
    # tests are never timed: a busy machine is no failure
    hypothesis.settings.register_profile("house", deadline=None)
    hypothesis.settings.load_profile("house")
    sys.addaudithook(_fence)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--run-long"):
        return
    long = [item for item in items if item.get_closest_marker("long")]
    if long:
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if not item.get_closest_marker("long")]


class NetworkFenced(RuntimeError):
    """A test reached for a machine other than this one. Not an OSError: nothing may swallow it."""


def _fence(event: str, args: tuple[Any, ...]) -> None:
    if not event.startswith("socket."):
        return
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        address = args[1]
        if isinstance(address, tuple) and not _is_here(str(address[0])):
            raise NetworkFenced(f"tests stay on this machine; this one called {address!r}")
    elif event == "socket.getaddrinfo":
        name = args[0].decode() if isinstance(args[0], bytes) else str(args[0] or "localhost")
        if _is_here(name):
            return
        if name.endswith(".invalid"):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        raise NetworkFenced(f"tests stay on this machine; this one looked up {name!r}")


def _is_here(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host in ("", "localhost", socket.gethostname())
    return address.is_loopback or address.is_unspecified


@pytest.fixture(autouse=True)
def no_thread_or_child_left_behind() -> Iterator[None]:
    """Fail a test after which a thread or a child process lives that did not live before."""
    threads = set(threading.enumerate())
    children = _child_pids()
    yield
    for thread in set(threading.enumerate()) - threads:
        thread.join(GRACE_S)
    left = [thread.name for thread in set(threading.enumerate()) - threads]
    assert not left, f"threads left behind: {left}"
    new = [pid for pid in _child_pids() - children if not _is_of_multiprocessing(pid)]
    if new:
        assert not (alive := _end(new)), f"child processes left behind: {alive}"


@pytest.fixture(autouse=True)
def no_task_left_behind(
    request: pytest.FixtureRequest, no_thread_or_child_left_behind: None
) -> None:
    """Fail an async test after which tasks are still running on its event loop."""
    if isinstance(request.node, pytest.Item) and pytest_asyncio.is_async_test(request.node):
        request.getfixturevalue("_tasks_watched")


@pytest_asyncio.fixture(name="_tasks_watched")
async def tasks_watched() -> AsyncIterator[None]:
    yield
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    if tasks:
        _, pending = await asyncio.wait(tasks, timeout=GRACE_S)
        assert not pending, f"tasks left behind: {[str(task) for task in pending]}"


def _child_pids() -> set[int]:
    """Children of this process; from /proc where it has them (psutil reads every process there)."""
    lists = list(Path("/proc/self/task").glob("*/children"))
    if not lists:
        return {child.pid for child in psutil.Process().children()}
    pids: set[int] = set()
    for each in lists:
        try:
            pids |= {int(pid) for pid in each.read_text().split()}
        except (FileNotFoundError, ProcessLookupError):
            continue  # the thread ended between the two looks; its children moved to another
    return pids


def _is_of_multiprocessing(pid: int) -> bool:
    """Python's own resource tracker and fork server live as long as the process, by design."""
    try:
        command = " ".join(psutil.Process(pid).cmdline())
    except psutil.NoSuchProcess:
        return True
    return "multiprocessing.resource_tracker" in command or "multiprocessing.forkserver" in command


def _end(pids: list[int]) -> list[str]:
    """Wait for the processes, end those that stay; returns what those were."""
    processes = [psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)]
    _, alive = psutil.wait_procs(processes, timeout=GRACE_S)
    lines: list[str] = []
    for process in alive:
        with process.oneshot():
            lines.append(f"{process.pid} {' '.join(process.cmdline())}")
        process.kill()
    return lines
