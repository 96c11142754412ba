"""JavaScript's official SDKs, unmodified, on both kinds of upstream: what they are told, and billed."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any, cast

import pytest

from tests.acceptance.messaging import KINDS, Kind, house
from tests.parts import NODE_MODULES, node, node_package
from tests.support import answers, replies
from tests.support import anthropic_answers as native
from tests.support.house import Running
from tests.support.replies import Act, Json, Piece, Reply
from tests.support.upstream import Seen
from tests.support.upstream import default_reply as openai_default

PATIENCE_S = 120.0
SAID = "naïver 🦊 日本語"
LATER = "Both were seen."
PACKAGES = {"anthropic": "@anthropic-ai/sdk", "openai": "openai"}
_SCRIPT = Path(__file__).with_suffix(".mjs")
BOTH = pytest.mark.parametrize("kind", KINDS)
EACH = pytest.mark.parametrize("sdk", PACKAGES)


@BOTH
@EACH
async def test_a_streamed_answer_accumulates_to_the_whole_one(
    tmp_path: Path, kind: Kind, sdk: str
) -> None:
    async with house(kind, tmp_path) as (running, _):
        told = await _told(running, sdk, "answers")
        assert told.pop("said") == f"You said: {SAID}"
        assert told.pop("models") == ["acme/echo"]
        assert len(told) == 4
        for way, (whole, streamed) in told.items():
            assert streamed == whole, way
            assert whole["model"] == "acme/echo"
            assert whole["usage"]["in"] > 0
        assert _heard(told["tool"][0]) == SAID
        receipts = await running.house.billing.receipts(running.account.id)
        assert [row.outcome for row in receipts] == ["finished"] * 9
        await running.clean()


@BOTH
@EACH
async def test_its_tool_loop_runs_two_calls_at_once_and_gives_both_results_back(
    tmp_path: Path, kind: Kind, sdk: str
) -> None:
    async with house(kind, tmp_path) as (running, up):
        up.default = _scripted(kind)
        told = await _told(running, sdk, "tools")
        assert told["whole"] == told["streamed"] == LATER
        assert told["ran"] == [{"at": 1}, {"at": 2, "heard": SAID}] * 2
        turns = [seen for seen in up.requests if _results(seen.json)]
        assert [_results(seen.json) for seen in turns] == [["seen at 1", "seen at 2"]] * 2
        receipts = await running.house.billing.receipts(running.account.id)
        assert [row.outcome for row in receipts] == ["finished"] * 4
        await running.clean()


@BOTH
async def test_a_burst_of_counts_is_answered_free_of_charge(tmp_path: Path, kind: Kind) -> None:
    async with house(kind, tmp_path) as (running, _):
        (count,) = (await _told(running, "anthropic", "counts"))["counted"]
        assert count > 0
        assert not await running.house.billing.receipts(running.account.id)
        await running.clean()


@BOTH
@EACH
async def test_every_failure_is_the_sdks_own_error(tmp_path: Path, kind: Kind, sdk: str) -> None:
    async with house(kind, tmp_path) as (running, up):
        up.default = _scripted(kind)
        told = await _told(running, sdk, "errors")
        late = told.pop("late")
        expected = {
            "unknown": ("NotFoundError", 404),
            "key": ("AuthenticationError", 401),
            "field": ("BadRequestError", 400),
            "busy": ("RateLimitError", 429),
            "broken": ("InternalServerError", 502),
        }
        assert {why: (each["name"], each["status"]) for why, each in told.items()} == expected
        assert all(each["requestId"] for each in told.values())
        assert "max_tokens" in told["field"]["message"]
        assert int(told["busy"]["retryAfter"]) >= 1
        assert "127.0.0.1" not in json.dumps(told)
        assert late["name"] == "APIError"
        assert late["before"] == "one two"
        (row,) = await running.house.billing.receipts(running.account.id, limit=1)
        assert (row.outcome, row.output) == ("failed", 2)
        await running.clean()


@BOTH
@EACH
async def test_a_client_that_aborts_pays_what_it_was_given(
    tmp_path: Path, kind: Kind, sdk: str
) -> None:
    async with house(kind, tmp_path) as (running, up):
        up.default = _scripted(kind)
        told = await _told(running, sdk, "leaves")
        assert told["name"] == "APIUserAbortError"
        await up.wait_closed_by_client(0)
        await running.until_no_hold()
        (row,) = await running.house.billing.receipts(running.account.id)
        assert (row.outcome, row.output) == ("cancelled", 2)


async def _told(running: Running, sdk: str, task: str) -> dict[str, Any]:
    node_package(PACKAGES[sdk])
    process = await asyncio.create_subprocess_exec(
        *(node(), str(_SCRIPT), sdk, task, running.url, running.key, str(NODE_MODULES)),
        env={"PATH": os.environ.get("PATH", ""), "NO_PROXY": "*"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(PATIENCE_S):
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, err.decode()
    return cast(dict[str, Any], json.loads(out))


def _heard(answer: dict[str, Any]) -> str:
    """What the tool was called with, in an answer of either dialect."""
    if "content" in answer:
        return answer["content"][-1]["input"]["heard"]
    return json.loads(answer["choices"][0]["calls"][0]["arguments"])["heard"]


def _scripted(kind: Kind) -> Any:
    """An upstream that does what the last text of the user tells it to."""

    def reply(seen: Seen) -> Reply:
        body = seen.json
        if "slow down" in str(body):
            return replies.error(429, headers=[("retry-after", "7")])
        if "fall over" in str(body):
            return replies.error(500)
        if "break off" in str(body):
            return _some(kind, Act.CLOSE)
        if "hold on" in str(body):
            return _some(kind, Act.STALL)
        if body.get("tools"):
            return _later(kind, body) if _results(body) else _two_calls(kind, body)
        return openai_default(seen) if kind == "openai" else native.default_reply(seen)

    return reply


def _some(kind: Kind, then: Act) -> Reply:
    openai: list[Piece] = [answers.role(), answers.text("one"), answers.text(" two"), then]
    anthropic: list[Piece] = [native.started(), *[*native.text(0, "one", " two")][:-1], then]
    return replies.stream(openai if kind == "openai" else anthropic, done=False)


_FIRST, _SECOND = '{"at": 1}', f'{{"at": 2, "heard": "{SAID}"}}'


def _two_calls(kind: Kind, body: Json) -> Reply:
    """Two calls at once; an OpenAI stream mixes their pieces."""
    told = {"call_a": _FIRST, "call_b": _SECOND}
    if kind == "anthropic":
        inputs = enumerate(told.values())
        if body.get("stream") is True:
            blocks = [
                p for i, t in inputs for p in native.call(i, "look", *t, call_id=f"toolu_{i}")
            ]
            used = native.ended(12, "tool_use")
            return native.stream([native.started(), *blocks, used, native.stopped()])
        content: list[dict[str, object]] = [
            {"type": "tool_use", "id": f"toolu_{i}", "name": "look", "input": json.loads(text)}
            for i, text in inputs
        ]
        return native.whole(content, "tool_use", native.usage(30, 12))
    if body.get("stream") is True:
        opened = [answers.call(i, id=id, name="look") for i, id in enumerate(told)]
        pieces = zip(_FIRST.ljust(len(_SECOND)), _SECOND, strict=True)
        mixed = [answers.call(i, arguments=p) for pair in pieces for i, p in enumerate(pair)]
        end = [answers.end("tool_calls"), answers.usage_chunk(30, 12)]
        return replies.stream([answers.role(content=None), *opened, *mixed, *end])
    calls = [
        {"id": id, "type": "function", "function": {"name": "look", "arguments": text}}
        for id, text in told.items()
    ]
    message = {"content": None, "tool_calls": calls}
    return replies.whole(answers.completion([(message, "tool_calls")], answers.usage(30, 12)))


def _later(kind: Kind, body: Json) -> Reply:
    streamed = body.get("stream") is True
    if kind == "openai":
        return answers.said_in_pieces(answers.words(LATER)) if streamed else answers.said(LATER)
    if not streamed:
        content: list[dict[str, object]] = [{"type": "text", "text": LATER}]
        return native.whole(content, "end_turn", native.usage(30, 3))
    blocks = native.text(0, *answers.words(LATER))
    return native.stream([native.started(), *blocks, native.ended(3), native.stopped()])


def _results(body: Json) -> list[str]:
    """The texts of all tool results of a request, in either dialect."""
    found: list[str] = []
    for message in cast(list[dict[str, Any]], body["messages"]):
        if message["role"] == "tool":
            found.append(_text(message["content"]))
        elif isinstance(message["content"], list):
            blocks = cast(list[dict[str, Any]], message["content"])
            found += [_text(b["content"]) for b in blocks if b.get("type") == "tool_result"]
    return found


def _text(content: Any) -> str:
    return content if isinstance(content, str) else "".join(part["text"] for part in content)
