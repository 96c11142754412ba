"""What the shipped starter makes of the words that say how it answers: seeds, prefixes, probabilities."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import openai
import pytest

from tests.acceptance.engine_house import accumulated, sdk_of
from tests.support.house import serving
from tokenhouse.starter import MODEL_ID, weights_path

pytestmark = pytest.mark.skipif(
    not weights_path().is_file(), reason="the starter's weights are not in this checkout"
)


def asked(text: str, **fields: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": text}]
    return {"model": MODEL_ID, "messages": messages, "max_tokens": 40, "seed": 1, **fields}


HOT = {"temperature": 2, "top_p": 1}


async def said(sdk: openai.AsyncOpenAI, fields: dict[str, Any]) -> str:
    answer = await sdk.chat.completions.create(**fields)
    return answer.choices[0].message.content or ""


async def test_the_starter_draws_as_it_is_told(tmp_path: Path) -> None:
    async with serving(tmp_path, "") as running, sdk_of(running) as sdk:
        question = asked("What is Tokenhouse?")
        text = await said(sdk, question)
        assert await said(sdk, question) == text, "its own defaults (0.2) and a seed"
        assert await said(sdk, {**question, "temperature": 0.2, "top_p": 0.9}) == text
        hot = {await said(sdk, {**question, **HOT, "seed": s}) for s in range(6)}
        assert len(hot) > 1, "it is very sure of itself"

        begun = {"role": "assistant", "content": "Tokenhouse is", "prefix": True}
        question["messages"] = [*question["messages"], begun]
        assert (await said(sdk, question)).startswith("Tokenhouse is")
        streamed = await accumulated(sdk, {**question, "n": 2})
        assert [choice.index for choice in streamed.choices] == [0, 1]
        for choice in streamed.choices:
            assert (choice.message.content or "").startswith("Tokenhouse is")
        await running.clean()


async def test_the_starters_log_probabilities_spell_what_it_says(tmp_path: Path) -> None:
    async with serving(tmp_path, "") as running, sdk_of(running) as sdk:
        for text in ("What is Tokenhouse?", "Say: नमस्ते", "Write 你好，世界 twice", "🙂👩‍🚀"):
            fields = asked(text, logprobs=True, top_logprobs=5, temperature=1)
            whole = await sdk.chat.completions.create(**fields)
            choice = whole.choices[0]
            assert choice.logprobs is not None
            probs = choice.logprobs.content or []
            raw = b"".join(bytes(prob.bytes or ()) for prob in probs)
            assert raw.decode("utf-8", "replace") == choice.message.content
            for prob in probs:
                assert [top.logprob for top in prob.top_logprobs] == sorted(
                    (top.logprob for top in prob.top_logprobs), reverse=True
                )
        await running.clean()
