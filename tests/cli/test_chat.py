"""``chat`` is another process on a real socket, with a scripted server in place of the house."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.conftest import Cli, Said, process_environ
from tests.support import answers, replies
from tests.support.upstream import Upstream


@dataclass(frozen=True, slots=True)
class Chat:
    data: Path
    key: str | None = "sk-th-test"

    async def __call__(self, *words: str, stdin: str, code: int = 0) -> Said:
        return await self.verb("chat", *words, stdin=stdin, code=code)

    async def verb(self, *words: str, stdin: str = "", code: int = 0) -> Said:
        key = {} if self.key is None else {"TOKENHOUSE_API_KEY": self.key}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tokenhouse", "--data", str(self.data), *words),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=process_environ(**key),
        )
        out, err = await process.communicate(stdin.encode())
        assert process.returncode == code, (out, err)
        return Said(code, out.decode(), err.decode())


@pytest.fixture
def chat(cli: Cli) -> Chat:
    return Chat(cli.data)


async def test_an_answer_is_streamed_through_the_public_api(chat: Chat) -> None:
    async with Upstream() as up:
        said = await chat("m", "--system", "Be brief.", "--url", up.url, stdin="one two\n")
        assert (said.out, said.err) == ("You said: one two\n", "")
        (seen,) = up.requests
        assert seen.header("authorization") == "Bearer sk-th-test"
        assert seen.json["stream"] is True
        assert seen.json["messages"] == [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "one two"},
        ]


async def test_without_a_model_the_server_chooses(chat: Chat) -> None:
    async with Upstream() as up:
        await chat("--url", up.url.removesuffix("/v1"), stdin="hi")
        assert "model" not in up.requests[0].json


async def test_json_is_the_answer_as_the_server_wrote_it(chat: Chat) -> None:
    body = b'{"id":"x","choices":[],"usage":{"cost":0.0000000010}}'
    async with Upstream() as up:
        up.script(replies.whole(body))
        said = await chat("--json", "--url", up.url, stdin="hi")
        assert said.out == body.decode() + "\n"
        assert up.requests[0].json["stream"] is False


@pytest.mark.parametrize(
    ("status", "code"), [(401, 3), (402, 6), (403, 3), (404, 5), (429, 4), (500, 1), (400, 1)]
)
async def test_a_refusal_becomes_its_exit_code(chat: Chat, status: int, code: int) -> None:
    async with Upstream() as up:
        up.always(replies.error(status, "not so", code="a_word"))
        said = await chat("--url", up.url, stdin="hi", code=code)
        assert (said.out, said.err) == ("", "tokenhouse: not so\n")


async def test_a_refusal_with_json_is_an_object(chat: Chat) -> None:
    async with Upstream() as up:
        up.script(replies.error(402, "not so", code="a_word"))
        said = await chat("--url", up.url, "--json", stdin="hi", code=6)
        assert said.error == {"code": "a_word", "message": "not so"}


@pytest.mark.parametrize(
    "reply",
    [
        replies.cut([answers.text("half")]),
        replies.half_a_chunk([answers.text("half")]),
        replies.stream([answers.text("half")], done=False),
        replies.error_in_stream([answers.text("half")]),
    ],
    ids=["cut", "half a chunk", "no DONE", "error in the stream"],
)
async def test_a_broken_answer_is_an_error_not_an_end(chat: Chat, reply: replies.Reply) -> None:
    async with Upstream() as up:
        up.script(reply)
        said = await chat("--url", up.url, stdin="hi", code=1)
        assert said.out.startswith("half")
        assert said.err.count("\n") == 1


async def test_a_server_that_is_not_there_is_told_with_the_mend(chat: Chat) -> None:
    async with Upstream() as up:
        url = up.url
    said = await chat("--url", url, stdin="hi", code=10)
    assert "tokenhouse serve" in said.err


async def test_without_any_key_nothing_is_asked(chat: Chat) -> None:
    async with Upstream() as up:
        said = await Chat(chat.data, None)("--url", up.url, stdin="hi", code=3)
        assert "TOKENHOUSE_API_KEY" in said.err
        assert up.requests == []


async def test_without_a_key_the_house_makes_one_for_the_time_of_the_chat(
    chat: Chat,
) -> None:
    chat = Chat(chat.data, None)
    first = (await chat.verb("accounts", "create", "you", "--json")).json["id"]
    await chat.verb("accounts", "create", "other")
    async with Upstream() as up:
        await chat("--url", up.url, stdin="hi")
        secret = (up.requests[0].header("authorization") or "").removeprefix("Bearer ")
    (key,) = (await chat.verb("keys", "list", "--json")).json
    assert (key["account"], key["name"], key["hint"]) == (first, "chat", secret[-4:])
    assert key["revoked_ms"] is not None


async def test_nothing_to_ask_is_wrong_usage(chat: Chat) -> None:
    async with Upstream() as up:
        await chat("--url", up.url, stdin=" \n", code=2)
        assert up.requests == []
