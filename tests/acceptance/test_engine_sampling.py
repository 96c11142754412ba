"""How an answer is drawn and ended in the house's own engine, in the words of both dialects."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from openai.types.chat import ChatCompletion, ChatCompletionTokenLogprob

from tests.acceptance.engine_house import NOISE, accumulated, asking, engine_house
from tests.engine.tiny import write_gguf, write_tekken
from tests.support.house import Running

GUARD = 128


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("weights")
    write_tekken(directory / "tekken.json")
    return write_gguf(directory / "tiny.gguf")


async def said(sdk: openai.AsyncOpenAI, asked: dict[str, Any]) -> str:
    answer = await sdk.chat.completions.create(**asked)
    return answer.choices[0].message.content or ""


async def test_an_answer_that_only_repeats_itself_is_ended_as_too_long(
    tmp_path: Path, weights: Path
) -> None:
    """A bias makes one token certain, so that the answer would never end."""
    asked = asking(max_tokens=2000, logit_bias={"1097": 100})
    async with engine_house(tmp_path, weights, guard=GUARD) as (running, sdk):
        whole = await sdk.chat.completions.create(**asked)
        assert whole.choices[0].finish_reason == "length"
        assert whole.usage is not None
        assert GUARD <= whole.usage.completion_tokens < 2 * GUARD
        two = await accumulated(sdk, {**asked, "n": 2})
        assert [choice.index for choice in two.choices] == [0, 1]
        assert all(choice.finish_reason == "length" for choice in two.choices)
        assert two.choices[0].message.content == whole.choices[0].message.content
        other = await said(sdk, asking(max_tokens=2 * GUARD))
        assert len(other) > 2 * GUARD, "what goes on is let be"
        await running.clean()


async def test_a_prefix_is_gone_on_from_and_said_back(tmp_path: Path, weights: Path) -> None:
    async with engine_house(tmp_path, weights) as (running, sdk):
        user = {"role": "user", "content": "Say something."}
        begun = {"role": "assistant", "content": "Well, the "}
        plain = asking(messages=[user, begun])
        echoed = {**plain, "messages": [user, {**begun, "prefix": True}]}
        silent = {**plain, "extra_body": {"continue_final_message": True}}
        after = await said(sdk, silent)
        assert await said(sdk, echoed) == "Well, the" + after
        streamed = await accumulated(sdk, {**echoed, "n": 2})
        assert streamed.choices[0].message.content == "Well, the" + after
        assert (streamed.choices[1].message.content or "").startswith("Well, the")
        assert await said(sdk, plain) != after, "without either it is a message of its own"
        prefilled = await anthropic_said(running, [user, {**begun, "content": "Well, the"}])
        assert [block["text"] for block in prefilled["content"]] == [after]
        await running.clean()


async def anthropic_said(running: Running, messages: list[Any], **fields: Any) -> Any:
    body = {"model": NOISE, "max_tokens": 24, "temperature": 0, "messages": messages, **fields}
    headers = {"x-api-key": running.key, "anthropic-version": "2023-06-01"}
    async with httpx.AsyncClient(headers=headers, timeout=60) as client:
        got = await client.post(f"{running.url}/v1/messages", json=body)
    assert got.status_code == 200, got.text
    return got.json()


async def test_a_stop_text_is_met_across_tokens_and_told_in_both_dialects(
    tmp_path: Path, weights: Path
) -> None:
    async with engine_house(tmp_path, weights) as (running, sdk):
        text = await said(sdk, asking())
        user = {"role": "user", "content": "Say something."}
        for start, length in ((3, 7), (9, 11), (14, 3)):
            stop = text[start : start + length]
            before = text[: text.index(stop)]
            asked = asking(stop=["never said", stop])
            assert await said(sdk, asked) == before
            streamed = await accumulated(sdk, asked)
            assert streamed.choices[0].message.content == before
            assert streamed.choices[0].finish_reason == "stop"
            told = await anthropic_said(running, [user], stop_sequences=["never said", stop])
            assert (told["stop_reason"], told["stop_sequence"]) == ("stop_sequence", stop)
            assert "".join(block["text"] for block in told["content"]) == before
        await running.clean()


async def test_a_seed_gives_the_same_answer_again_whatever_was_said_between(
    tmp_path: Path, weights: Path
) -> None:
    """Alone, that is: beside others the engine computes several answers in one step, whose sums are
    rounded in another order."""
    async with engine_house(tmp_path, weights) as (running, sdk):
        seeds = (1, 2, 3, 2**63, -5)
        first = [await said(sdk, asking(temperature=1, seed=seed)) for seed in seeds]
        assert len(set(first)) == len(seeds)
        for seed, text in zip(reversed(seeds), reversed(first), strict=True):
            assert await said(sdk, asking(temperature=1, seed=seed)) == text
        await running.clean()


async def test_fields_that_the_engine_has_no_word_for_are_named(
    tmp_path: Path, weights: Path
) -> None:
    async with engine_house(tmp_path, weights) as (running, _):
        headers = {"authorization": f"Bearer {running.key}"}
        async with httpx.AsyncClient(headers=headers, timeout=60) as client:
            body = {**asking(), "reasoning_effort": "low", "typical_p": 0.5, "min_p": 0.1}
            got = await client.post(f"{running.url}/v1/chat/completions", json=body)
            assert got.status_code == 200, got.text
            assert got.headers["x-tokenhouse-left-out"] == "reasoning_effort, typical_p"
            wrong = await client.post(
                f"{running.url}/v1/chat/completions", json={**asking(), "logit_bias": {"8192": 1}}
            )
            assert wrong.status_code == 400
            assert wrong.json()["error"]["param"] == "logit_bias"
        await running.clean()


NON_LATIN = ("नमस्ते दुनिया", "สวัสดี", "你好，世界", "مرحبا", "🙂👩‍🚀", "Привет", "한국어", "ሰላም")


def spelled(answer: ChatCompletion) -> list[ChatCompletionTokenLogprob]:
    """The tokens whose bytes, put together, are the answer."""
    choice = answer.choices[0]
    assert choice.logprobs is not None
    probs = choice.logprobs.content or []
    raw = b"".join(bytes(prob.bytes or ()) for prob in probs)
    assert raw.decode("utf-8", "replace") == choice.message.content
    return probs


async def test_log_probabilities_spell_the_answer_byte_by_byte(
    tmp_path: Path, weights: Path
) -> None:
    """Also where tokens end inside characters, which the engine itself says nothing of."""
    split = 0
    async with engine_house(tmp_path, weights) as (running, sdk):
        for place, text in enumerate(NON_LATIN):
            asked = asking(text, temperature=1, seed=place, logprobs=True, top_logprobs=2)
            for answer in (
                await sdk.chat.completions.create(**asked),
                await accumulated(sdk, asked),
            ):
                probs = spelled(answer)
                assert answer.usage is not None
                assert len(probs) <= answer.usage.completion_tokens
                for prob in probs:
                    assert -60 < prob.logprob <= 0
                    assert len(prob.top_logprobs) == 2
                    split += prob.token.startswith("bytes:")
        assert split > 10, "there were characters of several tokens"

        tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
        fields = {"temperature": 1, "logprobs": True, "tools": [tool], "max_tokens": 60}
        for place, text in enumerate(NON_LATIN):
            whole = await sdk.chat.completions.create(**asking(text, seed=place, **fields))
            spelled(whole)
            content = whole.choices[0].message.content or ""
            stop = content[len(content) // 2 :][:2]
            if "\ufffd" not in content and stop.strip():
                asked = asking(text, seed=place, stop=[stop], **fields)
                cut = await sdk.chat.completions.create(**asked)
                assert cut.choices[0].message.content == content[: content.index(stop)]
                spelled(cut)
        none = await sdk.chat.completions.create(**asking(logprobs=True))
        assert none.choices[0].logprobs is not None
        assert not any(prob.top_logprobs for prob in none.choices[0].logprobs.content or ())
        await running.clean()
