"""Anthropic-shaped answers → dialect-free events, block by block. Streams and whole answers alike.

What a provider's own tools did (hosted searches and their results) has no place in another dialect and
is left out; a call without arguments has ``{}`` for them.
"""

from __future__ import annotations

from typing import Final

from tokenhouse.chat import (
    CallDelta,
    CallStarted,
    ChoiceEnded,
    Event,
    ReasoningDelta,
    RedactedThought,
    TextDelta,
)
from tokenhouse.wire.anthropic_messages.frames import ABSENT, REASONS, Block, Delta
from tokenhouse.wire.asked import NOTHING_ASKED, Asked

_EMPTY: Final = (b"", b"{}", b"null")


class _Open:
    """A block that has begun. ``position``: a call's; ``argued``: it has arguments."""

    __slots__ = ("argued", "position", "signature")

    def __init__(self, position: int | None) -> None:
        self.position = position
        self.argued = False
        self.signature = ""


class Translator:
    """One answer: which blocks are open, how many calls it has made, and whether it has ended."""

    __slots__ = ("_asked", "_calls", "_id_stem", "_open", "ended")

    def __init__(self, answer_id: str, asked: Asked = NOTHING_ASKED) -> None:
        self._id_stem = answer_id[-12:]
        self._asked = asked
        self._open: dict[int, _Open] = {}
        self._calls = 0
        self.ended = False

    def start(self, index: int, block: Block, events: list[Event]) -> None:
        """A block begins; a whole answer's has all its content already."""
        position = None
        match block.type:
            case "text":
                if block.text:
                    events.append(TextDelta(block.text))
            case "thinking":
                if block.thinking:
                    events.append(ReasoningDelta(block.thinking))
            case "redacted_thinking":
                events.append(RedactedThought(block.data or ""))
            case "tool_use":
                position = self._calls
                self._calls += 1
                name = block.name or ""
                name = self._asked.names.get(name, name)
                call_id = block.id or f"toolu_{self._id_stem}_{position}"
                events.append(CallStarted(position, call_id, name))
            case _:
                pass
        opened = self._open[index] = _Open(position)
        opened.signature = block.signature or ""
        given = b"" if block.input is ABSENT else bytes(block.input)
        if position is not None and given not in _EMPTY:
            opened.argued = True
            events.append(CallDelta(position, given.decode()))

    def delta(self, index: int, delta: Delta, events: list[Event]) -> None:
        """More of a block. Empty pieces and kinds that nobody else knows give nothing."""
        match delta.type:
            case "text_delta":
                if delta.text:
                    events.append(TextDelta(delta.text))
            case "thinking_delta":
                if delta.thinking:
                    events.append(ReasoningDelta(delta.thinking))
            case "signature_delta":
                opened = self._open.get(index)
                if opened is not None and delta.signature:
                    opened.signature = delta.signature
            case "input_json_delta":
                if delta.partial_json:
                    self.argue(index, delta.partial_json, events)
            case _:
                pass

    def argue(self, index: int, text: str, events: list[Event]) -> None:
        """More of the arguments of the call in block ``index``."""
        opened = self._open.get(index)
        if opened is not None and opened.position is not None:
            opened.argued = True
            events.append(CallDelta(opened.position, text))

    def stop(self, index: int, events: list[Event]) -> None:
        """A block is complete."""
        opened = self._open.pop(index, None)
        if opened is None:
            return
        if opened.signature:
            events.append(ReasoningDelta("", signature=opened.signature))
        if opened.position is not None and not opened.argued:
            events.append(CallDelta(opened.position, "{}"))

    def end(self, reason: str | None, sequence: str | None, events: list[Event]) -> None:
        """The answer is complete; said once, also when a provider says it again."""
        if self.ended:
            return
        for index in list(self._open):
            self.stop(index, events)
        self.ended = True
        known = REASONS.get(reason or "")
        if known is None:
            known = "tool_calls" if self._calls else "stop"
        events.append(ChoiceEnded(known, 0, sequence))
