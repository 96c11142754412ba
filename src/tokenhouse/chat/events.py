"""An answer, step by step. Two lanes share one list of events.

Translated: ``Opened``, deltas, ``ChoiceEnded`` per choice, ``Finished``. Lossless (client and upstream
speak one dialect): ``Opened``, ``Passed`` frames (or one ``Whole``), ``Finished``. In either,
``UsageSoFar`` may stand behind what it counts. Nothing after ``Finished``; a stream that ends without it
was cut. Errors are exceptions, never events.

Events are structs, not dataclasses: one is made per frame, and a struct costs a fifth.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from tokenhouse.chat.usage import Usage

FinishReason = Literal["stop", "length", "tool_calls", "content_filter", "stop_sequence", "error"]


class Opened(Struct, frozen=True, gc=False):
    """The upstream has accepted the request: from here on the prompt is owed.

    ``prompt_tokens``: the whole prompt as counted so far, None when not known yet; ``cache_read`` and
    ``cache_write`` are the part of it that a cache gave or took. An upstream that tells them later
    than its name comes with a second one, before any content.
    """

    upstream_id: str | None = None
    prompt_tokens: int | None = None
    cache_read: int = 0
    cache_write: int = 0


class TextDelta(Struct, frozen=True, gc=False):
    """``tokens`` is how many tokens this piece is, None when the upstream does not tell."""

    text: str
    choice: int = 0
    tokens: int | None = None
    logprobs: tuple[LogProbs, ...] = ()


class LogProbs(Struct, frozen=True, gc=False):
    """One token's log-probability (natural log) and its best alternatives. ``raw``: its bytes, for a
    token may end inside a character; None: those of ``token``."""

    token: str
    logprob: float
    top: tuple[LogProbs, ...] = ()
    raw: bytes | None = None


class ReasoningDelta(Struct, frozen=True, gc=False):
    """A piece of a thought; a ``signature`` comes with its last piece (whose text may be empty), so
    that whatever is thought after it is another thought."""

    text: str
    choice: int = 0
    signature: str | None = None


class RedactedThought(Struct, frozen=True, gc=False):
    """A whole thought, sealed: only the endpoint that minted ``data`` can read it."""

    data: str
    choice: int = 0


class RefusalDelta(Struct, frozen=True, gc=False):
    text: str
    choice: int = 0


class CallStarted(Struct, frozen=True, gc=False):
    """Call number ``position`` of the choice begins."""

    position: int
    id: str
    name: str
    choice: int = 0


class CallDelta(Struct, frozen=True, gc=False):
    """A piece of the JSON text of call number ``position``'s arguments."""

    position: int
    arguments: str
    choice: int = 0
    tokens: int | None = None


class ChoiceEnded(Struct, frozen=True, gc=False):
    reason: FinishReason
    choice: int = 0
    stop_sequence: str | None = None


class Passed(Struct, frozen=True, gc=False):
    """A stream frame of the client's own dialect, complete and ready to send.

    ``text`` is the output text that it carries, for the meter; ``tokens`` how many tokens it is when
    the upstream tells; ``content``: it carries content, a call or an end (the fail-over boundary).
    ``finish_reason`` is that of a choice that ends in it.
    """

    frame: bytes
    text: str = ""
    content: bool = False
    finish_reason: str | None = None
    tokens: int | None = None


class Whole(Struct, frozen=True, gc=False):
    """A complete non-streamed answer of the client's own dialect: top-level names → raw JSON."""

    fields: Mapping[str, bytes]
    text: str = ""
    finish_reason: str | None = None


class UsageSoFar(Struct, frozen=True, gc=False):
    """What the upstream says it has used for everything up to here, prompt and answer. Only some tell it
    while they write; a stream that is cut is then charged by their count and not by a guess."""

    usage: Usage


class Finished(Struct, frozen=True, gc=False):
    """The proper end. ``usage`` as the upstream reported it, None when it reported none.

    ``raw``: the upstream's own usage object, for fields that the buckets do not hold. ``frame``: in
    the lossless lane of a dialect whose usage stands in a frame with more, that frame's JSON; it goes
    out once the charge is known.
    """

    usage: Usage | None = None
    raw: bytes | None = None
    frame: bytes | None = None


Event = (
    Opened
    | TextDelta
    | ReasoningDelta
    | RedactedThought
    | RefusalDelta
    | CallStarted
    | CallDelta
    | ChoiceEnded
    | Passed
    | Whole
    | UsageSoFar
    | Finished
)
