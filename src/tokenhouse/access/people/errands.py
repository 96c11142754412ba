"""Errands: what is done after the answer, so that the time an answer takes tells nothing.

Mail goes this way: whoever asks for a new password waits neither for a look-up nor for a mail server.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from tokenhouse.access.people.mail import MailError
from tokenhouse.errors import HouseError, TokenhouseError

Errand = Callable[[], Awaitable[None]]

MOST: Final = 512
FINISH_S: Final = 30.0

log = logging.getLogger("tokenhouse.mail")


class Errands:
    """A queue of errands, done one after another by whoever runs :meth:`run`."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Errand] = asyncio.Queue(MOST)

    def put(self, errand: Errand) -> None:
        """Queue one; HouseError 503 when too many wait."""
        try:
            self._queue.put_nowait(errand)
        except asyncio.QueueFull:
            raise HouseError(
                "Too many mails wait to be sent. Try again in a minute.",
                status=503,
                code="mail_busy",
                retry_after_s=60.0,
            ) from None

    async def run(self) -> None:
        """Do errands until cancelled."""
        while True:
            errand = await self._queue.get()
            try:
                await self._do(errand)
            finally:
                self._queue.task_done()

    async def idle(self) -> None:
        """Wait until all that is queued was done; while somebody runs them."""
        await self._queue.join()

    async def finish(self) -> None:
        """Do what is queued, then return; while nobody runs them. What takes longer than ``FINISH_S`` is
        not done."""
        try:
            async with asyncio.timeout(FINISH_S):
                await self._rest()
        except TimeoutError:
            log.error("%d mails were not sent: the server is too slow", self._queue.qsize() + 1)

    async def _rest(self) -> None:
        while not self._queue.empty():
            errand = self._queue.get_nowait()
            try:
                await self._do(errand)
            finally:
                self._queue.task_done()

    async def _do(self, errand: Errand) -> None:
        try:
            await errand()
        except MailError as error:
            log.error("a mail was not sent: %s", error)
        except TokenhouseError as error:
            log.error("a mail was not written: %s", error)
