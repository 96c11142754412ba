"""Answers drawn at random as dialect-free events, in the orders in which upstreams give them."""

from __future__ import annotations

import json
from itertools import pairwise

from hypothesis import strategies as st

from tokenhouse.chat import (
    CallDelta,
    CallStarted,
    ChoiceEnded,
    Event,
    Finished,
    FinishReason,
    Opened,
    ReasoningDelta,
    RedactedThought,
    RefusalDelta,
    TextDelta,
    Usage,
)

TEXTS = st.text(alphabet=st.characters(blacklist_categories=["Cs"]), max_size=12) | st.sampled_from(
    [
        "",
        '"',
        "\\",
        "\n\n",
        "event: ping",
        'data: {"type":"message_stop"}',
        "🦊日本",
        '"text":"x"}}',
    ]
)
"""Pieces of text; some are empty, some look like frames."""

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
ARGUMENTS = st.dictionaries(TEXTS, VALUES, max_size=3)
"""What models call tools with."""

ENDS: tuple[FinishReason, ...] = (
    "stop",
    "length",
    "tool_calls",
    "content_filter",
    "stop_sequence",
)


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    """Disjoint buckets, none of them absurd."""
    count = st.integers(0, 5000)
    return Usage(
        input=draw(count),
        cache_read=draw(count),
        cache_write=draw(count),
        output=draw(count),
        reasoning=draw(count),
    )


@st.composite
def argument_texts(draw: st.DrawFn) -> str:
    """Arguments as a model writes them: compact or spaced, escaped or not, nothing at all for {}."""
    value = draw(ARGUMENTS)
    if not value and draw(st.booleans()):
        return ""
    separators = draw(st.sampled_from([(",", ":"), (", ", ": ")]))
    return json.dumps(value, separators=separators, ensure_ascii=draw(st.booleans()))


@st.composite
def pieces(draw: st.DrawFn, text: str) -> list[str]:
    """``text`` in pieces, some of them empty."""
    places = sorted(draw(st.lists(st.integers(0, len(text)), max_size=4)))
    bounds = [0, *places, len(text)]
    return [text[a:b] for a, b in pairwise(bounds)]


@st.composite
def answers(draw: st.DrawFn) -> list[Event]:
    """Texts, thoughts and refusals in any order; then calls whose pieces interleave; then the end."""
    events: list[Event] = [Opened("up-1", draw(st.none() | st.integers(0, 5000)))]
    kinds = st.sampled_from(["text", "thought", "signed", "redacted", "refusal"])
    for kind in draw(st.lists(kinds, max_size=6)):
        text = draw(TEXTS)
        match kind:
            case "text":
                events.append(TextDelta(text))
            case "thought":
                events.append(ReasoningDelta(text))
            case "signed":
                events += [ReasoningDelta(text), ReasoningDelta("", signature="sig" + text)]
            case "redacted":
                events.append(RedactedThought("sealed" + text))
            case _:
                events.append(RefusalDelta(text))
    events += draw(calls())
    reason = draw(st.sampled_from(ENDS))
    sequence = draw(TEXTS) if reason == "stop_sequence" else None
    return [*events, ChoiceEnded(reason, 0, sequence), Finished(draw(usages()))]


@st.composite
def calls(draw: st.DrawFn) -> list[Event]:
    """Up to three calls at once, each piece somewhere behind the start of its call."""
    waiting: list[list[Event]] = []
    for position in range(draw(st.integers(0, 3))):
        text = draw(argument_texts())
        waiting.append([CallStarted(position, f"call_{position}", f"tool_{position}")])
        waiting[-1] += [CallDelta(position, piece) for piece in draw(pieces(text))]
    events: list[Event] = []
    started = 0
    while any(waiting):
        # A call starts only when those before it have: positions count up in every dialect.
        open_ones = [queue for queue in waiting[: started + 1] if queue]
        queue = draw(st.sampled_from(open_ones))
        if queue is waiting[min(started, len(waiting) - 1)]:
            started += 1
        events.append(queue.pop(0))
        started = min(started, len(waiting))
    return events
