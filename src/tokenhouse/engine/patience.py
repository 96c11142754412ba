"""When an engine that failed may be tried again."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from .errors import EngineError, LoadFailed, MemoryShort, NeverFits, WeightsError
from .settings import EngineSettings


class Patience:
    """Failures of one engine since it last ran well. What lies in its file is tried again when the file
    has changed, everything else after a pause that doubles."""

    def __init__(self, weights: Path, settings: EngineSettings) -> None:
        self._weights = weights
        self._settings = settings
        self._failures = 0
        self._failed_at = 0.0
        self._file: tuple[int, int] | None = None

    def failed(self) -> None:
        self._failures += 1
        self._failed_at = time.monotonic()
        self._file = _stamp(self._weights)

    def ran_well(self) -> None:
        self._failures = 0

    def over(self, failure: EngineError, available: Callable[[], int | None]) -> bool:
        """May what failed so be tried again now?"""
        if _stamp(self._weights) != self._file:
            return True
        if isinstance(failure, WeightsError | NeverFits):
            return False
        if isinstance(failure, LoadFailed) and failure.lasting:
            return False
        if time.monotonic() - self._failed_at < self._pause_s():
            return False
        if isinstance(failure, MemoryShort):
            there = available()
            return there is None or failure.need <= there
        return True

    def _pause_s(self) -> float:
        s = self._settings
        return min(s.retry_longest_s, s.retry_failed_s * 2.0 ** min(self._failures - 1, 60))


def restart_pause_s(settings: EngineSettings, crashes: int) -> float:
    """Before the process is started again; the first time at once, then ever later."""
    if crashes <= 1:
        return 0.0
    longer = settings.restart_first_s * 2.0 ** min(crashes - 2, 60)
    return min(settings.restart_longest_s, longer)


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns
