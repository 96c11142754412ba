"""What a client asks for, dialect-free.

A ``Request`` holds at once what every request needs (to route, price, admit and meter it) and builds
its ``conversation`` only when a provider asks for it: in the lossless lane nobody does, and the body
passes as its dialect wrote it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from msgspec import Struct

from tokenhouse.chat.messages import CacheTtl, Message

Dialect = Literal["openai_chat", "openai_responses", "anthropic_messages", "openai_completions"]


LOW_BUDGET = 4_096
HIGH_BUDGET = 16_384
"""Thinking tokens: below the first is low effort, from the second on high."""


class Tool(Struct, frozen=True, gc=False):
    """A function the model may call. ``schema`` is its JSON Schema as raw JSON. ``deferred``: the model
    is not shown it before a ToolReferencePart names it."""

    name: str
    description: str = ""
    schema: bytes = b'{"type":"object","properties":{}}'
    strict: bool = False
    deferred: bool = False
    cache: CacheTtl | None = None


class ToolChoice(Struct, frozen=True, gc=False):
    """``auto`` | ``none`` | ``required`` | ``named`` (then ``name`` is the tool's). ``allowed``: of the
    tools that the model is shown, the names of those that it may call now; None: all of them."""

    mode: Literal["auto", "none", "required", "named"] = "auto"
    name: str | None = None
    allowed: tuple[str, ...] | None = None


class ResponseFormat(Struct, frozen=True, gc=False):
    """``text`` | ``json_object`` | ``json_schema`` (then ``schema`` is raw JSON)."""

    kind: Literal["text", "json_object", "json_schema"] = "text"
    schema: bytes | None = None
    name: str | None = None
    strict: bool = False


class Thinking(Struct, frozen=True, gc=False):
    """How a model may think before it answers: ``off``, ``on`` (``budget`` tokens at most, None: as
    many as it likes) or ``adaptive`` (it decides). ``display``: how its thoughts are shown
    (``summarized``, ``omitted``); None means the model's own way."""

    mode: Literal["off", "on", "adaptive"]
    budget: int | None = None
    display: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How to draw tokens. None means: the client did not say, the model's default holds."""

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    repetition_penalty: float | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    logit_bias: tuple[tuple[int, float], ...] = ()
    logprobs: bool = False
    top_logprobs: int = 0


class Sizes(Struct, frozen=True, gc=False):
    """Upper bounds for the prompt, cheap to take: bytes of text, bytes of tools and schemas, images.

    ``text_bytes`` is more than any body holds where a part (a PDF, a link) says more than its bytes:
    then the model's context is the bound.
    """

    text_bytes: int = 0
    schema_bytes: int = 0
    images: int = 0


class Conversation(Struct, frozen=True, kw_only=True):
    """Everything the model is told. ``continue_last``: the answer goes on from the last message, the
    assistant's own, instead of beginning a new one; ``echo_last``: it is given with that message before
    it. System messages may stand anywhere.

    ``reasoning_effort`` is the client's word (``low``, ``high``, …); ``thinking`` its wish for
    thoughts in tokens. ``user`` names the end user to the provider.
    """

    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice = ToolChoice()
    parallel_tool_calls: bool = True
    response_format: ResponseFormat = ResponseFormat()
    sampling: Sampling = Sampling()
    reasoning_effort: str | None = None
    thinking: Thinking | None = None
    user: str | None = None
    continue_last: bool = False
    echo_last: bool = False

    @property
    def effort(self) -> str | None:
        """The effort to reason with: as said, else what the thinking asked for comes to."""
        if self.reasoning_effort is not None or self.thinking is None:
            return self.reasoning_effort
        if self.thinking.mode == "off":
            return "none"
        budget = self.thinking.budget
        if budget is None:
            return None
        return "low" if budget < LOW_BUDGET else "medium" if budget < HIGH_BUDGET else "high"


class Request(Struct, frozen=True, kw_only=True):
    """One question to one model.

    ``body`` is the client's JSON object as received, in ``dialect``; ``fields`` are the names of its
    top-level fields. ``max_tokens`` is per choice; None means the client did not say.
    ``conversation`` builds the dialect-free form (raises CallerError where the parse left it).
    ``thinking_tokens``: tokens of the answer that the client sets apart for thinking; max_tokens stays
    above it. ``version`` and ``betas`` are what the client's headers say about its protocol, where it
    has such headers (Anthropic's ``anthropic-version`` and ``anthropic-beta``).
    """

    dialect: Dialect
    model: str
    body: bytes
    fields: frozenset[str]
    conversation: Callable[[], Conversation]
    sizes: Sizes
    stream: bool = False
    include_usage: bool = False
    max_tokens: int | None = None
    n: int = 1
    has_tools: bool = False
    has_system: bool = False
    thinking_tokens: int = 0
    version: str | None = None
    betas: tuple[str, ...] = ()
