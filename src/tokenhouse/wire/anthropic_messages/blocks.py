"""Events → content blocks, one after the other: the one state machine behind streams and whole answers.

Blocks never overlap. The first of the queue is open and its pieces go out as they come; what belongs
to a later block waits until the open one can be closed. Text and thinking can be closed as soon as
something else begins; a call only when its arguments are a complete JSON object, because OpenAI-shaped
providers interleave the calls that they make at once. Empty pieces never open or close anything.
"""

from __future__ import annotations

from collections import deque
from typing import Final, Literal

import msgspec

from tokenhouse.chat import (
    CallDelta,
    CallStarted,
    Event,
    ReasoningDelta,
    RedactedThought,
    RefusalDelta,
    TextDelta,
)
from tokenhouse.wire.anthropic_messages.arguments import is_object, object_of
from tokenhouse.wire.tool_ids import ToolIds

Kind = Literal["text", "thinking", "redacted_thinking", "tool_use"]
PieceKind = Literal["text", "thinking", "signature", "arguments"]


class Started(msgspec.Struct, frozen=True, gc=False):
    """Block ``index`` begins. ``id`` and ``name`` are a call's, ``data`` is a redacted thought."""

    index: int
    kind: Kind
    id: str = ""
    name: str = ""
    data: str = ""


class Piece(msgspec.Struct, frozen=True, gc=False):
    """More of the open block ``index``."""

    index: int
    kind: PieceKind
    text: str


class Stopped(msgspec.Struct, frozen=True, gc=False):
    """Block ``index`` is complete."""

    index: int


Step = Started | Piece | Stopped

_CHOICE: Final = 0


class _Block:
    """A block of the queue. ``waiting`` are pieces that have not gone out."""

    __slots__ = ("_arguments", "_checked", "_shown", "sealed", "start", "started", "waiting")

    def __init__(self, start: Started) -> None:
        self.start = start
        self.started = False
        self.sealed = start.kind == "redacted_thinking"
        self.waiting: list[Piece] = []
        self._arguments: list[str] = []
        self._checked = 0
        self._shown = False

    def argue(self, text: str) -> None:
        """Take a piece of a call's arguments. They wait until they are known to be an object's."""
        self._arguments.append(text)
        if not self._shown:
            text = "".join(self._arguments)
            if not text.lstrip().startswith("{"):
                return
            self._shown = True
        self.waiting.append(Piece(self.start.index, "arguments", text))

    def can_close(self) -> bool:
        """Could nothing more come for this block, given that another one has begun?"""
        if self.start.kind != "tool_use" or self.sealed:
            return True
        pieces = self._arguments
        if len(pieces) > self._checked and pieces[-1].rstrip().endswith("}"):
            self._checked = len(pieces)
            self.sealed = is_object("".join(pieces))
        return self.sealed

    def close(self) -> None:
        """No more pieces come. Arguments that are no object go out as one that holds them."""
        if self.start.kind == "tool_use" and not self._shown:
            self._shown = True
            text = object_of("".join(self._arguments)).decode()
            if text != "{}":
                self.waiting.append(Piece(self.start.index, "arguments", text))


class Blocks:
    """The state: which block is open, which wait behind it, and which calls they are."""

    __slots__ = ("_calls", "_ids", "_next", "_queue")

    def __init__(self) -> None:
        self._queue: deque[_Block] = deque()
        self._calls: dict[int, _Block] = {}
        self._ids = ToolIds("anthropic")
        self._next = 0

    @property
    def open_text(self) -> int | None:
        """The index of the open text block when nothing waits behind it; else None."""
        if len(self._queue) != 1 or self._queue[0].start.kind != "text":
            return None
        return self._queue[0].start.index

    def take(self, event: Event) -> list[Step]:
        """The steps that ``event`` lets happen now. Other choices than the first are none of ours."""
        match event:
            case TextDelta(choice=0) | RefusalDelta(choice=0):
                self._text("text", event.text)
            case ReasoningDelta(choice=0):
                self._thought(event)
            case RedactedThought(choice=0):
                self._begin("redacted_thinking", data=event.data)
            case CallStarted(choice=0):
                self._calls[event.position] = self._begin(
                    "tool_use", self._ids.map(event.id), event.name
                )
            case CallDelta(choice=0):
                call = self._calls[event.position]
                if event.arguments and not call.sealed:
                    call.argue(event.arguments)
            case _:
                return []
        return self._advance()

    def finish(self) -> list[Step]:
        """Everything that still waits, and the end of the last block."""
        steps: list[Step] = []
        while self._queue:
            self._show(self._queue[0], steps, last=True)
        return steps

    def _text(self, kind: Literal["text", "thinking"], text: str) -> None:
        if not text:
            return
        block = self._last(kind) or self._begin(kind)
        block.waiting.append(Piece(block.start.index, kind, text))

    def _thought(self, event: ReasoningDelta) -> None:
        self._text("thinking", event.text)
        if event.signature:
            block = self._last("thinking") or self._begin("thinking")
            block.waiting.append(Piece(block.start.index, "signature", event.signature))
            block.sealed = True

    def _last(self, kind: Kind) -> _Block | None:
        """The last block, when more of ``kind`` may be added to it."""
        if not self._queue:
            return None
        block = self._queue[-1]
        return block if block.start.kind == kind and not block.sealed else None

    def _begin(self, kind: Kind, call_id: str = "", name: str = "", data: str = "") -> _Block:
        block = _Block(Started(self._next, kind, call_id, name, data))
        self._next += 1
        self._queue.append(block)
        return block

    def _advance(self) -> list[Step]:
        steps: list[Step] = []
        queue = self._queue
        while queue:
            # A sealed call stays open until another block begins: its provider may still blank-pad it.
            last = len(queue) > 1 and queue[0].can_close()
            self._show(queue[0], steps, last=last)
            if not last:
                break
        return steps

    def _show(self, block: _Block, steps: list[Step], *, last: bool) -> None:
        if not block.started:
            block.started = True
            steps.append(block.start)
        if last:
            block.close()
        steps += block.waiting
        block.waiting.clear()
        if last:
            block.sealed = True
            steps.append(Stopped(block.start.index))
            self._queue.popleft()
