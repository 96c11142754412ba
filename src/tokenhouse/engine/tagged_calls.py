"""Tool calls as formats from v11 on write them: each behind control token 9, its name, perhaps an id
behind a token of its own, its arguments behind another."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .completion import Piece
from .forms import AnswerForm
from .template import TOOL_CALLS
from .tool_calls import (
    ArgumentsDelta,
    CallEnd,
    CallEvent,
    CallStart,
    Malformed,
    TextDelta,
    ToolCallReader,
    is_object,
)


class TaggedCallReader:
    """As `ToolCallReader`. `args` is the control token before arguments; the model's own id, behind
    another, is read over."""

    def __init__(self, new_id: Callable[[], str], args: int, call_id: int | None = None) -> None:
        self._new_id = new_id
        self._args = args
        self._call_id = call_id
        self._name: str | None = None  # while a call's head is read
        self._in_id = False
        self._arguments: list[str] | None = None  # while its arguments are
        self.calls = 0

    def feed(self, piece: Piece) -> Sequence[CallEvent]:
        """Events of one piece, in order."""
        out: list[CallEvent] = []
        for token in piece.tokens:
            if token == TOOL_CALLS:
                self._end_call(out)
                self._name, self._in_id = "", False
            elif token == self._call_id and self._name is not None:
                self._in_id = True
            elif token == self._args and self._name is not None:
                out.append(CallStart(self.calls, self._new_id(), self._name))
                self._name, self._arguments = None, []
        if not piece.text:
            pass
        elif self._arguments is not None:
            self._arguments.append(piece.text)
            out.append(ArgumentsDelta(self.calls, piece.text))
        elif self._name is None:
            out.append(TextDelta(piece.text))
        elif not self._in_id:
            self._name += piece.text
        return out

    def feed_text(self, text: str) -> Sequence[CallEvent]:
        """As `feed`, for the text that comes with the end."""
        return self.feed(Piece(text, (), 0))

    def finish(self) -> Sequence[CallEvent]:
        """What the end of the answer means: the end of a call, Malformed for one without arguments."""
        out: list[CallEvent] = []
        self._end_call(out)
        return out

    @property
    def calling(self) -> bool:
        """Has the model left its text for calls?"""
        return self._name is not None or self._arguments is not None

    def _end_call(self, out: list[CallEvent]) -> None:
        if self._name is not None:
            out.append(Malformed("a call has no arguments", self._name))
            self._name = None
        if self._arguments is not None:
            out.append(CallEnd(self.calls, is_object("".join(self._arguments))))
            self._arguments = None
            self.calls += 1


def call_reader(
    new_id: Callable[[], str], form: AnswerForm | None
) -> ToolCallReader | TaggedCallReader:
    """The reader of answers of this form."""
    if form is None or form.args is None:
        return ToolCallReader(new_id)
    return TaggedCallReader(new_id, form.args, form.call_id)
