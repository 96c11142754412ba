"""Any API that speaks Anthropic's messages: Anthropic itself, a reseller, a server of that shape.

A request of the same dialect takes the lossless lane: its body is edited at the top level only, the
answer's events pass as they are, and its API version and betas go along. Any other dialect goes through
``chat``, under the API version that takes sampling parameters.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from msgspec import structs

from tokenhouse.chat import (
    Conversation,
    Dialect,
    Event,
    ReasoningPart,
    RedactedPart,
    Request,
)
from tokenhouse.errors import CallerError, UpstreamError
from tokenhouse.providers.base import Call, told
from tokenhouse.providers.failures import transport_failure
from tokenhouse.providers.upstream import (
    ERROR_BYTES_MAX,
    ErrorReader,
    Passing,
    Reader,
    Upstream,
    UpstreamSettings,
    default_fields,
    remember,
)
from tokenhouse.transport import Client, HeaderBlock, TransportError, header_block
from tokenhouse.wire import ANTHROPIC_NAME_MOST, Asked, anthropic_messages, asked_of

MAX_TOKENS_DEFAULT: Final = 4096
"""This protocol wants a number where neither the client nor the model's row names one."""

_HEADERS_KEPT: Final = 64

_LEAVES: Final = frozenset(
    {"seed", "frequency_penalty", "presence_penalty", "repetition_penalty", "min_p"}
)
"""Wishes about drawing that this protocol has no word for."""


class AnthropicProvider(Upstream):
    """Provider kind ``anthropic``. Raises ValueError for a base URL that can't be used."""

    speaks: Dialect | None = "anthropic_messages"
    leaves: frozenset[str] = _LEAVES
    path: ClassVar[bytes] = b"/v1/messages"
    error_of: ClassVar[ErrorReader] = anthropic_messages.upstream_error

    def __init__(self, name: str, settings: UpstreamSettings, *, client: Client) -> None:
        super().__init__(name, settings, client=client)
        self._key = settings.api_key
        self._newer: set[str] = set()
        self._plain: set[str] = set()
        self._headers: dict[tuple[str, tuple[str, ...]], HeaderBlock] = {}

    def check(self, request: Request, upstream_model: str) -> None:
        """Refuse what can change who answers or what it costs, and what this protocol can't say."""
        del upstream_model
        word = None
        if _is_native(request):
            anthropic_messages.check_version(request)
            word = anthropic_messages.priced_words(request)
        elif request.n > 1:
            raise CallerError(
                "'n' must be 1: this model's provider gives one choice. Ask several times.",
                param="n",
                code="unsupported",
            )
        if word is None:
            word = self._also_priced(request.fields, request.betas)
        if word is not None:
            raise CallerError(
                f"{word}: This can change who answers or what it costs, and this model has no price "
                "for it: leave it out.",
                param=word,
                code="unpriced_field",
            )

    async def count(self, call: Call) -> int | None:
        """The prompt as the provider's own ``/v1/messages/count_tokens`` counts it; None where it has
        none."""
        headers = self._headers_for(call.request)
        answer = await self._send(call, self._path + b"/count_tokens", headers, _count_body(call))
        try:
            if answer.status in (404, 405, 501):
                return None
            if answer.status != 200:
                raise await self._refusal(answer, call)
            try:
                body = await answer.read_all(ERROR_BYTES_MAX)
            except TransportError as error:
                raise transport_failure(error, call.public_model) from error
            return anthropic_messages.read_count(body)
        finally:
            await answer.aclose()

    async def open(self, call: Call) -> AnthropicPassing:
        if not _is_native(call.request):
            return await self._translated(call)
        try:
            return await self._open(call, _passed_body(call))
        except UpstreamError as error:
            if error.code != anthropic_messages.THINKING_SIGNATURE:
                raise
        # Thinking that another endpoint minted: once more without it, as if it had been left out.
        return await self._open(call, _passed_body(call, keep_thoughts=False))

    async def _translated(self, call: Call) -> AnthropicPassing:
        """Asked again, in another way, where that mends a refusal: each way is tried once at most."""
        conversation = told(call)
        asked = asked_of(conversation, name_most=ANTHROPIC_NAME_MOST)
        model = call.upstream_model
        newer = model in self._newer
        plain = model in self._plain
        if plain:
            conversation = anthropic_messages.reminded(conversation)
        thoughtless = False
        while True:
            try:
                return await self._open(call, _built_body(call, conversation, newer=newer), asked)
            except UpstreamError as error:
                if error.code == anthropic_messages.THINKING_SIGNATURE and not thoughtless:
                    thoughtless = True
                    conversation = _thoughtless(conversation)
                elif not newer and _refuses_older_ways(error):
                    newer = True
                    remember(self._newer, model)
                elif not plain and _refuses_late_system(error):
                    plain = True
                    remember(self._plain, model)
                    conversation = anthropic_messages.reminded(conversation)
                else:
                    raise

    async def _open(self, call: Call, body: bytes, asked: Asked | None = None) -> AnthropicPassing:
        answer = await self._answer(call, self._headers_for(call.request), body)
        return AnthropicPassing(answer, call, asked)

    def _headers_for(self, request: Request) -> HeaderBlock:
        """Checked once for each version and set of betas: clients send few of them, again and again."""
        version = anthropic_messages.upstream_version(request)
        betas = request.betas if _is_native(request) else ()
        known = self._headers.get((version, betas))
        if known is not None:
            return known
        headers = [
            (b"content-type", b"application/json"),
            (b"anthropic-version", version.encode("latin-1")),
        ]
        if betas:
            headers.append((b"anthropic-beta", ",".join(betas).encode("latin-1")))
        if self._key:
            headers.append((b"x-api-key", self._key.encode()))
        if len(self._headers) >= _HEADERS_KEPT:
            self._headers.clear()
        block = self._headers[version, betas] = _checked(headers)
        return block


class AnthropicPassing(Passing):
    """A running answer of an Anthropic-shaped provider."""

    __slots__ = ()

    id_header: ClassVar[bytes] = b"request-id"

    def _whole(self, body: bytes) -> Sequence[Event]:
        call = self._call
        if self._lossless and not call.request.stream:
            return anthropic_messages.pass_whole(
                body,
                answer_id=call.answer_id,
                model=call.public_model,
                upstream_model=call.upstream_model,
            )
        return anthropic_messages.translate_whole(
            body,
            answer_id=call.answer_id,
            model=call.public_model,
            upstream_model=call.upstream_model,
            asked=self._asked,
        )

    def _new_reader(self) -> Reader:
        call = self._call
        if self._lossless:
            return anthropic_messages.PassingReader(
                answer_id=call.answer_id,
                model=call.public_model,
                upstream_model=call.upstream_model,
            )
        return anthropic_messages.TranslatingReader(
            answer_id=call.answer_id,
            model=call.public_model,
            upstream_model=call.upstream_model,
            asked=self._asked,
        )


def _is_native(request: Request) -> bool:
    return request.dialect == "anthropic_messages"


def _thoughtless(conversation: Conversation) -> Conversation:
    return structs.replace(
        conversation,
        messages=tuple(
            structs.replace(
                message,
                parts=tuple(
                    part
                    for part in message.parts
                    if not isinstance(part, (ReasoningPart, RedactedPart))
                ),
            )
            for message in conversation.messages
        ),
    )


def _passed_body(call: Call, *, keep_thoughts: bool = True) -> bytes:
    return anthropic_messages.upstream_body(
        call.request,
        model=call.upstream_model,
        max_tokens=call.max_tokens,
        defaults=default_fields(call.defaults),
        system_prompt=call.system_prompt,
        keep_thoughts=keep_thoughts,
    )


def _built_body(call: Call, conversation: Conversation, *, newer: bool) -> bytes:
    """``newer``: in the shape of the newer version, which newer models want under the older one too."""
    return anthropic_messages.build_upstream_body(
        conversation,
        model=call.upstream_model,
        max_tokens=_max_tokens(call),
        stream=True,
        version=anthropic_messages.NEWER_VERSION if newer else anthropic_messages.FIRST_VERSION,
        defaults=default_fields(call.defaults),
    )


def _refuses_older_ways(error: UpstreamError) -> bool:
    """Is it a sampling parameter or a thinking budget that this model does not take?"""
    return error.status == 400 and any(word in error.message for word in _OLDER_WAYS)


def _refuses_late_system(error: UpstreamError) -> bool:
    """Is it a system message among the others that this server does not take?"""
    return error.status == 400 and ".role" in error.message and "messages" in error.message


_OLDER_WAYS: Final = ("temperature", "top_p", "top_k", "thinking.type", "thinking.enabled")


def _count_body(call: Call) -> bytes:
    if _is_native(call.request):
        return anthropic_messages.upstream_count_body(
            call.request, model=call.upstream_model, system_prompt=call.system_prompt
        )
    return anthropic_messages.build_count_body(
        told(call), model=call.upstream_model, max_tokens=_max_tokens(call)
    )


def _max_tokens(call: Call) -> int:
    most = call.max_output_tokens if call.max_tokens is None else call.max_tokens
    return MAX_TOKENS_DEFAULT if most is None else most


def _checked(headers: list[tuple[bytes, bytes]]) -> HeaderBlock:
    try:
        return header_block(headers)
    except ValueError as error:
        raise CallerError(
            "anthropic-version and anthropic-beta must be plain text.", param="anthropic-beta"
        ) from error
