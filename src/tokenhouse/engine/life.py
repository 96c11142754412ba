"""One life of an engine: which kind of process it is, what it is told, until it answers."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable
from pathlib import Path

from .child import Child, NeedsMemory, Worker
from .errors import LoadFailed, MemoryShort
from .measure import Measured
from .own_server import OwnServer
from .private import KEY_FILE, SOCKET
from .settings import EngineSettings, Load, ModelSpec, threads_of


def load_of(
    spec: ModelSpec, settings: EngineSettings, measured: Measured, directory: Path, key: str
) -> Load:
    """What the process is told."""
    return Load(
        model=str(spec.weights),
        projector=None if spec.projector is None else str(spec.projector),
        socket=str(directory / SOCKET),
        key=key,
        key_file=str(directory / KEY_FILE),
        n_ctx=measured.n_ctx,
        slots=settings.slots,
        threads=threads_of(settings),
        n_batch=settings.n_batch,
        gpu_layers=settings.gpu_layers,
        kv=settings.kv,
        cache_ram_mib=measured.cache_ram_mib,
        verbosity=settings.verbosity,
        need=measured.need,
    )


async def spawn(
    load: Load, settings: EngineSettings, name: str, available: Callable[[], int | None]
) -> Child:
    """Start the process that the settings want: a named llama-server, else the wheel's worker. Raises
    LoadFailed, OSError."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(load.socket)
    if settings.binary is None:
        return await Worker.spawn(load, name, available())
    return await OwnServer.spawn(settings.binary, load, name)


async def get_ready(
    child: Child, settings: EngineSettings, measured: Measured, available: Callable[[], int | None]
) -> None:
    """Wait until it answers. Raises LoadFailed, MemoryShort, EngineMissing."""
    limit = settings.load_timeout_s
    try:
        async with asyncio.timeout(limit):
            await child.ready()
    except TimeoutError:
        raise LoadFailed(
            f"the model was not loaded within {limit:g} s", "raise start_timeout_s"
        ) from None
    except NeedsMemory:
        raise MemoryShort(measured.need, available() or 0, measured.fit.words()) from None
