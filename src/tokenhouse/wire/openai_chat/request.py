"""``POST /v1/chat/completions``: the body's bytes → a chat.Request that has paid for one parse only."""

from __future__ import annotations

from typing import Final

import msgspec

from tokenhouse.chat import Conversation, Request, Sizes
from tokenhouse.wire import growth
from tokenhouse.wire.body import DefaultModel, RawFields, decode, missing, no_default, raw_fields
from tokenhouse.wire.openai_chat.checks import Facts, check
from tokenhouse.wire.openai_chat.conversation import conversation_of
from tokenhouse.wire.openai_chat.shapes import ChatBody

MAX_TOKENS_MOST: Final = 2**31 - 1
"""Larger wishes are this one; the offer clamps it to the model's context."""

_DECODER: Final = msgspec.json.Decoder(ChatBody)
_SCHEMAS: Final = ("tools", "functions", "response_format")


class Parsed:
    """A body decoded once: its shape, its raw top level, and what the walk over it found."""

    __slots__ = ("facts", "raw", "shape")

    def __init__(self, shape: ChatBody, raw: RawFields, facts: Facts) -> None:
        self.shape = shape
        self.raw = raw
        self.facts = facts

    def conversation(self) -> Conversation:
        """The dialect-free form. CallerError 400 for what only the lossless lane can carry."""
        messages = self.raw["messages"] if self.facts.has_opaque else None
        return conversation_of(self.shape, messages)


class ChatRequest(Request, frozen=True, kw_only=True):
    """A Request that still knows its decoded body, so that the lossless lane need not parse again."""

    parsed: Parsed


def parse(body: bytes, *, default_model: DefaultModel = no_default) -> ChatRequest:
    """The request that ``body`` asks. CallerError 400 naming the field, for anything wrong with it."""
    raw = raw_fields(body)
    shape = decode(_DECODER, body)
    facts = check(shape)
    model = shape.model or shape.model_id or default_model()
    if not model:
        raise missing("model")
    schema_bytes = 0
    extra_bytes = facts.extra_bytes
    if shape.tools or shape.functions or shape.response_format:
        schema_bytes = sum(len(memoryview(raw[name])) for name in _SCHEMAS if name in raw)
        extra_bytes += growth.TOOL_BYTES * (len(shape.tools or ()) + len(shape.functions or ()))
        extra_bytes += sum(growth.of_json(raw[name]) for name in _SCHEMAS if name in raw)
    text_bytes = len(body) - schema_bytes - facts.input_characters - facts.data_url_characters
    stream = shape.stream if shape.stream is not None else shape.streaming
    options = shape.stream_options
    parsed = Parsed(shape, raw, facts)
    return ChatRequest(
        dialect="openai_chat",
        model=model,
        body=body,
        fields=frozenset(raw),
        conversation=parsed.conversation,
        sizes=Sizes(
            text_bytes + extra_bytes,
            schema_bytes + facts.input_characters,
            facts.images,
        ),
        stream=stream is True,
        include_usage=options is not None and options.include_usage is True,
        max_tokens=_max_tokens(shape),
        n=1 if shape.n is None else shape.n,
        has_tools=bool(shape.tools or shape.functions),
        has_system=facts.has_system,
        parsed=parsed,
    )


def parsed_of(request: Request) -> Parsed:
    """The decoded body of a request of this dialect."""
    return (
        request.parsed
        if isinstance(request, ChatRequest)
        else parse(request.body, default_model=lambda: request.model).parsed
    )


def _max_tokens(shape: ChatBody) -> int | None:
    """The smaller of the two fields that were sent."""
    first, second = shape.max_tokens, shape.max_completion_tokens
    if first is None:
        first = second
    elif second is not None and second < first:
        first = second
    return None if first is None else min(first, MAX_TOKENS_MOST)
