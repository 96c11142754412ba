"""What the API has done since it started, in plain integers; metrics read them when asked."""

from __future__ import annotations


class Totals:
    """Counters of one process. Adding one costs nothing that a request could feel."""

    __slots__ = ("begun", "by_status", "gone")

    def __init__(self) -> None:
        self.begun = 0
        self.gone = 0
        self.by_status: dict[str, int] = {}

    def failed(self, status: int) -> None:
        name = str(status)
        self.by_status[name] = self.by_status.get(name, 0) + 1
