"""The other official SDKs, unmodified, on both kinds of upstream: Python's older one, and JavaScript's."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.messaging import KINDS, Kind, house
from tests.parts import NODE_MODULES, missing, node, node_package
from tests.source import ROOT
from tests.support.house import Running

PATIENCE_S = 90.0
SAID = "naïver 🦊 日本語"
_OLDER = ROOT / ".cache" / "clients" / "anthropic-0.75"
_HERE = Path(__file__).parent


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
async def test_pythons_anthropic_0_75(tmp_path: Path, kind: Kind) -> None:
    if not _OLDER.is_dir():
        missing("pip install --target .cache/clients/anthropic-0.75 anthropic==0.75.0")
    async with house(kind, tmp_path) as (running, _):
        words = (sys.executable, str(_HERE / "clients_script.py"), running.url, running.key)
        told = await _run(words, {"PYTHONPATH": str(_OLDER)})
        assert told.pop("version") == "0.75.0"
        await _is_right(running, told)


@pytest.mark.parametrize("sdk", ["anthropic", "openai"])
@pytest.mark.parametrize("kind", KINDS)
async def test_javascripts(tmp_path: Path, kind: Kind, sdk: str) -> None:
    node_package("@anthropic-ai/sdk" if sdk == "anthropic" else sdk)
    async with house(kind, tmp_path) as (running, _):
        script = str(_HERE / "clients_script.mjs")
        words = (node(), script, sdk, running.url, running.key, str(NODE_MODULES))
        told = await _run(words, {})
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
