"""A long list goes out page by page, and stops when nobody reads it any more."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable

import pytest

from tokenhouse.api.exporting import Exporting
from tokenhouse.api.http import ON_LEAVE, Message, Respond, Scope
from tokenhouse.billing import Page
from tokenhouse.errors import CallerError


def told(number: int) -> dict[str, int]:
    return {"number": number}


NUMBERS = Exporting("csv", ("number",), told, "numbers")


class Pages:
    """Pages without end; counts how many were read and whether the rest was given up."""

    def __init__(self) -> None:
        self.read = 0
        self.closed = False

    async def __call__(self) -> AsyncGenerator[Page[int], None]:
        try:
            while True:
                self.read += 1
                yield Page((self.read,), next="more")
        finally:
            self.closed = True


async def test_an_export_reads_no_more_when_the_client_has_left() -> None:
    leave: list[Callable[[], None] | None] = []
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)
        if len(sent) == 4:
            assert leave[0] is not None
            leave[0]()

    pages = Pages()
    scope: Scope = {ON_LEAVE: leave.append}
    await NUMBERS.send(scope, Respond(send, []), pages())
    assert [message.get("body") for message in sent] == [None, b"number\n1\n", b"2\n", b"3\n"]
    assert (pages.read, pages.closed) == (4, True)
    assert leave[-1] is None


async def test_a_question_that_is_wrong_is_told_before_anything_is_sent() -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def pages() -> AsyncGenerator[Page[int], None]:
        raise CallerError("no place")
        yield Page(())

    with pytest.raises(CallerError):
        await NUMBERS.send({}, Respond(send, []), pages())
    assert sent == []


async def test_an_empty_list_is_a_header_alone() -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def pages() -> AsyncGenerator[Page[int], None]:
        yield Page(())

    await NUMBERS.send({}, Respond(send, []), pages())
    assert b"".join(message.get("body", b"") for message in sent) == b"number\n"
    assert sent[-1].get("more_body", False) is False
