"""The one reader of a process: a thread for what takes too long to read in the event loop.

A read is queued through the writer, so that it sees whatever was said before it, and runs here after
that batch's commit, so that it delays no commit.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

from tokenhouse.errors import HouseError
from tokenhouse.ledger import LedgerError
from tokenhouse.store.transactions import BREAKS, Answer, Words, deliver

_Read = tuple[Callable[..., Any], Words, asyncio.Future[Any]]

_log = logging.getLogger("tokenhouse.store")


class Reader:
    """Queue and thread; runs one read after another."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._queue: SimpleQueue[_Read | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="tokenhouse-reader", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def put(self, read: Callable[..., Any], words: Words, future: asyncio.Future[Any]) -> None:
        """Queue one read from any thread; ``future`` gets its answer."""
        self._queue.put((read, words, future))

    async def stop(self) -> None:
        """Finish what is queued, then end the thread."""
        self._queue.put(None)
        if self._thread.ident is not None:
            await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        while (entry := self._queue.get()) is not None:
            read, (words, named), future = entry
            answer: Any = None
            failed: BaseException | None = None
            try:
                answer = read(*words, **named)
            except LedgerError as error:
                failed = error
            except BREAKS as error:
                _log.error("a read of the store failed", exc_info=error)
                failed = HouseError("the store can't be read", status=503, code="store_failed")
                failed.__cause__ = error
            answers: list[Answer] = [(future, answer, failed)]
            try:
                self._loop.call_soon_threadsafe(deliver, answers)
            except RuntimeError:
                _log.warning("the event loop is gone; a read had nobody to go to")
