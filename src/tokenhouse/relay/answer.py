"""One answer, from admission to its receipt: the context that a request lives in.

Enter it and the money is held, durably. ``open`` tries the routes until one gives content. ``read``
hands on what arrives, metered. ``settle`` charges, and only then may the closing frame go out. Leave
it any other way and the meter is asked once: owed > 0 is settled, owed = 0 released, the upstream
cancelled at once. Every verb of money is queued at the moment it is said, so a cancellation that
lands on the await can't unsay it.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING

from tokenhouse.chat import NO_USAGE, ChoiceEnded, Event, Finished, Passed, Request, Usage
from tokenhouse.errors import TokenhouseError, UpstreamError
from tokenhouse.providers import Attempt, PassedSink, Sink
from tokenhouse.relay.live import LiveRequest
from tokenhouse.relay.meter import Meter
from tokenhouse.relay.port import Admitted, Closed
from tokenhouse.relay.receipt import Attempted, Outcome, Receipt

if TYPE_CHECKING:
    from tokenhouse.relay.idempotency import Recording
    from tokenhouse.relay.plan import Plan
    from tokenhouse.relay.relay import Relay

NOTE_INTERVAL_S = 5.0
"""How often a running stream notes what it owes, for the case that the process dies."""


class Answer:
    """Use as ``async with relay.answer(…) as answer``; see the module for the order of calls."""

    __slots__ = (
        "_attempt",
        "_attempts",
        "_buffer",
        "_ended",
        "_entered",
        "_error",
        "_first_content",
        "_note_due",
        "_over",
        "_provider",
        "_queued",
        "_recording",
        "_relay",
        "_task",
        "admitted",
        "closed",
        "meter",
        "plan",
        "receipt",
        "stopped",
    )

    def __init__(self, relay: Relay, plan: Plan, recording: Recording | None = None) -> None:
        self._relay = relay
        self._recording = recording
        self.plan = plan
        self.admitted: Admitted | None = None
        self.closed: Closed | None = None
        self.receipt: Receipt | None = None
        self.meter = self._new_meter()
        self._attempt: Attempt | None = None
        self._attempts: list[Attempted] = []
        self._buffer: list[Event] = []
        self._ended = False
        self._error: TokenhouseError | None = None
        self._provider: str | None = None
        self._first_content: float | None = None
        self._queued: float | None = None
        self._entered = relay.clock.monotonic()
        streamed = plan.request.stream
        self._note_due = self._entered + NOTE_INTERVAL_S if streamed else math.inf
        self._task: asyncio.Task[object] | None = None
        self._over: asyncio.Event | None = None
        self.stopped: TokenhouseError | None = None
        """What the client is told, when somebody else has ended this request."""

    @property
    def request(self) -> Request:
        return self.plan.request

    @property
    def drained(self) -> bool:
        """The proper end has been read: only ``settle`` is left to do."""
        return self.meter.finished and not self._buffer

    @property
    def usage(self) -> Usage:
        """What the answer used, as its receipt says; the meter's best knowledge before that."""
        return self.meter.usage() if self.receipt is None else self.receipt.usage

    @property
    def native(self) -> bool:
        """Was the provider given the request as the client wrote it, in its own dialect?"""
        provider = self._relay.providers.get(self._provider or "")
        return provider is not None and provider.speaks == self.plan.request.dialect

    @property
    def left_out(self) -> frozenset[str]:
        """The fields of a request in another dialect that its provider has no word for."""
        provider = self._relay.providers.get(self._provider or "")
        return frozenset() if provider is None else self.plan.request.fields & provider.leaves

    def prompt_tokens(self) -> int:
        """The whole prompt in tokens, as well as it is known now."""
        return self.meter.prompt()[0]

    async def __aenter__(self) -> Answer:
        """Admit: raises AccountError when limits or balance refuse; then nothing is held."""
        live = self._relay.live.answers
        self._task = asyncio.current_task()
        # before it is admitted: whoever suspends its account must find it, however far it is
        plan = self.plan
        live[plan.id] = self
        try:
            self.plan, self.admitted = await self._relay.admit(plan)
        except BaseException as error:
            if isinstance(error, asyncio.CancelledError):
                # Queued behind the admission, so it releases whatever that one will have held.
                self._queue_close(self._make_receipt("cancelled", NO_USAGE, 0), 0)
            live.pop(plan.id, None)
            self._is_over()
            raise
        self._queued = self._relay.clock.monotonic()
        if self.plan is not plan:  # its max_tokens was lowered, or its prompt counted
            self.meter = self._new_meter()
        return self

    async def open(self) -> None:
        """Try the routes in order until one gives content; raises what the last one failed with.

        A failure before any content tries the next route; the caller pays one attempt only.
        """
        failure: TokenhouseError | None = None
        for route in self.plan.routes:
            started = self._relay.clock.monotonic()
            self._provider = route.provider
            self._relay.started(route)
            try:
                await self._first_events(route.provider, route.model)
            except TokenhouseError as error:
                await self._close_attempt()
                self._record(route.provider, route.model, started, error)
                self._relay.failed(route, error)
                failure = error
                if isinstance(error, UpstreamError) and error.retryable:
                    self._buffer.clear()
                    self.meter = self._new_meter()
                    continue
                break
            self._record(route.provider, route.model, started, None)
            self._relay.succeeded(route)
            return
        assert failure is not None
        self._error = failure
        raise failure

    async def read(self) -> Sequence[Event]:
        """What has arrived, metered; ``Finished`` is the last event ever. Raises UpstreamError."""
        if self._buffer:
            events = self._buffer
            self._buffer = []
            return events
        assert self._attempt is not None
        try:
            events = await self._attempt.read()
        except TokenhouseError as error:
            self._error = error
            raise
        self._see(events)
        if self.meter.exceeded and not self.meter.finished:
            return await self._cut(events)
        return events

    async def pump(self, sink: Sink, passed: PassedSink) -> None:
        """Give events to ``sink`` or ``passed``, metered, as they come and without waking this task for
        each.

        Returns when one says False and wherever ``read`` has to go on: the end is read, not pumped.
        Raises what ``read`` raises.
        """
        attempt = self._attempt
        if attempt is None or self._buffer or self.meter.finished:
            return

        def metered(events: Sequence[Event]) -> bool:
            self._see(events)
            if self.meter.finished or self.meter.exceeded:
                self._buffer.extend(events)
                return False
            return sink(events)

        def metered_passed(frame: Passed) -> bool:
            if see_passed(frame):
                self._buffer.append(frame)
                return False
            if monotonic() >= self._note_due:
                self._note()
            return passed(frame)

        see_passed, monotonic = self.meter.see_passed, self._relay.clock.monotonic
        try:
            await attempt.pump(metered, metered_passed)
        except TokenhouseError as error:
            self._error = error
            raise
        if self.meter.exceeded and not self.meter.finished:
            self._buffer = list(await self._cut(self._buffer))

    async def settle(self) -> Closed:
        """Charge what the finished answer cost; returns when that is durable (commit 2)."""
        assert self.meter.finished
        return self._is_closed(await self._say_close("finished"))

    def stop(self, error: TokenhouseError) -> asyncio.Event:
        """End this request from outside: its task is cancelled, its client told ``error``. → set when
        its hold has ended. Call it while the request is among the live ones."""
        assert self._task is not None
        if self._over is None:
            self._over = asyncio.Event()
        if self.stopped is None:
            self.stopped = error
            self._task.cancel()
        return self._over

    async def abandon(self) -> None:
        """End the hold now, before the client is told why: one that does not read can't delay it."""
        if not self._ended:
            await self._end()

    def live(self) -> LiveRequest:
        """How it stands now."""
        plan, caller = self.plan, self.plan.caller
        opened, usage = self._first_content is not None, self.meter.usage_so_far()
        delivered = self.meter.delivered
        return LiveRequest(
            id=plan.id,
            account=caller.account,
            account_name=caller.account_name,
            key=caller.key,
            key_name=caller.key_name,
            model=plan.offer.model.id,
            dialect=plan.request.dialect,
            streamed=plan.request.stream,
            state="answering" if opened else "waiting" if self.admitted is None else "opening",
            begun_ms=plan.at_ms,
            age_ms=round((self._relay.clock.monotonic() - self._entered) * 1000),
            provider=self._provider,
            prompt_tokens=usage.prompt_tokens,
            answer_tokens=usage.answer_tokens,
            owed=self._relay.cost(plan, usage) if delivered else 0,
        )

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._ended:
            await self._close_attempt()
            return
        if self._error is None and isinstance(exc, TokenhouseError):
            self._error = exc
        await self._end()

    async def _end(self) -> None:
        closing = self._say_close("cancelled" if self._error is None else "failed")
        try:
            await self._close_attempt()
        finally:
            self._is_closed(await closing)
            self._is_over()

    def _is_closed(self, closed: Closed) -> Closed:
        self.closed = closed
        if closed.lost:
            self._relay.totals.lose(self.plan.offer.model.id, closed.lost)
        return closed

    def _is_over(self) -> None:
        if self._over is not None:
            self._over.set()

    def _new_meter(self) -> Meter:
        plan = self.plan
        return Meter(plan.request, plan.ceiling.answer_tokens_max, plan.count)

    async def _first_events(self, provider_name: str, upstream_model: str) -> None:
        provider = self._relay.providers[provider_name]
        call = self._relay.call(self.plan, upstream_model)
        self._attempt = attempt = await provider.open(call)
        self.meter.accepted = True
        while True:
            events = await attempt.read()
            self._buffer.extend(events)
            if self.meter.see(events):
                self._first_content = self._relay.clock.monotonic()
                return

    def _see(self, events: Sequence[Event]) -> None:
        self.meter.see(events)
        if self._relay.clock.monotonic() >= self._note_due:
            self._note()

    def _note(self) -> None:
        self._note_due = self._relay.clock.monotonic() + NOTE_INTERVAL_S
        owed = self._relay.cost(self.plan, self.meter.usage_so_far())
        self._relay.book.note(self.plan.id, owed)

    async def _cut(self, events: Sequence[Event]) -> Sequence[Event]:
        """An upstream that streams past max_tokens is stopped here; the answer ends as ``length``."""
        await self._close_attempt()
        end = (ChoiceEnded("length"), Finished(None))
        self.meter.see(end)
        return (*events, *end)

    async def _close_attempt(self) -> None:
        attempt = self._attempt
        if attempt is not None:
            self._attempt = None
            await attempt.aclose()

    def _say_close(self, outcome: Outcome) -> Awaitable[Closed]:
        """Ask the meter once and queue the end of the hold, in one breath: no await in between."""
        self._ended = True
        self._relay.live.answers.pop(self.plan.id, None)
        meter = self.meter
        # Nothing is owed for what was never delivered because we or the upstream failed, or because
        # an operator ended it; a caller who leaves owes the prompt once the upstream had accepted it.
        # An answer that is not streamed is delivered whole or not at all.
        streamed = self.plan.request.stream
        owing = meter.finished or (meter.delivered and streamed)
        if self.stopped is not None:
            owing = owing and streamed
        elif outcome == "cancelled":
            owing = owing or meter.accepted
        usage = meter.usage() if owing else NO_USAGE
        owed = self._relay.cost(self.plan, usage) if owing else 0
        self.receipt = receipt = self._make_receipt(outcome, usage, owed)
        self._relay.totals.add(receipt)
        tokens = usage.prompt_tokens + usage.answer_tokens
        return self._queue_close(receipt, tokens)

    def _queue_close(self, receipt: Receipt, tokens: int) -> Awaitable[Closed]:
        keep = None if self._recording is None else self._recording.seal()
        return self._relay.close(receipt, tokens=tokens, keep=keep)

    def _record(
        self, provider: str, upstream_model: str, started: float, error: TokenhouseError | None
    ) -> None:
        self._attempts.append(
            Attempted(
                provider=provider,
                upstream_model=upstream_model,
                latency_ms=round((self._relay.clock.monotonic() - started) * 1000),
                status=None if error is None else error.status,
                error=None if error is None else error.code,
            )
        )

    def _make_receipt(self, outcome: Outcome, usage: Usage, owed: int) -> Receipt:
        plan = self.plan
        now = self._relay.clock.monotonic()
        first, queued, entered = self._first_content, self._queued, self._entered
        error = self._error or self.stopped
        return Receipt(
            id=plan.id,
            account=plan.caller.account,
            key=plan.caller.key,
            model=plan.offer.model.id,
            price_version=plan.offer.price.version,
            dialect=plan.request.dialect,
            streamed=plan.request.stream,
            created_ms=plan.at_ms,
            outcome=outcome,
            usage=usage,
            owed=owed,
            finish_reason=self.meter.finish_reason,
            provider=self._provider,
            upstream_id=self.meter.upstream_id,
            attempts=tuple(self._attempts),
            queue_ms=None if queued is None else round((queued - entered) * 1000),
            latency_ms=None if first is None else round((first - entered) * 1000),
            generation_ms=None if first is None else round((now - first) * 1000),
            total_ms=round((now - entered) * 1000),
            error=None if error is None or outcome == "finished" else error.code,
        )
