"""Prompts with tools and images in twenty scripts, on weights of the true shape with the full vocabulary:
what ``count_tokens`` says is what is billed, and the ceiling holds over both."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.schemas import SCRIPTS
from tests.acceptance.seeing import (
    SEER,
    anthropic_of,
    data_url,
    image_block,
    image_bytes,
    seeing_house,
    write_seer,
)
from tests.acceptance.test_engine_tool_loops import generated
from tests.support.house import Running
from tokenhouse.wire import anthropic_messages, openai_chat

VOCABULARY = 131_072


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_seer(tmp_path_factory.mktemp("seer"), VOCABULARY)


async def test_prompts_with_tools_and_images_are_billed_as_counted(
    tmp_path: Path, weights: Path
) -> None:
    assert len(SCRIPTS) == 20
    async with seeing_house(tmp_path, weights) as (running, sdk), anthropic_of(running) as claude:
        assert await _billed_as_counted(running, sdk, claude, 40) > 20
        await running.clean()


@pytest.mark.long
@pytest.mark.timeout(1800)
async def test_a_thousand_of_them_are(tmp_path: Path, weights: Path) -> None:
    async with seeing_house(tmp_path, weights) as (running, sdk), anthropic_of(running) as claude:
        assert await _billed_as_counted(running, sdk, claude, 1000) > 500
        await running.clean()


async def _billed_as_counted(running: Running, sdk: Any, claude: Any, requests: int) -> int:
    """→ how many images there were."""
    draw = random.Random(17)
    house = running.house
    headers = [(b"authorization", b"Bearer " + running.key.encode())]
    caller = house.access.identify(headers, body_key=None, query_key=None, address="")
    images = 0
    for i in range(requests):
        dialect = ("openai", "anthropic")[i % 2]
        asked: dict[str, Any] = {**generated(draw, dialect), "model": SEER}
        images += _show(draw, asked, dialect)
        if dialect == "anthropic":
            counted = {name: value for name, value in asked.items() if name != "max_tokens"}
            count = (await claude.messages.count_tokens(**counted)).input_tokens
            told = (await claude.messages.create(**asked)).usage
            billed = told.input_tokens + (told.cache_read_input_tokens or 0)
            request: Any = anthropic_messages.parse(json.dumps(asked).encode())
        else:
            request = openai_chat.parse(json.dumps(asked).encode())
            count = (await house.relay.count(caller, request, f"req_{i}")).tokens
            billed = (await sdk.chat.completions.create(**asked)).usage.prompt_tokens
        assert billed == count, asked
        held = house.relay.answer(caller, request, f"req_c{i}").plan.ceiling
        most = held.prompt_tokens_max
        assert billed <= most, asked
    return images


def _show(draw: random.Random, asked: dict[str, Any], dialect: str) -> int:
    """Put some images into the first message. → how many."""
    number = draw.choice((0, 0, 1, 1, 2, 4))
    if not number:
        return 0
    first = asked["messages"][0]
    parts: list[Any] = [{"type": "text", "text": first["content"]}]
    for _ in range(number):
        size = draw.randint(1, 300), draw.randint(1, 300)
        data = image_bytes(*size, draw.choice(("PNG", "GIF")))
        if dialect == "openai":
            part: dict[str, Any] = {"type": "image_url", "image_url": {"url": data_url(data)}}
        else:
            part = image_block(data)
        parts.insert(draw.randint(0, len(parts)), part)
    asked["messages"][0] = {**first, "content": parts}
    return number
