"""Keeps a stream alive while the model is silent.

After ``interval_s`` without a byte the HTTP answer starts (if it has not) and a keep-alive goes out,
then again after each further interval. One timer a stream, no task until there is silence. Nothing is added
while a client is still taking what was sent before: a slow client is not a silent model.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tokenhouse.api.http import Direct, Headers, Message, Send


class Silence:
    """``headers`` are the response's; ``keep_alive`` gives what to send: whole frames."""

    __slots__ = (
        "_direct",
        "_headers",
        "_interval_s",
        "_keep_alive",
        "_last",
        "_loop",
        "_send",
        "_sending",
        "_task",
        "_timer",
        "started",
    )

    def __init__(
        self,
        send: Send,
        headers: Headers,
        keep_alive: Callable[[], bytes],
        interval_s: float,
        direct: Direct | None = None,
    ) -> None:
        self._send = send
        self._headers = headers
        self._direct = direct
        self._keep_alive = keep_alive
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
            await self._send(self._start_message())

    async def body(self, data: bytes, *, more: bool) -> None:
        """Send a piece of the body (and the start before it, when still due)."""
        direct = self._direct
        if direct is not None and not direct.paused and self._quiet():
            if self.started:
                direct.write(data, more=more)
            else:
                self.started = True
                direct.begin(200, self._headers, data, more=more)
            self._last = self._loop.time()
            return
        self._sending = True
        if not self.started:
            self.started = True
            await self._send(self._start_message())
        await self._send({"type": "http.response.body", "body": data, "more_body": more})
        self._last = self._loop.time()
        self._sending = False

    def write(self, data: bytes) -> bool:
        """Send a piece of a body that has begun, at once; False: the next one must wait in ``body``.

        Only where there is a direct way.
        """
        direct = self._direct
        assert direct is not None
        self._last = self._loop.time()
        return direct.more(data)

    @property
    def flowing(self) -> bool:
        """May ``write`` be used now?"""
        direct = self._direct
        return self.started and direct is not None and not direct.paused and self._quiet()

    def stop(self) -> None:
        """No more keep-alives; call on every way out."""
        self._timer.cancel()
        if self._task is not None:
            self._task.cancel()

    def _quiet(self) -> bool:
        """No keep-alive is on its way: nothing can get before the head or into the middle of it."""
        return self._task is None or self._task.done()

    def _start_message(self) -> Message:
        return {"type": "http.response.start", "status": 200, "headers": self._headers}

    def _due(self) -> None:
        quiet = self._loop.time() - self._last
        if self._sending or not self._quiet():
            quiet = 0.0
        elif quiet >= self._interval_s:
            self._last = self._loop.time()
            self._task = self._loop.create_task(self._keep_alive_now())
            quiet = 0.0
        self._timer = self._loop.call_later(self._interval_s - quiet, self._due)

    async def _keep_alive_now(self) -> None:
        await self.begin()
        if self._sending:
            return  # the model spoke meanwhile: what it said is on its way and comes first
        body = self._keep_alive()
        await self._send({"type": "http.response.body", "body": body, "more_body": True})
