"""One running answer of the engine: its frames → events, its tokens → usage."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from tokenhouse.chat import Event, Finished, Opened, Usage
from tokenhouse.engine import (
    PATH,
    Completion,
    Done,
    EngineError,
    Piece,
    Progress,
    Reservation,
    Use,
    completion_body,
    look,
    read_chunk,
    read_error,
)
from tokenhouse.errors import UpstreamError
from tokenhouse.providers.base import Call, PassedSink, Sink
from tokenhouse.providers.engine_choice import Choice, Shape
from tokenhouse.providers.engine_pictures import Prompt, sent_of
from tokenhouse.providers.engine_prompts import EngineModel, headers_of, likeliest, origin_of
from tokenhouse.providers.engine_words import fit_tokens, house_error, sampling_of, top_logprobs_of
from tokenhouse.providers.failures import transport_failure
from tokenhouse.transport import Answer, Client, TransportError
from tokenhouse.wire import sse


@dataclass(slots=True)
class CountDifferences:
    """How often, and by how many tokens, the engine's count of a prompt was not the house's, which is
    billed."""

    prompts: int = 0
    tokens: int = 0

    def note(self, ours: int, theirs: int) -> None:
        if ours != theirs:
            self.prompts += 1
            self.tokens += abs(ours - theirs)


class EngineAttempt:
    """One running answer: its choices one after another, each a completion of its own."""

    def __init__(
        self,
        client: Client,
        model: EngineModel,
        call: Call,
        prompt: Prompt,
        shape: Shape,
        *,
        differences: CountDifferences,
    ) -> None:
        self._client = client
        self._model = model
        self._differences = differences
        self._engine = model.engine
        self._call = call
        self._prompt = prompt
        self._shape = shape
        self._sampling = call.request.conversation().sampling
        self._choices = 0
        self._choice = Choice(0, shape, self._new_call_id)
        self._answer: Answer | None = None
        self._room: Reservation | None = None
        self._frames = sse.Reader()
        self._pending: list[sse.Sse] = []
        self._cached = 0
        self._answer_tokens = 0
        self._opened = False
        self.use: Use | None = None
        """What keeps the model loaded."""

    async def begin(self) -> None:
        """Wait for room and ask for the choice whose turn it is."""
        engine = self._engine
        try:
            sent = await sent_of(self._model, self._prompt, self._client)
            max_tokens = fit_tokens(self._call, sent.taken, engine.n_ctx)
            room = engine.reserve(sent.taken, max_tokens, self._call.share)
            await room.__aenter__()
        except EngineError as error:
            raise house_error(error) from error
        self._room = room
        body = completion_body(
            Completion(
                prompt=sent.prompt,
                max_tokens=max_tokens,
                sampling=sampling_of(self._sampling, self._call, self._choices),
                stop=self._shape.engine_stops,
                top_logprobs=top_logprobs_of(self._sampling),
                constraint=self._shape.constraint,
                forbidden=self._shape.forbidden,
            )
        )
        try:
            self._answer = answer = await self._client.send(
                origin_of(engine), b"POST", PATH.encode(), headers=headers_of(engine), body=body
            )
            if answer.status != 200:
                room.finished()
                raise house_error(read_error(answer.status, await answer.read_all()))
        except TransportError as error:
            raise transport_failure(error, self._call.public_model) from error

    async def read(self) -> Sequence[Event]:
        events: list[Event] = []
        if not self._opened:
            self._opened = True
            events.append(Opened(prompt_tokens=len(self._prompt.ids)))
        while not events:
            if self._answer is None:
                await self.begin()
            assert self._answer is not None
            try:
                data = await self._answer.read()
            except TransportError as error:
                raise transport_failure(error, self._call.public_model) from error
            if not data:
                raise UpstreamError("The engine's answer ended too early.", code="upstream_cut")
            try:
                for _, payload in self._frames.feed(data):
                    if await self._take(payload, events):
                        break  # what comes behind the end is nobody's
            except EngineError as error:
                raise house_error(error) from error
        return events

    async def pump(self, sink: Sink, passed: PassedSink) -> None:
        """Nothing comes fast enough to need it."""
        del sink, passed

    async def aclose(self) -> None:
        use, self.use = self.use, None
        try:
            await self.free()
        finally:
            if use is not None:
                use.end()

    async def free(self) -> None:
        """Let go of the choice that runs, finished or not."""
        answer, self._answer = self._answer, None
        room, self._room = self._room, None
        if answer is not None:
            await answer.aclose()
        if room is not None:
            await room.__aexit__(None, None, None)

    async def _take(self, payload: bytes, events: list[Event]) -> bool:
        """Take a frame in; did the choice end?"""
        chunk = read_chunk(payload)
        if isinstance(chunk, Progress):
            if self._choices == 0:
                self._cached = chunk.cached
        elif isinstance(chunk, Piece):
            self._choice.take(chunk, events)
            if self._choice.ended:
                await self._next(self._choice.produced, events)
                return True
        else:
            await self._end(chunk, events)
            return True
        return False

    async def _end(self, done: Done, events: list[Event]) -> None:
        self._choice.finish(done, events)
        if self._choices == 0:
            self._cached = done.cached
            self._differences.note(len(self._prompt.ids), done.tokens_evaluated)
        await self._fill()
        self._choice.end(done, events)
        if self._room is not None:
            self._room.finished()
        await self._next(done.tokens_predicted, events)

    async def _fill(self) -> None:
        """Ask for the log-probabilities of tokens that the stream has left out. The room is still ours,
        and the engine has all but the last token of each question in its cache. (Behind images it can't
        be asked: it takes no tokens beside them.)"""
        vocabulary, drawn = self._shape.vocabulary, self._choice.drawn
        if self._prompt.pictures:
            return
        while vocabulary is not None and (before := drawn.missing()) is not None:
            asked = look([*self._prompt.ids, *before], vocabulary)
            try:
                top = await likeliest(asked, self._client, self._engine)
            except (EngineError, UpstreamError):
                return  # the answer is whole: that token's bytes are told with the next one's
            self._choice.know(drawn.found(top))

    async def _next(self, tokens: int, events: list[Event]) -> None:
        """A choice has ended, having drawn so many tokens."""
        self._answer_tokens += tokens
        await self.free()
        self._choices += 1
        if self._choices == self._call.request.n:
            events.append(Finished(self._usage()))
        else:
            self._choice = Choice(self._choices, self._shape, self._new_call_id)
            self._frames = sse.Reader()

    def _usage(self) -> Usage:
        prompt = len(self._prompt.ids)
        cached = min(self._cached, prompt)
        return Usage(
            input=prompt - cached,
            cache_read=cached,
            output=self._answer_tokens,
            prompt_source="counted",
            answer_source="reported",
        )

    def _new_call_id(self, position: int) -> str:
        """Nine alphanumerics after ``call_``, as Mistral's format wants them back."""
        seed = f"{self._call.request_id}:{self._choices}:{position}"
        return "call_" + hashlib.blake2b(seed.encode()).hexdigest()[:9]
