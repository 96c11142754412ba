"""The interpreter between the house and its engine: a conversation → token ids → events.

Prompts are tokenised here and sent as ids; the answer's text, calls and counts come back. What the
engine can't do is refused in the caller's words, what it can't do *now* is an UpstreamError that
names the mend.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from tokenhouse.chat import (
    CallDelta,
    CallPart,
    CallStarted,
    ChoiceEnded,
    Conversation,
    Event,
    Finished,
    FinishReason,
    ImagePart,
    LogProbs,
    Message,
    OpaquePart,
    Opened,
    Request,
    ResultPart,
    Sampling,
    TextDelta,
    TextPart,
    Tool,
    Usage,
)
from tokenhouse.engine import (
    PATH,
    ArgumentsDelta,
    BadConversation,
    CallEnd,
    CallEvent,
    CallStart,
    Completion,
    Constraint,
    ContextTooLong,
    Done,
    Encoder,
    Engine,
    EngineBusy,
    EngineDown,
    EngineError,
    EngineFault,
    Logprob,
    Malformed,
    Piece,
    Progress,
    RequestRefused,
    Reservation,
    SchemaRefused,
    ToolCallReader,
    ToolSpec,
    Turn,
    completion_body,
    forced_calls,
    json_object,
    json_schema,
    read_chunk,
    read_error,
    v7_pieces,
)
from tokenhouse.engine import Call as EngineCall
from tokenhouse.engine import Conversation as EngineConversation
from tokenhouse.engine import Sampling as EngineSampling
from tokenhouse.engine import TextDelta as EngineText
from tokenhouse.errors import CallerError, ContextExceeded, TokenhouseError, UpstreamError
from tokenhouse.providers.base import Call
from tokenhouse.providers.failures import transport_failure
from tokenhouse.transport import Answer, Client, Origin, TransportError, header_block
from tokenhouse.wire import sse

CHOICES_MAX: Final = 16
"""Most choices (``n``) one request may have here; they run one after another."""

LOAD_TIMEOUT_S: Final = 300.0


@dataclass(frozen=True, slots=True)
class EngineModel:
    """A model of this house: the process that runs it and the encoder of its tokenizer."""

    engine: Engine
    encoder: Encoder


class EngineProvider:
    """Provider kind ``engine``. ``failures``: models that cannot run, each with reason and mend."""

    def __init__(
        self,
        name: str,
        models: Mapping[str, EngineModel],
        *,
        client: Client,
        failures: Mapping[str, str] | None = None,
    ) -> None:
        self._name = name
        self._models = models
        self._client = client
        self._failures = failures or {}

    @property
    def name(self) -> str:
        return self._name

    def ready(self, upstream_model: str) -> bool:
        model = self._models.get(upstream_model)
        return model is not None and model.engine.state != "failed"

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

    async def count(self, call: Call) -> int | None:
        model = self._models.get(call.upstream_model)
        if model is None:
            return None
        try:
            return len(await _prompt(model, call))
        except EngineError as error:
            raise _house_error(error) from error

    async def open(self, call: Call) -> EngineAttempt:
        model = self._models.get(call.upstream_model)
        if model is None:
            raise UpstreamError(
                f"{call.public_model} can't run here: {self.why_not(call.upstream_model)}.",
                status=503,
                code="model_not_ready",
            )
        try:
            prompt = await _prompt(model, call)
            constraint = _constraint(call.request.conversation())
            await model.engine.wait_ready(LOAD_TIMEOUT_S)
            attempt = EngineAttempt(self._client, model.engine, call, prompt, constraint)
        except EngineError as error:
            raise _house_error(error) from error
        try:
            await attempt.begin()
        except BaseException:
            await attempt.aclose()
            raise
        return attempt

    async def aclose(self) -> None:
        for model in self._models.values():
            await model.engine.stop()
            await model.encoder.close()


class EngineAttempt:
    """One running answer: its choices one after another, each a completion of its own."""

    def __init__(
        self,
        client: Client,
        engine: Engine,
        call: Call,
        prompt: list[int],
        constraint: Constraint | None,
    ) -> None:
        self._client = client
        self._engine = engine
        self._call = call
        self._prompt = prompt
        self._constraint = constraint
        self._conversation = call.request.conversation()
        self._max_tokens = self._fit(call, len(prompt), engine.n_ctx)
        self._choice = 0
        self._answer: Answer | None = None
        self._room: Reservation | None = None
        self._frames = sse.Reader()
        self._pending: list[sse.Sse] = []
        self._reader = ToolCallReader(self._new_call_id)
        self._produced = 0
        self._untold = 0
        self._cached = 0
        self._answer_tokens = 0
        self._opened = False

    async def begin(self) -> None:
        """Wait for room and ask for the choice whose turn it is."""
        engine = self._engine
        try:
            room = engine.reserve(len(self._prompt), self._max_tokens)
            await room.__aenter__()
        except EngineError as error:
            raise _house_error(error) from error
        self._room = room
        body = completion_body(
            Completion(
                prompt=self._prompt,
                max_tokens=self._max_tokens,
                sampling=_sampling(self._conversation.sampling, self._call, self._choice),
                stop=self._conversation.sampling.stop,
                top_logprobs=_top_logprobs(self._conversation.sampling),
                constraint=self._constraint,
            )
        )
        headers = header_block(
            [
                (b"authorization", b"Bearer " + engine.api_key.encode()),
                (b"content-type", b"application/json"),
            ]
        )
        origin = Origin("http", "engine", 80, socket_path=engine.socket_path)
        try:
            self._answer = answer = await self._client.send(
                origin, b"POST", PATH.encode(), headers=headers, body=body
            )
            if answer.status != 200:
                room.finished()
                raise _house_error(read_error(answer.status, await answer.read_all()))
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
                    await self._take(payload, events)
            except EngineError as error:
                raise _house_error(error) from error
        return events

    async def aclose(self) -> None:
        answer, self._answer = self._answer, None
        room, self._room = self._room, None
        if answer is not None:
            await answer.aclose()
        if room is not None:
            await room.__aexit__(None, None, None)

    async def _take(self, payload: bytes, events: list[Event]) -> None:
        chunk = read_chunk(payload)
        if isinstance(chunk, Progress):
            if self._choice == 0:
                self._cached = chunk.cached
        elif isinstance(chunk, Piece):
            self._tell(self._reader.feed(chunk), chunk.produced, chunk.logprobs, events)
        else:
            await self._end(chunk, events)

    async def _end(self, done: Done, events: list[Event]) -> None:
        said = [*self._reader.feed_text(done.text), *self._reader.finish()]
        self._tell(said, done.tokens_predicted, done.logprobs, events)
        self._answer_tokens += done.tokens_predicted
        if self._choice == 0:
            self._cached = done.cached
        stop = done.stopping_word if done.stop_type == "word" else None
        events.append(ChoiceEnded(self._finish_reason(done), self._choice, stop))
        if self._room is not None:
            self._room.finished()
        await self.aclose()
        self._choice += 1
        if self._choice == self._call.request.n:
            events.append(Finished(self._usage()))
        else:
            self._reader = ToolCallReader(self._new_call_id)
            self._frames = sse.Reader()
            self._produced = 0

    def _tell(
        self,
        said: Sequence[CallEvent],
        produced: int,
        logprobs: Sequence[Logprob],
        events: list[Event],
    ) -> None:
        """The engine's events as ours; the tokens drawn since are told with the first of them."""
        tokens = produced - self._produced + self._untold
        self._produced = produced
        probs = tuple(map(_logprobs, logprobs))
        told = False
        for event in said:
            count = 0 if told else tokens
            match event:
                case EngineText():
                    events.append(TextDelta(event.text, self._choice, count, probs))
                case CallStart():
                    events.append(CallStarted(event.index, event.id, event.name, self._choice))
                    continue
                case ArgumentsDelta():
                    events.append(CallDelta(event.index, event.text, self._choice, count))
                case CallEnd():
                    continue
                case Malformed():
                    if not event.text:
                        continue
                    events.append(TextDelta(event.text, self._choice, count))
            told = True
        self._untold = 0 if told else tokens

    def _finish_reason(self, done: Done) -> FinishReason:
        if done.stop_type == "limit":
            return "length"
        return "tool_calls" if self._reader.calls else "stop"

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

    def _new_call_id(self) -> str:
        """Nine alphanumerics after ``call_``, as Mistral's format wants them back."""
        seed = f"{self._call.request_id}:{self._choice}:{self._reader.calls}"
        return "call_" + hashlib.blake2b(seed.encode()).hexdigest()[:9]

    @staticmethod
    def _fit(call: Call, prompt: int, n_ctx: int) -> int:
        """max_tokens as it fits the context beside the prompt; at least one must."""
        context = min(n_ctx, call.context_length) if n_ctx else call.context_length
        room = context - prompt
        if room < 1:
            raise ContextExceeded(prompt=prompt, max_tokens=None, context=context)
        asked = room if call.max_tokens is None else call.max_tokens
        return min(asked, room)


async def _prompt(model: EngineModel, call: Call) -> list[int]:
    conversation = call.request.conversation()
    return await model.encoder.encode(
        v7_pieces(_engine_conversation(conversation, call.system_prompt))
    )


def _engine_conversation(conversation: Conversation, system: str | None) -> EngineConversation:
    turns = [] if system is None else [Turn("system", system)]
    for index, message in enumerate(conversation.messages):
        turns.append(_turn(message, index))
    tools = () if conversation.tool_choice.mode == "none" else conversation.tools
    return EngineConversation(
        tuple(turns), tuple(map(_tool, tools)), continue_last=conversation.continue_last
    )


def _turn(message: Message, index: int) -> Turn:
    texts: list[str] = []
    calls: list[EngineCall] = []
    call_id: str | None = None
    for part in message.parts:
        match part:
            case TextPart():
                texts.append(part.text)
            case CallPart():
                calls.append(EngineCall(part.call.id, part.call.name, part.call.arguments))
            case ResultPart():
                call_id = part.call_id
                texts += [inner.text for inner in part.parts if isinstance(inner, TextPart)]
            case ImagePart() | OpaquePart():
                kind = part.kind if isinstance(part, OpaquePart) else "image"
                raise CallerError(
                    f"This model takes text only; messages[{index}] holds a part of kind {kind}.",
                    param=f"messages[{index}].content",
                    code="unsupported_content",
                )
            case _:
                pass  # reasoning of another model is not this model's to read
    role = "system" if message.role == "developer" else message.role
    text = texts[0] if len(texts) == 1 else tuple(texts)
    return Turn(role, text if text else "", tuple(calls), call_id)


def _tool(tool: Tool) -> ToolSpec:
    return ToolSpec(
        tool.name, msgspec.json.decode(tool.schema, type=dict[str, object]), tool.description
    )


def _constraint(conversation: Conversation) -> Constraint | None:
    choice = conversation.tool_choice
    if conversation.tools and choice.mode in ("required", "named"):
        tools = [tool for tool in conversation.tools if choice.name in (None, tool.name)]
        return forced_calls(tuple(map(_tool, tools)), parallel=conversation.parallel_tool_calls)
    wanted = conversation.response_format
    if wanted.kind == "json_object":
        return json_object()
    if wanted.kind == "json_schema" and wanted.schema is not None:
        return json_schema(msgspec.json.decode(wanted.schema, type=dict[str, object]))
    return None


def _sampling(asked: Sampling, call: Call, choice: int) -> EngineSampling:
    own = call.defaults
    seed = asked.seed
    return EngineSampling(
        temperature=_first(asked.temperature, own.temperature, 1.0),
        top_p=_first(asked.top_p, own.top_p, 1.0),
        top_k=int(_first(asked.top_k, own.top_k, 0)),
        min_p=_first(asked.min_p, own.min_p, 0.0),
        repeat_penalty=_first(asked.repetition_penalty, own.repetition_penalty, 1.0),
        presence_penalty=_first(asked.presence_penalty, own.presence_penalty, 0.0),
        frequency_penalty=_first(asked.frequency_penalty, own.frequency_penalty, 0.0),
        seed=None if seed is None else seed + choice,
        logit_bias=dict(asked.logit_bias),
    )


def _first(said: float | None, default: float | None, otherwise: float) -> float:
    """What the client said, else the model's own default, else OpenAI's."""
    if said is not None:
        return said
    return otherwise if default is None else default


def _top_logprobs(sampling: Sampling) -> int | None:
    return sampling.top_logprobs if sampling.logprobs else None


def _logprobs(prob: Logprob) -> LogProbs:
    top = tuple((other.text, other.logprob) for other in prob.top)
    return LogProbs(prob.text, prob.logprob, top)


def _house_error(error: EngineError) -> TokenhouseError:
    """What the engine says, by whose fault it is."""
    match error:
        case ContextTooLong():
            return ContextExceeded(
                prompt=error.prompt_tokens, max_tokens=error.max_tokens, context=error.n_ctx
            )
        case BadConversation():
            param = "messages" if error.index is None else f"messages[{error.index}]"
            return CallerError(str(error), param=param)
        case SchemaRefused():
            return CallerError(str(error), param="response_format", code="invalid_schema")
        case RequestRefused():
            return CallerError(str(error))
        case EngineBusy():
            return UpstreamError(str(error), status=503, code="engine_busy", retry_after_s=2)
        case EngineDown():
            return UpstreamError(str(error), status=503, code="engine_down", retry_after_s=2)
        case EngineFault():
            return UpstreamError(str(error), code="engine_fault")
        case _:
            return UpstreamError(str(error), status=503, code="model_not_ready", retry_after_s=30)
