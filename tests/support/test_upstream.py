"""The scripted upstream must itself be right: what other tests see is what was scripted."""

from __future__ import annotations

import asyncio

import openai
import pytest

from tests.support import answers, replies
from tests.support.replies import Act
from tests.support.upstream import Upstream

ASKED = {"model": "m", "messages": [{"role": "user", "content": "one two  three"}]}
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}


def sdk(up: Upstream) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=up.url, api_key="k", max_retries=0)


@pytest.mark.parametrize(
    "extra",
    [{}, {"n": 2}, {"max_tokens": 3}, {"tools": [TOOL], "tool_choice": "required"}],
    ids=["plain", "two choices", "cut short", "a call"],
)
async def test_streamed_and_whole_answers_are_the_same(extra: dict[str, object]) -> None:
    async with Upstream() as up, sdk(up) as client:
        body = ASKED | extra
        whole = await client.chat.completions.create(**body)  # pyright: ignore
        options = {"stream_options": {"include_usage": True}}
        async with client.chat.completions.stream(**(body | options)) as stream:  # pyright: ignore
            async for _ in stream:
                pass
            streamed = stream.current_completion_snapshot
        assert streamed.usage == whole.usage
        for left, right in zip(streamed.choices, whole.choices, strict=True):
            assert left.message.content == right.message.content
            assert left.finish_reason == right.finish_reason
            calls = [
                [(c.function.name, c.function.arguments) for c in side.message.tool_calls or []]  # pyright: ignore
                for side in (left, right)
            ]
            assert calls[0] == calls[1]


async def test_usage_comes_only_when_asked() -> None:
    async with Upstream() as up, sdk(up) as client:
        stream = await client.chat.completions.create(**ASKED, stream=True)  # pyright: ignore
        assert [piece.usage async for piece in stream if piece.usage] == []  # pyright: ignore


async def test_a_gate_holds_the_stream_and_a_leaving_client_is_seen() -> None:
    async with Upstream() as up:
        gate = asyncio.Event()
        up.script(replies.stream([answers.text("Hello"), gate, answers.end()]))
        reader, writer = await ask(up)
        await reader.readuntil(b"Hello")
        seen = await up.wait_requests(1)
        assert not seen.answered
        writer.close()
        assert await up.wait_closed_by_client() is seen
        await up.wait_no_connections()


async def test_an_open_gate_lets_the_stream_end_and_the_connection_is_kept() -> None:
    async with Upstream() as up:
        gate = asyncio.Event()
        up.script(replies.stream([answers.text("Hello"), gate, answers.end()]))
        reader, writer = await ask(up)
        await reader.readuntil(b"Hello")
        gate.set()
        assert (await reader.readuntil(b"0\r\n\r\n")).endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")
        assert (await up.wait_answered(0)).json == ASKED
        writer.write(request())
        await reader.readuntil(b"You said")
        assert [seen.connection for seen in up.requests] == [0, 0]
        writer.close()


@pytest.mark.parametrize(
    ("reply", "heard"),
    [
        (replies.hang_up(), b""),
        (replies.half_a_chunk(), b'40\r\ndata: {"id":"x'),
        (replies.cut([answers.text("Hi")]), b"}]}\n\n\r\n"),
        (replies.half_a_body({"id": "x" * 40}), b"xxx"),
        (replies.raw(b"HTTP/1.1 200 OK\r\n\r\nuntil the end", Act.CLOSE), b"until the end"),
    ],
    ids=["nothing", "half a chunk", "cut", "half a body", "no length"],
)
async def test_a_broken_answer_ends_where_it_was_scripted_to(
    reply: replies.Reply, heard: bytes
) -> None:
    async with Upstream() as up:
        up.script(reply)
        reader, writer = await ask(up)
        assert (await reader.read()).endswith(heard)
        writer.close()
        await up.wait_no_connections()
        assert up.requests[0].answered
        assert not up.requests[0].closed_by_client


async def test_a_reset_is_a_reset() -> None:
    async with Upstream() as up:
        up.script(replies.reset([answers.text("Hi")]))
        reader, writer = await ask(up)
        with pytest.raises(ConnectionResetError):
            await reader.readuntil(b"never said")
        writer.close()


async def test_a_refusing_upstream_listens_again_on_the_same_port() -> None:
    async with Upstream() as up:
        await up.refuse()
        with pytest.raises(ConnectionRefusedError):
            await ask(up)
        await up.listen()
        _, writer = await ask(up)
        await up.wait_requests(1)
        writer.close()


async def test_writes_are_split_where_the_test_says() -> None:
    whole = replies.stream([answers.text("é€😀")])
    octets = b"".join(step for step in whole.steps if isinstance(step, bytes))
    pieces = replies.split(whole, range(1, len(octets)))
    assert len(pieces.steps) == len(octets)
    async with Upstream() as up:
        up.script(pieces)
        reader, writer = await ask(up)
        assert await reader.readuntil(b"0\r\n\r\n") == octets
        writer.close()


async def test_a_chunked_request_body_is_read_whole() -> None:
    async with Upstream() as up:
        reader, writer = await asyncio.open_connection("127.0.0.1", port(up))
        writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")
        writer.write(b'8\r\n{"model"\r\n5\r\n:"m"}\r\n0\r\n\r\n')
        await reader.readuntil(b"You said")
        assert up.requests[0].json == {"model": "m"}
        writer.close()


def port(up: Upstream) -> int:
    return int(up.url.rpartition(":")[2].partition("/")[0])


def request() -> bytes:
    body = b'{"model":"m","messages":[{"role":"user","content":"one two  three"}]}'
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
    return head % len(body) + body


async def ask(up: Upstream) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port(up))
    writer.write(request())
    return reader, writer
