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
from tests.parts import missing, program
from tests.source import ROOT
from tests.support.house import Running

pytestmark = pytest.mark.long

PATIENCE_S = 90.0
SAID = "naïver 🦊 日本語"
_CLIENTS = ROOT / ".cache" / "clients"
_HERE = Path(__file__).parent


@pytest.mark.parametrize("kind", KINDS)
async def test_pythons_anthropic_0_75(tmp_path: Path, kind: Kind) -> None:
    installed = _installed(
        _CLIENTS / "anthropic-0.75", "pip install --target .cache/clients/anthropic-0.75 "
        "anthropic==0.75.0",
    )  # fmt: skip
    async with house(kind, tmp_path) as (running, _):
        words = (sys.executable, str(_HERE / "clients_script.py"), running.url, running.key)
        told = await _run(words, {"PYTHONPATH": str(installed)})
        assert told.pop("version") == "0.75.0"
        await _is_right(running, told)


@pytest.mark.parametrize("sdk", ["anthropic", "openai"])
@pytest.mark.parametrize("kind", KINDS)
async def test_javascripts(tmp_path: Path, kind: Kind, sdk: str) -> None:
    node = program("node", "nodejs")
    package = "@anthropic-ai/sdk" if sdk == "anthropic" else sdk
    modules = _CLIENTS / "node_modules"
    _installed(modules / package, f"npm install --prefix .cache/clients {package}")
    async with house(kind, tmp_path) as (running, _):
        script = str(_HERE / "clients_script.mjs")
        told = await _run((node, script, sdk, running.url, running.key, str(modules)), {})
        await _is_right(running, told)


def _installed(path: Path, command: str) -> Path:
    if not path.is_dir():
        missing(f"{path.name} is not installed: {command}")
    return path


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
