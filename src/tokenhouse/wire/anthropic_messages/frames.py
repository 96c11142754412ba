"""An answer's frames as Anthropic-shaped providers write them, typed; and frames known by sight."""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Raw, Struct

from tokenhouse.chat import FinishReason

ABSENT: Final = Raw()
"""What a raw field is that was not there; compare with ``is``."""

NAME: Final = b"event: content_block_delta\ndata: "


class Delta(Struct):
    """Of a block, or of the message."""

    type: str | None = None
    text: str | None = None
    thinking: str | None = None
    signature: str | None = None
    partial_json: str | None = None
    stop_reason: str | None = None
    stop_sequence: str | None = None


class Block(Struct):
    """A content block, as it begins in a stream or stands in a whole answer."""

    type: str | None = None
    text: str | None = None
    thinking: str | None = None
    signature: str | None = None
    data: str | None = None
    id: str | None = None
    name: str | None = None
    input: Raw = ABSENT


class Head(Struct):
    """The message of message_start."""

    usage: Raw = ABSENT


class Frame(Struct):
    type: str = ""
    index: int = 0
    delta: Delta | None = None
    content_block: Block | None = None
    message: Head | None = None
    usage: Raw = ABSENT
    error: Raw = ABSENT


class Message(Struct):
    """A whole answer."""

    type: str | None = None
    content: list[Block] | None = None
    stop_reason: str | None = None
    stop_sequence: str | None = None
    usage: Raw = ABSENT


FRAME: Final = msgspec.json.Decoder(Frame)
MESSAGE: Final = msgspec.json.Decoder(Message)
FIELDS: Final = msgspec.json.Decoder(dict[str, Raw])

REASONS: Final[dict[str, FinishReason]] = {
    "end_turn": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "pause_turn": "stop",
    "refusal": "content_filter",
    "stop_sequence": "stop_sequence",
    "tool_use": "tool_calls",
}
"""Why an answer ended, in the house's words."""

_FIELD_OF: Final = {
    "text_delta": "text",
    "thinking_delta": "thinking",
    "input_json_delta": "partial_json",
}
_STRING: Final = msgspec.json.Decoder(str)
_PROBE: Final = "x"


class PlainDeltas:
    """Frames that differ from the one before in a piece of text and nothing else.

    Nearly every frame of a stream is one. Once one was taken apart and understood, its like is known
    by its two ends, and only the string between them is read. Blanks between the closing braces (some
    providers pad their frames) make no difference.
    """

    __slots__ = ("_before", "_behind", "_start")

    def __init__(self) -> None:
        self._before = b"\0"  # no frame begins with it: nothing learnt yet
        self._behind = b""
        self._start = 1

    def text(self, block: bytes) -> str | None:
        """The text of the frame when it is one of these; None: take it apart."""
        if not block.startswith(self._before):
            return None
        end = block.rfind(b'"') + 1
        behind = block[end:]
        if behind != self._behind and behind.replace(b" ", b"") != self._behind:
            return None
        try:
            return _STRING.decode(block[self._start : end])
        except ValueError:
            return None

    def learn(self, block: bytes, frame: Frame) -> bool:
        """Take the ends of ``block``, which ``frame`` is; False when it isn't of this form."""
        field = _FIELD_OF.get((frame.delta.type if frame.delta is not None else None) or "")
        if field is None or not block.startswith(NAME):
            return False
        start = block.rfind(b'"%b":' % field.encode()) + len(field) + 3
        start = len(block) - len(block[start:].lstrip(b" "))
        before, end = block[:start], block.rfind(b'"') + 1
        behind = block[end:].replace(b" ", b"")
        probed = before[len(NAME) :] + b'"x"' + behind
        try:
            delta = Delta(frame.delta.type if frame.delta is not None else None)
            setattr(delta, field, _PROBE)
            if FRAME.decode(probed) != Frame(frame.type, frame.index, delta):
                return False
        except ValueError:
            return False
        self._before, self._start, self._behind = before, start, behind
        return True
