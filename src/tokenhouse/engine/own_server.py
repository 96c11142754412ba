"""A llama-server that somebody built, over the same protocol as the wheel's.

Its command line is made of what its own `--help` knows; it listens on a unix socket and reads its key
from a file. Before it is used it is asked what it is: a build that speaks otherwise, that lets anybody
in, or that would fall over the first constrained answer is refused with the mend.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import signal
from pathlib import Path
from typing import Any, Final, cast

from .child import Child, ending, run_worker
from .completion import PATH
from .errors import BinaryRefused, LoadFailed
from .settings import Load

KEY: Final = "llama_server_binary"
HELP_S: Final = 30.0
ASK_S: Final = 30.0
_FIRST_PAUSE_S: Final = 0.02
_LONGEST_PAUSE_S: Final = 1.0
_ALL_LAYERS: Final = 999
_FLAG: Final = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]*")
_NEEDED: Final = (
    "--model", "--host", "--api-key-file", "--ctx-size", "--parallel", "--kv-unified",
    "--batch-size", "--ubatch-size", "--threads", "--threads-batch", "--n-gpu-layers",
    "--cache-ram", "--cache-type-k", "--cache-type-v",
)  # fmt: skip
_OF_IMAGES: Final = ("--mmproj", "--image-min-tokens", "--image-max-tokens")
_BUILD_NEWER: Final = "build llama-server from a newer llama.cpp"
_IS_IT: Final = "name a llama-server built from llama.cpp"
_CONSTRAINED: Final = {
    "prompt": [1],
    "n_predict": 1,
    "stream": False,
    "cache_prompt": False,
    "grammar": '%llguidance {}\nstart: "a"\n',
}


class OwnServer(Child):
    """A running llama-server."""

    def __init__(self, process: asyncio.subprocess.Process, name: str, path: Path, load: Load):
        super().__init__(process, name)
        self._path = path
        self._load = load

    @classmethod
    async def spawn(cls, path: Path, load: Load, name: str) -> OwnServer:
        """Start the program at `path`. Raises BinaryRefused for one that is no llama-server."""
        await asyncio.to_thread(check_path, path)
        command = command_line(path, load, await flags_of(path))
        await asyncio.to_thread(_write_key, Path(load.key_file), load.key)
        return cls(await run_worker({"run": command}), name, path, load)

    async def ready(self) -> None:
        """Wait until it answers, and see that it is what it should be. Raises LoadFailed."""
        async with asyncio.TaskGroup() as group:
            asking = group.create_task(self._asked(), name=f"engine-ask-{self._name}")
            ended = group.create_task(self._process.wait())
            await asyncio.wait({asking, ended}, return_when=asyncio.FIRST_COMPLETED)
            asking.cancel()
            ended.cancel()
        if not asking.cancelled() and (refused := asking.result()) is not None:
            raise refused
        if self._process.returncode is not None:
            raise self._died(await self.wait())

    def _died(self, code: int) -> LoadFailed:
        if code == -signal.SIGKILL:
            return self.died_loading(code)
        return BinaryRefused(
            self._path,
            f"ended before it answered ({ending(code)}): {self.why() or 'it said nothing'}",
            "start it by hand with the same file, and mend what it says",
        )

    async def _asked(self) -> BinaryRefused | None:
        """What is wrong with it, once it answers."""
        try:
            await self._ask()
        except BinaryRefused as refused:
            return refused
        return None

    async def _ask(self) -> None:
        import httpx2  # only who names a binary pays for it

        logging.getLogger("httpx2").setLevel(logging.WARNING)  # it tells of every request
        way = httpx2.AsyncHTTPTransport(uds=self._load.socket)
        keyed = {"authorization": f"Bearer {self._load.key}"}
        async with httpx2.AsyncClient(
            transport=way, base_url="http://engine", timeout=ASK_S
        ) as client:
            pause = _FIRST_PAUSE_S
            while not await self._healthy(client):
                await asyncio.sleep(pause)
                pause = min(_LONGEST_PAUSE_S, pause * 2)
            try:
                closed = await client.get("/props")
                props = await client.get("/props", headers=keyed)
                if closed.status_code == 200:
                    raise self._refused("answers without its key", _BUILD_NEWER)
                self._check_props(props.status_code, props.content)
                await self._check_constraints(client, keyed)
            except httpx2.HTTPError as error:
                raise self._refused(f"broke off when asked what it is ({error!r})") from error

    async def _healthy(self, client: Any) -> bool:
        """Has the model been loaded? Raises BinaryRefused for an answer that is not llama-server's."""
        import httpx2

        try:
            said = await client.get("/health")
        except (httpx2.ConnectError, OSError):
            return False  # it doesn't listen yet
        except httpx2.HTTPError as error:
            raise self._refused(f"does not speak HTTP as llama-server does ({error!r})") from error
        if said.status_code not in (200, 503):
            raise self._refused(f"answered GET /health with {said.status_code}")
        return said.status_code == 200

    def _check_props(self, status: int, body: bytes) -> None:
        try:
            said: object = json.loads(body)
        except ValueError:
            said = None
        props = cast("dict[str, Any]", said) if isinstance(said, dict) else {}
        settings = props.get("default_generation_settings")
        n_ctx = (
            cast("dict[str, Any]", settings).get("n_ctx") if isinstance(settings, dict) else None
        )
        if status != 200 or not isinstance(n_ctx, int):
            raise self._refused(f"answered GET /props with {status} and not with what it serves")
        if n_ctx < self._load.n_ctx:
            raise self._refused(
                f"gives a request {n_ctx} tokens of context instead of {self._load.n_ctx}",
                _BUILD_NEWER,
            )

    async def _check_constraints(self, client: Any, keyed: dict[str, str]) -> None:
        """A build without llguidance ends itself at the first grammar of that form."""
        import httpx2

        mend = "build it with -DLLAMA_LLGUIDANCE=ON"
        try:
            said = await client.post(PATH, json=_CONSTRAINED, headers=keyed)
        except httpx2.HTTPError as error:
            raise self._refused("fell over a constrained answer", mend) from error
        if said.status_code != 200:
            raise self._refused(f"refused a constrained answer ({said.status_code})", mend)

    def _refused(self, what: str, mend: str = _IS_IT) -> BinaryRefused:
        return BinaryRefused(self._path, what, mend)


def check_path(path: Path) -> None:
    """Raises BinaryRefused for what is no program."""
    if not path.is_file():
        raise BinaryRefused(path, "does not exist", f"correct {KEY}, or leave it out for the wheel")
    if not os.access(path, os.X_OK):
        raise BinaryRefused(path, "is not executable", f"chmod +x it, or correct {KEY}")


async def flags_of(path: Path) -> frozenset[str]:
    """The options that the program's `--help` names. Raises BinaryRefused."""
    try:
        process = await asyncio.create_subprocess_exec(
            str(path), "--help",
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip
    except OSError as error:
        raise BinaryRefused(path, f"cannot be run ({error.strerror})", _IS_IT) from error
    try:
        async with asyncio.timeout(HELP_S):
            said, _ = await process.communicate()
    except TimeoutError:
        raise BinaryRefused(path, f"did not answer --help within {HELP_S:g} s", _IS_IT) from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    flags = frozenset(_FLAG.findall(said.decode("utf-8", "replace")))
    if process.returncode != 0 or "--model" not in flags:
        last = said.decode("utf-8", "replace").strip().rpartition("\n")[2][:200]
        how = ending(process.returncode or 0)
        raise BinaryRefused(path, f"is no llama-server: --help gave {how}, {last!r}", _IS_IT)
    return flags


def command_line(path: Path, load: Load, known: frozenset[str]) -> list[str]:
    """The program and its arguments. Raises BinaryRefused for a build that lacks a needed one."""
    wanted: dict[str, str | None] = {
        "--model": load.model,
        "--alias": "engine",
        "--host": load.socket,
        "--api-key-file": load.key_file,
        "--ctx-size": str(load.n_ctx),
        "--parallel": str(load.slots),
        "--kv-unified": None,
        "--no-context-shift": None,
        "--fit": "off",
        "--batch-size": str(load.n_batch),
        "--ubatch-size": str(min(load.n_batch, 512)),
        "--threads": str(load.threads),
        "--threads-batch": str(load.threads),
        "--n-gpu-layers": str(_ALL_LAYERS if load.gpu_layers < 0 else load.gpu_layers),
        "--cache-ram": str(load.cache_ram_mib),
        "--cache-type-k": load.kv,
        "--cache-type-v": load.kv,
        "--metrics": None,
        "--slots": None,
        "--no-ui": None,
        "--offline": None,
        "--log-verbosity": str(load.verbosity),
        "--log-prefix": None,
        "--log-timestamps": None,
    }
    needed = _NEEDED
    if load.projector is not None:
        wanted |= {"--mmproj": load.projector, "--image-min-tokens": "1"}
        wanted["--image-max-tokens"] = "3136"
        needed += _OF_IMAGES
    missing = [flag for flag in needed if flag not in known]
    if missing:
        raise BinaryRefused(path, f"does not know {', '.join(missing)}", _BUILD_NEWER)
    command = [str(path)]
    for flag, value in wanted.items():
        if flag in known:
            command += [flag] if value is None else [flag, value]
    return command


def _write_key(path: Path, key: str) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(key + "\n")
