"""Anthropic's SDK on the starter, as a fresh install serves it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.messaging import plain, said, sdk
from tests.support.house import serving
from tokenhouse.starter import MODEL_ID, weights_path

pytestmark = pytest.mark.skipif(
    not weights_path().is_file(), reason="the starter's weights are not in this checkout"
)
ASKED: dict[str, Any] = {
    "model": MODEL_ID,
    "max_tokens": 30,
    "messages": [{"role": "user", "content": "What is Tokenhouse?"}],
    "extra_body": {"temperature": 0},
}


async def test_the_starter_answers_messages_for_money_and_counts_to_the_token(
    tmp_path: Path,
) -> None:
    async with serving(tmp_path, "") as running, sdk(running) as client:
        counting = {name: ASKED[name] for name in ("model", "messages")}
        count = await client.messages.count_tokens(**counting)
        first = await client.messages.create(**ASKED)
        assert said(first)
        usage = first.usage
        cached = usage.cache_read_input_tokens or 0
        assert usage.input_tokens + cached == count.input_tokens
        assert (usage.model_extra or {})["cost"] > 0
        whole = await client.messages.create(**ASKED)
        async with client.messages.stream(**ASKED) as stream:
            assert plain(await stream.get_final_message()) == plain(whole)
        await running.clean()
