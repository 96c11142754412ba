"""The life of the child: starts, crashes, refusals, ends."""

# Each test has the loop for itself: a blocking look at a file or a process holds nobody up.
# ruff: noqa: ASYNC220, ASYNC240

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path

import psutil
import pytest

from tests.engine.conftest import Starter
from tests.engine.support import ask, end_of, stream
from tests.engine.tiny import Shape, write_gguf
from tokenhouse.engine import (
    Completion,
    Engine,
    EngineDown,
    EngineError,
    EngineSettings,
    LoadFailed,
    MemoryShort,
    ModelSpec,
    Piece,
    Sampling,
    WeightsError,
)

ASKED = Completion([1, 3, 2000, 4], 5, Sampling(seed=1))


def children() -> list[psutil.Process]:
    return psutil.Process().children(recursive=True)


def open_files() -> int:
    gc.collect()
    return psutil.Process().num_fds()


async def settled() -> None:
    """Until the loop has nothing more to do at once."""
    for _ in range(10):
        await asyncio.sleep(0)


def _other_than(engine: Engine, pid: int) -> Callable[[], bool]:
    return lambda: engine.pid != pid


def _wait_gone(pid: int) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        if process.status() != psutil.STATUS_ZOMBIE:
            process.wait(20)


async def test_stop_leaves_no_child_task_pipe_or_file(engine_of: Starter, tmp_path: Path) -> None:
    warm = engine_of()  # the loop's own first files are made here
    await warm.start()
    await warm.stop()
    files = open_files()
    for _ in range(3):
        engine = engine_of()
        assert (engine.state, engine.pid) == ("cold", None)
        await engine.start()
        assert engine.state == "ready"
        assert len(await ask(engine, ASKED)) >= 3
        assert [c.pid for c in children()] == [engine.pid]
        assert (Path(engine.socket_path).parent.stat().st_mode & 0o777) == 0o700
        await engine.stop()
        assert (engine.state, engine.pid) == ("stopped", None)
        assert children() == []
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert list(tmp_path.iterdir()) == []
    await settled()
    assert open_files() <= files


async def test_many_who_wait_for_a_cold_engine_start_one_child(engine_of: Starter) -> None:
    engine = engine_of()
    await asyncio.gather(*(engine.wait_ready(30) for _ in range(20)), engine.start())
    assert len(children()) == 1
    assert engine.restarts == 0


async def test_whoever_leaves_the_wait_does_not_stop_the_load(engine_of: Starter) -> None:
    engine = engine_of()
    with pytest.raises(EngineDown, match="still loading"):
        await engine.wait_ready(0)
    leaving = asyncio.create_task(engine.wait_ready())
    await asyncio.sleep(0)
    leaving.cancel()
    await engine.wait_ready(30)
    assert engine.state == "ready"


async def test_stopping_while_it_loads_ends_the_child(engine_of: Starter) -> None:
    engine = engine_of()
    waiting = asyncio.create_task(engine.wait_ready())
    await engine.wait_until(lambda: engine.pid is not None)
    await engine.stop()
    with pytest.raises(EngineDown, match="stopped"):
        await waiting
    assert children() == []
    await engine.start()
    assert end_of(await ask(engine, ASKED)).tokens_predicted >= 1


async def test_a_killed_child_is_seen_by_its_client_and_replaced(engine_of: Starter) -> None:
    engine = engine_of()
    await engine.start()
    assert engine.pool is not None
    first, path, key = engine.pid, engine.socket_path, engine.api_key
    assert first is not None
    asked = Completion([1, 3, 2000, 4], 4000, Sampling(seed=1, logit_bias={2: -100.0}))

    async def kill_at_the_fifth_token() -> None:
        async with engine.reserve(4, 4000), aclosing(stream(engine, asked)) as chunks:
            async for chunk in chunks:
                if isinstance(chunk, Piece) and chunk.produced == 5:
                    os.kill(first, signal.SIGKILL)

    with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
        await kill_at_the_fifth_token()
    await engine.wait_until(lambda: engine.restarts == 1 and engine.state == "ready")
    assert (engine.restarts, engine.socket_path, engine.api_key) == (1, path, key)
    assert engine.pool.reserved == 0, "what was cut died with the child"
    assert end_of(await ask(engine, ASKED)).tokens_predicted >= 1


async def test_a_child_that_keeps_dying_is_given_up_with_a_reason(engine_of: Starter) -> None:
    engine = engine_of(restarts_in_a_row=2)
    await engine.start()
    for _ in range(3):
        await engine.wait_ready(30)
        pid = engine.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await engine.wait_until(_other_than(engine, pid))
    with pytest.raises(LoadFailed, match=r"3 times in a row .*signal 9"):
        await engine.wait_ready(30)
    assert engine.state == "failed"
    assert children() == []
    await engine.start()
    assert engine.state == "ready", "a start by hand begins anew"


async def refusal(engine: Engine) -> EngineError:
    with pytest.raises(EngineError) as caught:
        await engine.start()
    assert engine.state == "failed"
    assert engine.failure is caught.value
    assert caught.value.mend, "every refusal names its mend"
    assert children() == []
    return caught.value


async def test_missing_weights_are_named_with_their_mend(
    engine_of: Starter, tmp_path: Path
) -> None:
    error = await refusal(engine_of(tmp_path / "none.gguf"))
    assert isinstance(error, WeightsError)
    assert str(error) == (
        f"the weights file {tmp_path}/none.gguf does not exist. Pull the model, or correct its path."
    )


@pytest.mark.parametrize("cut", [0, 3, 100, 100_000, -1000])
async def test_a_truncated_file_is_refused_before_any_child_is_made(
    engine_of: Starter, weights: Path, tmp_path: Path, cut: int
) -> None:
    path = tmp_path / "cut.gguf"
    path.write_bytes(weights.read_bytes()[:cut] if cut else b"")
    error = await refusal(engine_of(path))
    assert isinstance(error, WeightsError)
    assert "ownload it again" in str(error)


async def test_what_llama_cpp_refuses_carries_its_own_words(
    engine_of: Starter, tmp_path: Path
) -> None:
    path = write_gguf(tmp_path / "odd.gguf")
    data = path.read_bytes()
    path.write_bytes(data.replace(b"blk.0.ffn_gate.weight", b"blk.0.ffn_gaze.weight"))
    error = await refusal(engine_of(path))
    assert isinstance(error, LoadFailed)
    assert "blk.0.ffn_gate.weight" in str(error)


async def test_too_little_memory_is_refused_with_its_numbers(weights: Path, tmp_path: Path) -> None:
    spec = ModelSpec("tiny", weights, 4096)
    engine = Engine(spec, EngineSettings(threads=1), runtime_dir=tmp_path, available=lambda: 2**20)
    error = await refusal(engine)
    assert isinstance(error, MemoryShort)
    assert error.available == 2**20
    assert error.need > weights.stat().st_size
    assert "for 4096 tokens" in str(error)
    assert "ower context_length or choose a smaller quantisation" in str(error)


@pytest.mark.parametrize("n_ctx", [32_769, 10])
async def test_a_context_that_the_model_does_not_have_is_refused(
    engine_of: Starter, n_ctx: int
) -> None:
    error = await refusal(engine_of(n_ctx=n_ctx))
    assert "context_length" in str(error)


async def test_the_context_is_the_models_own_when_none_is_asked(
    engine_of: Starter, tmp_path: Path
) -> None:
    engine = engine_of(write_gguf(tmp_path / "m.gguf", shape=Shape(context=1024)), n_ctx=None)
    await engine.start()
    assert engine.n_ctx == 1024


async def test_a_failed_engine_tries_again_by_itself_when_its_file_has_come(
    engine_of: Starter, weights: Path, tmp_path: Path
) -> None:
    path = tmp_path / "late.gguf"
    engine = engine_of(path, retry_failed_s=0.0)
    await refusal(engine)
    path.write_bytes(weights.read_bytes())
    await engine.wait_ready(30)
    assert engine.state == "ready"


async def test_a_missing_package_says_what_to_install(
    engine_of: Starter, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bare = tmp_path / "bare"
    bare.mkdir()
    (bare / "xllamacpp.py").write_text("raise ImportError('No module named xllamacpp')")
    monkeypatch.setenv("PYTHONPATH", str(bare))
    error = await refusal(engine_of())
    assert str(error) == "xllamacpp is not installed. Run: pip install 'tokenhouse[engine]'."


async def test_a_process_that_cannot_start_is_a_failure_with_a_reason(
    engine_of: Starter, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = engine_of()
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    error = await refusal(engine)
    assert isinstance(error, LoadFailed)
    assert "cannot start" in str(error)
    monkeypatch.undo()
    await engine.start()
    assert engine.state == "ready"


async def test_a_long_directory_is_left_for_a_short_one(weights: Path, tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 90)
    deep.mkdir()
    spec = ModelSpec("tiny", weights, 4096)
    engine = Engine(spec, EngineSettings(threads=1), runtime_dir=deep)
    await engine.start()
    try:
        assert len(engine.socket_path) <= 107
        assert list(deep.iterdir()) == []
    finally:
        await engine.stop()


async def test_what_a_killed_house_left_is_swept_and_its_child_is_gone(
    weights: Path, tmp_path: Path
) -> None:
    code = textwrap.dedent(f"""
        import asyncio, os, signal
        from pathlib import Path
        from tokenhouse.engine import Engine, EngineSettings, ModelSpec

        async def main():
            spec = ModelSpec("tiny", Path({str(weights)!r}), 4096)
            engine = Engine(spec, EngineSettings(threads=1), runtime_dir=Path({str(tmp_path)!r}))
            await engine.start()
            print(engine.pid, flush=True)
            os.kill(os.getpid(), signal.SIGKILL)

        asyncio.run(main())
    """)
    house = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True,
        env={"PYTHONPATH": ":".join(sys.path)},
    )  # fmt: skip
    out, _ = await asyncio.to_thread(house.communicate)
    child = int(out)
    await asyncio.to_thread(_wait_gone, child)
    [left] = tmp_path.iterdir()
    spec = ModelSpec("tiny", weights, 4096)
    engine = Engine(spec, EngineSettings(threads=1), runtime_dir=tmp_path)
    await engine.start()
    try:
        assert not left.exists()
    finally:
        await engine.stop()
    assert list(tmp_path.iterdir()) == []


async def test_the_key_is_on_no_command_line_and_in_no_environment(engine_of: Starter) -> None:
    engine = engine_of()
    await engine.start()
    process = psutil.Process(engine.pid)
    assert engine.api_key not in json.dumps([process.cmdline(), process.environ()])
