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


async def test_the_text_that_stopped_an_answer_is_told_in_both_ways(tmp_path: Path) -> None:
    async with serving(tmp_path, "") as running, sdk(running) as client:
        text = said(await client.messages.create(**ASKED))
        middle = text[len(text) // 2 :][:3]
        asking: dict[str, Any] = {**ASKED, "stop_sequences": [middle]}
        whole = await client.messages.create(**asking)
        assert (whole.stop_reason, whole.stop_sequence) == ("stop_sequence", middle)
        async with client.messages.stream(**asking) as stream:
            assert plain(await stream.get_final_message()) == plain(whole)
        await running.clean()


async def test_a_count_is_told_whatever_an_answer_would_be_allowed(tmp_path: Path) -> None:
    """As Claude Code counts: the request that it would send, with more tokens than the model writes."""
    async with serving(tmp_path, "") as running, sdk(running) as client:
        counting: dict[str, Any] = {name: ASKED[name] for name in ("model", "messages")}
        true = (await client.messages.count_tokens(**counting)).input_tokens
        for asked in (0, 64_000):
            body = {"max_tokens": asked}
            count = await client.messages.count_tokens(**counting, extra_body=body)
            assert count.input_tokens == true
        await running.clean()
