"""What the README shows works as it stands: its snippets, its settings, its commands."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

import click
import pytest_asyncio

from tests.snippets import Snippet, runnable, snippets
from tests.source import ROOT
from tests.support.house import Running, serving
from tokenhouse.app import make_catalogue
from tokenhouse.cli import root
from tokenhouse.config import load

README = ROOT / "README.md"
URL = "http://127.0.0.1:8080"
ROWS = """
[providers.fake]
kind = "scripted"

[[models]]
id = "tokenhouse/starter"
price = { input = "0.35", output = "0.56" }
routes = [ { provider = "fake" } ]
"""
"""The starter's name with a fake behind it: what it really says is another test's business."""


@pytest_asyncio.fixture
async def running(tmp_path: Path) -> AsyncGenerator[Running, None]:
    async with serving(tmp_path, ROWS) as house:
        yield house


async def test_every_snippet_that_is_marked_runs_and_is_answered(running: Running) -> None:
    marked = runnable(README)
    if shutil.which("curl") is None:
        marked = [snippet for snippet in marked if snippet.language != "sh"]
    said = await asyncio.gather(*(_run(snippet, running) for snippet in marked))
    for snippet, told in zip(marked, said, strict=True):
        assert "You said: " in told, f"README.md:{snippet.line}: {told}"
        if snippet.language == "sh":
            assert json.loads(told)["usage"]["cost"] > 0
        else:
            assert "cost=" in told
    receipts = await running.house.billing.receipts(running.account.id)
    assert [row.outcome for row in receipts] == ["finished"] * len(marked)
    await running.clean()


def test_its_settings_are_taken(tmp_path: Path) -> None:
    shown = [snippet.text for snippet in snippets(README) if snippet.language == "toml"]
    assert shown
    for text in shown:
        path = tmp_path / "tokenhouse.toml"
        path.write_text(text)
        environ = dict.fromkeys(re.findall(r'"env:(\w+)"', text), "sk-secret")
        config = load(path, tmp_path, default_data_dir=tmp_path, environ=environ)
        catalogue = make_catalogue(config)
        for name in re.findall(r'^id = "(.+)"', text, re.M):
            assert catalogue.offer(name).model.id == name


def test_every_command_that_it_names_exists() -> None:
    text = README.read_text(encoding="utf-8")
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    named = [word for row in rows for word in re.findall(r"`([^`]+)`", row)]
    assert len(named) > 10
    for words in named:
        found: click.Command = root
        for word in words.removeprefix("tokenhouse ").split():
            if not word.islower():
                break  # what the command takes
            assert isinstance(found, click.Group), words
            assert word in found.commands, f"there is no command `{words}`"
            found = found.commands[word]


def test_every_make_target_that_it_names_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"\bmake ([a-z-]+)", README.read_text(encoding="utf-8")):
        assert re.search(rf"^{target}:", makefile, re.M), f"there is no `make {target}`"


async def _run(snippet: Snippet, running: Running) -> str:
    """The snippet's output, with this house's address and key where the page has its own."""
    assert URL in snippet.text
    text = snippet.text.replace(URL, running.url).replace("YOUR_API_KEY", running.key)
    words = ["sh", "-ec", text] if snippet.language == "sh" else [sys.executable, "-c", text]
    process = await asyncio.create_subprocess_exec(
        *words,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={"PATH": os.environ.get("PATH", ""), "NO_PROXY": "*"},
    )
    async with asyncio.timeout(60):
        out, err = await process.communicate()
    assert process.returncode == 0, f"README.md:{snippet.line}: {err.decode()}"
    return out.decode()
