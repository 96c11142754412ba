"""The provider of a simulated world: answers each request as its fate says, a step at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from tests.simulation.world import Asked, Tariff, Try, Used
from tokenhouse.chat import ChoiceEnded, Dialect, Event, Finished, Opened, Request, TextDelta, Usage
from tokenhouse.errors import UpstreamError
from tokenhouse.providers import Call, PassedSink, Sink


class Fate:
    """One request under way: what has been delivered of it, and by which attempt."""

    __slots__ = ("accepted", "asked", "attempts", "given", "opened", "steps", "tariff")

    def __init__(self, asked: Asked, tariff: Tariff) -> None:
        self.asked = asked
        self.tariff = tariff
        self.attempts = 0
        self.steps = 0
        self.accepted = False
        self.opened = False
        self.given = 0

    def owed(self, *, cancelled: bool) -> Used | None:
        """What was used so far, by the picture's words on who pays. None: the prompt is owed, and its
        length was not told before the client left, so that it can but be guessed."""
        if self.accepted and cancelled and not self.opened:
            return None
        delivered = self.given and self.asked.stream
        if delivered or (self.accepted and cancelled):
            return Used(input=self.asked.prompt, output=self.given)
        return Used()


class Upstream:
    """Serves every route; ``stepped`` is told of each step, before it happens."""

    speaks: Dialect | None = None
    counts_here = True
    leaves: frozenset[str] = frozenset()

    def __init__(self, name: str, fates: dict[str, Fate], stepped: Callable[[Fate], None]) -> None:
        self._name = name
        self._fates = fates
        self._stepped = stepped

    @property
    def name(self) -> str:
        return self._name

    def ready(self, upstream_model: str) -> bool:
        return True

    def why_not(self, upstream_model: str) -> str | None:
        return None

    def check(self, request: Request, upstream_model: str) -> None:
        """Takes everything."""

    async def examine(self, call: Call) -> None:
        """Takes everything."""

    async def count(self, call: Call) -> int | None:
        return self._fates[call.request_id].asked.prompt

    async def open(self, call: Call) -> Running:
        fate = self._fates[call.request_id]
        attempt = fate.asked.tries[min(fate.attempts, 1)]
        fate.attempts += 1
        fate.accepted = fate.opened = False
        fate.given = 0
        await asyncio.sleep(0)
        if attempt.ending == "refuses":
            raise UpstreamError("not now", status=503, code="upstream_error")
        fate.accepted = True
        return Running(fate, attempt, self._stepped)

    async def aclose(self) -> None:
        """Nothing is open."""


class Running:
    """One attempt, as events."""

    def __init__(self, fate: Fate, attempt: Try, stepped: Callable[[Fate], None]) -> None:
        self._fate = fate
        self._attempt = attempt
        self._stepped = stepped
        self._at = -1

    async def read(self) -> Sequence[Event]:
        fate, attempt = self._fate, self._attempt
        self._stepped(fate)
        await asyncio.sleep(0)
        self._at += 1
        at, pieces = self._at, attempt.pieces
        if at == 0:
            fate.opened = True
            return (Opened("up", fate.asked.prompt),)
        failing = attempt.ending in ("fails_early", "fails_late")
        if failing and at > (0 if attempt.ending == "fails_early" else 1 + len(pieces) // 2):
            raise UpstreamError("it broke", code="upstream_cut", retryable=fate.given == 0)
        if at <= len(pieces):
            fate.given += pieces[at - 1]
            return (TextDelta("t " * pieces[at - 1], tokens=pieces[at - 1]),)
        reported = attempt.reported
        return (ChoiceEnded("stop"), Finished(None if reported is None else _usage(reported)))

    async def pump(self, sink: Sink, passed: PassedSink) -> None:
        del sink, passed

    async def aclose(self) -> None:
        """Nothing is open."""


def _usage(used: Used) -> Usage:
    return Usage(
        input=used.input,
        cache_read=used.cache_read,
        cache_write=used.cache_write,
        output=used.output,
        reasoning=used.reasoning,
    )
