"""The model's text → text and tool calls, as they come.

v7 writes control token 9, then `[{"name": …, "arguments": {…}, "id": …}, …]`, then ends. The
reader streams arguments while they are written; what is no such list is reported, never mended.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from .completion import Piece
from .template import TOOL_CALLS

_BLANK: Final = " \t\r\n"


@dataclass(frozen=True, slots=True)
class TextDelta:
    """Ordinary text."""

    text: str


@dataclass(frozen=True, slots=True)
class CallStart:
    """Call number `index` begins. The id is the reader's own: the model writes its last."""

    index: int
    id: str
    name: str


@dataclass(frozen=True, slots=True)
class ArgumentsDelta:
    """More of the JSON text of the arguments."""

    index: int
    text: str


@dataclass(frozen=True, slots=True)
class CallEnd:
    """`valid`: the arguments are well-formed JSON."""

    index: int
    valid: bool


@dataclass(frozen=True, slots=True)
class Malformed:
    """What followed the control token was no list of calls. `text` is what no event has told."""

    reason: str
    text: str


CallEvent = TextDelta | CallStart | ArgumentsDelta | CallEnd | Malformed


class _At(Enum):
    TEXT = auto()
    LIST = auto()  # before "[" (or "{" of a lone call)
    OBJECT = auto()  # before "{"
    KEY = auto()  # before a key, or "}"
    KEY_STRING = auto()
    COLON = auto()
    VALUE = auto()
    IN_VALUE = auto()
    AFTER_VALUE = auto()  # before "," or "}"
    AFTER_OBJECT = auto()  # before "," or "]"
    END = auto()
    BROKEN = auto()


class ToolCallReader:
    """Feed it every Piece, then `finish()` once. `new_id` makes an id per call."""

    def __init__(self, new_id: Callable[[], str]) -> None:
        self._new_id = new_id
        self._at = _At.TEXT
        self._out: list[CallEvent] = []
        self._unsaid = ""  # raw text since the last event, for Malformed
        self._lone = False
        self.calls = 0
        self._begin_call()

    def feed(self, piece: Piece) -> Sequence[CallEvent]:
        """Events of one piece, in order."""
        self._out = []
        if self._at is _At.TEXT and TOOL_CALLS in piece.tokens:
            self._at = _At.LIST
        if self._at is _At.TEXT or self._at is _At.BROKEN:
            return (TextDelta(piece.text),) if piece.text else ()
        self._read(piece.text)
        return self._out

    def feed_text(self, text: str) -> Sequence[CallEvent]:
        """As `feed`, for the text that comes with the end."""
        return self.feed(Piece(text, (), 0))

    def finish(self) -> Sequence[CallEvent]:
        """What the end of the answer means: nothing, or Malformed when it cut a list."""
        if self._at in (_At.TEXT, _At.END, _At.BROKEN):
            return ()
        self._out = []
        self._break("the answer ended inside the list of calls")
        return self._out

    @property
    def calling(self) -> bool:
        """Has the model left its text for calls?"""
        return self._at is not _At.TEXT

    def _begin_call(self) -> None:
        self._key = ""
        self._name: str | None = None
        self._started = False
        self._has_arguments = False
        self._arguments: list[str] = []
        self._told = 0  # how many of _arguments were told
        self._value: list[str] = []
        self._depth = 0
        self._string = False
        self._escape = False

    def _read(self, text: str) -> None:
        position = 0
        while position < len(text):
            if self._at is _At.IN_VALUE:
                position = self._in_value(text, position)
                continue
            if self._at is _At.BROKEN:
                self._out.append(TextDelta(text[position:]))
                return
            char = text[position]
            self._unsaid += char
            position += 1
            if self._at is _At.KEY_STRING:
                self._in_key(char)
            elif char not in _BLANK:
                self._step(char)
        self._tell_arguments()

    def _step(self, char: str) -> None:
        at = self._at
        if at is _At.LIST and char == "[":
            self._at = _At.OBJECT
        elif char == "{" and at in (_At.LIST, _At.OBJECT):
            self._lone = at is _At.LIST
            self._begin_call()
            self._at = _At.KEY
        elif at is _At.KEY and char == '"':
            self._value = ['"']
            self._escape = False
            self._at = _At.KEY_STRING
        elif at is _At.COLON and char == ":":
            self._at = _At.VALUE
        elif at is _At.VALUE and char not in ",:]}":
            self._unsaid = self._unsaid[:-1]
            self._value = []
            self._depth, self._string, self._escape = 0, False, False
            self._at = _At.IN_VALUE
            self._in_value(char, 0)
        elif at is _At.AFTER_VALUE and char == ",":
            self._at = _At.KEY
        elif at is _At.AFTER_VALUE and char == "}":
            self._end_call()
        elif at is _At.AFTER_OBJECT and char == "," and not self._lone:
            self._at = _At.OBJECT
        elif at is _At.AFTER_OBJECT and char == "]" and not self._lone:
            self._at = _At.END
        else:
            where = "after" if at is _At.END or self._lone else "in"
            self._break(f"unexpected {char!r} {where} the list of calls")

    def _in_key(self, char: str) -> None:
        self._value.append(char)
        if self._escape:
            self._escape = False
        elif char == "\\":
            self._escape = True
        elif char == '"':
            key = _loads("".join(self._value))
            if not isinstance(key, str):
                return self._break("a key is no JSON string")
            self._key = key
            self._at = _At.COLON
        return None

    def _in_value(self, text: str, position: int) -> int:
        """Scan on inside a value; → where the scan stopped."""
        begin = position
        while position < len(text):
            char = text[position]
            if self._string:
                if self._escape:
                    self._escape = False
                elif char == "\\":
                    self._escape = True
                elif char == '"':
                    self._string = False
                    if self._depth == 0:
                        position += 1
                        return self._value_ended(text[begin:position], position)
            elif char == '"':
                self._string = True
            elif char in "{[":
                self._depth += 1
            elif char in "}]" and self._depth > 0:
                self._depth -= 1
                if self._depth == 0:
                    position += 1
                    return self._value_ended(text[begin:position], position)
            elif self._depth == 0 and (char in ",}]" or char in _BLANK):
                return self._value_ended(text[begin:position], position)
            position += 1
        self._value_grew(text[begin:])
        return position

    def _value_grew(self, text: str) -> None:
        self._value.append(text)
        streams = self._key == "arguments" and self._value[0][:1] == "{" and not self._has_arguments
        if streams:
            self._arguments.append(text)
        if not streams or not self._started:
            self._unsaid += text

    def _value_ended(self, text: str, position: int) -> int:
        self._value_grew(text)
        whole = "".join(self._value)
        self._at = _At.AFTER_VALUE
        if self._key == "name":
            name = _loads(whole)
            if not isinstance(name, str) or self._name is not None:
                self._break("a call's name is no single string")
            else:
                self._name = name
        elif self._key == "arguments":
            if self._has_arguments:
                self._break("a call has its arguments twice")
            self._has_arguments = True
            if whole[:1] != "{":  # a model may quote its arguments once more
                inner = _loads(whole)
                self._arguments.append(inner if isinstance(inner, str) else whole)
        self._tell_arguments()
        return position

    def _tell_arguments(self) -> None:
        if self._at is _At.BROKEN or self._name is None or not self._arguments:
            return
        if not self._started:
            self._start()
        if fresh := "".join(self._arguments[self._told :]):
            self._out.append(ArgumentsDelta(self.calls, fresh))
        self._told = len(self._arguments)

    def _start(self) -> None:
        self._started = True
        self._unsaid = ""
        self._out.append(CallStart(self.calls, self._new_id(), self._name or ""))

    def _end_call(self) -> None:
        if self._name is None:
            return self._break("a call has no name")
        if not self._arguments:
            self._arguments.append("{}")
        self._tell_arguments()
        self._unsaid = ""
        valid = is_object("".join(self._arguments))
        self._out.append(CallEnd(self.calls, valid))
        self.calls += 1
        self._at = _At.END if self._lone else _At.AFTER_OBJECT
        return None

    def _break(self, reason: str) -> None:
        if self._started:
            self._tell_arguments()
        self._at = _At.BROKEN
        self._out.append(Malformed(reason, self._unsaid))
        self._unsaid = ""


def is_object(text: str) -> bool:
    """Is the text one JSON object?"""
    return isinstance(_loads(text), dict)


def _loads(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
