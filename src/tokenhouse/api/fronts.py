"""The dialects as routes see them: parse, encode, refuse. One small class each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from tokenhouse.api.http import Headers, header
from tokenhouse.api.limit_headers import anthropic_limit_headers, openai_limit_headers
from tokenhouse.chat import Event, Request, Usage
from tokenhouse.errors import TokenhouseError
from tokenhouse.relay import Remaining
from tokenhouse.wire import (
    anthropic_messages,
    body_key,
    error_body,
    openai_chat,
    openai_completions,
    sse,
)

_COMMENT = sse.comment("TOKENHOUSE PROCESSING")


class Encoder(Protocol):
    """Events → frames of one dialect's stream."""

    def encode(self, event: Event) -> bytes: ...

    def closing(self, usage: Usage, cost: int | None) -> bytes: ...

    def error(self, error: TokenhouseError) -> bytes: ...


class WholeEncoder(Protocol):
    """Events → one whole answer of one dialect."""

    def add(self, event: Event) -> None: ...

    def closing(self, usage: Usage, cost: int | None) -> bytes: ...


class Named(Protocol):
    """What an encoder must know of an answer."""

    @property
    def answer_id(self) -> str: ...

    @property
    def model(self) -> str: ...

    @property
    def created_s(self) -> int: ...


class Front(Protocol):
    """One dialect. ``headers`` are the request's, for dialects that say something there."""

    def parse(self, body: bytes, headers: Headers, *, default_model: Callable[[], str]) -> Request:
        """``default_model`` is asked when the request names no model."""
        ...

    def body_key(self, body: bytes) -> str | None: ...

    def encoder(self, named: Named, request: Request, prompt_tokens: Callable[[], int]) -> Encoder:
        """``prompt_tokens`` tells the prompt's size as well as it is known when it is asked."""
        ...

    def keep_alive(self, encoder: Encoder) -> Callable[[], bytes]:
        """What gives, each time, the frames that a silent stream sends and every client skips."""
        ...

    def whole(
        self, named: Named, events: Sequence[Event], usage: Usage, cost: int | None
    ) -> bytes: ...

    def left_out(self, request: Request) -> Sequence[str]:
        """Fields that a provider of another dialect is not told; a client hears of it in a header."""
        ...

    def error_body(self, error: TokenhouseError, request_id: str) -> bytes: ...

    def status(self, error: TokenhouseError) -> int: ...

    def limit_headers(self, remaining: Remaining, now_ms: int) -> Headers:
        """What is left of the caller's limits, as clients of this dialect read it."""
        ...


class ChatFront:
    """``POST /v1/chat/completions``."""

    def parse(self, body: bytes, headers: Headers, *, default_model: Callable[[], str]) -> Request:
        return openai_chat.parse(body, default_model=default_model)

    def body_key(self, body: bytes) -> str | None:
        return body_key(body)

    def encoder(self, named: Named, request: Request, prompt_tokens: Callable[[], int]) -> Encoder:
        return openai_chat.StreamEncoder(
            answer_id=named.answer_id,
            model=named.model,
            created_s=named.created_s,
            include_usage=request.include_usage,
        )

    def keep_alive(self, encoder: Encoder) -> Callable[[], bytes]:
        return _comment

    def whole(self, named: Named, events: Sequence[Event], usage: Usage, cost: int | None) -> bytes:
        encoder = self.whole_encoder(named)
        for event in events:
            encoder.add(event)
        return encoder.closing(usage, cost)

    def whole_encoder(self, named: Named) -> WholeEncoder:
        return openai_chat.WholeEncoder(
            answer_id=named.answer_id, model=named.model, created_s=named.created_s
        )

    def left_out(self, request: Request) -> Sequence[str]:
        return openai_chat.left_out(request)

    def error_body(self, error: TokenhouseError, request_id: str) -> bytes:
        return error_body(error, request_id)

    def status(self, error: TokenhouseError) -> int:
        return error.status

    def limit_headers(self, remaining: Remaining, now_ms: int) -> Headers:
        return openai_limit_headers(remaining, now_ms)


class CompletionsFront(ChatFront):
    """``POST /v1/completions``: the older text completions, same envelope, same keep-alives."""

    def parse(self, body: bytes, headers: Headers, *, default_model: Callable[[], str]) -> Request:
        return openai_completions.parse(body, default_model=default_model)

    def left_out(self, request: Request) -> Sequence[str]:
        return openai_completions.left_out(request)

    def encoder(self, named: Named, request: Request, prompt_tokens: Callable[[], int]) -> Encoder:
        return openai_completions.StreamEncoder(
            answer_id=named.answer_id,
            model=named.model,
            created_s=named.created_s,
            include_usage=request.include_usage,
        )

    def whole_encoder(self, named: Named) -> WholeEncoder:
        return openai_completions.WholeEncoder(
            answer_id=named.answer_id, model=named.model, created_s=named.created_s
        )


class MessagesFront(ChatFront):
    """``POST /v1/messages``: its version and betas stand in headers, and a stream begins with its
    message before a ping may keep it alive."""

    def parse(self, body: bytes, headers: Headers, *, default_model: Callable[[], str]) -> Request:
        version, betas = versions(headers)
        return anthropic_messages.parse(
            body, default_model=default_model, version=version, betas=betas
        )

    def parse_count(
        self, body: bytes, headers: Headers, *, default_model: Callable[[], str]
    ) -> Request:
        """The request whose prompt is to be counted: max_tokens may be left out."""
        version, betas = versions(headers)
        return anthropic_messages.parse_count(
            body, default_model=default_model, version=version, betas=betas
        )

    def encoder(self, named: Named, request: Request, prompt_tokens: Callable[[], int]) -> Encoder:
        return anthropic_messages.StreamEncoder(
            answer_id=named.answer_id, model=named.model, prompt_tokens=prompt_tokens
        )

    def keep_alive(self, encoder: Encoder) -> Callable[[], bytes]:
        assert isinstance(encoder, anthropic_messages.StreamEncoder)
        return encoder.keep_alive

    def whole_encoder(self, named: Named) -> WholeEncoder:
        return anthropic_messages.WholeEncoder(answer_id=named.answer_id, model=named.model)

    def limit_headers(self, remaining: Remaining, now_ms: int) -> Headers:
        return anthropic_limit_headers(remaining, now_ms)

    def left_out(self, request: Request) -> Sequence[str]:
        return anthropic_messages.left_out(request)

    def error_body(self, error: TokenhouseError, request_id: str) -> bytes:
        return anthropic_messages.error_body(error, request_id)

    def status(self, error: TokenhouseError) -> int:
        return anthropic_messages.error_status(error)


def versions(headers: Headers) -> tuple[str | None, tuple[str, ...]]:
    """``anthropic-version`` and every ``anthropic-beta``, which may come comma-separated and often."""
    version = header(headers, b"anthropic-version")
    betas = (
        word.strip().decode("latin-1")
        for name, value in headers
        if name == b"anthropic-beta"
        for word in value.split(b",")
    )
    named = None if version is None else version.decode("latin-1").strip()
    return named or None, tuple(dict.fromkeys(filter(None, betas)))


def _comment() -> bytes:
    return _COMMENT
