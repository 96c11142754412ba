"""The port every provider implements."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec
from msgspec import structs

from tokenhouse.chat import (
    Conversation,
    Dialect,
    Event,
    Message,
    Passed,
    Request,
    Sampling,
    TextPart,
)


class Call(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One request as it goes to one route.

    ``max_tokens`` replaces what the client asked, None leaves it; ``max_output_tokens`` is the most
    that the model writes per choice when neither says a number. ``defaults`` are the model's own
    sampling values, for what the client did not say. ``system_prompt`` stands first when the client
    sent no system message. ``created_s`` (unix seconds) and ``answer_id`` go into the answer.
    ``share``: an opaque number; where requests have to wait, those of one share take turns as one.
    """

    request: Request
    request_id: str
    answer_id: str
    created_s: int
    public_model: str
    upstream_model: str
    context_length: int
    max_tokens: int | None = None
    max_output_tokens: int | None = None
    defaults: Sampling = Sampling()
    system_prompt: str | None = None
    share: int = 0


Sink = Callable[[Sequence[Event]], bool]
"""Takes events as they come; False: ``read`` has to go on."""

PassedSink = Callable[[Passed], bool]
"""The same for one frame of nothing but text: the short way of nearly every piece of a stream."""


def told(call: Call) -> Conversation:
    """The call's conversation as its provider is told it, the model's own system prompt included."""
    conversation = call.request.conversation()
    if call.system_prompt is None:
        return conversation
    first = Message("system", (TextPart(call.system_prompt),))
    return structs.replace(conversation, messages=(first, *conversation.messages))


class Attempt(Protocol):
    """A running answer. Read until ``Finished``; an end without it is raised as UpstreamError."""

    async def read(self) -> Sequence[Event]:
        """What has arrived since the last read, at least one event; raises UpstreamError."""
        ...

    async def pump(self, sink: Sink, passed: PassedSink) -> None:
        """Give events to ``sink`` or ``passed`` as they come, without waking a task for each, until one
        says False or ``read`` has to go on. A provider that can't returns at once. Raises what ``read``
        does.
        """
        ...

    async def aclose(self) -> None:
        """Free everything; before the end this cancels the upstream at once. Idempotent."""
        ...


class Provider(Protocol):
    """A place where models run. Safe to share between requests."""

    @property
    def name(self) -> str: ...

    def ready(self, upstream_model: str) -> bool:
        """Could this model answer now (weights there, engine installed)?"""
        ...

    def why_not(self, upstream_model: str) -> str | None:
        """Why this model can't answer now, and what mends it; None when it could."""
        ...

    def check(self, request: Request, upstream_model: str) -> None:
        """Refuse (CallerError) before any money moves what this provider cannot take."""
        ...

    async def examine(self, call: Call) -> None:
        """The same for what takes longer to find out; asked of requests that have tools or schemas."""
        ...

    speaks: Dialect | None
    """The dialect whose requests it is given as they came; None: it is told conversations only."""

    leaves: frozenset[str]
    """Fields of requests that it is told and has no word for; whoever asked is told their names."""

    counts_here: bool
    """Does ``count`` ask nobody outside this house?"""

    async def count(self, call: Call) -> int | None:
        """The prompt in tokens, exactly as it will be billed; None when the provider can't tell.
        Raises CallerError and UpstreamError."""
        ...

    async def open(self, call: Call) -> Attempt:
        """Ask. Returns once the provider has accepted; raises UpstreamError or CallerError."""
        ...

    async def aclose(self) -> None: ...
