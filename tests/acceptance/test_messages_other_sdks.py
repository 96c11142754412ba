"""Python's older Anthropic SDK, unmodified, on both kinds of upstream."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.messaging import KINDS, Kind, house
from tests.parts import python_package
from tests.support.house import Running

PATIENCE_S = 90.0
SAID = "naïver 🦊 日本語"
_HERE = Path(__file__).parent


@pytest.mark.parametrize("kind", KINDS)
async def test_pythons_anthropic_0_75(tmp_path: Path, kind: Kind) -> None:
    older = python_package("anthropic==0.75.0")
    async with house(kind, tmp_path) as (running, _):
        words = (sys.executable, str(_HERE / "clients_script.py"), running.url, running.key)
        told = await _run(words, {"PYTHONPATH": str(older)})
        assert told.pop("version") == "0.75.0"
        await _is_right(running, told)


async def _run(words: tuple[str, ...], more: dict[str, str]) -> dict[str, Any]:
    process = await asyncio.create_subprocess_exec(
        *words,
        env={"PATH": os.environ.get("PATH", ""), "NO_PROXY": "*", **more},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(PATIENCE_S):
        out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    told: dict[str, Any] = json.loads(out)
    return told


async def _is_right(running: Running, told: dict[str, Any]) -> None:
    assert told["whole"] == told["streamed"] == f"You said: {SAID}"
    first, second = told["usages"]
    assert first == second > 0
    assert told["called"] == {"heard": SAID}
    assert told["counted"] is True
    assert told["refused"] == "NotFoundError"
    assert told["models"] == ["acme/echo"]
    receipts = await running.house.billing.receipts(running.account.id)
    assert [row.outcome for row in receipts] == ["finished"] * 3
    await running.clean()
