"""``/v1/messages`` when something fails: a clear error, the right charge, nothing left behind."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import anthropic
import pytest

from tests.acceptance.messaging import KINDS, Kind, asked, events, house, old_client, sdk
from tests.support import answers, replies
from tests.support import anthropic_answers as native
from tests.support.replies import Act, Piece, Reply

OPENAI: list[Piece] = [answers.role(), answers.text("one"), answers.text(" two")]
ANTHROPIC: list[Piece] = [native.started(), *[*native.text(0, "one", " two")][:-1]]
SOME: dict[Kind, list[Piece]] = {"openai": OPENAI, "anthropic": ANTHROPIC}

CUTS: dict[str, tuple[Kind, Reply]] = {
    "openai closes early": ("openai", replies.cut(OPENAI)),
    "openai resets": ("openai", replies.reset(OPENAI)),
    "openai says an error": ("openai", replies.error_in_stream(OPENAI)),
    "openai ends without an end": ("openai", replies.stream(OPENAI, done=False)),
    "openai sends garbage": ("openai", replies.stream([*OPENAI, b"data: {]\n\n"])),
    "anthropic closes early": ("anthropic", native.stream([*ANTHROPIC, Act.CLOSE])),
    "anthropic resets": ("anthropic", native.stream([*ANTHROPIC, Act.RESET])),
    "anthropic says an error": (
        "anthropic",
        native.stream(
            [*ANTHROPIC, native.event(native.error_body("overloaded_error", "Overloaded"))]
        ),
    ),
    "anthropic ends without an end": ("anthropic", native.stream(ANTHROPIC)),
    "anthropic sends garbage": ("anthropic", native.stream([*ANTHROPIC, b"data: {]\n\n"])),
}


@pytest.mark.parametrize("name", CUTS)
async def test_a_stream_that_breaks_ends_in_an_error_event_and_costs_what_was_delivered(
    tmp_path: Path, name: str
) -> None:
    kind, reply = CUTS[name]
    async with house(kind, tmp_path) as (running, up), old_client(running) as client:
        up.always(reply)
        got = await client.post("/v1/messages", json=asked("hello there", stream=True))
        assert got.status_code == 200
        told = events(got.text)
        assert [name for name, _ in told].count("message_stop") == 0
        last, error = told[-1]
        assert (last, error["type"]) == ("error", "error")
        assert error["request_id"] == got.headers["request-id"]
        said = [data["delta"]["text"] for name, data in told if name == "content_block_delta"]
        assert "".join(said) == "one two"
        kept = await running.house.billing.receipt(got.headers["request-id"])
        assert kept.outcome == "failed"
        assert (kept.output, kept.answer_source) == (2, "estimated")
        assert kept.input > 0
        assert kept.cost == kept.input * 350 + 2 * 560
        await running.clean()
        assert up.open_connections <= 1  # one that waits in the pool


@pytest.mark.parametrize("kind", KINDS)
async def test_the_sdk_raises_when_a_stream_breaks(tmp_path: Path, kind: Kind) -> None:
    async with house(kind, tmp_path) as (running, up), sdk(running) as client:
        up.always(replies.stream([*SOME[kind], Act.CLOSE], done=False))
        with pytest.raises(anthropic.APIStatusError):
            async with client.messages.stream(**asked()) as stream:
                await stream.until_done()
        await running.clean()


BEFORE: dict[str, tuple[Reply, int, str]] = {
    "500": (replies.error(500), 502, "api_error"),
    "503": (replies.error(503), 529, "overloaded_error"),
    "an HTML page": (replies.html(502), 502, "api_error"),
    "our key is refused": (replies.error(401), 502, "api_error"),
    "the model is not there": (replies.error(404), 502, "api_error"),
    "it hangs up": (replies.hang_up(), 502, "api_error"),
    "a rate limit": (replies.error(429), 429, "rate_limit_error"),
    "no HTTP": (replies.raw(b"SSH-2.0-OpenSSH\r\n"), 502, "api_error"),
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", BEFORE)
@pytest.mark.parametrize("kind", KINDS)
async def test_a_failure_before_any_content_is_an_http_error_and_costs_nothing(
    tmp_path: Path, kind: Kind, name: str, stream: bool
) -> None:
    reply, status, type_ = BEFORE[name]
    async with house(kind, tmp_path) as (running, up), old_client(running) as client:
        up.always(reply)
        got = await client.post("/v1/messages", json=asked(stream=stream))
        assert (got.status_code, got.json()["error"]["type"]) == (status, type_)
        assert got.json()["request_id"] == got.headers["request-id"]
        assert "127.0.0.1" not in got.text
        assert "<html" not in got.text
        if status in (429, 529):
            assert int(got.headers["retry-after"]) >= 1
        balance = await running.house.billing.balance(running.account.id)
        assert balance.balance == 10**12
        await running.clean()
        assert up.open_connections <= 1  # one that waits in the pool


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("stream", [False, True])
async def test_a_client_that_leaves_cancels_the_upstream_at_once(
    tmp_path: Path, kind: Kind, stream: bool
) -> None:
    async with house(kind, tmp_path) as (running, up), old_client(running) as client:
        hold = asyncio.Event()
        up.always(replies.stream([*SOME[kind], hold], done=False))
        asking = asyncio.create_task(
            client.post("/v1/messages", json=asked("hello there", stream=stream))
        )
        await up.wait_requests(1)
        if stream:
            async with client.stream(
                "POST", "/v1/messages", json=asked("hello there", stream=True)
            ) as got:
                async for line in got.aiter_lines():
                    if "two" in line:
                        break
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        await up.wait_closed_by_client(0)
        await running.until_no_hold()
        kept = await running.house.billing.receipts(running.account.id)
        assert {row.outcome for row in kept} == {"cancelled"}
        if stream:
            assert any(row.output == 2 and row.input > 0 for row in kept)


@pytest.mark.parametrize("kind", KINDS)
async def test_an_answer_beyond_max_tokens_is_cut_and_the_bill_stays_below(
    tmp_path: Path, kind: Kind
) -> None:
    words = ["w"] * 200
    chatty: dict[Kind, Reply] = {
        "openai": replies.stream([answers.role(), *map(answers.text, words)]),
        "anthropic": native.stream([native.started(), *native.text(0, *words)]),
    }
    async with house(kind, tmp_path) as (running, up), old_client(running) as client:
        up.script(chatty[kind])
        got = await client.post("/v1/messages", json=asked(max_tokens=10, stream=True))
        told = events(got.text)
        ends = {name: data for name, data in told}
        assert told[-1][0] == "message_stop"
        assert ends["message_delta"]["delta"]["stop_reason"] == "max_tokens"
        names = [name for name, _ in told]
        assert names.count("content_block_start") == names.count("content_block_stop")
        kept = await running.house.billing.receipt(got.headers["request-id"])
        assert kept.output == 10
        await running.clean()
        assert up.open_connections <= 1  # one that waits in the pool


async def test_an_openai_clients_signature_of_another_endpoint_is_left_out_as_well(
    tmp_path: Path,
) -> None:
    async with house("anthropic", tmp_path) as (running, up), old_client(running) as client:
        message = "messages.1.content.0: Invalid `signature` in `thinking` block"
        up.script(native.error(400, "invalid_request_error", message))
        detail = {"type": "reasoning.text", "text": "hm", "signature": "Zm9yZWlnbg==", "index": 0}
        turns: list[Any] = [
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": "well", "reasoning_details": [detail]},
            {"role": "user", "content": "go on"},
        ]
        body = {"model": asked()["model"], "messages": turns}
        got = await client.post("/v1/chat/completions", json=body)
        assert got.json()["choices"][0]["finish_reason"] == "stop"
        first, second = (str(seen.json) for seen in up.requests)
        assert "Zm9yZWlnbg==" in first
        assert "thinking" not in second
        await running.clean()


async def test_a_signature_of_another_endpoint_is_refused_once_and_left_out_then(
    tmp_path: Path,
) -> None:
    async with house("anthropic", tmp_path) as (running, up), sdk(running) as client:
        up.script(
            native.error(
                400,
                "invalid_request_error",
                "messages.1.content.0: Invalid `signature` in `thinking` block",
            )
        )
        thought = {"type": "thinking", "thinking": "hm", "signature": "Zm9yZWlnbg=="}
        turns: list[Any] = [
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": [thought, {"type": "text", "text": "well"}]},
            {"role": "user", "content": "go on"},
        ]
        got = await client.messages.create(**asked(messages=turns))
        assert got.stop_reason == "end_turn"
        first, second = (str(seen.json) for seen in up.requests)
        assert "Zm9yZWlnbg==" in first
        assert "thinking" not in second
        await running.clean()
