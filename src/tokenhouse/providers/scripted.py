"""The fake that ships: a model without weights, for demonstrations and tests without sockets.

Its answer is a pure function of the request. It says back the last user message, calls a tool when it
is forced to, fills a JSON schema when one is asked for, and honours ``n``, ``max_tokens`` and ``stop``.
One word, with the blanks before it, is one token, in prompts and in answers; an image is one token.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, cast

from tokenhouse.chat import (
    CallDelta,
    CallStarted,
    ChoiceEnded,
    Conversation,
    Dialect,
    Event,
    Finished,
    FinishReason,
    ImagePart,
    LogProbs,
    Message,
    Opened,
    Request,
    ResultPart,
    TextDelta,
    TextPart,
    Usage,
)
from tokenhouse.errors import ContextExceeded, UpstreamError
from tokenhouse.providers.base import Call, PassedSink, Sink

_WORD = re.compile(r"\s*\S+|\s+$")
_Object: TypeAlias = Mapping[str, object]

Failure: TypeAlias = Literal["", "refuse", "stall", "error", "cut", "error_in_stream"]
"""Not at all · no connection · accepted, then silence · refused with a status · half of the answer,
then broken off · half of the answer, then an error reported."""


class Scripted:
    """A provider of kind ``scripted``.

    ``reply``: say this instead of what was heard. ``first_event_delay_s``, ``event_delay_s``: pauses
    before the first word and before each other one; without them everything comes at once.
    ``failure``: how every call fails, to try what happens then (see ``Failure``).
    """

    counts_here = True
    leaves: frozenset[str] = frozenset()
    speaks: Dialect | None = None

    def __init__(
        self,
        name: str,
        *,
        reply: str = "",
        first_event_delay_s: float = 0.0,
        event_delay_s: float = 0.0,
        failure: Failure = "",
        failure_status: int = 500,
    ) -> None:
        self._name = name
        self._reply = reply
        self._pace = (first_event_delay_s, event_delay_s)
        self._failure: Failure = failure
        self._failure_status = failure_status

    @property
    def name(self) -> str:
        return self._name

    def ready(self, upstream_model: str) -> bool:
        """Always: there are no weights to miss."""
        return True

    def why_not(self, upstream_model: str) -> str | None:
        """Never anything."""

    def check(self, request: Request, upstream_model: str) -> None:
        """Takes everything that a dialect can parse."""

    async def examine(self, call: Call) -> None:
        """Looks at no schema."""

    async def count(self, call: Call) -> int | None:
        return _prompt(call, call.request.conversation()).tokens

    async def open(self, call: Call) -> ScriptedAttempt:
        if self._failure == "refuse":
            raise UpstreamError(f"The scripted provider {self._name!r} refuses to connect.")
        if self._failure == "error":
            raise UpstreamError(
                f"The scripted provider {self._name!r} fails, as it is set to.",
                status=self._failure_status,
            )
        conversation = call.request.conversation()
        prompt = _prompt(call, conversation)
        if prompt.tokens > call.context_length:
            raise ContextExceeded(
                prompt=prompt.tokens, max_tokens=None, context=call.context_length
            )
        answers = [
            _answer(call, conversation, prompt, choice, self._reply)
            for choice in range(call.request.n)
        ]
        events = _events(call, conversation, prompt, answers)
        return ScriptedAttempt(tuple(events), self._pace, self._failure)

    async def aclose(self) -> None:
        """Nothing to close."""


class ScriptedAttempt:
    """Plays events that were all known from the start."""

    def __init__(
        self, events: Sequence[Event], pace: tuple[float, float], failure: Failure
    ) -> None:
        self._events: deque[Event] = deque(events)
        self._first_delay_s, self._delay_s = pace
        self._failure: Failure = failure
        breaks = failure in ("cut", "error_in_stream")
        self._breaks_at = (len(events) + 1) // 2 if breaks else 0
        self._closed = asyncio.Event()

    async def read(self) -> Sequence[Event]:
        if self._failure == "stall":
            await self._closed.wait()
        if self._closed.is_set() or not self._events:
            raise UpstreamError("This answer has ended or was closed.", retryable=False)
        if len(self._events) <= self._breaks_at:
            raise _broken(self._failure)
        if self._first_delay_s <= 0 and self._delay_s <= 0:
            return self._all()
        event = self._events.popleft()
        if isinstance(event, (TextDelta, CallDelta)):
            delay_s, self._first_delay_s = self._first_delay_s, 0.0
            await asyncio.sleep(delay_s or self._delay_s)
        return (event,)

    async def pump(self, sink: Sink, passed: PassedSink) -> None:
        """Nothing comes fast enough to need it."""
        del sink, passed

    async def aclose(self) -> None:
        self._closed.set()
        self._events.clear()

    def _all(self) -> Sequence[Event]:
        return [self._events.popleft() for _ in range(len(self._events) - self._breaks_at)]


def _broken(failure: Failure) -> UpstreamError:
    if failure == "cut":
        return UpstreamError(
            "The scripted provider cut its answer short.", code="upstream_cut", retryable=False
        )
    return UpstreamError("The scripted provider reported an error in its answer.", retryable=False)


@dataclass(frozen=True, slots=True)
class _Prompt:
    tokens: int
    images: int
    heard: str


@dataclass(frozen=True, slots=True)
class _Said:
    """One choice: words of text, or of the arguments of a call of ``tool``."""

    words: list[str]
    reason: FinishReason
    tool: str | None = None
    stop_sequence: str | None = None


def _prompt(call: Call, conversation: Conversation) -> _Prompt:
    tokens = images = 0
    heard = ""
    for message in conversation.messages:
        words, pictures = _said_in(message)
        tokens += len(words) + pictures
        images += pictures
        if message.role == "user":
            heard = message.text
    for tool in conversation.tools:
        tokens += len(f"{tool.name} {tool.description}".split()) + len(tool.schema.split())
    if call.system_prompt is not None and not call.request.has_system:
        tokens += len(call.system_prompt.split())
    return _Prompt(tokens, images, heard)


def _said_in(message: Message) -> tuple[list[str], int]:
    """→ the words of a message's texts, tool results included, and the number of its images."""
    words: list[str] = []
    images = 0
    for part in message.parts:
        for inner in part.parts if isinstance(part, ResultPart) else (part,):
            if isinstance(inner, TextPart):
                words += inner.text.split()
            elif isinstance(inner, ImagePart):
                images += 1
    return words, images


def _events(
    call: Call, conversation: Conversation, prompt: _Prompt, answers: Sequence[_Said]
) -> Iterator[Event]:
    yield Opened(upstream_id=call.answer_id, prompt_tokens=prompt.tokens)
    for choice, said in enumerate(answers):
        yield from _choice(said, conversation, choice)
        yield ChoiceEnded(said.reason, choice, said.stop_sequence)
    output = sum(len(said.words) for said in answers)
    yield Finished(Usage(input=prompt.tokens, output=output, images=prompt.images))


def _choice(said: _Said, conversation: Conversation, choice: int) -> Iterator[Event]:
    if said.tool is not None:
        yield CallStarted(0, f"call_{choice + 1}", said.tool, choice)
        for word in said.words:
            yield CallDelta(0, word, choice, tokens=1)
        return
    sampling = conversation.sampling
    for word in said.words:
        top = (LogProbs(word, 0.0),) if sampling.top_logprobs > 0 else ()
        sure = (LogProbs(word, 0.0, top),) if sampling.logprobs else ()
        yield TextDelta(word, choice, tokens=1, logprobs=sure)


def _answer(
    call: Call, conversation: Conversation, prompt: _Prompt, choice: int, reply: str
) -> _Said:
    asked = call.request.max_tokens if call.max_tokens is None else call.max_tokens
    room = call.context_length - prompt.tokens
    most = room if asked is None else min(asked, room)
    tool = _forced_tool(conversation)
    if tool is not None:
        name, schema = tool
        words = _words(json.dumps(_filled(schema, prompt.heard), ensure_ascii=False))
        return _Said(words[:most], "tool_calls" if len(words) <= most else "length", name)
    text = reply or _text(conversation, prompt, choice)
    stop = min(
        (sequence for sequence in conversation.sampling.stop if sequence and sequence in text),
        key=text.index,
        default=None,
    )
    words = _words(text if stop is None else text[: text.index(stop)])
    if len(words) > most:
        return _Said(words[:most], "length")
    return _Said(words, "stop" if stop is None else "stop_sequence", stop_sequence=stop)


def _text(conversation: Conversation, prompt: _Prompt, choice: int) -> str:
    wanted = conversation.response_format
    if wanted.kind == "json_object":
        return json.dumps({"heard": prompt.heard}, ensure_ascii=False)
    if wanted.kind == "json_schema" and wanted.schema is not None:
        return json.dumps(_filled(json.loads(wanted.schema), prompt.heard), ensure_ascii=False)
    text = f"You said: {prompt.heard}" if prompt.heard else "You said nothing."
    if prompt.images:
        text += f" And you sent {prompt.images} image{'s' if prompt.images > 1 else ''}."
    return text if choice == 0 else f"Once more ({choice}): {text}"


def _forced_tool(conversation: Conversation) -> tuple[str, object] | None:
    chosen = conversation.tool_choice
    for tool in conversation.tools:
        if chosen.mode == "required" or (chosen.mode == "named" and chosen.name == tool.name):
            return tool.name, json.loads(tool.schema)
    return None


def _filled(schema: object, heard: str) -> object:
    """The plainest value of a JSON schema's shape; texts are what was heard."""
    if not isinstance(schema, Mapping):  # true and false are schemas too
        return heard
    schema = cast(_Object, schema)
    if "const" in schema:
        return schema["const"]
    choices = schema.get("enum")
    if isinstance(choices, list) and choices:
        return cast(list[object], choices)[0]
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = cast(list[object], kind)[0]
    if kind in ("object", None):
        fields = schema.get("properties")
        named = cast(_Object, fields) if isinstance(fields, Mapping) else {}
        return {name: _filled(inner, heard) for name, inner in named.items()}
    plain: dict[str, object] = {
        "string": heard,
        "integer": 0,
        "number": 0,
        "boolean": False,
        "array": [],
    }
    return plain.get(str(kind))


def _words(text: str) -> list[str]:
    return _WORD.findall(text)
