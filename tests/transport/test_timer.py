"""The one timer of a connection, on a clock that the test moves by hand."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import cast

import pytest

from tokenhouse.transport import Limits, TimedOut
from tokenhouse.transport.connection import Connection

HEAD = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
LIMITS = Limits(headers_timeout_s=100, idle_timeout_s=10)


class HandLoop:
    """The three things that a connection asks of an event loop."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.timers: list[HandTimer] = []
        self.made = 0

    def time(self) -> float:
        return self.now

    def create_future(self) -> asyncio.Future[None]:
        return asyncio.get_running_loop().create_future()

    def call_at(self, when: float, callback: Callable[[], None]) -> HandTimer:
        self.made += 1
        timer = HandTimer(self, when, callback)
        self.timers.append(timer)
        return timer

    def move_to(self, now: float) -> None:
        self.now = now
        for timer in [timer for timer in self.timers if timer.when <= now]:
            if timer in self.timers:
                self.timers.remove(timer)
                timer.callback()


class HandTimer:
    def __init__(self, loop: HandLoop, when: float, callback: Callable[[], None]) -> None:
        self.loop = loop
        self.when = when
        self.callback = callback

    def cancel(self) -> None:
        self.loop.timers.remove(self)


class DeadEnd(asyncio.Transport):
    """A socket that takes everything; closing it is told at once."""

    def __init__(self, connection: Connection) -> None:
        super().__init__()
        self.connection = connection
        self.aborted = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        pass

    def is_closing(self) -> bool:
        return self.aborted

    def get_write_buffer_size(self) -> int:
        return 0

    def abort(self) -> None:
        self.aborted = True


class Nobody:
    def lost(self, connection: Connection) -> None:
        pass


@pytest.fixture
def loop() -> HandLoop:
    return HandLoop()


@pytest.fixture
def connection(loop: HandLoop) -> Connection:
    made = Connection(cast(asyncio.AbstractEventLoop, loop), Nobody())
    made.connection_made(DeadEnd(made))
    return made


async def begin(connection: Connection) -> asyncio.Task[object]:
    task: asyncio.Task[object] = asyncio.create_task(
        connection.exchange(b"GET / HTTP/1.1\r\n\r\n", b"", LIMITS, head_only=False)
    )
    await asyncio.sleep(0)
    return task


async def test_the_wait_for_headers_ends_at_its_limit_and_not_before(
    loop: HandLoop, connection: Connection
) -> None:
    task = await begin(connection)
    loop.move_to(1099.9)
    connection.data_received(b"HTTP/1.1 200 OK\r\n")  # does not start it anew
    await asyncio.sleep(0)
    assert not task.done()
    loop.move_to(1100.0)
    with pytest.raises(TimedOut) as caught:
        await task
    assert caught.value.limit == "headers_timeout_s"
    assert loop.timers == []


async def test_each_piece_of_a_body_starts_its_limit_anew_on_the_same_timer(
    loop: HandLoop, connection: Connection
) -> None:
    task = await begin(connection)
    connection.data_received(HEAD)
    await task
    incoming = connection.incoming
    assert incoming is not None
    for number in range(1, 50):
        reading = asyncio.create_task(connection.read_more(LIMITS.idle_timeout_s))
        await asyncio.sleep(0)
        loop.move_to(1000.0 + number)
        connection.data_received(b"1\r\na\r\n")
        await reading
        assert incoming.take() == b"a"
    # 49 waits, a second each: it wakes to look about every tenth second, not once per wait.
    assert loop.made <= 2 + 49 / 9  # and the headers' own
    reading = asyncio.create_task(connection.read_more(LIMITS.idle_timeout_s))
    await asyncio.sleep(0)
    loop.move_to(loop.now + 10)
    await reading
    assert isinstance(incoming.fault, TimedOut)
    assert incoming.fault.limit == "idle_timeout_s"


async def test_time_that_the_reader_takes_is_not_held_against_the_upstream(
    loop: HandLoop, connection: Connection
) -> None:
    task = await begin(connection)
    connection.data_received(HEAD)
    await task
    assert connection.incoming is not None
    loop.move_to(1_000_000.0)
    assert connection.incoming.fault is None
    assert loop.timers == []  # and no timer turns while nobody waits


async def test_a_kept_connection_is_closed_when_its_idle_time_is_over(
    loop: HandLoop, connection: Connection
) -> None:
    for _ in range(100):
        task = await begin(connection)
        connection.data_received(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        await task
        assert connection.finish(4.0)
        loop.now += 1.0
    # Every hundred-second limit hides behind a timer that is due within four.
    assert loop.made <= 2 + 2 * 100 / 4
    assert not connection.gone
    transport = cast(DeadEnd, connection.transport)
    loop.move_to(loop.now + 2.9)
    assert not transport.aborted
    loop.move_to(loop.now + 3.2)
    loop.move_to(loop.now + 4.0)
    assert transport.aborted
    assert loop.timers == []


async def test_no_limit_is_no_timer(loop: HandLoop, connection: Connection) -> None:
    task: asyncio.Task[object] = asyncio.create_task(
        connection.exchange(b"", b"", Limits(headers_timeout_s=math.inf), head_only=False)
    )
    await asyncio.sleep(0)
    assert loop.timers == []
    connection.data_received(HEAD)
    await task
