"""`llama_server_binary`: an own llama-server over the same protocol, and every way it can be a wrong one."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import psutil
import pytest

from tests.engine.conftest import Starter
from tests.engine.llama_server import write_server
from tests.engine.support import ask, end_of, metric, text_of
from tokenhouse.engine import BinaryRefused, Completion, LoadFailed, Sampling
from tokenhouse.engine.own_server import command_line
from tokenhouse.engine.settings import Load

ASKED = Completion([1, 3, 2000, 4], 8, Sampling(temperature=0.0))

SPEAKS_WRONGLY = """
if "--help" not in sys.argv:
    import http.server, socketserver
    class Wrong(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = {said!r}.encode()
            self.send_response({status})
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        def address_string(self): return ""
        def log_message(self, *a): pass
    class Unix(socketserver.ThreadingUnixStreamServer):
        pass
    Unix(sys.argv[sys.argv.index("--host") + 1], Wrong).serve_forever()
"""

LETS_ANYBODY_IN = """
import xllamacpp
real = xllamacpp.Server
def open_door(p):
    p.api_keys = []
    return real(p)
xllamacpp.Server = open_door
"""


async def test_an_own_server_answers_as_the_wheel_does_and_shares_its_rules(
    engine_of: Starter, tmp_path: Path
) -> None:
    wheel, own = engine_of(), engine_of(binary=write_server(tmp_path / "llama-server"))
    await wheel.start()
    await own.start()
    assert text_of(await ask(own, ASKED)) == text_of(await ask(wheel, ASKED))
    assert await metric(own, "requests_processing") == 0
    process = psutil.Process(own.pid)
    assert own.api_key not in json.dumps([process.cmdline(), process.environ()])
    assert os.getpgid(process.pid) != os.getpgid(0), "Ctrl-C in the terminal is not for it"
    key_file = Path(own.socket_path).with_name("key")
    assert key_file.stat().st_mode & 0o777 == 0o600


async def test_an_own_server_that_is_killed_is_started_again(
    engine_of: Starter, tmp_path: Path
) -> None:
    engine = engine_of(binary=write_server(tmp_path / "llama-server"))
    await engine.start()
    pid = engine.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    await engine.wait_until(lambda: engine.restarts == 1 and engine.state == "ready")
    assert end_of(await ask(engine, ASKED)).tokens_predicted >= 1
    await engine.stop()
    assert psutil.Process().children(recursive=True) == []


async def _refusal(engine_of: Starter, path: Path, **settings: object) -> str:
    engine = engine_of(binary=path, **settings)
    with pytest.raises(LoadFailed) as caught:
        await engine.start()
    assert engine.failure is caught.value
    assert psutil.Process().children(recursive=True) == []
    assert str(path.parent) not in str(caught.value), "callers read it"
    return str(caught.value)


async def test_what_is_missing_or_no_program_is_refused_before_anybody_asks(
    engine_of: Starter, tmp_path: Path
) -> None:
    path = tmp_path / "llama-server"
    assert "llama_server_binary (llama-server) does not exist" in await _refusal(engine_of, path)
    path.write_text("#!/bin/sh\n")
    refused = engine_of(binary=path)
    refused.look()
    assert refused.state == "failed"
    assert "is not executable. Chmod +x it" in str(refused.failure)
    assert "is not executable" in await _refusal(engine_of, path)
    path.write_bytes(b"\x00\x01")
    path.chmod(0o755)
    assert "cannot be run" in await _refusal(engine_of, path)


async def test_another_program_is_told_by_its_help(engine_of: Starter, tmp_path: Path) -> None:
    path = tmp_path / "other"
    path.write_text("#!/bin/sh\necho usage: other --colour\n")
    path.chmod(0o755)
    assert "is no llama-server: --help gave exit code 0" in await _refusal(engine_of, path)
    path.write_text("#!/bin/sh\necho cannot open libcuda.so.1 >&2; exit 127\n")
    said = await _refusal(engine_of, path)
    assert "exit code 127" in said
    assert "libcuda" in said


async def test_one_that_ends_at_once_is_told_with_its_last_words(
    engine_of: Starter, tmp_path: Path
) -> None:
    dies = "if '--help' not in sys.argv: sys.exit('0.00 E no kernel image for this device')"
    said = await _refusal(engine_of, write_server(tmp_path / "llama-server", dies))
    assert "llama_server_binary (llama-server) ended before it answered (exit code 1)" in said
    assert "no kernel image for this device" in said


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (404, "nothing", "answered GET /health with 404"),
        (200, "{}", "answers without its key"),
    ],
)
async def test_one_that_speaks_wrongly_is_refused(
    engine_of: Starter, tmp_path: Path, status: int, body: str, words: str
) -> None:
    wrong = SPEAKS_WRONGLY.format(said=body, status=status)
    assert words in await _refusal(engine_of, write_server(tmp_path / "llama-server", wrong))


async def test_one_that_lets_anybody_in_is_refused(engine_of: Starter, tmp_path: Path) -> None:
    path = write_server(tmp_path / "llama-server", LETS_ANYBODY_IN)
    assert "answers without its key" in await _refusal(engine_of, path)


async def test_one_that_gives_less_context_is_refused(engine_of: Starter, tmp_path: Path) -> None:
    less = "if '--ctx-size' in sys.argv: i = sys.argv.index('--ctx-size'); sys.argv[i + 1] = '1024'"
    said = await _refusal(engine_of, write_server(tmp_path / "llama-server", less))
    assert "gives a request 1024 tokens of context instead of 4096" in said


async def test_one_that_never_listens_is_given_up(engine_of: Starter, tmp_path: Path) -> None:
    sleeps = "if '--help' not in sys.argv: signal.pause()"
    path = write_server(tmp_path / "llama-server", sleeps)
    said = await _refusal(engine_of, path, load_timeout_s=1.0)
    assert "was not loaded within 1 s. Raise start_timeout_s" in said


def test_an_older_build_is_refused_by_what_it_lacks_and_not_told_what_it_does_not_know() -> None:
    load = Load(
        model="m.gguf", projector=None, socket="e.sock", key="secret", key_file="key", n_ctx=4096,
        slots=4, threads=1, n_batch=256, gpu_layers=-1, kv="q8_0", cache_ram_mib=64, verbosity=1,
        need=0,
    )  # fmt: skip
    known = frozenset(
        {
            "--model", "--host", "--api-key-file", "--ctx-size", "--parallel", "--kv-unified",
            "--batch-size", "--ubatch-size", "--threads", "--threads-batch", "--n-gpu-layers",
            "--cache-ram", "--cache-type-k", "--cache-type-v",
        }
    )  # fmt: skip
    command = command_line(Path("/opt/llama-server"), load, known)
    assert "secret" not in command
    assert "--fit" not in command
    assert command[command.index("--n-gpu-layers") + 1] == "999"
    assert command[command.index("--cache-type-v") + 1] == "q8_0"
    with pytest.raises(BinaryRefused, match=r"does not know --kv-unified\. Build llama-server"):
        command_line(Path("/opt/llama-server"), load, known - {"--kv-unified"})
