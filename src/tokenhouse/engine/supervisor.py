"""One loaded model: its process, kept alive, and the room before it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from .admission import LINGER_S, QUEUE_LIMIT, Pool, Reservation
from .child import Child, NeedsMemory
from .errors import (
    EngineDown,
    EngineError,
    EngineFault,
    LoadFailed,
    MemoryShort,
    WeightsError,
)
from .gguf import GgufHeader, read_header
from .memory import bytes_available, bytes_needed

State = Literal["cold", "loading", "ready", "failed", "stopped"]

DEFAULT_CONTEXT: Final = 32_768
SMALLEST_CONTEXT: Final = 256
_SOCKET_PATH_LIMIT: Final = 107
_PREFIX: Final = "th-engine-"
_SOCKET: Final = "e.sock"  # llama.cpp takes a host for a path by this ending

log = logging.getLogger("tokenhouse.engine")


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """What to load. `n_ctx` None: the model's own context, at most `DEFAULT_CONTEXT`. `projector`:
    the file that reads images, where there is one."""

    name: str
    weights: Path
    n_ctx: int | None = None
    projector: Path | None = None


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """How to run it.

    `threads` None: all cores but one (with every core taken, one busy neighbour costs a factor of
    eight). `gpu_layers` −1: all, where the wheel has a GPU. `n_batch` is what a cancelled prompt
    still runs on for. Times are seconds.
    """

    slots: int = 4
    threads: int | None = None
    n_batch: int = 256
    gpu_layers: int = -1
    cache_ram_mib: int = 256
    queue_limit: int = QUEUE_LIMIT
    linger_s: float = LINGER_S
    load_timeout_s: float = 600.0
    restart_first_s: float = 0.5
    restart_longest_s: float = 30.0
    restarts_in_a_row: int = 8
    healthy_after_s: float = 60.0
    retry_failed_s: float = 10.0
    verbosity: int = 1


class Engine:
    """The engine of one model. Made cold; the first use loads it, or `start()`.

    The socket's path and the key stay the same over restarts of the process.
    """

    def __init__(
        self,
        spec: ModelSpec,
        settings: EngineSettings | None = None,
        *,
        runtime_dir: Path | None = None,
        available: Callable[[], int | None] = bytes_available,
    ) -> None:
        self.spec = spec
        self.settings = EngineSettings() if settings is None else settings
        self.api_key = secrets.token_urlsafe(24)
        self._runtime_dir = runtime_dir
        self._available = available
        self._state: State = "cold"
        self._failure: EngineError | None = None
        self._failed_at = 0.0
        self._header: GgufHeader | None = None
        self._pool: Pool | None = None
        self._n_ctx = 0
        self._directory: Path | None = None
        self._child: Child | None = None
        self._task: asyncio.Task[None] | None = None
        self._changed = asyncio.Condition()
        self.restarts = 0

    @property
    def state(self) -> State:
        return self._state

    @property
    def failure(self) -> EngineError | None:
        """Why, while `state` is failed."""
        return self._failure

    @property
    def pid(self) -> int | None:
        """Of the process, while there is one."""
        return None if self._child is None else self._child.pid

    @property
    def header(self) -> GgufHeader | None:
        """What the weights file says of itself, once it was read."""
        return self._header

    @property
    def n_ctx(self) -> int:
        """Tokens of context that all running requests share; 0 until the header was read."""
        return self._n_ctx

    @property
    def pool(self) -> Pool | None:
        """Room for requests; None until the header was read."""
        return self._pool

    @property
    def socket_path(self) -> str:
        """Where `POST /completion` is served. Raises EngineDown while nothing was started."""
        if self._directory is None:
            raise EngineDown(f"the engine of {self.spec.name} is {self._state}")
        return str(self._directory / _SOCKET)

    def begin(self) -> None:
        """Start loading, unless it is loading or loaded. A failed engine tries again."""
        if self._task is None or self._task.done():
            self._state, self._failure = "loading", None
            if self._pool is not None:
                self._pool.open()
            self._task = asyncio.create_task(self._run(), name=f"engine-{self.spec.name}")

    async def start(self) -> None:
        """Load and wait until it is ready. Idempotent; raises what `wait_ready` raises."""
        self.begin()
        await self.wait_ready()

    async def wait_ready(self, timeout_s: float | None = None) -> None:
        """Return once the model answers; a cold engine is started.

        Raises the load's EngineError when it failed (after `retry_failed_s` the next call tries
        again), EngineDown after `timeout_s` or when it was
        stopped. Leaving early does not stop the load.
        """
        if self._state == "ready":
            return
        if self._state == "cold" or self.may_retry:
            self.begin()
        try:
            async with asyncio.timeout(timeout_s):
                await self.wait_until(lambda: self._state not in ("loading", "cold"))
        except TimeoutError:
            raise EngineDown(
                f"{self.spec.name} is still loading after {timeout_s:g} s", "try again"
            ) from None
        if self._failure is not None:
            raise self._failure
        if self._state == "stopped":
            raise EngineDown(f"the engine of {self.spec.name} is stopped")

    async def wait_until(self, holds: Callable[[], bool]) -> None:
        """Return once `holds()`; it is asked at every change of state, pid or restarts."""
        async with self._changed:
            await self._changed.wait_for(holds)

    def reserve(self, prompt_tokens: int, max_tokens: int) -> Reservation:
        """Room for one request, as `async with`. The engine must have been ready once.

        Raises ContextTooLong here; EngineBusy or EngineDown on entering.
        """
        if self._pool is None:
            raise EngineDown(f"the engine of {self.spec.name} is {self._state}")
        return self._pool.reserve(prompt_tokens, max_tokens)

    async def stop(self) -> None:
        """End the process and leave nothing behind. Idempotent; a later `start` begins anew."""
        self._state, self._failure = "stopped", None
        if self._pool is not None:
            self._pool.close(EngineDown(f"the engine of {self.spec.name} is stopped"))
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
        if self._task is None:  # nobody began anew meanwhile
            self._remove_directory()
        await self._tell()

    async def _run(self) -> None:
        """Load, stay, load again after a crash; ends by failing or by being cancelled."""
        try:
            await self._prepare()
            crashes = 0
            while True:
                code, lived_s = await self._one_life()
                crashes = 1 if lived_s >= self.settings.healthy_after_s else crashes + 1
                if crashes > self.settings.restarts_in_a_row:
                    raise LoadFailed(
                        f"the engine of {self.spec.name} ended {crashes} times in a row ({code})",
                        "see its log; start it again when the cause is mended",
                    )
                self.restarts += 1
                await asyncio.sleep(self._pause_s(crashes))
        except EngineError as error:
            await self._fail(error)
        except OSError as error:
            await self._fail(
                LoadFailed(
                    f"the engine's process cannot start ({error})",
                    "see the machine's limits on processes, memory and disk",
                )
            )
        except Exception as error:
            await self._fail(EngineFault(f"the engine broke ({error!r})", "report this"))
            raise

    async def _fail(self, error: EngineError) -> None:
        log.error("%s: %s", self.spec.name, error)
        self._remove_directory()
        await self._become("failed", error)

    @property
    def may_retry(self) -> bool:
        """It failed, long enough ago (``retry_failed_s``) that the next use loads it anew."""
        if self._state != "failed":
            return False
        age_s = asyncio.get_running_loop().time() - self._failed_at
        return age_s >= self.settings.retry_failed_s

    def _pause_s(self, crashes: int) -> float:
        """The first restart is at once, then ever later."""
        if crashes <= 1:
            return 0.0
        s = self.settings
        return min(s.restart_longest_s, s.restart_first_s * 2.0 ** (crashes - 2))

    async def _one_life(self) -> tuple[str, float]:
        """Spawn, get ready, wait for the end; → (how it ended, seconds that it was ready)."""
        loop = asyncio.get_running_loop()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.socket_path)
        child = await Child.spawn(self._config(), self.spec.name)
        self._child = child
        try:
            await self._tell()
            await self._get_ready(child)
            since = loop.time()
            if self._pool is not None:
                self._pool.resume()
            await self._become("ready", None)
            ended = child.ended(await child.wait())
            if self._pool is not None:
                self._pool.pause()
            log.error("%s: the engine's process ended: %s", self.spec.name, ended)
            await self._become("loading", None)
            return ended, loop.time() - since
        finally:
            self._child = None
            await asyncio.shield(child.stop())

    async def _get_ready(self, child: Child) -> None:
        limit = self.settings.load_timeout_s
        try:
            async with asyncio.timeout(limit):
                await child.ready()
        except TimeoutError:
            raise LoadFailed(
                f"the model was not loaded within {limit:g} s", "raise load_timeout_s"
            ) from None
        except NeedsMemory:
            need, available, detail = self._memory()
            raise MemoryShort(need, available or 0, detail) from None

    async def _prepare(self) -> None:
        """Read the header, settle the context, make the pool and the private directory."""
        header = await asyncio.to_thread(read_header, self.spec.weights)
        self._header = header
        self._n_ctx = _context(self.spec, header)
        s = self.settings
        if self._pool is None or self._pool.tokens != self._n_ctx:
            self._pool = Pool(self._n_ctx, s.slots, queue_limit=s.queue_limit, linger_s=s.linger_s)
        self._pool.pause()
        if self._directory is None:
            self._directory = _private_directory(self._runtime_dir)

    def _memory(self) -> tuple[int, int | None, str]:
        if self._header is None:
            return 0, None, ""
        need, detail = bytes_needed(self._header, n_ctx=self._n_ctx, n_batch=self.settings.n_batch)
        return need, self._available(), detail

    def _config(self) -> dict[str, object]:
        s = self.settings
        need, available, _ = self._memory()
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        return {
            "model": str(self.spec.weights),
            "projector": None if self.spec.projector is None else str(self.spec.projector),
            "socket": self.socket_path,
            "key": self.api_key,
            "n_ctx": self._n_ctx,
            "slots": s.slots,
            "threads": max(1, (cores or 1) - 1) if s.threads is None else s.threads,
            "n_batch": s.n_batch,
            "gpu_layers": s.gpu_layers,
            "cache_ram_mib": s.cache_ram_mib,
            "verbosity": s.verbosity,
            "need": need,
            "available": available,
        }

    async def _become(self, state: State, failure: EngineError | None) -> None:
        if self._state == "stopped":
            return
        self._state, self._failure = state, failure
        if failure is not None:
            self._failed_at = asyncio.get_running_loop().time()
        if failure is not None and self._pool is not None:
            self._pool.close(failure)
        await self._tell()

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    def _remove_directory(self) -> None:
        directory, self._directory = self._directory, None
        if directory is not None:
            shutil.rmtree(directory, ignore_errors=True)


def _context(spec: ModelSpec, header: GgufHeader) -> int:
    own = header.context_length
    if spec.n_ctx is None:
        return min(DEFAULT_CONTEXT, DEFAULT_CONTEXT if own is None else own)
    if own is not None and spec.n_ctx > own:
        raise WeightsError(
            f"context_length {spec.n_ctx} is more than the {own} that {spec.name} was made for",
            f"lower context_length to {own}",
        )
    if spec.n_ctx < SMALLEST_CONTEXT:
        raise WeightsError(
            f"context_length {spec.n_ctx} is too small",
            f"raise context_length to at least {SMALLEST_CONTEXT}",
        )
    return spec.n_ctx


def _private_directory(parent: Path | None) -> Path:
    """A new directory (0700) whose socket path is short enough; the dead ones' are removed."""
    roots = ([] if parent is None else [parent]) + [Path(tempfile.gettempdir()), Path("/tmp")]  # nosec B108
    for root in roots:
        if len(os.fsencode(root / f"{_PREFIX}{2**22}-12345678" / _SOCKET)) > _SOCKET_PATH_LIMIT:
            continue
        _sweep(root)
        return Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=root))
    raise EngineDown(
        "no directory has a path short enough for a unix socket", "set TMPDIR to a short path"
    )


def _sweep(root: Path) -> None:
    """Remove what a killed house left: its name holds the process that made it."""
    for left in root.glob(f"{_PREFIX}*-*"):
        owner = left.name.removeprefix(_PREFIX).split("-", 1)[0]
        if owner.isdigit() and not _alive(int(owner)):
            shutil.rmtree(left, ignore_errors=True)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
