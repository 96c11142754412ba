"""``GET /v1/models`` in both shapes: pages, aliases for discovery, refusals in the asker's envelope."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest_asyncio

from tests.api.asgi import Client, get, scope
from tests.support.house import Running, serving

ROWS = """
[catalogue]
shipped = false

[providers.fake]
kind = "scripted"
""" + "\n".join(
    f"""
[[models]]
id = "acme/m{number}"
name = "M{number}"
added = 2026-02-{number:02d}
context_length = 9000
max_output_tokens = 700
aliases = ["m{number}", "claude-m{number}"]
price = {{ input = "0.35", output = "0.56" }}
routes = [ {{ provider = "fake" }} ]
"""
    for number in range(1, 13)
)
NAMES = [name for number in range(1, 13) for name in (f"acme/m{number}", f"claude-m{number}")]


@pytest_asyncio.fixture
async def running(tmp_path: Path) -> AsyncGenerator[Running, None]:
    async with serving(tmp_path, ROWS) as house:
        yield house


async def ask(running: Running, path: str, *, anthropic: bool = True) -> tuple[int, Any]:
    client = Client(b"")
    headers = {"anthropic_version": "2023-06-01"} if anthropic else {}
    before, _, query = path.partition("?")
    asked = scope(running, before, method="GET", **headers)
    asked["query_string"] = query.encode()
    await running.house(asked, client.receive, client.send)
    assert client.header("request-id") == client.header("x-request-id")
    return client.status, json.loads(client.text)


async def test_each_model_is_listed_with_the_aliases_that_claude_code_would_find(
    running: Running,
) -> None:
    status, got = await ask(running, "/v1/models?limit=1000")
    assert status == 200
    assert [info["id"] for info in got["data"]] == NAMES
    assert got["data"][0] == {
        "type": "model",
        "id": "acme/m1",
        "display_name": "M1",
        "created_at": "2026-02-01T00:00:00Z",
        "lifecycle": "active",
        "deprecated_at": None,
        "retires_at": None,
        "line": None,
        "capabilities": None,
        "max_input_tokens": 9000,
        "max_tokens": 700,
    }
    assert (got["has_more"], got["first_id"], got["last_id"]) == (False, NAMES[0], NAMES[-1])


async def test_pages_follow_one_another_in_both_directions(running: Running) -> None:
    path = "/v1/models?limit=5"
    forward: list[str] = []
    while True:
        _, got = await ask(running, path)
        forward += [info["id"] for info in got["data"]]
        if not got["has_more"]:
            break
        path = f"/v1/models?limit=5&after_id={quote(got['last_id'], safe='')}"
    assert forward == NAMES
    _, back = await ask(running, f"/v1/models?limit=3&before_id={quote(NAMES[6], safe='')}")
    assert [info["id"] for info in back["data"]] == NAMES[3:6]
    assert back["has_more"] is True
    _, short = await ask(running, "/v1/models")
    assert len(short["data"]) == 20


async def test_wrong_pages_are_refused_by_name(running: Running) -> None:
    for query, field in [("limit=0", "limit"), ("limit=x", "limit"), ("after_id=no", "after_id")]:
        status, got = await ask(running, f"/v1/models?{query}")
        assert status == 400
        assert got["error"]["type"] == "invalid_request_error"
        assert got["error"]["message"].startswith(f"{field}: ")


async def test_one_model_is_found_by_every_name_in_either_shape(running: Running) -> None:
    for name in ("acme/m1", "acme%2Fm1", "acme-m1", "m1"):
        assert (await ask(running, f"/v1/models/{name}"))[1]["id"] == "acme/m1"
        assert (await ask(running, f"/v1/models/{name}", anthropic=False))[1]["id"] == "acme/m1"
    assert (await ask(running, "/v1/models/claude-m1"))[1]["id"] == "claude-m1"
    status, missing = await ask(running, "/v1/models/claude-m99")
    assert (status, missing["type"]) == (404, "error")
    status, missing = await ask(running, "/v1/models/m99", anthropic=False)
    assert (status, missing["error"]["code"]) == (404, "model_not_found")


async def test_openai_clients_get_their_list_with_openrouters_prices(running: Running) -> None:
    for path in ("/v1/models", "/api/v1/models", "/api/v7/llm/models", "/api/v7/llm/v1/models"):
        _, got = await ask(running, path, anthropic=False)
        assert got["object"] == "list"
        assert len(got["data"]) == 12
        assert got["data"][0]["pricing"]["prompt"] == "0.00000035"


async def test_unknown_paths_are_refused_in_the_askers_envelope(running: Running) -> None:
    for path in ("/v1/messages/batches", "/api/v7/llm/messages/x", "/v1/nothing"):
        status, got = await ask(running, path)
        assert (status, got["type"], got["error"]["type"]) == (404, "error", "not_found_error")
        assert got["request_id"].startswith("req_")
    status, got = await ask(running, "/v1/messages/batches", anthropic=False)
    assert (status, got["type"]) == (404, "error")
    status, got = await ask(running, "/v1/nothing", anthropic=False)
    assert (status, got["error"]["code"]) == (404, "unknown_path")
    status, got = await ask(running, "/v1/messages", anthropic=False)
    assert (status, got["type"]) == (405, "error")


async def test_who_asks_in_a_wrong_way_is_told_the_right_ones(running: Running) -> None:
    """RFC 9110, section 15.5.6: a 405 names the methods that its path takes."""
    for path, wanted in (
        ("/v1/messages", "OPTIONS, POST"),
        ("/api/v7/llm/chat/completions", "OPTIONS, POST"),
        ("/v1/models", "GET, HEAD, OPTIONS"),
    ):
        client = await get(running, path, "DELETE")
        assert (client.status, client.header("allow")) == (405, wanted)


async def test_a_cache_is_told_that_the_shape_follows_the_version_header(running: Running) -> None:
    for path in ("/v1/models", "/v1/models/acme/m1", "/v1/models/nobody"):
        assert (await get(running, path)).header("vary") == "anthropic-version"
