"""Will these weights run on this machine, and how fast? Said before 14 GB are fetched."""

from __future__ import annotations

import ctypes
import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from .errors import gib
from .gguf import GgufHeader
from .memory import bytes_needed
from .projector import Projector

SMALLEST_USEFUL_CONTEXT: Final = 4096
DECODE_SHARE: Final = 0.68
"""Of what a copy reads and writes, the share that decoding reads. Measured on two cores: a copy
moved 52.8 GB/s, and Q4 weights were read at 36."""

_COPY_BYTES: Final = 64 * 2**20
_COPY_TURNS: Final = 3
_COPY_THREADS: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """What a model takes while it runs, in bytes, beside what there is.

    `images`: while the largest image is read. `available` None: this machine doesn't tell.
    `context_most`: tokens of context that would fit (at most the model's), 0 when not even the
    weights do; None without `available`.
    """

    weights: int
    projector: int
    images: int
    buffers: int
    kv: int
    context: int
    available: int | None
    context_most: int | None

    @property
    def need(self) -> int:
        """All of it at once."""
        return self.weights + self.projector + self.images + self.buffers + self.kv

    @property
    def fits(self) -> bool | None:
        """None: unknown."""
        return None if self.available is None else self.need <= self.available

    @property
    def hopeless(self) -> bool:
        """Not even with a small context."""
        most = self.context_most
        return most is not None and most < min(SMALLEST_USEFUL_CONTEXT, self.context)

    def words(self) -> str:
        """The parts, for people: "13.3 GiB of weights, 20.0 GiB for 131072 tokens of context, …"."""
        parts = [f"{gib(self.weights)} of weights", f"{gib(self.kv)} for {self.context} tokens"]
        if self.projector:
            parts.append(f"{gib(self.projector)} of projector")
        if self.images:
            parts.append(f"up to {gib(self.images)} while an image is read")
        return ", ".join([*parts, f"{gib(self.buffers)} of buffers"])


def fit(
    header: GgufHeader,
    projector: Projector | None = None,
    *,
    context: int,
    n_batch: int,
    available: int | None,
    kv_share: float = 1.0,
) -> Fit:
    """Estimate what `context` tokens on these weights take; `kv_share`: what its cache takes beside
    one of 16 bits. Pure."""
    without_kv, _ = bytes_needed(header, n_ctx=0, n_batch=n_batch)
    of_projector = 0 if projector is None else projector.file_bytes
    images = 0 if projector is None else projector.image_bytes
    per_token = round(header.kv_bytes_per_token * kv_share)
    left = None if available is None else available - without_kv - of_projector - images
    most = None if left is None else _context_most(left, per_token, header.context_length)
    return Fit(
        weights=header.file_bytes,
        projector=of_projector,
        images=images,
        buffers=without_kv - header.file_bytes,
        kv=per_token * context,
        context=context,
        available=available,
        context_most=most,
    )


def tokens_per_second(weights: int, bandwidth: int) -> float:
    """One answer at a time, on the CPU: each token reads all of the weights once."""
    return DECODE_SHARE * bandwidth / weights if weights > 0 else 0.0


def memory_bandwidth(block: int = _COPY_BYTES) -> int:
    """Bytes per second that copies read and write, measured here in about a tenth of a second."""
    workers = max(1, min(_COPY_THREADS, _cores() - 1))
    blocks = [
        (ctypes.create_string_buffer(block), ctypes.create_string_buffer(block))
        for _ in range(workers)
    ]
    best = 0
    with ThreadPoolExecutor(workers) as pool:
        for _ in range(_COPY_TURNS):
            begun = time.perf_counter_ns()
            for done in [pool.submit(ctypes.memmove, to, of, block) for to, of in blocks]:
                done.result()
            spent = max(1, time.perf_counter_ns() - begun)
            best = max(best, 2 * block * workers * 1_000_000_000 // spent)
    return best


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _context_most(left: int, per_token: int, limit: int | None) -> int:
    if left < 0:
        return 0
    most = left // per_token if per_token else limit or 0
    most = most if limit is None else min(most, limit)
    return most // 1024 * 1024 if most > 1024 else most
