"""The inference routes: one handler for every dialect, streamed and not.

The request lives inside the relay's answer: this module parses, enters it, encodes what comes and
sends. A watcher on ``receive`` cancels the request as soon as the client is gone (a server's ``send``
silently returns then), the relay's exit does the rest. The closing frame waits for the settlement.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from tokenhouse import ids
from tokenhouse.access import Access, Caller, header_key
from tokenhouse.api.envelopes import id_headers
from tokenhouse.api.fronts import Front
from tokenhouse.api.http import (
    DIRECT,
    JSON,
    ON_LEAVE,
    ClientGone,
    Headers,
    Receive,
    Respond,
    Scope,
    Send,
    header,
    read_body,
)
from tokenhouse.api.idempotency import (
    HEADER,
    RECORDING,
    KeyedAnswers,
    LastFrames,
    answer_kept,
    key_asked,
    run_into,
    stopping,
)
from tokenhouse.api.limit_headers import refusal_headers
from tokenhouse.api.recording import Recording
from tokenhouse.api.silence import Silence
from tokenhouse.api.totals import Totals
from tokenhouse.chat import Event
from tokenhouse.errors import HouseError, TokenhouseError, UpstreamError
from tokenhouse.relay import Answer, RefusedError, Relay

log = logging.getLogger("tokenhouse.api")

_EVENT_STREAM: Headers = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
]


@dataclass(frozen=True, slots=True)
class Name:
    """An answer's name on the wire."""

    answer_id: str
    model: str
    created_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a request may take of us. Seconds and bytes."""

    body_max: int = 32_000_000
    keyless_body_max: int = 4 * 2**20
    deadline_s: float = 600.0
    keep_alive_s: float = 10.0


class Inference:
    """The handler of one dialect's route."""

    def __init__(
        self,
        front: Front,
        relay: Relay,
        access: Access,
        *,
        limits: Limits,
        totals: Totals,
        keyed: KeyedAnswers | None = None,
    ) -> None:
        """``keyed``: the answers under an Idempotency-Key; None where nothing is charged."""
        self._front = front
        self._keyed = keyed
        self._relay = relay
        self._access = access
        self._clock = relay.clock
        self._limits = limits
        self._totals = totals

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request_id = ids.new(ids.REQUEST, self._clock.now_ms())
        respond = Respond(send, id_headers(request_id), scope.get(DIRECT))
        self._totals.begun += 1
        try:
            await self._answer(scope, receive, respond, request_id)
        except ClientGone:
            self._totals.gone += 1
        except _Told:
            pass
        except TokenhouseError as error:
            await self._refuse(respond, request_id, error)
        except Exception as error:  # the outermost wall: nothing else may reach the server
            log.exception("failed inside the house", extra={"request_id": request_id})
            await self._refuse(respond, request_id, _bug(error))

    async def _answer(
        self, scope: Scope, receive: Receive, respond: Respond, request_id: str
    ) -> None:
        caller, body = await self._identify(scope, receive)
        recording: Recording | None = None
        if header(scope["headers"], HEADER) is not None and self._keyed is not None:
            recording = scope.get(RECORDING)
            if recording is None:
                await self._follow(caller, body, scope, receive, respond)
                return
            self._totals.begun -= 1  # it was counted when its client asked
            kept = await self._relay.kept(caller, recording.asked.name)
            if kept is not None:
                await answer_kept(recording, kept)
                return
        request = self._front.parse(
            body, scope["headers"], default_model=partial(self._relay.default_model, caller)
        )
        task = asyncio.current_task()
        assert task is not None
        watch = _Watch(scope, receive, task, self._limits.deadline_s)
        answer: Answer | None = None
        try:
            answer = self._relay.answer(caller, request, request_id, recording)
            if request.stream:
                await self._stream(answer, respond, watch, recording)
            else:
                await self._whole(answer, respond, watch, recording)
        except asyncio.CancelledError:
            if watch.gone:
                task.uncancel()
                raise ClientGone from None
            if watch.late:
                task.uncancel()
                raise _too_late(self._limits.deadline_s) from None
            if answer is not None and answer.stopped is not None:
                task.uncancel()
                raise answer.stopped from None
            raise stopping() from None
        finally:
            watch.stop()

    async def _identify(self, scope: Scope, receive: Receive) -> tuple[Caller, bytes]:
        headers: Headers = scope["headers"]
        client = scope.get("client")
        address = client[0] if client else ""
        if header_key(headers) is not None:
            caller = self._access.identify(headers, body_key=None, query_key=None, address=address)
            return caller, await read_body(scope, receive, self._limits.body_max)
        limit = min(self._limits.keyless_body_max, self._limits.body_max)
        body = await read_body(scope, receive, limit, keyless=True)
        body_key = self._front.body_key(body)
        caller = self._access.identify(headers, body_key=body_key, query_key=None, address=address)
        return caller, body

    async def _follow(
        self, caller: Caller, body: bytes, scope: Scope, receive: Receive, respond: Respond
    ) -> None:
        """Answer a request that carries an Idempotency-Key: run it, join it, or give it again."""
        asked = key_asked(scope["headers"], scope["path"], body)

        keyed = self._keyed
        assert keyed is not None
        follower = keyed.follow(
            caller.account, asked, respond.send, partial(run_into, self, scope, body)
        )
        task = asyncio.current_task()
        assert task is not None
        # The running request keeps the deadline; this only ends a client that takes too long to read.
        watch = _Watch(scope, receive, task, 2 * self._limits.deadline_s)
        try:
            await follower.follow()
        except asyncio.CancelledError:
            task.uncancel()
            if watch.gone or watch.late:
                raise ClientGone from None
            keyed.stop_one(caller.account, asked)
            await follower.follow()
        finally:
            watch.stop()

    async def _whole(
        self, entered: Answer, respond: Respond, watch: _Watch, recording: Recording | None
    ) -> None:
        async with entered as answer:
            await answer.open()
            events: list[Event] = []
            while True:
                events.extend(await answer.read())
                if answer.drained:
                    break
            name = self._name(answer)
            told = [*self._answer_headers(answer), *self._left_out(answer)]
            if recording is not None:
                whole = partial(self._whole_body, name, events, answer)
                recording.will_end([JSON, *respond.headers, *told], whole)
            closed = await answer.settle()
            body = self._front.whole(name, events, answer.usage, closed.charged)
            watch.stop()
        await respond.json(200, body, told)

    async def _stream(
        self, entered: Answer, respond: Respond, watch: _Watch, recording: Recording | None
    ) -> None:
        front = self._front
        async with entered as answer:
            headers = [*_EVENT_STREAM, *respond.headers, *self._answer_headers(answer)]
            encoder = front.encoder(self._name(answer), answer.request, answer.prompt_tokens)
            silence = Silence(
                respond.send,
                headers,
                front.keep_alive(encoder),
                self._limits.keep_alive_s,
                respond.direct,
            )
            encode, write = encoder.encode, silence.write
            try:
                await answer.open()
                headers += self._left_out(answer)
                while True:
                    events = await answer.read()
                    frames = _joined(encode, events)
                    if answer.drained:
                        break
                    if frames:
                        await silence.body(frames, more=True)
                    if silence.flowing:
                        await answer.pump(
                            lambda found: write(_joined(encode, found)),
                            lambda frame: write(encode(frame)),
                        )
                last = None
                if recording is not None:
                    last = LastFrames(encoder, answer, frames)
                    recording.will_end(headers, last)
                closed = await answer.settle()
                if last is None:
                    frames += encoder.closing(answer.usage, closed.charged)
                else:
                    frames = last.frames(closed.charged)
                watch.stop()
                await silence.body(frames, more=False)
            except TokenhouseError as error:
                if not silence.started:
                    raise
                self._note_failure(answer.plan.id, error)
                await silence.body(encoder.error(error), more=False)
                raise _Told from error
            except asyncio.CancelledError:
                if watch.gone or not silence.started:
                    raise
                late = _too_late(self._limits.deadline_s) if watch.late else answer.stopped
                late = stopping() if late is None else late
                self._note_failure(answer.plan.id, late)
                if answer.stopped is not None:
                    await answer.abandon()
                await silence.body(encoder.error(late), more=False)
                raise _Told from None
            finally:
                silence.stop()

    def _whole_body(
        self, name: Name, events: Sequence[Event], answer: Answer, charged: int
    ) -> bytes:
        return self._front.whole(name, events, answer.usage, charged)

    def _answer_headers(self, answer: Answer) -> Headers:
        """What an admitted request is told besides its answer: limits, and a lowered max_tokens."""
        plan, admitted = answer.plan, answer.admitted
        headers: Headers = []
        if admitted is not None:
            headers = self._front.limit_headers(admitted.remaining, self._clock.now_ms())
        if plan.lowered and plan.max_tokens is not None:
            headers.append((b"x-tokenhouse-max-tokens", b"%d" % plan.max_tokens))
        return headers

    def _left_out(self, answer: Answer) -> Headers:
        """Once it is open: the fields of the request that its provider has no word for."""
        if answer.native:
            return []
        names = sorted({*self._front.left_out(answer.request), *answer.left_out})
        return [(b"x-tokenhouse-left-out", ", ".join(names).encode())] if names else []

    def _name(self, answer: Answer) -> Name:
        plan = answer.plan
        return Name(
            plan.answer_id,
            plan.offer.model.id,
            plan.at_ms // 1000,
        )

    async def _refuse(self, respond: Respond, request_id: str, error: TokenhouseError) -> None:
        self._note_failure(request_id, error)
        body = self._front.error_body(error, request_id)
        now_ms = self._clock.now_ms()
        headers = refusal_headers(error, now_ms)
        if isinstance(error, RefusedError):
            headers += self._front.limit_headers(error.remaining, now_ms)
        await respond.json(self._front.status(error), body, headers)

    def _note_failure(self, request_id: str, error: TokenhouseError) -> None:
        self._totals.failed(error.status)
        self._totals.remember(request_id, self._clock.now_ms(), error)
        if error.status >= 500:
            log.warning(
                "%d %s: %s", error.status, error.code, error, extra={"request_id": request_id}
            )


class _Told(Exception):
    """The failure was already told to the client inside the stream."""


class _Watch:
    """Cancels the request's task when the client leaves or the deadline passes.

    Our own server tells when the connection is lost; behind any other, a task waits on ``receive``.
    """

    __slots__ = ("_on_leave", "_task", "_timer", "_watcher", "gone", "late")

    def __init__(
        self, scope: Scope, receive: Receive, task: asyncio.Task[None], deadline_s: float
    ) -> None:
        loop = asyncio.get_running_loop()
        self.gone = False
        self.late = False
        self._task = task
        self._timer = loop.call_later(deadline_s, self._deadline)
        self._watcher: asyncio.Task[None] | None = None
        self._on_leave = scope.get(ON_LEAVE)
        if self._on_leave is None:
            self._watcher = loop.create_task(self._wait(receive))
        else:
            self._on_leave(self._leave)

    async def _wait(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._leave()

    def _leave(self) -> None:
        self.gone = True
        self._task.cancel()

    def _deadline(self) -> None:
        self.late = True
        self._task.cancel()

    def stop(self) -> None:
        self._timer.cancel()
        if self._watcher is not None:
            self._watcher.cancel()
        elif self._on_leave is not None:
            self._on_leave(None)


def _joined(encode: Callable[[Event], bytes], events: Sequence[Event]) -> bytes:
    return encode(events[0]) if len(events) == 1 else b"".join(map(encode, events))


def _too_late(deadline_s: float) -> UpstreamError:
    return UpstreamError(
        f"The answer took longer than this house allows ({deadline_s:.0f} s).",
        status=504,
        code="deadline_exceeded",
        retryable=False,
    )


def _bug(error: Exception) -> HouseError:
    del error
    return HouseError(
        "Something went wrong inside this house; it was logged under this request's id."
    )
