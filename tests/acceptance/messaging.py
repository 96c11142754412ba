"""Houses and official Anthropic clients for the tests of ``/v1/messages``."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import anthropic
import httpx

from tests.support.house import Running, anthropic_house, upstream_house
from tests.support.upstream import Upstream

Kind = Literal["openai", "anthropic"]
KINDS: tuple[Kind, ...] = ("openai", "anthropic")
OLD = {"anthropic-version": "2023-06-01"}
SAID = 'Ein naïver 🦊 springt über 日本語 und "quotes" \\ back'
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
TOOL: dict[str, Any] = {
    "name": "look",
    "description": "Look at something.",
    "input_schema": {"type": "object", "properties": {"heard": {"type": "string"}}},
}


def house(
    kind: Kind, data_dir: Path, extra: str = ""
) -> AbstractAsyncContextManager[tuple[Running, Upstream]]:
    """A house in front of an upstream of that dialect; the model is ``acme/echo`` (``echo``)."""
    return (upstream_house if kind == "openai" else anthropic_house)(data_dir, extra)


def sdk(running: Running, **options: Any) -> anthropic.AsyncAnthropic:
    """The official client, newest version: sends Bearer and API version 2026-10-21."""
    options = {"max_retries": 0, "timeout": 60, "api_key": running.key, **options}
    return anthropic.AsyncAnthropic(base_url=running.url, **options)


def asked(text: str = SAID, **fields: Any) -> dict[str, Any]:
    """A request's fields."""
    return {
        "model": "echo",
        "max_tokens": 500,
        "messages": [{"role": "user", "content": text}],
        **fields,
    }


@asynccontextmanager
async def old_client(running: Running, **headers: str) -> AsyncGenerator[httpx.AsyncClient]:
    """Plain HTTP as older clients speak it: x-api-key and API version 2023-06-01."""
    own = {**OLD, "x-api-key": running.key, **headers}
    async with httpx.AsyncClient(base_url=running.url, headers=own, timeout=30) as client:
        yield client


def events(text: str) -> list[tuple[str, dict[str, Any]]]:
    """(name, data) of every event of a finished stream."""
    found: list[tuple[str, dict[str, Any]]] = []
    for block in text.split("\n\n"):
        name, _, data = block.partition("\n")
        if name.startswith("event: "):
            found.append((name[7:], json.loads(data.removeprefix("data: "))))
    return found


def said(message: Any) -> str:
    """All text of a message."""
    return "".join(block.text for block in message.content if block.type == "text")


def plain(message: Any) -> dict[str, Any]:
    """A message without what differs from answer to answer (its id, the tool ids minted for it) and
    without its cost, which the SDK's accumulator does not take from a stream's end."""
    shown = message.model_dump(exclude_none=True)
    shown.pop("id")
    shown["usage"].pop("cost", None)
    shown.pop("_request_id", None)
    for block in shown["content"]:
        block.pop("id", None)
        block.pop("parsed_output", None)
    return shown
