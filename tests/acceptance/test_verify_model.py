"""``make verify-model``: what holds for any weights holds for the starter, and what does not is told."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path


async def test_whatever_holds_for_any_weights_holds_for_the_starter(tmp_path: Path) -> None:
    code, told, _ = await _verify(tmp_path, "tokenhouse/starter", "--mechanics")
    assert code == 0, told
    assert told.endswith("8 of 8 hold\n")


async def test_what_a_model_cannot_do_is_told_by_name_and_fails(tmp_path: Path) -> None:
    file = tmp_path / "verdicts.json"
    names = ("keeps-to-a-system-prompt", "ends-by-itself")
    code, told, _ = await _verify(
        tmp_path, "tokenhouse/starter", "--only", *names, "--json", str(file)
    )
    assert code == 1
    assert "FAILED keeps-to-a-system-prompt" in told
    verdicts = {row["check"]: row["problem"] for row in json.loads(file.read_text())}
    assert "QUACK" in verdicts["keeps-to-a-system-prompt"]
    assert verdicts["ends-by-itself"] == ""


async def test_a_model_whose_weights_are_not_here_is_said_to_be_pulled_first(
    tmp_path: Path,
) -> None:
    code, _, complaint = await _verify(tmp_path)
    assert code == 2
    assert "tokenhouse pull" in complaint


async def _verify(data: Path, *words: str) -> tuple[int | None, str, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "scripts.verify_model", *words, "--data", str(data)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={"PYTHONPATH": "src", "PATH": "/usr/bin:/bin", "HOME": str(data)},
    )
    told, complaint = await process.communicate()
    return process.returncode, told.decode(), complaint.decode()
