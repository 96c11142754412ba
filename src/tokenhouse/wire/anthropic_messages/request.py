"""``POST /v1/messages`` and ``/v1/messages/count_tokens``: a body's bytes → a chat.Request that has
paid for one parse only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from tokenhouse.chat import Conversation, Request, Sizes
from tokenhouse.wire.anthropic_messages.checks import Facts, check_messages
from tokenhouse.wire.anthropic_messages.conversation import conversation_of
from tokenhouse.wire.anthropic_messages.options import check_options
from tokenhouse.wire.anthropic_messages.shapes import MessagesBody
from tokenhouse.wire.anthropic_messages.wording import missing, validation_error
from tokenhouse.wire.body import DefaultModel, RawFields, decode, no_default, raw_fields

MAX_TOKENS_MOST: Final = 2**31 - 1
"""Larger wishes are this one; no model writes as much."""

_DECODER: Final = msgspec.json.Decoder(MessagesBody)
_SCHEMAS: Final = ("tools", "output_config", "output_format")


class Parsed:
    """A body decoded once: its shape, its raw top level, and what the walk over it found."""

    __slots__ = ("facts", "raw", "shape")

    def __init__(self, shape: MessagesBody, raw: RawFields, facts: Facts) -> None:
        self.shape = shape
        self.raw = raw
        self.facts = facts

    def conversation(self) -> Conversation:
        """The dialect-free form. CallerError 400 for what only the lossless lane can carry."""
        return conversation_of(self.shape)


class MessagesRequest(Request, frozen=True, kw_only=True):
    """A Request that still knows its decoded body, so that the lossless lane need not parse again."""

    parsed: Parsed


def parse(
    body: bytes,
    *,
    default_model: DefaultModel = no_default,
    version: str | None = None,
    betas: Sequence[str] = (),
) -> MessagesRequest:
    """The request that ``body`` asks. CallerError 400 naming the field, for anything wrong with it.

    ``version`` and ``betas`` are what ``anthropic-version`` and ``anthropic-beta`` said; an unknown
    version is never refused. A body that leaves its history to a thread is, in the words upon which the
    official SDKs send it all.
    """
    request = _request(body, default_model, version, betas, counted=False)
    if request.max_tokens is None:
        raise missing("max_tokens")
    return request


def parse_count(
    body: bytes,
    *,
    default_model: DefaultModel = no_default,
    version: str | None = None,
    betas: Sequence[str] = (),
) -> MessagesRequest:
    """What ``body`` asks to count. A part of a conversation will do, and max_tokens says nothing here:
    a count writes no answer that could be too long."""
    return _request(body, default_model, version, betas, counted=True)


def parsed_of(request: Request) -> Parsed:
    """The decoded body of a request of this dialect."""
    if isinstance(request, MessagesRequest):
        return request.parsed
    return parse_count(
        request.body, default_model=lambda: request.model, betas=request.betas
    ).parsed


def _request(
    body: bytes,
    default_model: DefaultModel,
    version: str | None,
    betas: Sequence[str],
    *,
    counted: bool,
) -> MessagesRequest:
    raw = raw_fields(body)
    shape = decode(_DECODER, body, validation_error)
    model = shape.model or shape.model_id or default_model()
    if not model:
        raise missing("model")
    if counted:
        shape.max_tokens = None
    facts = Facts()
    check_options(shape, facts, betas)
    check_messages(shape, facts, paired=not counted)
    schemas = sum(len(memoryview(raw[name])) for name in _SCHEMAS if name in raw)
    stream = shape.stream if shape.stream is not None else shape.streaming
    thinking = shape.thinking
    budget = None if thinking is None else thinking.budget_tokens
    parsed = Parsed(shape, raw, facts)
    text = len(body) - schemas - facts.input_bytes - facts.data_characters + facts.extra_bytes
    return MessagesRequest(
        dialect="anthropic_messages",
        model=model,
        body=body,
        fields=frozenset(raw),
        conversation=parsed.conversation,
        sizes=Sizes(text, schemas + facts.input_bytes, facts.images),
        stream=stream is True and not counted,
        include_usage=True,
        max_tokens=None if shape.max_tokens is None else min(shape.max_tokens, MAX_TOKENS_MOST),
        has_tools=bool(shape.tools),
        has_system=facts.has_system,
        thinking_tokens=0 if budget is None else min(budget, MAX_TOKENS_MOST),
        version=version,
        betas=tuple(betas),
        parsed=parsed,
    )
