"""Frames of a translated stream that differ from the one before in their text alone.

As ``plain`` does for frames that pass: once one was taken apart, its like is known by its two ends, and
only the string between them is read.
"""

from __future__ import annotations

from typing import Final

import msgspec

from tokenhouse.wire.openai_chat.pieces import PIECE, Delta, Piece, told

_CONTENT: Final = b'"content":'
_PROBE: Final = "x"
_STRING: Final = msgspec.json.Decoder(str)
_TRIES: Final = 8


class PlainTexts:
    """Learns two ends from a frame, then reads the text of frames that have them."""

    __slots__ = ("_before", "_behind", "_start", "_tail", "_tries")

    def __init__(self) -> None:
        self._before = b"\0"  # no frame begins with it: nothing learnt yet
        self._behind = b""
        self._start = 1
        self._tail = 0
        self._tries = _TRIES

    def text(self, payload: bytes) -> str | None:
        """The text of the frame when it is one of these; None: take it apart."""
        if not payload.startswith(self._before) or not payload.endswith(self._behind):
            return None
        try:
            return _STRING.decode(payload[self._start : len(payload) - self._tail])
        except ValueError:
            return None

    def learn(self, payload: bytes, piece: Piece) -> None:
        """Take the ends of ``payload``, which ``piece`` is, when nothing else is in it but a text."""
        choices = piece.choices
        if not self._tries or not choices or len(choices) != 1:
            return
        delta = choices[0].delta
        if delta is None or not delta.content:
            return
        self._tries -= 1
        start = payload.find(_CONTENT) + len(_CONTENT)
        start = len(payload) - len(payload[start:].lstrip(b" "))
        end = _string_end(payload, start)
        before, behind = payload[:start], payload[end:]
        if not end or not _is_only_text(before + b'"x"' + behind):
            return
        self._before, self._behind = before, behind
        self._start, self._tail = start, len(behind)


def _string_end(payload: bytes, start: int) -> int:
    """Where the JSON string that begins at ``start`` ends; 0 when there is none."""
    if payload[start : start + 1] != b'"':
        return 0
    end = payload.find(b'"', start + 1)
    while end > 0:
        backslashes = len(payload[:end]) - len(payload[:end].rstrip(b"\\"))
        if backslashes % 2 == 0:
            return end + 1
        end = payload.find(b'"', end + 1)
    return 0


def _is_only_text(payload: bytes) -> bool:
    """Is the frame one choice, the first, with the probe as its text and nothing besides?"""
    try:
        piece = PIECE.decode(payload)
    except (ValueError, RecursionError):
        return False
    if not piece.choices or len(piece.choices) != 1:
        return False
    choice = piece.choices[0]
    others = (piece.usage, piece.error, choice.logprobs, choice.stop_reason, choice.matched_stop)
    if any(map(told, others)) or choice.finish_reason or choice.index != 0:
        return False
    return choice.message is None and choice.delta == Delta(_PROBE)
