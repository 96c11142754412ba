"""Every quick start, as it is served: cut from the Markdown, run by its own interpreter, answered, paid."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.pages.houses import OFFERED, ROWS, paged
from tests.parts import NODE_MODULES, node, node_package, program
from tests.snippets import Snippet, snippets
from tests.support.house import Running

MISTRAL = """
[[models]]
id = "mistralai/mistral-small-3.1-24b-instruct"
name = "Mistral: Mistral Small 3.1 24B"
context_length = 131072
price = { input = "0.35", output = "0.56" }
routes = [ { provider = "fake" } ]

[plans.pro]"""
LANGUAGES = ("python", "javascript", "bash", "php")
PAUSE_S = 60


async def run(words: Sequence[str], folder: Path) -> str:
    process = await asyncio.create_subprocess_exec(
        *words,
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={"PATH": os.environ.get("PATH", ""), "NO_PROXY": "*", "HOME": str(folder)},
    )
    async with asyncio.timeout(PAUSE_S):
        out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return out.decode()


async def execute(snippet: Snippet, running: Running, folder: Path, name: str) -> str:
    assert "YOUR_API_KEY" in snippet.text
    code = snippet.text.replace("YOUR_API_KEY", running.key)
    if snippet.language == "python":
        return await run([sys.executable, "-c", code], folder)
    if snippet.language == "javascript":
        path = folder / f"{name}.mjs"
        path.write_text(code)
        return await run([node(), str(path)], folder)
    if snippet.language == "php":
        path = folder / f"{name}.php"
        path.write_text(code)
        return await run([program("php", "php-cli"), str(path)], folder)
    program("curl", "curl")
    return await run(["bash", "-ec", code.replace("curl ", "curl -sS ", 1)], folder)


def quick_starts(markdown: str, folder: Path, language: str) -> list[Snippet]:
    page = folder / "page.md"
    _, _, rest = markdown.partition("\n## Quick start\n")
    page.write_text(rest.partition("\n## ")[0])
    return [each for each in snippets(page) if each.language == language]


@pytest.mark.parametrize("language", LANGUAGES)
async def test_every_quick_start_on_every_model_page_runs(tmp_path: Path, language: str) -> None:
    if language == "javascript":
        node_package("openai")
        node_package("@anthropic-ai/sdk")
        (tmp_path / "node_modules").symlink_to(NODE_MODULES, target_is_directory=True)
    async with paged(tmp_path / "data", ROWS.replace("[plans.pro]", MISTRAL)) as (running, client):
        done = 0
        for number, id in enumerate(OFFERED):
            page = (await client.get(f"/models/{id}.md")).text
            found = quick_starts(page, tmp_path, language)
            assert len(found) == (2 if language == "php" else 3), id
            api = (await client.get(f"/models/{id}/api.md")).text
            again = quick_starts(api, tmp_path, language)
            assert [each.text for each in again] == [each.text for each in found]
            said = await asyncio.gather(
                *(execute(each, running, tmp_path, f"{number}-{each.line}") for each in found)
            )
            for told in said:
                assert "You said: Hello!" in told or '"content":"' in told, told
            done += len(found)
        receipts = await running.house.billing.receipts(running.account.id, limit=500)
        assert [row.outcome for row in receipts] == ["finished"] * done
        assert {row.model for row in receipts} == set(OFFERED)
        await running.clean()


async def test_the_form_that_the_product_page_prints_runs(tmp_path: Path) -> None:
    """``model_id`` and ``key`` in the body, no header: as its quick start has it."""
    async with paged(tmp_path, ROWS.replace("[plans.pro]", MISTRAL)) as (running, _):
        code = f"""\
import requests
import json

url = "{running.url}/api/v7/llm/chat/completions"

headers = {{
    "Content-Type": "application/json"
}}

data = {{
        "model_id": "mistralai-mistral-small-3.1-24b-instruct",
        "messages": [
            {{
                "role": "user",
                "content": "Hello!"
            }}
        ],
        "max_tokens": 1000,
        "key": "{running.key}"
    }}

try:
    response = requests.post(url, headers=headers, json=data)
    response.raise_for_status()
    result = response.json()
    print(json.dumps(result, indent=2))
except requests.exceptions.HTTPError as http_err:
    print(f"HTTP error occurred: {{http_err}} - {{response.text}}")
"""
        answer = json.loads(await run([sys.executable, "-c", code], tmp_path))
        assert answer["choices"][0]["message"]["content"] == "You said: Hello!"
        assert answer["usage"]["cost"] > 0


async def test_the_guides_snippets_run(tmp_path: Path) -> None:
    async with paged(tmp_path / "data") as (running, client):
        (tmp_path / "page.md").write_text((await client.get("/docs.md")).text)
        page = snippets(tmp_path / "page.md")
        found = [each for each in page if "YOUR_API_KEY" in each.text and "claude" not in each.text]
        assert len(found) == 4
        for each in found:
            asked = each.text
            if "REQUEST_OR_ANSWER_ID" in asked:
                (latest, *_) = await running.house.billing.receipts(running.account.id)
                asked = asked.replace("REQUEST_OR_ANSWER_ID", latest.id)
            told = await execute(
                Snippet(each.language, each.marks, asked, each.line), running, tmp_path, "guide"
            )
            assert "You said: Hello!" in told or '"total_cost"' in told
