"""A model of another family than Mistral's, asked by its weights' own chat template, on real sockets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from tests.acceptance.engine_house import accumulated, asking, engine_house, receipt_of
from tests.engine.tiny import CHATML, MARKS, write_gguf, write_tekken
from tests.support.house import Running

ROW = """
[[models]]
id = "tiny/other"
context_length = 4096
tokenizer = "engine"
weights = "other.gguf"
price = { input = "0.35", output = "0.56" }
routes = [ { provider = "local" } ]
"""
SCRIPTS = (
    "Hello, how are you?", "Ça va très bien, merci", "Привет, как дела?", "Γειά σου Κόσμε",
    "नमस्ते दुनिया", "สวัสดีชาวโลก", "こんにちは世界", "你好，世界", "안녕하세요 세계", "مرحبا بالعالم",
    "שלום עולם", "வணக்கம் உலகம்", "হ্যালো বিশ্ব", "ሰላም ልዑል", "გამარჯობა", "Բարեւ աշխարհ",
    "👩‍🚀🙂‍↕️🇳🇱", "e\u0301 \u202e x", "\n\n  \t", "".join(MARKS),
)  # fmt: skip


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("weights")
    write_tekken(directory / "tekken.json")
    write_gguf(directory / "other.gguf", seed=1, template=CHATML)
    return write_gguf(directory / "tiny.gguf")


def other(*texts: str, **said: Any) -> dict[str, Any]:
    roles = ("user", "assistant")
    messages = [{"role": roles[i % 2], "content": text} for i, text in enumerate(texts)]
    return asking() | {"model": "tiny/other", "messages": messages, "max_tokens": 4} | said


async def counted(running: Running, asked: dict[str, Any]) -> int:
    """As the Anthropic route counts it."""
    body = {"model": asked["model"], "messages": asked["messages"]}
    headers = {"x-api-key": running.key, "anthropic-version": "2023-06-01"}
    async with httpx.AsyncClient(headers=headers, timeout=60) as client:
        got = await client.post(f"{running.url}/v1/messages/count_tokens", json=body)
    assert got.status_code == 200, got.text
    tokens: int = got.json()["input_tokens"]
    return tokens


async def test_what_is_billed_is_what_counting_says_in_every_script(
    tmp_path: Path, weights: Path
) -> None:
    async with engine_house(tmp_path, weights, ROW) as (running, sdk):
        for text in SCRIPTS:
            asked = other(f"x{text}x", "Well.", text + "?")
            answer = await sdk.chat.completions.create(**asked)
            assert answer.usage is not None
            assert answer.usage.prompt_tokens == await counted(running, asked)
            receipt = await receipt_of(running, answer.id)
            assert receipt["native_tokens_prompt"] == answer.usage.prompt_tokens
            streamed = await accumulated(sdk, asked)
            assert streamed.choices[0].message.content == answer.choices[0].message.content
        await running.clean()


async def test_a_system_message_and_words_to_go_on_from_reach_the_template(
    tmp_path: Path, weights: Path
) -> None:
    async with engine_house(tmp_path, weights, ROW) as (running, sdk):

        async def tokens(asked: dict[str, Any]) -> int:
            answer = await sdk.chat.completions.create(**asked)
            assert answer.usage is not None
            return answer.usage.prompt_tokens

        bare = await tokens(other("hi"))
        system = {"role": "system", "content": "Be brief."}
        messages = [system, *other("hi")["messages"]]
        assert await tokens(other(messages=messages)) > bare
        begun = other("hi", "Well, the")
        assert bare < await tokens(begun) < bare + 8, "no new turn was begun"
        begun["messages"][1]["prefix"] = True
        assert bare < await tokens(begun) < bare + 8
        await running.clean()


async def test_what_its_template_is_not_told_is_refused_by_name(
    tmp_path: Path, weights: Path
) -> None:
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
    async with engine_house(tmp_path, weights, ROW) as (running, sdk):
        for fields, param in (
            ({"tools": [tool]}, "tools"),
            ({"logit_bias": {"8192": 1}}, "logit_bias"),
        ):
            with pytest.raises(openai.BadRequestError) as refused:
                await sdk.chat.completions.create(**other("hi", **fields))
            assert refused.value.param == param
        await running.clean()
