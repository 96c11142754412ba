"""What llama.cpp may do to its process while it loads, played by a stand-in for its package."""

from __future__ import annotations

import logging
import textwrap
from pathlib import Path

import psutil
import pytest

from tests.engine.conftest import Starter
from tokenhouse.engine import LoadFailed

_STAND_IN = """
import os, signal, sys, time

class ggml_type:
    GGML_TYPE_F16 = 1

class ggml_backend_dev_type:
    GGML_BACKEND_DEVICE_TYPE_CPU = 0

def get_device_info():
    return []

class CommonParams:
    def __init__(self):
        class Part: pass
        self.model, self.cpuparams, self.cpuparams_batch = Part(), Part(), Part()

class Server:
    listening_address = "unix:///none"
    def __init__(self, parameters):
"""


class StandIn:
    """Puts a package named xllamacpp before the real one; `load` is the body of its load."""

    def __init__(self, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._file = place / "xllamacpp.py"
        monkeypatch.setenv("PYTHONPATH", str(place))

    def loads_by(self, load: str) -> None:
        body = textwrap.indent(textwrap.dedent(load).strip(), " " * 8)
        self._file.write_text(_STAND_IN + body + "\n")


@pytest.fixture
def stand_in(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    return StandIn(tmp_path_factory.mktemp("stand-in"), monkeypatch)


async def test_a_child_killed_while_it_loads_hints_at_memory(
    engine_of: Starter, stand_in: StandIn
) -> None:
    stand_in.loads_by("os.kill(os.getpid(), signal.SIGKILL)")
    with pytest.raises(LoadFailed, match=r"killed by signal 9.*ran out of memory"):
        await engine_of().start()


async def test_a_load_without_end_is_given_up_and_its_child_ended(
    engine_of: Starter, stand_in: StandIn
) -> None:
    stand_in.loads_by("signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)")
    engine = engine_of(load_timeout_s=0.2)
    with pytest.raises(LoadFailed, match=r"not loaded within 0\.2 s.*start_timeout_s"):
        await engine.start()
    assert psutil.Process().children() == []


async def test_a_flood_of_log_lines_is_bounded_and_the_reason_is_kept(
    engine_of: Starter, stand_in: StandIn, caplog: pytest.LogCaptureFixture
) -> None:
    stand_in.loads_by("""
        for i in range(20_000):
            print(f"0.00 I line {i} " + "x" * 2000, file=sys.stderr)
        print("0.00 E no room for the tensors: alloc failed", file=sys.stderr, flush=True)
        raise RuntimeError("Failed to init server")
    """)
    caplog.set_level(logging.DEBUG, "tokenhouse.engine")
    with pytest.raises(LoadFailed) as caught:
        await engine_of().start()
    assert caught.value.reason == (
        "llama.cpp refused the model: no room for the tensors: alloc failed"
    )
    assert "lower context_length" in caught.value.mend
    lines = [record.getMessage() for record in caplog.records]
    assert max(map(len, lines)) < 600
    assert len(lines) < 2000, "20,000 lines came"


async def test_what_is_printed_on_stdout_never_passes_for_the_answer(
    engine_of: Starter, stand_in: StandIn
) -> None:
    stand_in.loads_by("""
        os.write(1, b'{"ready": "not ours"}\\n')
        raise RuntimeError("Failed to init server")
    """)
    with pytest.raises(LoadFailed, match="refused the model"):
        await engine_of().start()


async def test_an_error_in_the_worker_itself_is_told_with_its_last_line(
    engine_of: Starter, stand_in: StandIn
) -> None:
    stand_in.loads_by("raise KeyError('surprise')")
    with pytest.raises(LoadFailed, match=r"exit code 1.*KeyError: 'surprise'"):
        await engine_of().start()
