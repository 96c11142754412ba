"""The interpreter between the house and its engine: a conversation → token ids → events.

Prompts are tokenised here and sent as ids; the answer's text, calls and counts come back. What the
engine can't do is refused in the caller's words, what it can't do *now* is an UpstreamError that
names the mend.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from tokenhouse.chat import Dialect, Event, Finished, Opened, Request, Usage
from tokenhouse.engine import (
    PATH,
    Completion,
    Done,
    Engine,
    EngineError,
    Grammars,
    Piece,
    Progress,
    Reservation,
    SchemaRefused,
    Use,
    completion_body,
    look,
    read_chunk,
    read_error,
)
from tokenhouse.errors import CallerError, UpstreamError
from tokenhouse.providers.base import Call, Sink
from tokenhouse.providers.engine_choice import Choice, Shape
from tokenhouse.providers.engine_forms import answer_form, check_form, schema_error
from tokenhouse.providers.engine_prompts import EngineModel, headers_of, likeliest, origin_of
from tokenhouse.providers.engine_start import LOAD_WAIT_S, begun
from tokenhouse.providers.engine_words import (
    LEAVES,
    check_sampling,
    echo_of,
    engine_conversation,
    fit_tokens,
    house_error,
    sampling_of,
    top_logprobs_of,
)
from tokenhouse.providers.failures import transport_failure
from tokenhouse.transport import Answer, Client, TransportError
from tokenhouse.wire import OPENAI_NAME_MOST, asked_of, sse

CHOICES_MAX: Final = 16
"""Most choices (``n``) one request may have here; they run one after another."""


class EngineProvider:
    """Provider kind ``engine``. ``failures``: models that cannot run, each with reason and mend.
    ``loop_guard``: tokens after which an answer that only repeats itself is ended; 0: never."""

    counts_here = True
    leaves = LEAVES
    speaks: Dialect | None = None

    def __init__(
        self,
        name: str,
        models: Mapping[str, EngineModel],
        *,
        client: Client,
        failures: Mapping[str, str] | None = None,
        load_wait_s: float = LOAD_WAIT_S,
        loop_guard: int = 0,
    ) -> None:
        self._name = name
        self._loop_guard = loop_guard
        self._models = models
        self._client = client
        self._load_wait_s = load_wait_s
        self._failures = failures or {}
        self._grammars = Grammars()

    @property
    def name(self) -> str:
        return self._name

    @property
    def engines(self) -> Mapping[str, Engine]:
        """Upstream model → its engine; those that can't run here have none."""
        return {name: model.engine for name, model in self._models.items()}

    def ready(self, upstream_model: str) -> bool:
        model = self._models.get(upstream_model)
        if model is None:
            return False
        return model.engine.state != "failed" or model.engine.may_retry

    def why_not(self, upstream_model: str) -> str | None:
        """Why this model can't answer and what mends it; None when it can."""
        model = self._models.get(upstream_model)
        if model is None:
            return self._failures.get(upstream_model, f"{upstream_model} has no weights here")
        failure = model.engine.failure
        return None if failure is None else str(failure)

    def check(self, request: Request, upstream_model: str) -> None:
        if request.sizes.images:
            raise CallerError(
                "This model takes text only; leave the images out.",
                param="messages",
                code="unsupported_content",
            )
        if request.n > CHOICES_MAX:
            raise CallerError(f"n may be at most {CHOICES_MAX} for this model.", param="n")
        model = self._models.get(upstream_model)
        if model is not None and "logit_bias" in request.fields:
            check_sampling(request.conversation().sampling, model.vocabulary)
        if model is not None and model.own is not None and request.has_tools:
            raise CallerError(
                "This model's prompts are written by its own template, which is not told of tools; leave "
                "them out.",
                param="tools",
                code="unsupported_content",
            )

    async def examine(self, call: Call) -> None:
        """Refuse schemas that the answer can't be held to: the engine itself would say nothing."""
        model = self._models.get(call.upstream_model)
        if model is not None:
            await self._shape(model, call)

    async def count(self, call: Call) -> int | None:
        model = self._models.get(call.upstream_model)
        if model is None:
            return None
        try:
            return len(await self._prompt(model, call))
        except EngineError as error:
            raise house_error(error) from error

    async def open(self, call: Call) -> EngineAttempt:
        model = self._models.get(call.upstream_model)
        if model is None:
            raise UpstreamError(
                f"{call.public_model} can't run here: {self.why_not(call.upstream_model)}.",
                status=503,
                code="model_not_ready",
            )
        engine = model.engine
        try:
            prompt = await self._prompt(model, call)
            shape = await self._shape(model, call)
            return await begun(
                engine,
                lambda: EngineAttempt(self._client, model, call, prompt, shape),
                self._load_wait_s,
            )
        except EngineError as error:
            raise house_error(error) from error

    async def _prompt(self, model: EngineModel, call: Call) -> list[int]:
        conversation = engine_conversation(call.request.conversation(), call.system_prompt)
        return await model.ids(conversation, self._client, self._load_wait_s)

    async def _shape(self, model: EngineModel, call: Call) -> Shape:
        conversation = call.request.conversation()
        form = answer_form(conversation, args=model.form.args, call_id=model.form.call_id)
        asked = asked_of(conversation, name_most=OPENAI_NAME_MOST)
        plain = Shape(
            None,
            None,
            asked.stops,
            asked.names,
            alternatives=conversation.sampling.top_logprobs,
            echo=echo_of(conversation),
            loop_guard=self._loop_guard,
            tokens_tell=model.own is None,  # of other families no token means a call
            vocabulary=model.tekken if conversation.sampling.logprobs else None,
        )
        if form is None:
            return plain
        check_form(conversation)
        try:
            constraint = await self._grammars.of(form)
        except SchemaRefused as error:
            raise schema_error(error, call.request) from error
        except EngineError as error:
            raise house_error(error) from error
        return replace(plain, form=form, constraint=constraint)

    async def aclose(self) -> None:
        for model in self._models.values():
            await model.aclose()


class EngineAttempt:
    """One running answer: its choices one after another, each a completion of its own."""

    def __init__(
        self,
        client: Client,
        model: EngineModel,
        call: Call,
        prompt: list[int],
        shape: Shape,
    ) -> None:
        self._client = client
        self._engine = model.engine
        self._call = call
        self._prompt = prompt
        self._shape = shape
        self._sampling = call.request.conversation().sampling
        self._max_tokens = fit_tokens(call, len(prompt), model.engine.n_ctx)
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
            room = engine.reserve(len(self._prompt), self._max_tokens, self._call.share)
            await room.__aenter__()
        except EngineError as error:
            raise house_error(error) from error
        self._room = room
        body = completion_body(
            Completion(
                prompt=self._prompt,
                max_tokens=self._max_tokens,
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
            events.append(Opened(prompt_tokens=len(self._prompt)))
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

    async def pump(self, sink: Sink) -> None:
        """Nothing comes fast enough to need it."""
        del sink

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
        await self._fill()
        self._choice.end(done, events)
        if self._room is not None:
            self._room.finished()
        await self._next(done.tokens_predicted, events)

    async def _fill(self) -> None:
        """Ask for the log-probabilities of tokens that the stream has left out. The room is still ours,
        and the engine has all but the last token of each question in its cache."""
        vocabulary, drawn = self._shape.vocabulary, self._choice.drawn
        while vocabulary is not None and (before := drawn.missing()) is not None:
            asked = look([*self._prompt, *before], vocabulary)
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
        prompt = len(self._prompt)
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
