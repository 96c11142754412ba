"""Claude Code itself, from npm, does a scripted task through a house: reads a file, runs a command, answers.

It runs in a home of its own with a key of this house's, telemetry off, and everything on the loopback.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from tests.acceptance.messaging import KINDS, Kind, house
from tests.parts import node_program
from tests.support import answers, replies
from tests.support import anthropic_answers as native
from tests.support.house import Running
from tests.support.replies import Json, Reply
from tests.support.upstream import Seen

RELEASE = "@anthropic-ai/claude-code@2.1.330"
WIDE = """
[[models]]
id = "acme/wide"
context_length = 200000
max_output_tokens = 8192
price = { input = "0.35", output = "0.56" }
routes = [ { provider = "up", model = "m" } ]
"""
"""It asks for 32,000 tokens, is told that this model writes 8,192, and asks for those."""

PATIENCE_S = 120.0
ANSWER = "The file says hello, and the command says forty-two."


@pytest.mark.parametrize("kind", KINDS)
async def test_it_reads_a_file_runs_a_command_and_answers(tmp_path: Path, kind: Kind) -> None:
    claude = node_program(RELEASE, "claude")
    project = tmp_path / "project"
    project.mkdir()
    (tmp_path / "home").mkdir()
    (project / "note.txt").write_text("hello from the file\n")
    async with house(kind, tmp_path / "house", WIDE) as (running, up), _trap() as (trap, caught):
        up.default = _scripted(kind, project)
        environ = _environment(running, tmp_path / "home", trap)
        told = await _run(claude, project, environ)
        assert told["is_error"] is False, told
        assert told["result"] == ANSWER
        assert caught == []
        read, ran = _results(up.requests[-1].json)
        assert "hello from the file" in read
        assert ran.strip() == "42"
        for seen in up.requests:
            assert running.key not in str(seen)
            nonce = "x-anthropic-billing-header" in seen.body.decode()
            assert nonce is (kind == "anthropic")
        receipts = await running.house.billing.receipts(running.account.id)
        assert len(receipts) == len(up.requests) >= 3
        assert {row.outcome for row in receipts} == {"finished"}
        assert all(row.cost > 0 for row in receipts)
        balance = await running.house.billing.balance(running.account.id)
        assert balance.balance == 10**12 - sum(row.cost for row in receipts)
        await running.clean()


@asynccontextmanager
async def _trap() -> AsyncGenerator[tuple[str, list[bytes]]]:
    """A proxy that nothing may use: its address, and what was asked of it all the same."""
    caught: list[bytes] = []

    async def catch(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        caught.append(await reader.readline())
        writer.close()

    server = await asyncio.start_server(catch, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", caught


async def _run(claude: Path, project: Path, environ: dict[str, str]) -> dict[str, Any]:
    process = await asyncio.create_subprocess_exec(
        *(str(claude), "-p", "Read note.txt and compute six times seven."),
        *("--output-format", "json", "--allowedTools", "Read,Bash"),
        cwd=project,
        env=environ,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(PATIENCE_S):
            out, err = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        raise
    assert out, err.decode()
    return cast(dict[str, Any], json.loads(out))


def _environment(running: Running, home: Path, proxy: str) -> dict[str, str]:
    models = ("ANTHROPIC_MODEL", "ANTHROPIC_DEFAULT_HAIKU_MODEL", "ANTHROPIC_DEFAULT_SONNET_MODEL")
    return {
        "PATH": os.environ.get("PATH", ""),
        "HOME": str(home),
        "HTTP_PROXY": proxy,
        "HTTPS_PROXY": proxy,
        "NO_PROXY": "127.0.0.1",
        "ANTHROPIC_BASE_URL": running.url,
        "ANTHROPIC_API_KEY": running.key,
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_AUTOUPDATER": "1",
        "DISABLE_ERROR_REPORTING": "1",
        "DISABLE_TELEMETRY": "1",
        **dict.fromkeys((*models, "ANTHROPIC_DEFAULT_OPUS_MODEL"), "acme/wide"),
    }


def _scripted(kind: Kind, project: Path) -> Any:
    """An upstream that knows how far the task is by the results in the conversation."""

    def reply(seen: Seen) -> Reply:
        if seen.path.partition("?")[0].endswith("/count_tokens"):
            return native.default_reply(seen)
        step = len(_results(seen.json))
        if not seen.json.get("tools"):
            return _text(kind, "A title")
        if step == 0:
            return _call(kind, "Read", {"file_path": str(project / "note.txt")}, step)
        if step == 1:
            return _call(kind, "Bash", {"command": "echo $((6*7))", "description": "x"}, step)
        return _text(kind, ANSWER)

    return reply


def _results(body: Json) -> list[str]:
    """The texts of all tool results in the conversation, in either dialect."""
    found: list[str] = []
    for message in cast(list[dict[str, Any]], body["messages"]):
        if message["role"] == "tool":
            found.append(_said(message["content"]))
        elif isinstance(message["content"], list):
            blocks = cast(list[dict[str, Any]], message["content"])
            found += [_said(b["content"]) for b in blocks if b.get("type") == "tool_result"]
    return found


def _said(content: Any) -> str:
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


def _text(kind: Kind, text: str) -> Reply:
    if kind == "openai":
        return answers.said_in_pieces([text])
    pieces = [native.started(), *native.text(0, text), native.ended(9), native.stopped()]
    return native.stream(pieces)


def _call(kind: Kind, name: str, arguments: Json, step: int) -> Reply:
    told = json.dumps(arguments)
    if kind == "openai":
        return replies.stream(
            [
                answers.role(content=None),
                answers.call(0, id=f"call_{step}", name=name, arguments=""),
                answers.call(0, arguments=told[:9]),
                answers.call(0, arguments=told[9:]),
                answers.end("tool_calls"),
                answers.usage_chunk(900, 20),
            ]
        )
    return native.stream(
        [
            native.started(),
            *native.call(0, name, told[:9], told[9:], call_id=f"toolu_{step}"),
            native.ended(20, "tool_use"),
            native.stopped(),
        ]
    )
