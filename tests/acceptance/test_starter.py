"""A newcomer's first minutes: ``serve`` in an empty directory, and the starter answers for money."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import sys
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openai
import pytest
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion

from tests.acceptance.engine_house import INPUT, OUTPUT, receipt_by_key
from tokenhouse.starter import MODEL_ID, weights_path

pytestmark = pytest.mark.skipif(
    not weights_path().is_file(), reason="the starter's weights are not in this checkout"
)

ASKED: dict[str, Any] = {
    "model": MODEL_ID,
    "messages": [{"role": "user", "content": "What is Tokenhouse?"}],
    "max_tokens": 40,
    "seed": 1,
}
PATIENCE_S = 100.0


@dataclass(frozen=True, slots=True)
class Served:
    """A running first ``serve``: what it printed, and where its data lies."""

    url: str
    key: str
    printed: str
    data: Path
    process: asyncio.subprocess.Process

    async def verb(self, *words: str, stdin: str = "") -> str:
        """Run another verb on the same data; its stdout. It must succeed."""
        process = await _start(self.data, *words, more={"TOKENHOUSE_API_KEY": self.key})
        async with asyncio.timeout(PATIENCE_S):
            out, err = await process.communicate(stdin.encode())
        assert process.returncode == 0, err.decode()
        return out.decode()


@pytest.fixture
async def served(tmp_path: Path) -> AsyncGenerator[Served, None]:
    data = tmp_path / "house"
    process = await _start(data, "serve", "--port", "0")
    try:
        yield await _printed(data, process)
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(PATIENCE_S):
            await process.communicate()
    assert process.returncode == 0


async def test_the_printed_line_pastes_and_the_answer_is_paid_for(served: Served) -> None:
    assert not [line for line in served.printed.splitlines() if "\x1b" in line]
    if (curl := shutil.which("curl")) is None:
        pytest.skip("curl is not installed here")
    line = served.printed[served.printed.index("  curl ") :].strip()
    pasted = await asyncio.create_subprocess_exec(
        *("sh", "-c", line.replace("curl", f"{curl} --silent --show-error", 1)),
        stdout=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(PATIENCE_S):
        out, _ = await pasted.communicate()
    assert pasted.returncode == 0
    answer = json.loads(out)
    assert answer["model"] == MODEL_ID
    assert answer["choices"][0]["message"]["content"].strip()
    assert answer["choices"][0]["finish_reason"] in ("stop", "length")
    assert answer["usage"]["cost"] > 0
    kept = await receipt_by_key(served.url, served.key, answer["id"])
    assert kept["total_cost"] == answer["usage"]["cost"]
    assert (served.data.stat().st_mode & 0o777) == 0o700


async def test_the_sdk_is_answered_alike_in_every_way_and_the_books_agree(served: Served) -> None:
    cost = 0
    async with openai.AsyncOpenAI(
        base_url=f"{served.url}/v1", api_key=served.key, max_retries=0, timeout=PATIENCE_S
    ) as sdk:
        assert MODEL_ID in [model.id async for model in sdk.models.list()]
        whole = await sdk.chat.completions.create(**ASKED)
        stream = await sdk.chat.completions.create(
            **ASKED, stream=True, stream_options={"include_usage": True}
        )
        state = ChatCompletionStreamState()
        async for chunk in stream:
            state.handle_chunk(chunk)
        answers = [whole, state.current_completion_snapshot]
        answers += await asyncio.to_thread(_ask_synchronously, served)
    for answer in answers:
        assert answer.choices[0].message.content == whole.choices[0].message.content
        assert answer.usage is not None
        cost += answer.usage.prompt_tokens * INPUT + answer.usage.completion_tokens * OUTPUT
    said = await served.verb("chat", MODEL_ID, "--url", served.url, stdin="What can you do?")
    assert said.strip()
    usage = json.loads(await served.verb("usage", "you", "--json"))
    rows = usage["usage"] if isinstance(usage, dict) else usage
    total = sum(row["cost"] for row in rows)
    assert total > cost > 0
    accounts = json.loads(await served.verb("accounts", "list", "--json"))
    you = (accounts["accounts"] if isinstance(accounts, dict) else accounts)[0]
    assert (you["name"], you["balance"], you["held"]) == ("you", 10**9 - total, 0)
    verified = json.loads(await served.verb("ledger", "verify", "--json"))
    assert verified == {"ok": True, "open_holds": 0, "errors": []}


def _ask_synchronously(served: Served) -> list[ChatCompletion]:
    state = ChatCompletionStreamState()
    with openai.OpenAI(
        base_url=f"{served.url}/v1", api_key=served.key, max_retries=0, timeout=PATIENCE_S
    ) as sdk:
        whole = sdk.chat.completions.create(**ASKED)
        options: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}}
        for chunk in sdk.chat.completions.create(**ASKED, **options):
            state.handle_chunk(chunk)
    return [whole, state.current_completion_snapshot]


async def _printed(data: Path, process: asyncio.subprocess.Process) -> Served:
    """Read what the first run prints, up to the end of the line to paste."""
    assert process.stdout is not None
    printed = key = ""
    async with asyncio.timeout(PATIENCE_S):
        while not printed.rstrip().endswith("}'"):
            line = (await process.stdout.readline()).decode()
            assert line, f"serve ended after: {printed}"
            printed += line
            if line.strip().startswith("sk-th-"):
                key = line.strip()
    return Served(printed.split("\n")[0].split()[-1], key, printed, data, process)


async def _start(
    data: Path, *words: str, more: dict[str, str] | None = None
) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tokenhouse", *words, "--data", str(data)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={"PYTHONPATH": "src", "PATH": "", **(more or {})},
    )
