"""The official Anthropic SDK on a model of the house's own engine: exact counts, exact bills, exact words."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import anthropic
import pytest

from tests.acceptance.engine_house import CONTEXT, GUIDED, NOISE, PARROT, engine_house
from tests.acceptance.messaging import PIXEL, TOOL, events, old_client, plain, sdk
from tests.engine.tiny import write_gguf, write_tekken
from tests.support.house import serving
from tests.support.upstream import Upstream
from tokenhouse.engine import Tekken

LOOK: dict[str, Any] = {"tools": [TOOL], "tool_choice": {"type": "tool", "name": "look"}}
RESULTS: list[dict[str, Any]] = [
    {"role": "user", "content": "look twice"},
    {
        "role": "assistant",
        "content": [
            {"type": "text", "text": "I look."},
            {"type": "tool_use", "id": "toolu_01A", "name": "look", "input": {"heard": "é"}},
            {"type": "tool_use", "id": "toolu_02B", "name": "look", "input": {}},
        ],
    },
    {
        "role": "user",
        "content": [
            {"type": "tool_result", "tool_use_id": "toolu_01A", "content": "round"},
            {
                "type": "tool_result",
                "tool_use_id": "toolu_02B",
                "content": [{"type": "text", "text": "flat"}],
                "is_error": True,
            },
            {"type": "text", "text": "well?"},
        ],
    },
]
LATE: list[dict[str, Any]] = [
    {"role": "user", "content": "hi"},
    {"role": "system", "content": [{"type": "text", "text": "# Environment"}]},
    {"role": "assistant", "content": "well"},
    {"role": "system", "content": "a reminder"},
    {"role": "user", "content": "go on"},
]
COUNTED: dict[str, dict[str, Any]] = {
    "one turn": {},
    "marks and letters": {"messages": [{"role": "user", "content": "नमस्ते 👩‍🚀 e\u0301 \u202e x"}]},
    "a system text": {
        "system": [{"type": "text", "text": "Be"}, {"type": "text", "text": "brief"}]
    },
    "a billing block": {
        "system": [
            {"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1; cch=12345;"},
            {"type": "text", "text": "You are kind."},
        ]
    },
    "a tool": {"tools": [TOOL]},
    "a forced tool": LOOK,
    "results": {"messages": RESULTS, "tools": [TOOL]},
    "late system messages": {"messages": LATE},
    "a long text": {"messages": [{"role": "user", "content": "lorem ipsum dolor " * 400}]},
    "thinking": {"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}},
    "a deferred tool": {"tools": [{**TOOL, "defer_loading": True}]},
}

ELSEWHERE = """
[catalogue]
shipped = false

[engine]
weights_dir = "{weights}"

[providers.up]
kind = "openai"
base_url = "{url}"

[[models]]
id = "acme/told"
tokenizer = "tekken.json"
price = {{ input = "0.35", output = "0.56" }}
routes = [ {{ provider = "up" }} ]

[[models]]
id = "acme/untold"
price = {{ input = "0.35", output = "0.56" }}
routes = [ {{ provider = "up" }} ]
"""


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("weights")
    write_tekken(directory / "tekken.json")
    return write_gguf(directory / "tiny.gguf")


def asking(**fields: Any) -> dict[str, Any]:
    """A short, greedy, seeded request."""
    base: dict[str, Any] = {"model": NOISE, "max_tokens": 24, "extra_body": {"temperature": 0}}
    return {**base, "messages": [{"role": "user", "content": "Say something."}], **fields}


def counting(**fields: Any) -> dict[str, Any]:
    asked = asking(**fields)
    del asked["max_tokens"], asked["extra_body"]
    return asked


def prompt_of(usage: Any) -> int:
    total: int = usage.input_tokens + usage.cache_read_input_tokens
    return total + usage.cache_creation_input_tokens


async def test_a_count_equals_the_input_later_billed(tmp_path: Path, weights: Path) -> None:
    async with engine_house(tmp_path, weights) as (running, _), sdk(running) as client:
        for name, fields in COUNTED.items():
            count = await client.messages.count_tokens(**counting(**fields))
            assert count.model_extra == {}, name
            got = await client.messages.create(**asking(**fields))
            assert prompt_of(got.usage) == count.input_tokens, name
            kept = await running.house.billing.receipt(got.id)
            assert kept.input + kept.cache_read == count.input_tokens, name
        await running.clean()


async def test_a_default_system_prompt_is_counted_as_well(tmp_path: Path, weights: Path) -> None:
    async with engine_house(tmp_path, weights) as (running, _), sdk(running) as client:
        fields = {"model": GUIDED}
        count = await client.messages.count_tokens(**counting(**fields))
        got = await client.messages.create(**asking(**fields))
        assert prompt_of(got.usage) == count.input_tokens
        own = await client.messages.count_tokens(**counting(**fields, system="x"))
        assert own.input_tokens < count.input_tokens
        await running.clean()


async def test_streamed_equals_not_streamed_and_begins_with_the_true_input(
    tmp_path: Path, weights: Path
) -> None:
    async with engine_house(tmp_path, weights) as (running, _), sdk(running) as client:
        for fields in ({}, LOOK | {"max_tokens": 120}, {"messages": LATE}):
            asked = asking(**fields)
            count = await client.messages.count_tokens(**counting(**fields | {"max_tokens": 1}))
            await client.messages.create(**asked)  # what the cache holds is the same for both
            whole = await client.messages.create(**asked)
            async with client.messages.stream(**asked) as stream:
                first = await anext(aiter(stream))
                assert first.type == "message_start"
                assert prompt_of(first.message.usage) == count.input_tokens
                assert plain(await stream.get_final_message()) == plain(whole)
        await running.clean()


async def test_a_forced_call_obeys_its_schema_in_both_ways(tmp_path: Path, weights: Path) -> None:
    async with engine_house(tmp_path, weights) as (running, _), sdk(running) as client:
        asked = asking(**LOOK, max_tokens=200)
        got = await client.messages.create(**asked)
        if got.stop_reason == "tool_use":
            (call,) = [block for block in got.content if block.type == "tool_use"]
            assert call.name == "look"
            assert call.id.startswith("toolu_")
            assert isinstance(call.input, dict)
        await running.clean()


async def test_what_does_not_fit_is_refused_in_the_words_that_clients_parse(
    tmp_path: Path, weights: Path
) -> None:
    async with engine_house(tmp_path, weights) as (running, _), sdk(running) as client:

        async def refused(**fields: Any) -> str:
            with pytest.raises(anthropic.BadRequestError) as error:
                await client.messages.create(**asking(**fields))
            body: Any = error.value.body
            assert body["error"]["type"] == "invalid_request_error"
            told: str = body["error"]["message"]
            return told

        assert await refused(model=GUIDED, max_tokens=65) == (
            f"max_tokens: 65 > 64, which is the maximum allowed number of output tokens for {GUIDED}"
        )
        assert await refused(max_tokens=CONTEXT + 1) == (
            f"max_tokens: {CONTEXT + 1} > {CONTEXT}, which is the maximum allowed number of output "
            f"tokens for {NOISE}"
        )
        long = {"messages": [{"role": "user", "content": "lorem ipsum dolor " * 2000}]}
        prompt = (await client.messages.count_tokens(**counting(**long))).input_tokens
        assert prompt > CONTEXT
        assert await refused(**long) == f"prompt is too long: {prompt} tokens > {CONTEXT} maximum"
        short = (await client.messages.count_tokens(**counting())).input_tokens
        assert await refused(max_tokens=CONTEXT) == (
            f"input length and `max_tokens` exceed context limit: {short} + {CONTEXT} > {CONTEXT}, "
            "decrease input length or `max_tokens` and try again"
        )
        assert await running.house.billing.receipts(running.account.id) == ()
        fits = await client.messages.create(**asking(model=GUIDED, max_tokens=64))
        assert fits.usage.output_tokens <= 64
        await running.clean()


async def test_a_model_elsewhere_is_counted_by_the_tokenizer_that_its_row_names(
    tmp_path: Path, weights: Path
) -> None:
    async with Upstream() as up:
        rows = ELSEWHERE.format(url=up.url, weights=weights.parent)
        async with serving(tmp_path, rows) as running, sdk(running) as client:
            counts = {}
            for name in ("acme/told", "acme/untold"):
                counts[name] = await client.messages.count_tokens(**counting(model=name))
            assert counts["acme/told"].model_extra == {}
            assert counts["acme/untold"].model_extra == {"estimated": True}
            tekken = Tekken.from_file(weights.with_name("tekken.json"))
            assert counts["acme/told"].input_tokens == len(tekken.encode("Say something."))
            await running.clean()


async def test_images_are_refused_by_name_where_the_model_takes_text_only(
    tmp_path: Path, weights: Path
) -> None:
    async with engine_house(tmp_path, weights) as (running, _), sdk(running) as client:
        source = {"type": "base64", "media_type": "image/png", "data": PIXEL}
        content = [{"type": "image", "source": source}]
        asked = asking(messages=[{"role": "user", "content": content}])
        with pytest.raises(anthropic.BadRequestError, match="text only"):
            await client.messages.create(**asked)
        await running.clean()


async def test_twenty_six_counts_at_once_pass_beside_a_long_one(
    tmp_path: Path, weights: Path
) -> None:
    async with engine_house(tmp_path, weights) as (running, _), sdk(running) as client:
        long = {"messages": [{"role": "user", "content": "lorem ipsum dolor " * 20_000}]}
        asked = [counting(**long), *(counting(tools=[TOOL]) for _ in range(26))]
        counts = await asyncio.gather(*(client.messages.count_tokens(**one) for one in asked))
        assert counts[0].input_tokens > 20_000
        assert len({count.input_tokens for count in counts[1:]}) == 1
        await running.clean()


async def test_leaving_a_stream_of_the_engine_is_charged_for_what_was_written(
    tmp_path: Path, weights: Path
) -> None:
    async with engine_house(tmp_path, weights) as (running, _), sdk(running) as client:
        async with client.messages.stream(**asking(max_tokens=2000)) as stream:
            async for event in stream:
                if event.type == "content_block_delta":
                    break
            name = stream.current_message_snapshot.id
        await running.until_no_hold()
        kept = await running.house.billing.receipt(name)
        assert kept.outcome in ("cancelled", "finished")
        assert kept.input + kept.cache_read > 0
        assert kept.cost > 0
        await running.clean()


async def test_the_scripted_provider_answers_messages_too(tmp_path: Path, weights: Path) -> None:
    async with engine_house(tmp_path, weights) as (running, _), old_client(running) as client:
        body = {**asking(model=PARROT, stream=True), "extra_body": None}
        got = await client.post("/v1/messages", json=body)
        names = [name for name, _ in events(got.text)]
        assert names[:2] == ["message_start", "content_block_start"]
        assert names[-3:] == ["content_block_stop", "message_delta", "message_stop"]
        await running.clean()
