"""Questions about images, through real sockets, official SDKs, and an engine that really sees."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from typing import Any

import anthropic
import httpx
import openai
import pytest

from tests.acceptance.engine_house import accumulated, engine_of, receipt_of, until
from tests.acceptance.seeing import (
    BLIND,
    SEER,
    UNREADY,
    anthropic_of,
    blocks,
    data_url,
    image_block,
    image_bytes,
    seeing_house,
    shown,
    write_seer,
)
from tests.engine.tiny import CONTROL
from tests.providers.test_image_links import site
from tests.support.house import Running
from tokenhouse.catalogue import ceiling
from tokenhouse.engine import read_picture
from tokenhouse.wire import openai_chat

TEXTS = (
    "What is it?",
    "Compare them.",
    "नमस्ते, यह क्या है?",
    "ภาพนี้คืออะไร",
    "🙂‍↕️ und das?",
    "[INST]",
    "",
)
TOOL: dict[str, Any] = {
    "name": "look",
    "description": "Look closer.",
    "parameters": {"type": "object", "properties": {"at": {"type": "string"}}},
}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_seer(tmp_path_factory.mktemp("seer"))


def asking(messages: list[dict[str, Any]], **fields: Any) -> dict[str, Any]:
    base = {"model": SEER, "temperature": 0, "seed": 7, "max_tokens": 6}
    return {**base, "messages": messages, **fields}


async def metrics_of(running: Running) -> dict[str, float]:
    async with httpx.AsyncClient() as client:
        text = (await client.get(f"{running.url}/metrics")).text
    lines = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in lines}


async def test_an_image_question_is_answered_counted_and_priced_in_both_dialects(
    tmp_path: Path, weights: Path
) -> None:
    parts = ("What is it?", image_bytes(300, 200), "And this?", image_bytes(90, 700))
    tokens = read_picture(image_bytes(300, 200)).tokens + read_picture(image_bytes(90, 700)).tokens
    async with seeing_house(tmp_path, weights) as (running, sdk):
        asked = asking(shown(*parts))
        whole = await sdk.chat.completions.create(**asked)
        streamed = await accumulated(sdk, asked)
        assert whole.usage is not None
        assert streamed.usage is not None
        assert streamed.choices[0].message.content == whole.choices[0].message.content
        assert streamed.usage.prompt_tokens == whole.usage.prompt_tokens > tokens
        receipt = await receipt_of(running, whole.id)
        assert receipt["usage"]["images"]["tokens"] == 2
        spent = whole.usage.prompt_tokens * 350 + whole.usage.completion_tokens * 560 + 2 * 10**6
        assert receipt["total_cost"] == pytest.approx(spent / 1e9, abs=2e-9)
        async with anthropic_of(running) as client:
            messages: Any = blocks(*parts)
            told = await client.messages.create(model=SEER, messages=messages, max_tokens=6)
            count = await client.messages.count_tokens(model=SEER, messages=messages)
            assert count.input_tokens == whole.usage.prompt_tokens
            usage = told.usage
            read = (usage.cache_read_input_tokens or 0) + usage.input_tokens
            assert read == count.input_tokens
            async with client.messages.stream(
                model=SEER, messages=messages, max_tokens=6
            ) as stream:
                final = await stream.get_final_message()
            assert final.stop_reason in ("max_tokens", "end_turn")
        await running.clean()


async def test_what_is_counted_is_what_is_billed_and_no_more_than_was_held(
    tmp_path: Path, weights: Path
) -> None:
    draw = random.Random(5)
    async with seeing_house(tmp_path, weights) as (running, sdk):
        offer = running.house.catalogue.offer(SEER)
        async with anthropic_of(running) as client:
            for _ in range(40):
                parts: list[str | bytes] = []
                for _ in range(draw.randint(1, 6)):
                    parts.append(draw.choice(TEXTS))
                    size = (draw.randint(1, 420), draw.randint(1, 420))
                    parts.append(image_bytes(*size, draw.choice(["PNG", "GIF"])))
                fields: dict[str, Any] = {}
                extra: dict[str, Any] = {}
                if draw.random() < 0.5:
                    fields["tools"] = [{"type": "function", "function": TOOL}]
                    schema = TOOL["parameters"]
                    extra["tools"] = [
                        {"name": "look", "description": "Look closer.", "input_schema": schema}
                    ]
                asked = asking(shown(*[p for p in parts if p != ""]), max_tokens=1, **fields)
                messages: Any = blocks(*[p for p in parts if p != ""])
                count = await client.messages.count_tokens(model=SEER, messages=messages, **extra)
                raw = await sdk.chat.completions.with_raw_response.create(**asked)
                usage = raw.parse().usage
                assert usage is not None
                assert usage.prompt_tokens == count.input_tokens
                receipt = await receipt_of(running, raw.headers["x-request-id"])
                request = openai_chat.parse(raw.http_request.content)
                assert ceiling(request, offer).amount >= receipt["total_cost"] * 1e9
        await running.clean()


async def test_a_large_photograph_is_shrunk_to_the_most_tokens(
    tmp_path: Path, weights: Path
) -> None:
    async with seeing_house(tmp_path, weights) as (_, sdk):
        got = await sdk.chat.completions.create(**asking(shown(image_bytes(2000, 2000, "JPEG"))))
        assert got.usage is not None
        assert got.usage.prompt_tokens == 3080 + 3


BAD = {
    "torn": (data_url(image_bytes(50, 50)[:-40]), "can't be decoded"),
    "not base64": ("data:image/png;base64,AA*A", "is not valid base64"),
    "an svg": ("data:image/svg+xml;base64,PHN2Zy8+", "is an SVG"),
    "an svg that says png": (data_url(b"<svg xmlns='x'/>"), "is no PNG, JPEG, WebP or GIF"),
    "no image": ("data:text/plain;base64,AAAA", "must be like data:image/png;base64"),
    "not encoded": ("data:image/png,rawtext", "must be base64"),
    "empty": ("data:image/png;base64,", "is empty"),
    "a file": ("file:///etc/passwd", "must be a data: URL or an https:// link"),
    "plain http": ("http://pictures.example/a.png", "must be a data: URL or an https:// link"),
    "this machine": ("https://127.0.0.1/a.png", "address that this house does not fetch from"),
}  # fmt: skip


async def test_a_bad_image_is_refused_naming_its_field_in_the_clients_words(
    tmp_path: Path, weights: Path
) -> None:
    async with seeing_house(tmp_path, weights) as (running, sdk):
        async with anthropic_of(running) as client:
            for url, why in BAD.values():
                messages = shown("Look.", image_bytes(30, 30))
                messages[0]["content"].append({"type": "image_url", "image_url": {"url": url}})
                with pytest.raises(openai.BadRequestError) as caught:
                    await sdk.chat.completions.create(**asking(messages))
                assert why in caught.value.message
                assert caught.value.param == "messages[0].content[2].image_url.url"
                assert caught.value.code == "invalid_image"
            torn: Any = blocks("Look.", image_bytes(30, 30), image_bytes(30, 30)[:60])
            for refused in (client.messages.create, client.messages.count_tokens):
                with pytest.raises(anthropic.BadRequestError) as told:
                    await refused(model=SEER, messages=torn, **_most(refused, client))
                where = "messages.0.content.2.image.source.base64.data: the image can't be decoded"
                assert where in told.value.message
            linked: Any = [{"role": "user", "content": [
                {"type": "image", "source": {"type": "url", "url": "https://127.0.0.1/x"}}]}]  # fmt: skip
            with pytest.raises(anthropic.BadRequestError, match=r"0\.image\.source\.url\.url: the"):
                await client.messages.create(model=SEER, messages=linked, max_tokens=4)
        await running.clean()
        assert (await running.house.billing.account(running.account.id)).held == 0


def _most(call: object, client: anthropic.AsyncAnthropic) -> dict[str, Any]:
    return {"max_tokens": 4} if call == client.messages.create else {}


async def test_models_that_read_no_images_say_why_and_go_on_reading_text(
    tmp_path: Path, weights: Path
) -> None:
    async with seeing_house(tmp_path, weights) as (_, sdk):
        for model, why in ((BLIND, "takes text only"), (UNREADY, "tokenhouse pull tiny/unready")):
            with pytest.raises(openai.BadRequestError, match=why) as caught:
                await sdk.chat.completions.create(
                    **asking(shown("Look.", image_bytes(30, 30)), model=model)
                )
            assert caught.value.code == "unsupported_content"
            assert caught.value.param == "messages[0].content[1].image_url.url"
            said = await sdk.chat.completions.create(**asking(shown("Say it."), model=model))
            assert said.choices[0].finish_reason
        with pytest.raises(openai.BadRequestError, match="at most"):
            await sdk.chat.completions.create(**asking(shown(*[image_bytes(9, 9)] * 11)))


async def test_control_strings_beside_an_image_stay_text(tmp_path: Path, weights: Path) -> None:
    async with seeing_house(tmp_path, weights) as (running, sdk):
        text = "".join(CONTROL) + "</s>[INST]<SPECIAL_33>\0"
        got = await sdk.chat.completions.create(**asking(shown(text, image_bytes(30, 30), text)))
        async with anthropic_of(running) as client:
            messages: Any = blocks(text, image_bytes(30, 30), text)
            count = await client.messages.count_tokens(model=SEER, messages=messages)
        assert got.usage is not None
        assert got.usage.prompt_tokens == count.input_tokens
        said = await metrics_of(running)
        where = '{provider="local"}'
        assert said[f"tokenhouse_prompts_counted_otherwise_total{where}"] == 1
        assert said[f"tokenhouse_prompt_tokens_apart_total{where}"] > 0


async def test_a_tools_picture_is_shown_behind_all_results(tmp_path: Path, weights: Path) -> None:
    """As Claude Code reads an image file: a tool's result that holds an image."""
    async with seeing_house(tmp_path, weights) as (running, sdk):
        uses: list[dict[str, Any]] = [
            {"type": "tool_use", "id": f"toolu_0{i}", "name": "look", "input": {}} for i in (1, 2)
        ]
        results: list[dict[str, Any]] = [
            {"type": "tool_result", "tool_use_id": "toolu_01", "content": [image_block(image_bytes(90, 40))]},
            {"type": "tool_result", "tool_use_id": "toolu_02", "content": "nothing there"},
        ]  # fmt: skip
        messages: Any = [
            {"role": "user", "content": "Look."},
            {"role": "assistant", "content": uses},
            {"role": "user", "content": results},
        ]
        tools: Any = [{"name": "look", "input_schema": {"type": "object"}}]
        async with anthropic_of(running) as client:
            got = await client.messages.create(
                model=SEER, messages=messages, tools=tools, max_tokens=4
            )
            count = await client.messages.count_tokens(model=SEER, messages=messages, tools=tools)
            assert got.usage.input_tokens == count.input_tokens
            results[0]["content"] = [image_block(b"torn")]
            with pytest.raises(anthropic.BadRequestError) as told:
                await client.messages.create(
                    model=SEER, messages=messages, tools=tools, max_tokens=4
                )
            field = "messages.2.content.0.tool_result.content.0.image.source.base64.data"
            assert field in told.value.message
        del sdk


async def test_a_link_is_fetched_once_for_a_request_where_the_operator_allows_it(
    tmp_path: Path, weights: Path
) -> None:
    allowed = '[images]\nallow_http = true\nallow_networks = ["127.0.0.0/8"]\n'
    async with site() as web, seeing_house(tmp_path, weights, allowed) as (running, sdk):
        web.pages["/a.jpg"] = (200, {"content-type": "text/html"}, image_bytes(200, 100, "JPEG"))
        web.pages["/b"] = (404, {}, b"")
        url = f"http://127.0.0.1:{web.port}"
        twice: list[dict[str, Any]] = [
            {"type": "image_url", "image_url": {"url": f"{url}/a.jpg"}}
        ] * 2
        got = await sdk.chat.completions.create(**asking([{"role": "user", "content": twice}]))
        assert got.usage is not None
        assert got.usage.prompt_tokens == 2 * read_picture(image_bytes(200, 100)).tokens + 3
        assert web.asked == ["/a.jpg"]
        assert running.key not in web.heads[0]
        twice.append({"type": "image_url", "image_url": f"{url}/b"})
        with pytest.raises(openai.BadRequestError, match="HTTP status 404") as caught:
            await sdk.chat.completions.create(**asking([{"role": "user", "content": twice}]))
        assert caught.value.param == "messages[0].content[2].image_url"


async def test_a_client_that_leaves_while_images_are_read_frees_the_engine(
    tmp_path: Path, weights: Path
) -> None:
    async with seeing_house(tmp_path, weights) as (running, sdk):
        await sdk.chat.completions.create(**asking(shown("warm", image_bytes(30, 30))))
        engine = engine_of(running, SEER)
        large = [image_bytes(700, 700, "JPEG") for _ in range(8)]  # far more than 64 KiB of body
        asked = asking(shown(*large), max_tokens=2000)
        leaving = asyncio.create_task(sdk.chat.completions.create(**asked))
        await until(lambda: engine.pool is not None and engine.pool.running > 0)
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        await until(lambda: engine.pool is not None and engine.pool.running == 0)
        again = await sdk.chat.completions.create(**asking(shown("still there?")))
        assert again.choices[0].finish_reason
        await running.until_no_hold()


async def test_a_models_page_and_row_say_that_it_sees_and_what_that_costs(
    tmp_path: Path, weights: Path
) -> None:
    async with seeing_house(tmp_path, weights) as (running, _):
        async with httpx.AsyncClient(base_url=running.url) as client:
            page = (await client.get("/models/tiny/seer.md")).text
            row = (await client.get("/v1/models/tiny/seer")).json()
        assert "image" in page.lower()
        assert "0.001" in page
        assert "3,080" in page
        assert row["pricing"]["image"] == "0.001"
        assert row["architecture"]["input_modalities"] == ["text", "image"]
