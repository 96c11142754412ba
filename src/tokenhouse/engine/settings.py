"""What to load, how to run it, and what a process is told of both."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from .admission import LINGER_S, QUEUE_LIMIT
from .errors import WeightsError
from .gguf import GgufHeader

KvType = Literal["f16", "q8_0", "q4_0"]

KV_SHARE: Final[dict[KvType, float]] = {"f16": 1.0, "q8_0": 34 / 64, "q4_0": 18 / 64}
"""What a value takes beside two bytes: blocks of 32 with one scale of two bytes."""

DEFAULT_CONTEXT: Final = 32_768
SMALLEST_CONTEXT: Final = 256


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
    """How to run it. Times are seconds, sizes bytes unless they say otherwise.

    `threads` None: all cores but one (with every core taken, one busy neighbour costs a factor of
    eight). `gpu_layers` −1: all, where there is a GPU. `n_batch` is what a cancelled prompt still
    runs on for. `kv`: how the context's cache is kept. `binary`: a llama-server to run instead of
    the installed wheel. `unload_after_s` 0: it stays loaded until others need the room.

    After a crash it is restarted at once, then after `restart_first_s`, twice as long each time up to
    `restart_longest_s`; having run `healthy_after_s` it begins anew. After `restarts_in_a_row` it is
    given up, and the next use tries again after `retry_failed_s`, twice as long each time up to
    `retry_longest_s`.
    """

    slots: int = 4
    threads: int | None = None
    n_batch: int = 256
    gpu_layers: int = -1
    kv: KvType = "f16"
    cache_ram_mib: int = 256
    queue_limit: int = QUEUE_LIMIT
    linger_s: float = LINGER_S
    load_timeout_s: float = 600.0
    unload_after_s: float = 0.0
    restart_first_s: float = 0.5
    restart_longest_s: float = 30.0
    restarts_in_a_row: int = 8
    healthy_after_s: float = 60.0
    retry_failed_s: float = 10.0
    retry_longest_s: float = 300.0
    verbosity: int = 1
    binary: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What one process is told. Paths are texts; `key_file` holds the key for those who read files.

    `need` in bytes: a worker without a GPU that sees less says so and ends.
    """

    model: str
    projector: str | None
    socket: str
    key: str
    key_file: str
    n_ctx: int
    slots: int
    threads: int
    n_batch: int
    gpu_layers: int
    kv: KvType
    cache_ram_mib: int
    verbosity: int
    need: int


def threads_of(settings: EngineSettings) -> int:
    """As many as are named, else all cores but one, at least one."""
    if settings.threads is not None:
        return settings.threads
    affinity = hasattr(os, "sched_getaffinity")
    cores = len(os.sched_getaffinity(0)) if affinity else os.cpu_count()
    return max(1, (cores or 1) - 1)


def context_of(spec: ModelSpec, header: GgufHeader) -> int:
    """The context to load with. Raises WeightsError for one that the model doesn't have."""
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
