"""What the API has done since it started, in plain integers; metrics read them when asked."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

from tokenhouse.errors import CallerError, TokenhouseError, UpstreamError

REMEMBERED: Final = 500
_MESSAGE_MAX: Final = 300


@dataclass(frozen=True, slots=True)
class Failed:
    """A request that was answered with an error. ``message`` is "" where it could quote what was said:
    a refusal that blames the request, or what an upstream wrote about it."""

    id: str
    at_ms: int
    status: int
    code: str
    message: str


class Totals:
    """Counters of one process. Adding one costs nothing that a request could feel."""

    __slots__ = ("begun", "by_status", "gone", "last")

    def __init__(self) -> None:
        self.begun = 0
        self.gone = 0
        self.by_status: dict[str, int] = {}
        self.last: deque[Failed] = deque(maxlen=REMEMBERED)
        """The last that failed, for an operator to look through."""

    def remember(self, id: str, at_ms: int, error: TokenhouseError) -> None:
        """One request was answered with ``error``."""
        quoting = isinstance(error, CallerError | UpstreamError)
        message = "" if quoting else str(error)[:_MESSAGE_MAX]
        self.last.append(Failed(id, at_ms, error.status, error.code, message))

    def failed(self, status: int) -> None:
        name = str(status)
        self.by_status[name] = self.by_status.get(name, 0) + 1
