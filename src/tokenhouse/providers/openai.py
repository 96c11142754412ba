"""Any API that speaks OpenAI's chat completions: vLLM, SGLang, llama-server, a reseller, OpenAI.

A request of the same dialect takes the lossless lane: its body is edited at the top level only and
the answer's frames pass as they are. Any other dialect goes through ``chat``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from msgspec import structs

from tokenhouse.chat import Conversation, Dialect, Event, Request
from tokenhouse.errors import CallerError, UpstreamError
from tokenhouse.providers.base import Call, told
from tokenhouse.providers.failures import transport_failure
from tokenhouse.providers.upstream import (
    ErrorReader,
    Passing,
    Reader,
    Upstream,
    UpstreamSettings,
    default_fields,
    remember,
)
from tokenhouse.transport import Client, HeaderBlock, TransportError, header_block
from tokenhouse.wire import OPENAI_NAME_MOST, Asked, asked_of, openai_chat

COUNT_BYTES_MAX: Final = 64 * 2**20
"""vLLM's count comes with the id of every token."""


class OpenAIProvider(Upstream):
    """Provider kind ``openai``. Raises ValueError for a base URL that can't be used."""

    speaks: Dialect | None = "openai_chat"
    path: ClassVar[bytes] = b"/v1/chat/completions"
    error_of: ClassVar[ErrorReader] = openai_chat.upstream_error

    def __init__(self, name: str, settings: UpstreamSettings, *, client: Client) -> None:
        super().__init__(name, settings, client=client)
        self._effortless: set[str] = set()
        headers = [(b"content-type", b"application/json")]
        if settings.api_key:
            headers.append((b"authorization", b"Bearer " + settings.api_key.encode()))
        self._headers: HeaderBlock = header_block(headers)

    def check(self, request: Request, upstream_model: str) -> None:
        """Refuse fields that can change who answers or what it costs: no row prices them."""
        del upstream_model
        word = None
        if request.dialect == "openai_chat":
            word = openai_chat.priced_words(request)
        if word is None:
            word = self._also_priced(request.fields)
        if word is not None:
            raise CallerError(
                f"The field {word} can change who answers or what it costs, and this model has no "
                "price for it: leave it out.",
                param=word,
                code="unpriced_field",
            )
        word = self._service.quirks.refusal(request)
        if word is not None:
            raise CallerError(
                f"The field {word} is not taken by {self._service.title}, where this model runs: leave "
                "it out.",
                param=word,
                code="unsupported",
            )

    async def count(self, call: Call) -> int | None:
        """As the service counts; None for one that has no way to, or none for pictures."""
        way = self._service.counting
        if not way or (way == "tokenize" and call.request.sizes.images):
            return None
        if call.request.dialect == "openai_chat":
            body = self._passed_body(call)
        else:
            body = self._built_body(call, told(call), effort=False)
        if way == "input_tokens":
            path = self._path + b"/input_tokens"
        else:
            path, body = self._base + b"/tokenize", openai_chat.tokenize_body(body)
        answer = await self._send(call, path, self._headers, body)
        try:
            if answer.status != 200:
                raise await self._refusal(answer, call)
            return openai_chat.read_count(await answer.read_all(COUNT_BYTES_MAX))
        except TransportError as error:
            raise transport_failure(error, call.public_model) from error
        finally:
            await answer.aclose()

    async def open(self, call: Call) -> OpenAIPassing:
        if call.request.dialect == "openai_chat":
            return await self._open(call, self._passed_body(call))
        effort = call.upstream_model not in self._effortless
        conversation = told(call)
        asked = asked_of(conversation, name_most=OPENAI_NAME_MOST)
        try:
            return await self._open(
                call, self._built_body(call, conversation, effort=effort), asked
            )
        except UpstreamError as error:
            if not effort or not _refuses_effort(error):
                raise
        # Clients of other dialects send an effort to every model; those that know none do without.
        remember(self._effortless, call.upstream_model)
        return await self._open(call, self._built_body(call, conversation, effort=False), asked)

    async def _open(self, call: Call, body: bytes, asked: Asked | None = None) -> OpenAIPassing:
        """``asked``: of a translated request; without it the body went as its client wrote it."""
        return OpenAIPassing(await self._answer(call, self._headers, body), call, asked)

    def _target(self, call: Call) -> openai_chat.Target:
        defaults = default_fields(call.defaults)
        return openai_chat.Target(call.upstream_model, defaults, self._service.quirks)

    def _passed_body(self, call: Call) -> bytes:
        return openai_chat.upstream_body(
            call.request,
            self._target(call),
            max_tokens=call.max_tokens,
            system_prompt=call.system_prompt,
        )

    def _built_body(self, call: Call, conversation: Conversation, *, effort: bool) -> bytes:
        if not effort:
            conversation = structs.replace(conversation, reasoning_effort=None, thinking=None)
        return openai_chat.build_upstream_body(
            conversation,
            self._target(call),
            stream=True,
            max_tokens=call.max_tokens,
            n=call.request.n,
        )


class OpenAIPassing(Passing):
    """A running answer of an OpenAI-shaped provider."""

    __slots__ = ()

    id_header: ClassVar[bytes] = b"x-request-id"

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


def _refuses_effort(error: UpstreamError) -> bool:
    """Is it the effort to reason with that the provider does not take?"""
    named = error.param == "reasoning_effort" or "reasoning_effort" in error.message
    return error.status == 400 and named
