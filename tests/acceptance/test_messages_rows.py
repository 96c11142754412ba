"""Rows of the survey of gateways (section 3.1 and 3.2) that concern a whole house, by number."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.acceptance.messaging import OLD, TOOL
from tests.support.anthropic_answers import anthropic_upstream
from tests.support.house import Running, serving
from tests.support.upstream import Upstream
from tokenhouse.starter import MODEL_ID, weights_path

STARTER = pytest.mark.skipif(
    not weights_path().is_file(), reason="the starter's weights are not in this checkout"
)
ROWS = """
[providers.openai]
kind = "openai"
base_url = "{openai}"
api_key = "env:UPSTREAM_KEY"

[providers.anthropic]
kind = "anthropic"
base_url = "{anthropic}"
api_key = "env:UPSTREAM_KEY"

[providers.scripted]
kind = "scripted"
"""
ROW = """
[[models]]
id = "acme/{kind}"
name = "{kind}"
context_length = 32000
max_output_tokens = 4000
aliases = ["claude-{kind}"]
price = {{ input = "0.35", output = "0.56" }}
routes = [ {{ provider = "{kind}", model = "m" }} ]
"""
KINDS = ("openai", "anthropic", "scripted")
SCRIPTS = (
    "नमस्ते दुनिया, कैसे हो?",
    "สวัสดีชาวโลก",
    "👨‍👩‍👧‍👦 🏳️‍🌈 🦊",
    "你好，世界。こんにちは 안녕하세요",
    "שלום مرحبا Привет Γειά",
    "வணக்கம் ಲೋಕ ലോകം বাংলা ગુજરાતી ਪੰਜਾਬੀ",
    "မြန်မာ ខ្មែរ ລາວ አማርኛ ქართული Հայերեն བོད་ཡིག",
    "e\u0301\u0323 \u200b\u200d \r\n\t  [INST] <s> </s>",
)


@asynccontextmanager
async def mixed_house(
    data_dir: Path,
) -> AsyncGenerator[tuple[Running, dict[str, Upstream], httpx.AsyncClient]]:
    """One house with a model on every kind of provider, the starter among them, and a plain client."""
    async with Upstream() as openai, anthropic_upstream() as anthropic:
        rows = ROWS.format(openai=openai.url, anthropic=anthropic.url)
        rows += "".join(ROW.format(kind=kind) for kind in KINDS)
        async with serving(data_dir, rows) as running:
            own = {**OLD, "x-api-key": running.key}
            async with httpx.AsyncClient(base_url=running.url, headers=own, timeout=60) as client:
                yield running, {"openai": openai, "anthropic": anthropic}, client
            await running.clean()


def asking(model: str, content: Any = "Hello", **fields: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": content}], **fields}


async def test_the_path_says_the_clients_dialect_and_the_catalogue_the_upstreams(
    tmp_path: Path,
) -> None:
    """Row 21: nothing has to be switched on for a request to be translated; row 19, no raw forward."""
    own = {"openai": "/chat/completions", "anthropic": "/v1/messages"}
    async with mixed_house(tmp_path) as (_, upstreams, client):
        for kind, up in upstreams.items():
            for stream in (False, True):
                asked = asking(f"acme/{kind}", max_tokens=50, stream=stream)
                chat = await client.post("/v1/chat/completions", json=asked)
                message = await client.post("/v1/messages", json=asked)
                assert (chat.status_code, message.status_code) == (200, 200)
                assert ("chat.completion" in chat.text, "message_st" in chat.text) == (True, False)
                assert "chat.completion" not in message.text
            assert {seen.path.endswith(own[kind]) for seen in up.requests} == {True}
            assert len(up.requests) == 4


@STARTER
async def test_every_model_of_the_catalogue_can_be_counted_at_every_spelling_of_the_path(
    tmp_path: Path,
) -> None:
    """Row 29: 404 for other providers' models, and for a path with a query."""
    async with mixed_house(tmp_path) as (running, _, client):
        before = await running.house.billing.balance(running.account.id)
        for model in (*(f"acme/{kind}" for kind in KINDS), "claude-scripted", MODEL_ID):
            counts: set[int] = set()
            for prefix in ("/v1", "/api/v7/llm/v1", "/api/v7/llm", "/api/v1"):
                for query in ("", "?beta=true"):
                    path = f"{prefix}/messages/count_tokens{query}"
                    got = await client.post(path, json=asking(model))
                    assert got.status_code == 200, (path, got.text)
                    counts.add(got.json()["input_tokens"])
            assert len(counts) == 1
            assert counts.pop() > 0
        assert await running.house.billing.balance(running.account.id) == before


async def test_who_would_serve_the_request_is_asked_to_count_it(tmp_path: Path) -> None:
    """Row 28: its own number, as it is; never another model's tokenizer times a factor."""
    async with mixed_house(tmp_path) as (_, upstreams, client):
        asked = asking("acme/anthropic", "How long is this?", system="Be brief.", tools=[TOOL])
        counted = (await client.post("/v1/messages/count_tokens", json=asked)).json()
        (seen,) = upstreams["anthropic"].requests
        assert seen.path.endswith("/messages/count_tokens")
        assert seen.json == {**asked, "model": "m"}
        billed = (await client.post("/v1/messages", json={**asked, "max_tokens": 50})).json()
        assert counted == {"input_tokens": billed["usage"]["input_tokens"]}


@STARTER
async def test_a_count_is_what_is_billed_later_in_every_script_and_with_tools(
    tmp_path: Path,
) -> None:
    """Row 26: 48 told and 728 billed."""
    async with mixed_house(tmp_path) as (_, _, client):
        for text in SCRIPTS:
            tool = {**TOOL, "description": text}
            result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": text}
            call = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"heard": text}}
            told = asking(MODEL_ID, text)["messages"]
            turns = [
                *told,
                {"role": "assistant", "content": [{"type": "text", "text": text}, call]},
                {"role": "user", "content": [result]},
            ]
            for fields in (
                {"messages": told},
                {"messages": told, "system": text, "tools": [tool], "tool_choice": {"type": "any"}},
                {"messages": turns, "tools": [tool]},
            ):
                asked = {"model": MODEL_ID, **fields}
                counted = await client.post("/v1/messages/count_tokens", json=asked)
                got = await client.post("/v1/messages", json={**asked, "max_tokens": 1})
                assert (counted.status_code, got.status_code) == (200, 200), (text, got.text)
                usage = got.json()["usage"]
                billed = usage["input_tokens"] + usage["cache_read_input_tokens"]
                assert counted.json() == {"input_tokens": billed}, text


async def test_claude_codes_discovery_finds_the_models_that_have_a_name_for_it(
    tmp_path: Path,
) -> None:
    """Row 31: as it asks: Bearer, a limit of a thousand, no redirect."""
    async with mixed_house(tmp_path) as (running, _, client):
        asked = {"authorization": f"Bearer {running.key}", "user-agent": "claude-code/2.1.330"}
        got = await client.get("/v1/models?limit=1000", headers=asked, follow_redirects=False)
        assert (got.status_code, got.history) == (200, [])
        found = [row["id"] for row in got.json()["data"] if row["id"].startswith("claude-")]
        assert found == [f"claude-{kind}" for kind in KINDS]
        for name in found:
            message = await client.post("/v1/messages", json=asking(name, max_tokens=20))
            assert message.status_code == 200
