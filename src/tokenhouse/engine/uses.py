"""Who uses an engine and who waits for it, and when it may go."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable


class Use:
    """While it lasts, the engine is not unloaded."""

    __slots__ = ("_end",)

    def __init__(self, end: Callable[[], None]) -> None:
        self._end: Callable[[], None] | None = end

    def end(self) -> None:
        """Idempotent."""
        end, self._end = self._end, None
        if end is not None:
            end()


class Uses:
    """`unload` is called when nobody has used the engine for `unload_after_s` (0: never), and when the
    last use ends behind a closed door; `changed` whenever somebody leaves."""

    def __init__(
        self, unload_after_s: float, *, unload: Callable[[], None], changed: Callable[[], None]
    ) -> None:
        self._unload_after_s = unload_after_s
        self._unload = unload
        self._changed = changed
        self._timer: asyncio.TimerHandle | None = None
        self.running = 0
        self.waiting = 0
        self.ended_at = 0.0
        self.door_closed = False

    @property
    def idle(self) -> bool:
        """Nobody uses it; and nobody waits for it, unless the door is closed."""
        return self.running == 0 and (self.waiting == 0 or self.door_closed)

    def begin(self) -> Use:
        self.running += 1
        self.forget_time()
        return Use(self._end)

    def close_door(self) -> None:
        """No use begins any more; it goes when the last has ended."""
        self.door_closed = True
        if self.running == 0:
            self._unload()

    def watch(self) -> None:
        """It answers now: from here on it may be idle."""
        self.forget_time()
        if self.running == 0 and self._unload_after_s > 0:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._unload_after_s, self._unload)

    def forget_time(self) -> None:
        """It is in use, or gone: no time runs against it."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _end(self) -> None:
        self.running -= 1
        self.ended_at = time.monotonic()
        if self.running == 0:
            if self.door_closed:
                self._unload()
            else:
                self.watch()
        self._changed()
