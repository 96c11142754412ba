"""The dialects as routes see them: parse, encode, refuse. One small class each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from tokenhouse.api.http import Headers
from tokenhouse.api.limit_headers import openai_limit_headers
from tokenhouse.chat import Event, Request, Usage
from tokenhouse.errors import TokenhouseError
from tokenhouse.relay import Remaining
from tokenhouse.wire import body_key, error_body, openai_chat, openai_completions, sse


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
    """One dialect. ``keep_alive`` is a frame that every client of it skips; ``headers`` are the request's,
    for dialects that say something there."""

    keep_alive: bytes

    def parse(self, body: bytes, headers: Headers, *, default_model: str) -> Request: ...

    def body_key(self, body: bytes) -> str | None: ...

    def encoder(self, named: Named, request: Request) -> Encoder: ...

    def whole(
        self, named: Named, events: Sequence[Event], usage: Usage, cost: int | None
    ) -> bytes: ...

    def error_body(self, error: TokenhouseError, request_id: str) -> bytes: ...

    def limit_headers(self, remaining: Remaining, now_ms: int) -> Headers:
        """What is left of the caller's limits, as clients of this dialect read it."""
        ...


class ChatFront:
    """``POST /v1/chat/completions``."""

    keep_alive = sse.comment("TOKENHOUSE PROCESSING")

    def parse(self, body: bytes, headers: Headers, *, default_model: str) -> Request:
        return openai_chat.parse(body, default_model=default_model)

    def body_key(self, body: bytes) -> str | None:
        return body_key(body)

    def encoder(self, named: Named, request: Request) -> Encoder:
        return openai_chat.StreamEncoder(
            answer_id=named.answer_id,
            model=named.model,
            created_s=named.created_s,
            include_usage=request.include_usage,
        )

    def whole(self, named: Named, events: Sequence[Event], usage: Usage, cost: int | None) -> bytes:
        encoder = self.whole_encoder(named)
        for event in events:
            encoder.add(event)
        return encoder.closing(usage, cost)

    def whole_encoder(self, named: Named) -> WholeEncoder:
        return openai_chat.WholeEncoder(
            answer_id=named.answer_id, model=named.model, created_s=named.created_s
        )

    def error_body(self, error: TokenhouseError, request_id: str) -> bytes:
        return error_body(error, request_id)

    def limit_headers(self, remaining: Remaining, now_ms: int) -> Headers:
        return openai_limit_headers(remaining, now_ms)


class CompletionsFront(ChatFront):
    """``POST /v1/completions``: the older text completions, same envelope, same keep-alives."""

    def parse(self, body: bytes, headers: Headers, *, default_model: str) -> Request:
        return openai_completions.parse(body, default_model=default_model)

    def encoder(self, named: Named, request: Request) -> Encoder:
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
