"""Frames that differ from the one before in a piece of text and nothing else.

Nearly every frame of a stream is one: the same bytes before the text, the same behind it. Once one
was taken apart and understood, its like is known by its two ends, and only what stands between them is
looked at. A text with a quote, a backslash or anything unprintable goes the long way.
"""

from __future__ import annotations

from typing import Final

import msgspec

from tokenhouse.chat import Passed
from tokenhouse.wire.openai_chat.pieces import ABSENT, PIECE, Delta, delta_text

_CONTENT: Final = b'"content":"'
_PROBE: Final = "x"
_NULL_USAGE: Final = b',"usage":null}'
_TRIES: Final = 8


class PlainFrames:
    """Learns two ends from a frame, then passes frames that have them."""

    __slots__ = ("_before", "_behind", "_cut", "_least", "_new_before", "_new_behind", "_tries")

    def __init__(self) -> None:
        self._before = b"\0"  # no frame begins with it: nothing learnt yet
        self._behind = b""
        self._cut = 1
        self._least = 1
        self._new_before = b""
        self._new_behind = b""
        self._tries = _TRIES

    def passed(self, payload: bytes) -> Passed | None:
        """The frame, ready to send, when it is one of these; None: take it apart."""
        if not payload.startswith(self._before) or not payload.endswith(self._behind):
            return None
        if len(payload) < self._least:
            return None
        middle = payload[self._cut : len(payload) - len(self._behind)]
        if b'"' in middle or b"\\" in middle:
            return None
        try:
            text = middle.decode()
        except UnicodeDecodeError:
            return None
        if not text.isprintable():
            return None
        return Passed(self._new_before + middle + self._new_behind, text, bool(text))

    def learn(self, payload: bytes, head: int, new_head: bytes, *, keep_null_usage: bool) -> None:
        """Take the ends of ``payload``, whose first ``head`` bytes go out as ``new_head``."""
        if not self._tries:
            return
        self._tries -= 1
        start = payload.find(_CONTENT, head)
        if start < 0:
            return
        start += len(_CONTENT)
        end = payload.find(b'"', start)
        if end < 0 or b"\\" in payload[start:end]:
            return
        before, behind = payload[:start], payload[end:]
        if not _is_only_text(before + _PROBE.encode() + behind):
            return
        rest = before[head:] + behind
        if b'"id"' in rest or b'"model"' in rest or b"\n" in rest:
            return
        new_behind = behind
        if not keep_null_usage and behind.endswith(_NULL_USAGE):
            new_behind = behind[: -len(_NULL_USAGE)] + b"}"
        elif b'"usage"' in behind and not keep_null_usage:
            return
        self._before, self._behind = before, behind
        self._cut, self._least = start, len(before) + len(behind)
        self._new_before = new_head + before[head:]
        self._new_behind = new_behind + b"\n\n"


def _is_only_text(payload: bytes) -> bool:
    """Is the frame one choice, the first, with the probe as its text and nothing besides?"""
    try:
        piece = PIECE.decode(payload)
    except (msgspec.MsgspecError, RecursionError):
        return False
    if piece.error is not ABSENT or not piece.choices or len(piece.choices) != 1:
        return False
    if piece.usage is not ABSENT and bytes(piece.usage) != b"null":
        return False
    choice = piece.choices[0]
    delta = choice.delta
    return (
        choice.index == 0
        and not choice.finish_reason
        and isinstance(delta, Delta)
        and not delta.tool_calls
        and delta_text(delta) == _PROBE
    )
