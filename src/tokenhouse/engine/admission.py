"""Who may run now: a pool of KV tokens and slots before one engine, fair between shares.

A *share* is an opaque name: requests of one share have one place in the round. Between shares it
goes round, the one that was served longest ago first; within a share by arrival. So a share that
floods the queue delays another's request by one of its own at most, and a request that fits badly
is not passed by smaller ones.

llama.cpp ends *every* running answer when its unified KV cache is full, so the sum of what is
reserved (prompt + max_tokens of each) never passes the context. A stream that was cut keeps its
tokens reserved for a while: the engine notices only at its next chunk.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Final

from .errors import ContextTooLong, EngineBusy, EngineError
from .turns import Queue, Waiter

QUEUE_LIMIT: Final = 256
LINGER_S: Final = 5.0


class Pool:
    """Tokens and slots of one engine. Only the event loop's thread may use it."""

    def __init__(
        self,
        tokens: int,
        slots: int,
        *,
        queue_limit: int = QUEUE_LIMIT,
        linger_s: float = LINGER_S,
    ) -> None:
        self.tokens = tokens
        self.slots = slots
        self.queue_limit = queue_limit
        self.linger_s = linger_s
        self.running = 0
        self._reserved = 0
        self._lingering: dict[asyncio.TimerHandle, int] = {}
        self._queue = Queue()
        self._closed: EngineError | None = None
        self._paused = False

    @property
    def reserved(self) -> int:
        """Tokens reserved by running and by lingering requests."""
        return self._reserved

    @property
    def queued(self) -> int:
        """Requests that wait for room."""
        return len(self._queue)

    def reserve(self, prompt_tokens: int, max_tokens: int, share: int = 0) -> Reservation:
        """Use as `async with`; entering waits for room, in its share's turn.

        Raises ContextTooLong at once when both can never fit together.
        """
        if prompt_tokens + max_tokens > self.tokens:
            raise ContextTooLong(prompt_tokens, max_tokens, self.tokens)
        return Reservation(self, prompt_tokens + max_tokens, share)

    def pause(self) -> None:
        """Let nobody in until `resume`: the engine is gone for a while. Who waits, waits on."""
        self._paused = True

    def resume(self) -> None:
        """The engine is a new one: nothing that was cut lives on in it."""
        self._paused = False
        self._forget_cut()

    def _forget_cut(self) -> None:
        for handle, tokens in self._lingering.items():
            handle.cancel()
            self._reserved -= tokens
        self._lingering.clear()
        self._grant()

    def close(self, error: EngineError) -> None:
        """Let nobody in any more; whoever waits gets the error."""
        self._closed = error
        for waiter in self._queue.clear():
            waiter.refuse(error)
        self._forget_cut()

    def open(self) -> None:
        """Let requests in again, once it is resumed."""
        self._closed = None

    async def take(self, tokens: int, share: int) -> None:
        """Wait for the turn (Reservation's business). A cancelled wait leaves nothing behind.

        When the queue is full the share that waits most gives up the place of its last one, or, if
        that is the one who comes, it is refused (EngineBusy).
        """
        if self._closed is not None:
            raise self._closed
        if not self._queue and self._fits(tokens):
            self._start(tokens)
            self._queue.served(share)
            return
        waiter = Waiter(tokens, share)
        if len(self._queue) >= self.queue_limit:
            refused = self._queue.pushed_out_by(share)
            busy = EngineBusy(
                f"{len(self._queue)} requests already wait for this model", "try again later"
            )
            if refused is None:
                raise busy
            self._queue.remove(refused)
            refused.refuse(busy)
        self._queue.add(waiter)
        try:
            await waiter.turn
        except asyncio.CancelledError:
            if waiter.started:
                self.give_back(tokens, cut=False)
            else:
                waiter.leave()
                self._queue.remove(waiter)
                self._grant()  # it may have been the head that did not fit
            raise

    def give_back(self, tokens: int, *, cut: bool) -> None:
        """End a running request (Reservation's business)."""
        self.running -= 1
        if cut and self.linger_s > 0 and self._closed is None:
            self._linger(tokens)
        else:
            self._reserved -= tokens
        self._grant()

    def _linger(self, tokens: int) -> None:
        def end() -> None:
            self._reserved -= self._lingering.pop(handle)
            self._grant()

        handle = asyncio.get_running_loop().call_later(self.linger_s, end)
        self._lingering[handle] = tokens

    def _fits(self, tokens: int) -> bool:
        room = self.running < self.slots and self._reserved + tokens <= self.tokens
        return room and not self._paused

    def _start(self, tokens: int) -> None:
        self.running += 1
        self._reserved += tokens

    def _grant(self) -> None:
        while (waiter := self._queue.first()) is not None:
            if not self._fits(waiter.tokens):
                return
            self._queue.remove(waiter)
            if not waiter.turn.done():
                self._start(waiter.tokens)
                self._queue.served(waiter.share)
                waiter.started = True
                waiter.turn.set_result(None)


class Reservation:
    """Room for one request. Call `finished()` once the engine has said that it is done: without
    it, leaving counts as a cut."""

    __slots__ = ("_finished", "_held", "_pool", "_share", "tokens")

    def __init__(self, pool: Pool, tokens: int, share: int) -> None:
        self._pool = pool
        self._share = share
        self._finished = False
        self._held = False
        self.tokens = tokens

    def finished(self) -> None:
        """The engine ended this request by itself (or never began it)."""
        self._finished = True

    async def __aenter__(self) -> Reservation:
        await self._pool.take(self.tokens, self._share)
        self._held = True
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._held:
            self._held = False
            self._pool.give_back(self.tokens, cut=not self._finished)
