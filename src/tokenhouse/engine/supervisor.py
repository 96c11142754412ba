"""One model's engine: loaded when it is needed, kept alive, unloaded, and the room before it."""

from __future__ import annotations

import asyncio
import logging
import secrets
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from .admission import Pool, Reservation
from .budget import Budget, CalledOff
from .errors import EngineDown, EngineError, EngineFault, LoadFailed, MemoryShort
from .gguf import GgufHeader, read_header
from .life import get_ready, load_of, spawn
from .measure import Measured, measure
from .memory import bytes_available, bytes_of_process
from .own_server import check_path
from .patience import Patience, restart_pause_s
from .private import SOCKET, private_directory
from .settings import EngineSettings, ModelSpec
from .uses import Use, Uses

State = Literal["cold", "loading", "ready", "failed", "stopped"]

log = logging.getLogger("tokenhouse.engine")


class Engine:
    """The engine of one model. Made cold; the first use loads it, or `start()`.

    `budget`: that of all engines of the house; without one it has one of its own. The socket's path
    and the key stay the same over restarts of the process.
    """

    def __init__(
        self,
        spec: ModelSpec,
        settings: EngineSettings | None = None,
        *,
        budget: Budget | None = None,
        runtime_dir: Path | None = None,
        available: Callable[[], int | None] = bytes_available,
    ) -> None:
        self.spec = spec
        self.settings = EngineSettings() if settings is None else settings
        self.api_key = secrets.token_urlsafe(24)
        self.budget = Budget() if budget is None else budget
        self.restarts = 0
        self._runtime_dir = runtime_dir
        self._available = available
        self._state: State = "cold"
        self._failure: EngineError | None = None
        self._patience = Patience(spec.weights, self.settings)
        self._measured: Measured | None = None
        self._pool: Pool | None = None
        self._directory: Path | None = None
        self._pid: int | None = None
        self._task: asyncio.Task[None] | None = None
        self._changed = asyncio.Condition()
        self._uses = Uses(
            self.settings.unload_after_s,
            unload=self._unload_if_left,
            changed=self.budget.changed,
        )
        self._in_line = False
        self._former: set[asyncio.Task[None]] = set()

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
        return self._pid

    @property
    def header(self) -> GgufHeader | None:
        """What the weights file says of itself, once it was read."""
        return None if self._measured is None else self._measured.header

    @property
    def n_ctx(self) -> int:
        """Tokens of context that all running requests share; 0 until the header was read."""
        return 0 if self._measured is None else self._measured.n_ctx

    @property
    def pool(self) -> Pool | None:
        """Room for requests; None until the header was read."""
        return self._pool

    @property
    def need(self) -> int:
        """Bytes that it is counted with while it is loaded; 0 until the header was read."""
        return 0 if self._measured is None else self._measured.need

    @property
    def resident(self) -> int:
        """Bytes that its process has taken for itself, where the system tells; else 0."""
        return 0 if self._pid is None else bytes_of_process(self._pid) or 0

    @property
    def socket_path(self) -> str:
        """Where `POST /completion` is served. Raises EngineDown while nothing was started."""
        if self._directory is None:
            raise EngineDown(f"the engine of {self.spec.name} is {self._state}")
        return str(self._directory / SOCKET)

    @property
    def idle(self) -> bool:
        """Nobody uses it; and nobody waits for it, unless its door is closed."""
        return self._uses.idle

    @property
    def wanted(self) -> bool:
        """Somebody waits for it."""
        return self._uses.waiting > 0

    @property
    def busy(self) -> bool:
        """Somebody uses it."""
        return self._uses.running > 0

    @property
    def used_at(self) -> float:
        """When it last came out of use, monotonic seconds."""
        return self._uses.ended_at

    @property
    def may_retry(self) -> bool:
        """It failed, and what it failed by may have passed: the next use loads it anew."""
        if self._state != "failed" or self._failure is None:
            return False
        return self._patience.over(self._failure, self._available)

    def look(self) -> None:
        """See whether the model could ever be loaded here (blocking): one that couldn't is failed from
        the start, so that nobody offers it."""
        try:
            if self.settings.binary is not None:
                check_path(self.settings.binary)
            self._measure(read_header(self.spec.weights))
        except EngineError as error:
            self._state, self._failure = "failed", error
            self._patience.failed()

    def begin(self) -> None:
        """Start loading, unless it is loading or loaded. A failed engine tries again."""
        if self._task is None or self._state not in ("loading", "ready"):
            if self._task is not None:
                self._retire(self._task)
            self._state, self._failure = "loading", None
            if self._pool is not None:
                self._pool.open()
            self._uses.door_closed = False
            self._task = asyncio.create_task(self._run(), name=f"engine-{self.spec.name}")

    async def start(self) -> None:
        """Load and wait until it is ready. Idempotent; raises what `wait_ready` raises."""
        self.begin()
        await self.wait_ready()

    async def wait_ready(self, timeout_s: float | None = None) -> None:
        """Return once the model answers; a cold engine is started.

        Raises the load's EngineError when it failed (until `may_retry`), EngineDown after `timeout_s`
        or when it was stopped. Leaving early does not stop the load.
        """
        if self._open:
            return
        self._uses.waiting += 1
        try:
            async with asyncio.timeout(timeout_s):
                while not self._open:
                    if self._state == "cold" or self.may_retry:
                        self.begin()
                    await self.wait_until(self._settled)
                    if self._failure is not None:
                        raise self._failure
                    if self._state == "stopped":
                        raise EngineDown(f"the engine of {self.spec.name} is stopped")
        except TimeoutError:
            raise EngineDown(
                f"{self.spec.name} is {self._why_not_yet()} after {timeout_s:g} s", "try again"
            ) from None
        finally:
            self._uses.waiting -= 1
            self.budget.changed()

    async def use(self, timeout_s: float | None = None) -> Use:
        """Wait as `wait_ready`, and keep it loaded until the use is ended."""
        await self.wait_ready(timeout_s)
        return self._uses.begin()  # no await since it was ready: nobody can have unloaded it

    async def wait_until(self, holds: Callable[[], bool]) -> None:
        """Return once `holds()`; it is asked at every change of state, pid or restarts."""
        async with self._changed:
            await self._changed.wait_for(holds)

    def reserve(self, prompt_tokens: int, max_tokens: int, share: int = 0) -> Reservation:
        """Room for one request, as `async with`. The engine must have been ready once.

        `share`: whose turn it uses, an opaque number. Raises ContextTooLong here; EngineBusy or
        EngineDown on entering.
        """
        if self._pool is None:
            raise EngineDown(f"the engine of {self.spec.name} is {self._state}")
        return self._pool.reserve(prompt_tokens, max_tokens, share)

    async def unload(self) -> None:
        """End the process; the next use loads it again. Nothing when nothing is loaded."""
        self._unload()
        await self._former_lives()
        await self._tell()

    def close_door(self) -> None:
        """Let nobody use it any more, and unload it when the last use has ended."""
        self._uses.close_door()

    async def stop(self) -> None:
        """End the process and leave nothing behind. Idempotent; a later `start` begins anew."""
        self._state, self._failure = "stopped", None
        self._uses.forget_time()
        if self._pool is not None:
            self._pool.close(EngineDown(f"the engine of {self.spec.name} is stopped"))
        self._cancel()
        await self._former_lives()
        if self._task is None:  # nobody began anew meanwhile
            self._remove_directory()
        await self._tell()

    @property
    def _open(self) -> bool:
        return self._state == "ready" and not self._uses.door_closed

    def _settled(self) -> bool:
        return self._open or self._state in ("cold", "failed", "stopped")

    def _why_not_yet(self) -> str:
        if self._in_line or self._uses.door_closed:
            return "still waiting for memory that other models use"
        return "still loading"

    def _unload_if_left(self) -> None:
        if self.idle:
            self._unload()

    def _unload(self) -> None:
        if self._state not in ("loading", "ready"):
            return
        if self._state == "ready":
            self.budget.counts.unloads += 1
            self._patience.ran_well()
            log.info("%s: unloaded", self.spec.name)
        self._state = "cold"
        self._uses.forget_time()
        if self._pool is not None:
            self._pool.pause()
        self._cancel()

    def _cancel(self) -> None:
        """End the task of this life; `_former_lives` waits for it."""
        task, self._task = self._task, None
        if task is not None and not task.done():
            task.cancel()
            self._retire(task)

    def _retire(self, task: asyncio.Task[None]) -> None:
        self._former.add(task)
        task.add_done_callback(self._former.discard)

    async def _former_lives(self) -> None:
        while left := [task for task in self._former if not task.done()]:
            await asyncio.wait(left)

    async def _run(self) -> None:
        """Make room, load, stay, load again after a crash; ends by failing or by being cancelled."""
        try:
            await self._tell()
            await self._former_lives()
            found = self._measure(await asyncio.to_thread(read_header, self.spec.weights))
            self._in_line = True
            await self.budget.take(self, found.need)
            self._in_line = False
            await self._live(found)
        except CalledOff:
            await self._become("cold", None)
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
        finally:
            self._in_line = False
            self.budget.give_back(self)
            await self._tell()

    async def _live(self, measured: Measured) -> None:
        """One process after another. Raises when it can't go on."""
        crashes = 0
        while True:
            try:
                code, lived_s = await self._one_life(measured)
            except (MemoryShort, LoadFailed) as error:
                short = not isinstance(error, LoadFailed) or error.short
                if short and await self.budget.make_room(self):
                    continue
                raise
            self.budget.counts.crashes += 1
            well = lived_s >= self.settings.healthy_after_s
            crashes = 1 if well else crashes + 1
            if well:
                self._patience.ran_well()
            if crashes > self.settings.restarts_in_a_row:
                raise LoadFailed(
                    f"the engine of {self.spec.name} ended {crashes} times in a row ({code})",
                    "see its log; start it again when the cause is mended",
                )
            self.restarts += 1
            await asyncio.sleep(restart_pause_s(self.settings, crashes))

    async def _one_life(self, measured: Measured) -> tuple[str, float]:
        """Spawn, get ready, wait for the end; → (how it ended, seconds that it was ready)."""
        if self._directory is None:
            self._directory = private_directory(self._runtime_dir)
        load = load_of(self.spec, self.settings, measured, self._directory, self.api_key)
        child = await spawn(load, self.settings, self.spec.name, self._available)
        self._pid = child.pid
        try:
            await self._tell()
            await get_ready(child, self.settings, measured, self._available)
            since = time.monotonic()
            if self._pool is not None:
                self._pool.resume()
            self.budget.counts.loads += 1
            await self._become("ready", None)
            ended = child.ended(await child.wait())
            if self._pool is not None:
                self._pool.pause()
            log.error("%s: the engine's process ended: %s", self.spec.name, ended)
            await self._become("loading", None)
            return ended, time.monotonic() - since
        finally:
            self._pid = None
            await asyncio.shield(child.stop())

    def _measure(self, header: GgufHeader) -> Measured:
        """See that it fits the budget, and make the pool."""
        self._measured = found = measure(self.spec, self.settings, header, self.budget.limit)
        s = self.settings
        if self._pool is None or self._pool.tokens != found.n_ctx:
            self._pool = Pool(found.n_ctx, s.slots, queue_limit=s.queue_limit, linger_s=s.linger_s)
        self._pool.pause()
        return found

    async def _fail(self, error: EngineError) -> None:
        log.error("%s: %s", self.spec.name, error)
        self._remove_directory()
        self._patience.failed()
        await self._become("failed", error)

    async def _become(self, state: State, failure: EngineError | None) -> None:
        if self._state in ("stopped", "cold"):
            return
        self._state, self._failure = state, failure
        if state == "ready":
            self._uses.watch()
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
