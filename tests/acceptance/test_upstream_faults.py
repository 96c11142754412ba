"""An upstream that fails in every way: a clear error, the right charge, nothing left behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acceptance.asking import chat, frames, http, receipt
from tests.support import answers, replies
from tests.support.house import upstream_house
from tests.support.replies import Reply

SOME = [answers.role(), answers.text("one"), answers.text(" two")]

BEFORE_CONTENT: list[tuple[str, Reply, int, str]] = [
    ("it answers 500", replies.error(500), 502, "upstream_error"),
    ("it answers 503", replies.error(503), 503, "upstream_overloaded"),
    ("it answers an HTML page", replies.html(502), 502, "upstream_error"),
    ("it rejects our key", replies.error(401), 502, "upstream_auth"),
    ("it does not know the model", replies.error(404), 502, "upstream_model_not_found"),
    ("it hangs up", replies.hang_up(), 502, "upstream_cut"),
    ("it is rate limited", replies.error(429), 429, "rate_limit_exceeded"),
    ("it speaks no HTTP", replies.raw(b"SSH-2.0-OpenSSH\r\n"), 502, "upstream_cut"),
    (
        "its head is cut",
        replies.raw(b"HTTP/1.1 200 OK\r\nconte", replies.Act.CLOSE),
        502,
        "upstream_cut",
    ),
]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("reply", "status", "code"),
    [row[1:] for row in BEFORE_CONTENT],
    ids=[r[0] for r in BEFORE_CONTENT],
)
async def test_a_failure_before_any_content_is_an_http_error_and_costs_nothing(
    tmp_path: Path, reply: Reply, status: int, code: str, stream: bool
) -> None:
    async with upstream_house(tmp_path) as (running, up), http(running) as client:
        up.always(reply)
        before = await running.house.billing.balance(running.account.id)
        got = await chat(client, stream=stream)
        assert got.status_code == status
        assert got.json()["error"]["code"] == code
        assert "127.0.0.1" not in got.text
        assert "<html" not in got.text
        assert (await receipt(client, got))["total_cost"] == 0
        assert (await running.house.billing.balance(running.account.id)) == before
        await running.clean()
        assert up.open_connections <= 1  # one that waits in the pool


LONG = answers.completion([({"content": "x" * 400}, "stop")], None)
WHOLE: list[tuple[str, Reply, str]] = [
    (
        "half a body",
        replies.half_a_body(answers.completion([({"content": "x" * 400}, "stop")], None)),
        "upstream_cut",
    ),
    ("no JSON", replies.whole(b"not json"), "upstream_protocol"),
    (
        "an error inside a 200",
        replies.whole({"error": {"message": "oops", "code": None}}),
        "upstream_error",
    ),
    ("no choices", replies.whole({"id": "x", "object": "chat.completion"}), "upstream_protocol"),
]


@pytest.mark.parametrize(("reply", "code"), [r[1:] for r in WHOLE], ids=[r[0] for r in WHOLE])
async def test_a_broken_whole_answer_is_refused_and_costs_nothing(
    tmp_path: Path, reply: Reply, code: str
) -> None:
    async with upstream_house(tmp_path) as (running, up), http(running) as client:
        up.always(reply)
        got = await chat(client)
        assert got.status_code == 502
        assert got.json()["error"]["code"] == code
        assert (await receipt(client, got))["total_cost"] == 0
        await running.clean()


CUT: list[tuple[str, Reply]] = [
    ("closes early", replies.cut(SOME)),
    ("resets", replies.reset(SOME)),
    ("sends half a chunk", replies.half_a_chunk(SOME)),
    ("puts an error into the stream", replies.error_in_stream(SOME)),
    ("ends properly but without an end", replies.stream(SOME, done=False)),
    ("sends garbage", replies.stream([*SOME, b"data: {]\n\n"])),
]


@pytest.mark.parametrize("reply", [row[1] for row in CUT], ids=[row[0] for row in CUT])
async def test_a_stream_that_breaks_ends_in_an_error_and_costs_what_was_delivered(
    tmp_path: Path, reply: Reply
) -> None:
    async with upstream_house(tmp_path) as (running, up), http(running) as client:
        up.always(reply)
        got = await chat(client, stream=True)
        assert got.status_code == 200
        told = frames(got.text)
        assert "[DONE]" not in told
        assert told[-1]["error"]["message"]
        said = "".join(f["choices"][0]["delta"].get("content") or "" for f in told[:-1])
        assert said == "one two"
        kept = await receipt(client, got)
        assert kept["outcome"] == "failed"
        assert kept["usage"]["output"] == {"tokens": 2, "source": "estimated"}
        assert kept["usage"]["input"]["tokens"] > 0
        assert kept["total_cost"] == pytest.approx(
            (kept["usage"]["input"]["tokens"] * 350 + 2 * 560) / 1e9
        )
        await running.clean()
        assert up.open_connections <= 1  # one that waits in the pool


async def test_surplus_bytes_reach_nobody(tmp_path: Path) -> None:
    async with upstream_house(tmp_path) as (running, up), http(running) as client:
        up.script(replies.surplus(answers.completion([({"content": "mine"}, "stop")], None)))
        first = await chat(client)
        assert first.json()["choices"][0]["message"]["content"] == "mine"
        second = await chat(client)
        assert second.json()["choices"][0]["message"]["content"] == "You said: hello there"
        assert "stranger" not in second.text
        await running.clean()


async def test_a_usage_that_was_never_reported_is_estimated_and_flagged(tmp_path: Path) -> None:
    async with upstream_house(tmp_path) as (running, up), http(running) as client:
        up.script(replies.stream([*SOME, answers.end()]))
        got = await chat(client, stream=True, stream_options={"include_usage": True})
        kept = await receipt(client, got)
        assert kept["outcome"] == "finished"
        assert kept["usage"]["output"] == {"tokens": 2, "source": "estimated"}
        assert frames(got.text)[-2]["usage"]["completion_tokens"] == 2
        await running.clean()


async def test_usage_in_the_last_content_chunk_counts(tmp_path: Path) -> None:
    async with upstream_house(tmp_path) as (running, up), http(running) as client:
        up.script(replies.stream([*SOME, answers.end(usage=answers.usage(11, 7))]))
        got = await chat(client, stream=True)
        kept = await receipt(client, got)
        assert kept["usage"]["input"] == {"tokens": 11, "source": "reported"}
        assert kept["usage"]["output"] == {"tokens": 7, "source": "reported"}
        assert kept["total_cost"] == pytest.approx((11 * 350 + 7 * 560) / 1e9)
        await running.clean()


async def test_an_upstream_that_streams_past_max_tokens_is_cut_and_the_bill_stays_below(
    tmp_path: Path,
) -> None:
    async with upstream_house(tmp_path) as (running, up), http(running) as client:
        up.script(replies.stream([answers.role(), *(answers.text("w") for _ in range(200))]))
        got = await chat(client, stream=True, max_tokens=10)
        told = frames(got.text)
        assert told[-1] == "[DONE]"
        assert told[-2]["choices"][0]["finish_reason"] == "length"
        kept = await receipt(client, got)
        assert kept["usage"]["output"]["tokens"] == 10
        await running.clean()
        assert up.open_connections <= 1  # one that waits in the pool


async def test_a_second_route_answers_when_the_first_fails_before_content(tmp_path: Path) -> None:
    extra = """
[providers.spare]
kind = "scripted"
reply = "from the spare"

[[models]]
id = "acme/two"
price = { input = "0.35", output = "0.56" }
routes = [ { provider = "up", model = "m" }, { provider = "spare", model = "s", priority = 1 } ]
"""
    async with upstream_house(tmp_path, extra) as (running, up), http(running) as client:
        up.script(replies.error(500))
        got = await chat(client, model="acme/two")
        assert got.json()["choices"][0]["message"]["content"] == "from the spare"
        kept = await receipt(client, got)
        assert [a["error"] for a in kept["attempts"]] == ["upstream_error", None]
        assert kept["provider_name"] == "spare"
        up.script(replies.cut(SOME))
        late = await chat(client, model="acme/two", stream=True)
        assert "from the spare" not in late.text
        assert "error" in frames(late.text)[-1]
        await running.clean()
