"""Keeps a stream alive while the model is silent.

After ``interval_s`` without a byte the HTTP answer starts (if it has not) and a comment goes out, then
again after each further interval. One timer a stream, no task until there is silence. Nothing is added
while a client is still taking what was sent before: a slow client is not a silent model.
"""

from __future__ import annotations

import asyncio

from tokenhouse.api.http import Message, Send


class Silence:
    """``start`` is the response's start message; ``comment`` a complete keep-alive frame."""

    __slots__ = (
        "_comment",
        "_interval_s",
        "_last",
        "_loop",
        "_send",
        "_sending",
        "_start",
        "_task",
        "_timer",
        "started",
    )

    def __init__(self, send: Send, start: Message, comment: bytes, interval_s: float) -> None:
        self._send = send
        self._start = start
        self._comment = comment
        self._interval_s = interval_s
        self._loop = asyncio.get_running_loop()
        self._last = self._loop.time()
        self._task: asyncio.Task[None] | None = None
        self._timer = self._loop.call_later(interval_s, self._due)
        self._sending = False
        self.started = False

    async def begin(self) -> None:
        """Start the HTTP answer, once."""
        if not self.started:
            self.started = True
            await self._send(self._start)

    async def body(self, data: bytes, *, more: bool) -> None:
        """Send a piece of the body (and the start before it, when still due)."""
        self._sending = True
        if not self.started:
            self.started = True
            await self._send(self._start)
        await self._send({"type": "http.response.body", "body": data, "more_body": more})
        self._last = self._loop.time()
        self._sending = False

    def stop(self) -> None:
        """No more comments; call on every way out."""
        self._timer.cancel()
        if self._task is not None:
            self._task.cancel()

    def _due(self) -> None:
        quiet = self._loop.time() - self._last
        if self._sending or not (self._task is None or self._task.done()):
            quiet = 0.0
        elif quiet >= self._interval_s:
            self._last = self._loop.time()
            self._task = self._loop.create_task(self._comment_now())
            quiet = 0.0
        self._timer = self._loop.call_later(self._interval_s - quiet, self._due)

    async def _comment_now(self) -> None:
        await self.begin()
        await self._send({"type": "http.response.body", "body": self._comment, "more_body": True})
