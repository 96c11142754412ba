"""A long list as a file: read as it is sent, and no further than somebody reads it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest

from tokenhouse.errors import CallerError
from tokenhouse.pages.answer import Message, Stream, send_stream


class Endless:
    """Texts without end; knows how many were read, and whether the rest was given up."""

    def __init__(self) -> None:
        self.read = 0
        self.closed = False

    async def texts(self) -> AsyncGenerator[str, None]:
        try:
            while True:
                self.read += 1
                yield f"{self.read}\n"
        finally:
            self.closed = True


async def test_a_file_is_read_no_further_when_its_reader_has_left() -> None:
    endless, left, sent = Endless(), asyncio.Event(), list[Message]()
    asked = False

    async def receive() -> Message:
        nonlocal asked
        if not asked:
            asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await left.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)
        if len(sent) == 4:
            left.set()

    stream = await Stream.begun(endless.texts(), "text/csv", "some.csv")
    await send_stream(stream, {"method": "GET"}, receive, send)
    assert [message.get("body") for message in sent] == [None, b"1\n", b"2\n", b"3\n"]
    assert endless.closed
    assert endless.read == 4


async def test_a_question_that_is_wrong_is_told_before_a_file_begins() -> None:
    async def wrong() -> AsyncGenerator[str, None]:
        raise CallerError("no such place", param="after")
        yield ""

    with pytest.raises(CallerError):
        await Stream.begun(wrong(), "text/csv", "some.csv")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_file_without_lines_is_an_empty_one_and_head_sends_none(method: str) -> None:
    sent: list[Message] = []

    async def none() -> AsyncGenerator[str, None]:
        for text in ():
            yield text

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    texts = none() if method == "GET" else Endless().texts()
    stream = await Stream.begun(texts, "text/csv", "some.csv")
    await send_stream(stream, {"method": method}, receive, send)
    assert sent[0]["status"] == 200
    assert b"".join(message.get("body", b"") for message in sent) == b""
    assert not sent[-1].get("more_body", False)
