"""The fence and the watch over what tests leave behind bite: shown on tests run inside a test."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.source import ROOT

pytest_plugins = ["pytester"]


@pytest.fixture
def inner(pytester: pytest.Pytester) -> pytest.Pytester:
    """A directory of tests of its own with our conftest."""
    conftest = (ROOT / "tests" / "conftest.py").read_text(encoding="utf-8")
    pytester.makeconftest(conftest.replace("GRACE_S = 2.0", "GRACE_S = 0.1"))
    pytester.makeini(
        "[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n"
        "filterwarnings = error\nmarkers = long: takes minutes"
    )
    return pytester


def test_another_machine_cannot_be_called() -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_STREAM) as one,
        pytest.raises(RuntimeError, match="stay on this machine"),
    ):
        one.connect(("192.0.2.1", 80))


def test_a_name_of_another_machine_cannot_be_looked_up() -> None:
    with pytest.raises(RuntimeError, match="looked up"):
        socket.getaddrinfo("example.org", 80)


def test_a_name_under_invalid_does_not_exist() -> None:
    with pytest.raises(socket.gaierror):
        socket.getaddrinfo("upstream.invalid", 80)


def test_this_machine_can_be_called(tmp_path: Path) -> None:
    for family, address in (
        (socket.AF_INET, ("127.0.0.1", 0)),
        (socket.AF_UNIX, str(tmp_path / "s")),
    ):
        with socket.socket(family) as server, socket.socket(family) as client:
            server.bind(address)
            server.listen()
            client.connect(server.getsockname())


INNER = """
import asyncio, subprocess, sys, threading
import pytest
from hypothesis import given, strategies

kept = []
stop = threading.Event()

async def test_leaves_a_task():
    kept.append(asyncio.get_running_loop().create_task(asyncio.Event().wait()))

def test_leaves_a_thread():
    threading.Thread(target=stop.wait, daemon=True).start()

def test_leaves_a_child():
    kept.append(subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE))

async def test_tidy_async():
    async with asyncio.TaskGroup() as group:
        group.create_task(asyncio.sleep(0))
    await asyncio.to_thread(sum, [1])

@given(strategies.integers())
async def test_tidy_property(number):
    await asyncio.sleep(0)

def test_tidy():
    subprocess.run([sys.executable, "-c", ""], check=True)

@pytest.mark.long
def test_long():
    pass
"""


def test_what_a_test_leaves_behind_fails_it(inner: pytest.Pytester) -> None:
    inner.makepyfile(INNER)
    result = inner.runpytest_subprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=6, errors=3, deselected=1)
    for what in ("tasks", "threads", "child processes"):
        result.stdout.fnmatch_lines([f"*{what} left behind*"])


def test_long_tests_run_when_asked_for(inner: pytest.Pytester) -> None:
    inner.makepyfile("import pytest\n@pytest.mark.long\ndef test_it(): pass")
    inner.runpytest_subprocess("--run-long").assert_outcomes(passed=1)
