"""What is measured: each gateway in front of one upstream, in the leanest setting that does its job.

nginx proxies bytes. ``smg`` (Rust) routes. LiteLLM's proxy translates and checks one key; it has no
database here, so its billing is off. Tokenhouse has everything on: keys, limits, hold, settle, double
entry, a receipt for each request, in SQLite.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from benchmarks.load import Asked
from benchmarks.processes import (
    CACHE,
    ROOT,
    Child,
    free_port,
    python_environ,
    running,
    until_listening,
)

SMG = "smg==1.13.0"
LITELLM = "litellm[proxy]<=1.109.1"
NGINX_PLACES = "/usr/sbin:/usr/local/sbin:/opt/homebrew/bin"


class Missing(Exception):
    """This peer is not here; the message is the command that brings it."""


@dataclass(frozen=True, slots=True)
class Gateway:
    """One that runs: how it is asked, and its process (None: asked is the upstream itself)."""

    name: str
    asked: Asked
    child: Child | None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Bench:
    """Where a gateway is put: the upstream's port and a directory of its own for its files."""

    upstream: int
    directory: Path
    chunks: int


Starting = contextlib.AbstractContextManager[Gateway]


@contextlib.contextmanager
def upstream(bench: Bench, *, pace_ms: float = 0.0) -> Generator[Child, None, None]:
    """The scripted upstream as a child, at ``bench.upstream``."""
    command = [sys.executable, "-m", "tests.support.upstream", "--port", str(bench.upstream)]
    command += ["--chunks", str(bench.chunks), "--pace-ms", str(pace_ms)]
    with running("upstream", command, log=bench.directory / "upstream.log") as child:
        until_listening(child, bench.upstream)
        yield child


@contextlib.contextmanager
def direct(bench: Bench) -> Generator[Gateway, None, None]:
    """No gateway: what the client and the upstream manage alone."""
    yield Gateway("direct", Asked(bench.upstream, chunks=bench.chunks), None)


@contextlib.contextmanager
def nginx(bench: Bench) -> Generator[Gateway, None, None]:
    """``proxy_pass`` with kept-alive connections to the upstream, one worker."""
    program = shutil.which("nginx") or shutil.which("nginx", path=NGINX_PLACES)
    if program is None:
        raise Missing("apt-get install nginx-light")
    port = free_port()
    settings = bench.directory / "nginx.conf"
    settings.write_text(
        _NGINX.format(port=port, upstream=bench.upstream, directory=bench.directory)
    )
    command = [program, "-e", bench.directory / "nginx-error.log", "-c", settings]
    with running("nginx", command, log=bench.directory / "nginx.log") as child:
        until_listening(child, port)
        yield Gateway("nginx", Asked(port, chunks=bench.chunks), child, _version(program, "-v"))


@contextlib.contextmanager
def smg(bench: Bench) -> Generator[Gateway, None, None]:
    """The Rust router, plain HTTP to one worker, no tokenizer, no health checks, no history.

    ``--backend openai`` passes requests on as they are; it was the cheapest of its modes.
    """
    program = installed("smg", SMG)
    port = free_port()
    said = f"""launch --host 127.0.0.1 --port {port} --backend openai --policy round_robin
        --worker-urls http://127.0.0.1:{bench.upstream} --disable-health-check
        --disable-load-monitoring --history-backend none --log-level error
        --prometheus-host 127.0.0.1 --prometheus-port {free_port()}"""
    log = bench.directory / "smg.log"
    with running("smg", [program, *said.split()], log=log) as child:
        until_listening(child, port)
        yield Gateway("smg", Asked(port, chunks=bench.chunks), child, _packaged("smg"))


@contextlib.contextmanager
def litellm(bench: Bench) -> Generator[Gateway, None, None]:
    """LiteLLM's proxy with a master key and one worker, without a database: it bills nothing."""
    program = installed("litellm", LITELLM)
    port = free_port()
    settings = bench.directory / "litellm.yaml"
    settings.write_text(_LITELLM.format(upstream=bench.upstream))
    command = [program, "--config", settings, "--host", "127.0.0.1", "--port", str(port)]
    command += ["--num_workers", "1", "--telemetry", "False"]
    environ = {
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LITELLM_MODE": "PRODUCTION",
        "LITELLM_LOG": "ERROR",
        "NO_DOCS": "True",
        "PYTHONPATH": "",
    }
    log = bench.directory / "litellm.log"
    with running("litellm", command, log=log, environ=environ) as child:
        until_listening(child, port, within_s=300)
        asked = Asked(port, key="sk-bench", chunks=bench.chunks)
        note = f"{_packaged('litellm')}; no database, so its billing is OFF"
        yield Gateway("litellm", asked, child, note)


@contextlib.contextmanager
def tokenhouse(bench: Bench) -> Generator[Gateway, None, None]:
    """This checkout, money on: limits, hold, settle, double entry and receipt in SQLite."""
    with house(bench, "tokenhouse", "process") as gateway:
        yield gateway


@contextlib.contextmanager
def house(bench: Bench, name: str, durability: str) -> Generator[Gateway, None, None]:
    """The same under a name of its own, with its data in ``bench.directory / name``."""
    data = bench.directory / name
    data.mkdir()
    settings = _HOUSE.format(
        upstream=bench.upstream, output=bench.chunks + 14, durability=durability
    )
    (data / "tokenhouse.toml").write_text(settings)
    key = paying_key(data)
    with serving(data, bench.directory / f"{name}.log") as (child, port):
        asked = Asked(port, key=key, model="bench/echo", chunks=bench.chunks)
        note = f"keys, limits, hold, settle, double entry, receipt ON (SQLite, {durability})"
        yield Gateway(name, asked, child, note)


GATEWAYS: dict[str, Callable[[Bench], Starting]] = {
    "tokenhouse": tokenhouse,
    "smg": smg,
    "nginx": nginx,
    "litellm": litellm,
}


@contextlib.contextmanager
def serving(data: Path, log: Path) -> Generator[tuple[Child, int], None, None]:
    """``tokenhouse serve`` on the data directory, once it listens; with its port."""
    port = free_port()
    command = [sys.executable, "-m", "tokenhouse", "serve", "--data", data, "--port", str(port)]
    with running("tokenhouse", command, log=log, environ={"BENCH_KEY": "sk-upstream"}) as child:
        until_listening(child, port)
        yield child, port


def paying_key(data: Path) -> str:
    """Make an account with plenty of credit in the house at ``data``; its key."""
    _house(data, "accounts", "create", "bench", "--plan", "bench")
    _house(data, "credit", "bench", "1000000.00")
    return _house(data, "keys", "create", "bench").strip()


def ledger_errors(data: Path) -> str:
    """What ``ledger verify`` has to say against the house's books; empty when they are in order."""
    try:
        _house(data, "ledger", "verify")
    except ChildProcessError as error:
        return str(error)
    return ""


def installed(name: str, requirement: str) -> Path:
    """The peer's program, in a virtual environment of its own that is made on first use."""
    home = CACHE / name
    program = home / "bin" / name
    if program.exists():
        return program
    print(f"installing {requirement} into {home.relative_to(ROOT)} (once) …", flush=True)
    python = str(home / "bin" / "python")
    uv = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
    if uv is None:
        command = [python, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    else:
        command = [uv, "pip", "install", "--quiet", "--python", python]
    try:
        venv.create(home, with_pip=uv is None)
        subprocess.run([*command, requirement], check=True, stderr=subprocess.DEVNULL, timeout=900)
    except (subprocess.SubprocessError, OSError) as error:
        manual = f"python -m venv {home} && {home}/bin/pip install '{requirement}'"
        raise Missing(manual) from error
    return program


def _house(data: Path, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "tokenhouse", *words, "--data", str(data)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**python_environ(), "BENCH_KEY": "sk-upstream"},
    )
    if done.returncode != 0:
        raise ChildProcessError(f"tokenhouse {' '.join(words)}: {done.stdout}{done.stderr}")
    return done.stdout


def _version(program: str, flag: str) -> str:
    done = subprocess.run([program, flag], capture_output=True, text=True, check=False, timeout=10)
    return (done.stdout + done.stderr).strip().rpartition(" ")[2]


def _packaged(name: str) -> str:
    found = [
        path.name.removesuffix(".dist-info").partition("-")[2]
        for path in (CACHE / name).glob(f"lib/python*/site-packages/{name}-*.dist-info")
    ]
    return found[0] if found else ""


def with_stream(asked: Asked) -> Asked:
    return msgspec.structs.replace(asked, stream=True)


_NGINX = """
daemon off;
worker_processes 1;
pid {directory}/nginx.pid;
error_log {directory}/nginx-error.log error;
worker_rlimit_nofile 4096;
events {{ worker_connections 2048; }}
http {{
    access_log off;
    client_body_temp_path {directory}/client;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    keepalive_requests 10000000;
    upstream up {{ server 127.0.0.1:{upstream}; keepalive 256; keepalive_requests 10000000; }}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location / {{
            proxy_pass http://up;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering off;
        }}
    }}
}}
"""

_LITELLM = """
model_list:
  - model_name: m
    litellm_params:
      model: openai/m
      api_base: http://127.0.0.1:{upstream}/v1
      api_key: sk-upstream
general_settings:
  master_key: sk-bench
litellm_settings:
  num_retries: 0
  request_timeout: 60
  use_chat_completions_url_for_anthropic_messages: true
"""

_HOUSE = """
[store]
durability = "{durability}"

[catalogue]
shipped = false

[providers.up]
kind = "openai"
base_url = "http://127.0.0.1:{upstream}/v1"
api_key = "env:BENCH_KEY"
connections = 20000

[[models]]
id = "bench/echo"
context_length = 32000
max_output_tokens = {output}
price = {{ input = "0.35", output = "0.56" }}
routes = [ {{ provider = "up", model = "m" }} ]

[plans.bench]
requests_per_minute = 100000000
tokens_per_minute = 100000000000
concurrent_requests = 1000000
"""
