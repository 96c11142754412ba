from __future__ import annotations

from pathlib import Path

from tokenhouse.engine import read_header
from tokenhouse.engine.memory import (
    bytes_available,
    bytes_needed,
    free_of_cgroup,
    free_of_machine,
)

MIB = 2**20


def test_what_a_model_needs_grows_by_its_kv_cache_per_token(weights: Path) -> None:
    header = read_header(weights)
    small, words = bytes_needed(header, n_ctx=1024, n_batch=256)
    large, _ = bytes_needed(header, n_ctx=2048, n_batch=256)
    assert large - small == 1024 * header.kv_bytes_per_token
    assert small > header.file_bytes
    assert "for 1024 tokens" in words


def test_the_machines_own_word_is_taken(tmp_path: Path) -> None:
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal: 4096 kB\nMemAvailable:    2048 kB\n")
    assert free_of_machine(meminfo) == 2 * MIB
    assert free_of_machine(tmp_path / "none") is None
    available = bytes_available()
    assert available is None or available > MIB


def test_a_containers_limit_counts_and_its_page_cache_is_free(tmp_path: Path) -> None:
    assert free_of_cgroup(tmp_path) is None
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.current").write_text(f"{6 * MIB}\n")
    assert free_of_cgroup(tmp_path) is None
    (tmp_path / "memory.max").write_text(f"{8 * MIB}\n")
    assert free_of_cgroup(tmp_path) == 2 * MIB
    (tmp_path / "memory.stat").write_text(f"anon 1\ninactive_file {3 * MIB}\n")
    assert free_of_cgroup(tmp_path) == 5 * MIB
    (tmp_path / "memory.current").write_text(f"{99 * MIB}\n")
    assert free_of_cgroup(tmp_path) == 0
