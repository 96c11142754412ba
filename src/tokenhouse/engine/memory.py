"""Does a model fit? What it will take, and what the machine has, in bytes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from .gguf import GgufHeader

COMPUTE_FLOOR: Final = 32 * 2**20
F32_BYTES: Final = 4


def bytes_needed(header: GgufHeader, *, n_ctx: int, n_batch: int) -> tuple[int, str]:
    """→ (bytes of weights, KV cache and compute buffers; the same in words)."""
    kv = header.kv_bytes_per_token * n_ctx
    # llama.cpp reserves the logits of a whole batch; the rest of its graph stays below as much
    logits = (header.vocab_size or 0) * n_batch * F32_BYTES
    compute = COMPUTE_FLOOR + logits
    detail = (
        f"weights {_mib(header.file_bytes)}, KV cache {_mib(kv)} for {n_ctx} tokens, "
        f"buffers {_mib(compute)}"
    )
    return header.file_bytes + kv + compute, detail


def bytes_available() -> int | None:
    """Memory that a new process can take, cgroup limits counted. None where nobody tells."""
    known = [n for n in (free_of_machine(), free_of_cgroup()) if n is not None]
    return min(known) if known else None


def bytes_of_machine() -> int | None:
    """Memory that this machine has, or its container may use. None where nobody tells."""
    known = [n for n in (all_of_machine(), limit_of_cgroup()) if n is not None]
    return min(known) if known else None


def all_of_machine() -> int | None:
    """As the system says. None where it doesn't."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None


def limit_of_cgroup(root: Path = Path("/sys/fs/cgroup")) -> int | None:
    """A container's limit (cgroup 2). None without one."""
    limit = _lines(root / "memory.max")
    return int(limit[0]) if limit and limit[0].isdigit() else None


def bytes_of_process(pid: int, root: Path = Path("/proc")) -> int | None:
    """Memory that a process has taken for itself: mapped files, the page cache's, left out. None
    where nobody tells."""
    for line in _lines(root / str(pid) / "status"):
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    return None


def free_of_machine(meminfo: Path = Path("/proc/meminfo")) -> int | None:
    """What Linux says is available. None elsewhere."""
    for line in _lines(meminfo):
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None


def free_of_cgroup(root: Path = Path("/sys/fs/cgroup")) -> int | None:
    """What a container's limit (cgroup 2) leaves. None without a limit."""
    limit, used = _lines(root / "memory.max"), _lines(root / "memory.current")
    if not limit or not used or not limit[0].isdigit() or not used[0].isdigit():
        return None
    cached = 0  # page cache is counted as used and given back on demand
    for line in _lines(root / "memory.stat"):
        if line.startswith("inactive_file "):
            cached = int(line.split()[1])
    return max(0, int(limit[0]) - int(used[0]) + cached)


def _mib(n: int) -> str:
    return f"{n / 2**20:,.0f} MiB"


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []
