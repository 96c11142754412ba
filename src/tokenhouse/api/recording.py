"""A recording: what a running answer has sent so far, and the clients that follow it.

It holds ASGI messages, and outlives the connection of the client that asked first. One that nobody
follows for a minute is cancelled, as any other request is whose client left; one that grew longer than
is kept, at once. The relay seals it in the operation that ends the request's hold.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Protocol

import msgspec

from tokenhouse.api.http import Headers, Message, Send
from tokenhouse.errors import TokenhouseError
from tokenhouse.relay import Keep, KeyAsked

GRACE_S = 60.0
REPLAYED = (b"idempotent-replayed", b"true")

_AHEAD = 64
"""How many messages of an answer too long to be kept may wait for its slowest follower."""

Last = Callable[[int], bytes | None]
"""What is charged → the last bytes of the answer; None when they can't be told again."""


class Handle(Protocol):
    """A timer that has been set."""

    def cancel(self) -> None: ...


class Later(Protocol):
    """Sets a timer: seconds from now, and what to call then."""

    def __call__(self, delay: float, callback: Callable[[], None], /) -> Handle: ...


class Stored(msgspec.Struct, frozen=True, array_like=True):
    """A kept answer. New fields go last."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


class Recording:
    """One running answer: what it has sent so far, and who follows it. Implements ``relay.Recording``."""

    def __init__(self, asked: KeyAsked, later: Later, kept_max: int) -> None:
        self.asked = asked
        self.failure: TokenhouseError | None = None
        self.replayed = False
        self.too_large = False
        self.left = False
        self.done = False
        self._later = later
        self._kept_max = kept_max
        self._messages: list[Message] = []
        self._first = 0
        """The number of the first message that is still here."""
        self._size = 0
        self._whole = False
        self._closing: tuple[Headers, Last] | None = None
        self._followers: set[Follower] = set()
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._leave: Callable[[], None] | None = None
        self._timer: Handle | None = None

    # what the running request does

    async def send(self, message: Message) -> None:
        """The ``send`` of the running request."""
        self._messages.append(message)
        self._size += len(message.get("body", b""))
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            self._whole = True
        self._tell()
        if self._size > self._kept_max:
            self.too_large = True
            while self._followers and self._behind() > _AHEAD:
                self._room.clear()
                await self._room.wait()
            self._let_go()

    def on_leave(self, leave: Callable[[], None] | None) -> None:
        """Whom to call when nobody follows any more; None: nobody, it is over."""
        self._leave = leave
        if self.left and leave is not None:
            leave()

    def will_end(self, headers: Headers, last: Last) -> None:
        """The answer is finished but for its ``last`` bytes, which wait for the settlement."""
        self._closing = (headers, last)

    def seal(self) -> Keep:
        body = [message.get("body", b"") for message in self._messages]
        if self._closing is not None and not self.too_large:
            headers, last = self._closing
            return partial(_stored, 200, headers, b"".join(body), last, self._kept_max)
        if self._whole and not self.too_large:
            start = self._messages[0]
            words = (start["status"], start["headers"], b"".join(body))
            return partial(_stored, *words, _no_more, self._kept_max)
        return _nothing

    def end(self, failure: TokenhouseError | None = None) -> None:
        """Nothing more will come. ``failure``: what its followers are told who were sent nothing."""
        self.failure = failure
        self.done = True
        self._stop_timer()
        self._tell()

    # what its followers do

    def message(self, number: int) -> Message | None:
        """The message of that number, None when it has not come yet."""
        place = number - self._first
        return self._messages[place] if place < len(self._messages) else None

    async def news(self) -> None:
        """Wait until something has come, or the end."""
        await self._news.wait()

    def joined(self, follower: Follower) -> None:
        self._followers.add(follower)
        self._stop_timer()

    def went_on(self) -> None:
        self._room.set()

    def parted(self, follower: Follower) -> None:
        self._followers.discard(follower)
        self._room.set()
        if self._followers or self.done:
            return
        if self.too_large:
            self._left_alone()
        else:
            self._timer = self._later(GRACE_S, self._left_alone)

    def _left_alone(self) -> None:
        self._timer = None
        self.left = True
        if self._leave is not None:
            self._leave()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    def _behind(self) -> int:
        sent = self._first + len(self._messages)
        return sent - min(follower.position for follower in self._followers)

    def _let_go(self) -> None:
        """Forget what every follower has; nobody new may follow an answer that is not kept."""
        sent = self._first + len(self._messages)
        keep_from = min((follower.position for follower in self._followers), default=sent)
        del self._messages[: keep_from - self._first]
        self._first = keep_from


class Follower:
    """One client's place in a recording."""

    def __init__(self, recording: Recording, send: Send, *, replayed: bool) -> None:
        self.position = 0
        self._recording = recording
        self._send = send
        self._replayed = replayed

    async def follow(self) -> None:
        """Send what has been recorded, then what comes, to the end. Cancelled, it may be said again:
        what was not sent is sent then. Raises what the request failed with before it sent anything."""
        recording = self._recording
        recording.joined(self)
        try:
            while True:
                message = recording.message(self.position)
                if message is not None:
                    await self._pass_on(message)
                    self.position += 1
                    recording.went_on()
                elif recording.failure is not None and not self.position:
                    raise recording.failure
                elif recording.done:
                    return
                else:
                    await recording.news()
        finally:
            recording.parted(self)

    async def _pass_on(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers: Headers = list(message["headers"])
            if self._replayed or self._recording.replayed:
                headers.append(REPLAYED)
            message = {**message, "headers": headers}
        await self._send(message)


def _stored(
    status: int, headers: Headers, body: bytes, last: Last, kept_max: int, charged: int
) -> bytes | None:
    rest = last(charged)
    if rest is None:
        return None
    body += rest
    if len(body) > kept_max:
        return None
    return msgspec.msgpack.encode(Stored(status, list(headers), body))


def _no_more(charged: int) -> bytes:
    del charged
    return b""


def _nothing(charged: int) -> None:
    del charged
