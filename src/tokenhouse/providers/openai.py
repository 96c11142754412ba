"""Any API that speaks OpenAI's chat completions: vLLM, SGLang, llama-server, a reseller, OpenAI.

A request of the same dialect takes the lossless lane: its body is edited at the top level only and
the answer's frames pass as they are. Any other dialect goes through ``chat``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import ClassVar, Protocol

from msgspec import structs

from tokenhouse.chat import Conversation, Dialect, Event, Opened, Request, Sampling
from tokenhouse.errors import CallerError, TokenhouseError, UpstreamError
from tokenhouse.providers.base import Call, Sink, told
from tokenhouse.providers.failures import transport_failure
from tokenhouse.transport import (
    Answer,
    Client,
    HeaderBlock,
    Limits,
    Origin,
    TransportError,
    header_block,
)
from tokenhouse.wire import NOTHING_ASKED, OPENAI_NAME_MOST, Asked, asked_of, openai_chat

ERROR_BYTES_MAX = 64 * 1024
"""What is read of a refusal's body."""

_EFFORTLESS_MOST = 1000
"""Models remembered that refused an effort to reason with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAISettings:
    """``base_url`` with or without its closing ``/v1``. ``priced_words``: further request fields that
    are refused because they can change the price."""

    base_url: str
    api_key: str | None = None
    priced_words: tuple[str, ...] = ()
    limits: Limits | None = None


class OpenAIProvider:
    """Provider kind ``openai``. Raises ValueError for a base URL that can't be used."""

    counts_here = False
    speaks: Dialect | None = "openai_chat"

    def __init__(self, name: str, settings: OpenAISettings, *, client: Client) -> None:
        self._name = name
        self._client = client
        self._origin, path = Origin.parse(settings.base_url)
        self._path = path.removesuffix("/v1").encode() + b"/v1/chat/completions"
        self._limits = settings.limits
        self._priced = frozenset(settings.priced_words)
        self._effortless: set[str] = set()
        headers = [(b"content-type", b"application/json")]
        if settings.api_key:
            headers.append((b"authorization", b"Bearer " + settings.api_key.encode()))
        self._headers: HeaderBlock = header_block(headers)

    @property
    def name(self) -> str:
        return self._name

    def ready(self, upstream_model: str) -> bool:
        """Nobody knows before it is asked; health learns from failures."""
        del upstream_model
        return True

    def why_not(self, upstream_model: str) -> str | None:
        del upstream_model
        return None

    def check(self, request: Request, upstream_model: str) -> None:
        """Refuse fields that can change who answers or what it costs: no row prices them."""
        del upstream_model
        word = None
        if request.dialect == "openai_chat":
            word = openai_chat.priced_words(request)
        if word is None and self._priced:
            word = next(iter(sorted(self._priced & request.fields)), None)
        if word is not None:
            raise CallerError(
                f"The field {word} can change who answers or what it costs, and this model has no "
                "price for it: leave it out.",
                param=word,
                code="unpriced_field",
            )

    async def count(self, call: Call) -> int | None:
        del call
        return None

    async def open(self, call: Call) -> Passing:
        if call.request.dialect == "openai_chat":
            return await self._open(call, _passed_body(call))
        effort = call.upstream_model not in self._effortless
        conversation = told(call)
        asked = asked_of(conversation, name_most=OPENAI_NAME_MOST)
        try:
            return await self._open(call, _built_body(call, conversation, effort=effort), asked)
        except UpstreamError as error:
            if not effort or not _refuses_effort(error):
                raise
        # Clients of other dialects send an effort to every model; those that know none do without.
        if len(self._effortless) < _EFFORTLESS_MOST:
            self._effortless.add(call.upstream_model)
        return await self._open(call, _built_body(call, conversation, effort=False), asked)

    async def _open(self, call: Call, body: bytes, asked: Asked | None = None) -> Passing:
        """``asked``: of a translated request; without it the body went as its client wrote it."""
        try:
            answer = await self._client.send(
                self._origin,
                b"POST",
                self._path,
                headers=self._headers,
                body=body,
                limits=self._limits,
            )
        except TransportError as error:
            raise transport_failure(error, call.public_model) from error
        if answer.status == 200:
            return Passing(answer, call, asked)
        try:
            raise await _refusal(answer, call)
        finally:
            await answer.aclose()

    async def aclose(self) -> None:
        """The client is shared; whoever made it closes it."""


class Reader(Protocol):
    """Bytes of a stream → events; see ``wire``'s dialects."""

    def feed(self, data: bytes) -> Sequence[Event]: ...

    def check(self) -> None: ...

    def closed(self) -> Sequence[Event]: ...


class Passing:
    """A running answer of an OpenAI-shaped provider, in either lane, streamed or whole."""

    __slots__ = ("_answer", "_asked", "_call", "_lossless", "_opened", "_reader", "_streamed")

    id_header: ClassVar[bytes] = b"x-request-id"

    def __init__(self, answer: Answer, call: Call, asked: Asked | None) -> None:
        self._answer = answer
        self._call = call
        self._lossless = lossless = asked is None
        self._asked = NOTHING_ASKED if asked is None else asked
        self._opened = False
        kind = answer.header(b"content-type") or b"text/event-stream"
        # A provider that does not stream answers a streamed request with JSON: take it whole.
        wanted = call.request.stream or not lossless
        self._streamed = wanted and not kind.startswith(b"application/json")
        self._reader = self._new_reader() if self._streamed else None

    async def read(self) -> Sequence[Event]:
        events: list[Event] = []
        if not self._opened:
            self._opened = True
            upstream_id = self._answer.header(self.id_header)
            name = None if upstream_id is None else upstream_id.decode("latin-1")[:128]
            events.append(Opened(name))
        try:
            if self._reader is None:
                events += self._whole(await self._answer.read_all())
                return events
            self._reader.check()
            while True:
                data = await self._answer.read()
                found = self._reader.feed(data) if data else self._reader.closed()
                if found:
                    events += found
                    return events
                if not data:
                    raise UpstreamError("The provider's answer was empty.", code="upstream_cut")
        except TransportError as error:
            raise transport_failure(error, self._call.public_model) from error

    async def pump(self, sink: Sink) -> None:
        reader = self._reader
        if reader is None or not self._opened:
            return
        reader.check()

        def take(data: bytes) -> bool:
            events = reader.feed(data)
            more = not events or sink(events)
            reader.check()
            return more

        await self._answer.pump(take)

    async def aclose(self) -> None:
        await self._answer.aclose()

    def _whole(self, body: bytes) -> Sequence[Event]:
        call = self._call
        if self._lossless and not call.request.stream:
            return openai_chat.pass_whole(body, answer_id=call.answer_id, model=call.public_model)
        return openai_chat.translate_whole(
            body, answer_id=call.answer_id, model=call.public_model, asked=self._asked
        )

    def _new_reader(self) -> Reader:
        call = self._call
        if self._lossless:
            return openai_chat.PassingReader(
                answer_id=call.answer_id,
                model=call.public_model,
                upstream_model=call.upstream_model,
                include_usage=call.request.include_usage,
            )
        return openai_chat.TranslatingReader(
            answer_id=call.answer_id,
            model=call.public_model,
            upstream_model=call.upstream_model,
            asked=self._asked,
        )


def _passed_body(call: Call) -> bytes:
    return openai_chat.upstream_body(
        call.request,
        model=call.upstream_model,
        max_tokens=call.max_tokens,
        defaults=default_fields(call.defaults),
        system_prompt=call.system_prompt,
    )


def _built_body(call: Call, conversation: Conversation, *, effort: bool) -> bytes:
    if not effort:
        conversation = structs.replace(conversation, reasoning_effort=None, thinking=None)
    return openai_chat.build_upstream_body(
        conversation,
        model=call.upstream_model,
        stream=True,
        max_tokens=call.max_tokens,
        n=call.request.n,
        defaults=default_fields(call.defaults),
    )


def _refuses_effort(error: UpstreamError) -> bool:
    """Is it the effort to reason with that the provider does not take?"""
    named = error.param == "reasoning_effort" or "reasoning_effort" in error.message
    return error.status == 400 and named


def default_fields(sampling: Sampling) -> dict[str, float] | None:
    """A model's own sampling values by name; None where it has none."""
    if sampling == _NOTHING:
        return None
    found = {
        field.name: getattr(sampling, field.name)
        for field in fields(sampling)
        if field.name not in ("stop", "logit_bias", "logprobs", "top_logprobs")
    }
    return {name: value for name, value in found.items() if value is not None}


_NOTHING = Sampling()


async def _refusal(answer: Answer, call: Call) -> TokenhouseError:
    """The error behind an answer that is not 200."""
    try:
        body = await answer.read_all(ERROR_BYTES_MAX)
    except TransportError:
        body = b""
    return openai_chat.upstream_error(
        answer.status,
        body,
        retry_after_s=retry_after_s(answer),
        upstream_model=call.upstream_model,
        public_model=call.public_model,
    )


def retry_after_s(answer: Answer) -> float | None:
    """The seconds of a Retry-After header, None where there is none."""
    value = answer.header(b"retry-after")
    if value is not None and value.isdigit():
        return float(value[:9])
    return None
