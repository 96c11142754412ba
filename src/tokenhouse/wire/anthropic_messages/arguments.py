"""A call's arguments: the text that a model wrote → the JSON object that a tool_use block holds.

Models write nothing for no arguments, stop in the middle at max_tokens, and err. What is complete of a
cut object is kept, as the official SDKs do with a stream; what can't be read at all is handed on in
one field, so that the caller sees what the model did.
"""

from __future__ import annotations

from typing import Final, cast

import msgspec

INVALID: Final = "INVALID_JSON"
"""The field that holds arguments which are no JSON object, as Anthropic names it."""

_BLANKS: Final = " \t\r\n"
_CLOSERS: Final = {"{": "}", "[": "]"}


def is_object(text: str) -> bool:
    """Is ``text`` one complete JSON object?"""
    return isinstance(_value(text), dict)


def object_of(text: str) -> bytes:
    """The object that ``text`` is, or was going to be; ``{"INVALID_JSON": text}`` when it is none."""
    stripped = text.strip(_BLANKS)
    if stripped in ("", "null"):
        return b"{}"
    value = _value(stripped)
    if value is None and stripped.startswith("{"):
        value = _value(_mended(stripped))
    if isinstance(value, dict):
        return msgspec.json.encode(cast("dict[str, object]", value))
    return msgspec.json.encode({INVALID: text})


def text_of(value: bytes | msgspec.Raw) -> str:
    """The arguments that the object ``value`` (raw JSON) stands for: the opposite of ``object_of``."""
    raw = bytes(value)
    if INVALID.encode() in raw:
        fields = _value(raw.decode())
        if isinstance(fields, dict) and len(fields) == 1:
            text = cast("dict[str, object]", fields).get(INVALID)
            if isinstance(text, str):
                return text
    return raw.decode()


def _value(text: str) -> object:
    try:
        return cast(object, msgspec.json.decode(text))
    except (ValueError, RecursionError):
        return None


def _mended(text: str) -> str:
    """``text`` cut behind its last complete value, with every open bracket closed."""
    open_brackets: list[str] = []
    keep = 0
    closers = ""
    place = 0
    is_key = False
    while place < len(text):
        character = text[place]
        if character in "{[":
            open_brackets.append(character)
            is_key = character == "{"
            place += 1
        elif character in "}]":
            if not open_brackets:
                return ""
            open_brackets.pop()
            place += 1
        elif character in ",:" or character in _BLANKS:
            if character == ",":
                is_key = bool(open_brackets) and open_brackets[-1] == "{"
            elif character == ":":
                is_key = False
            place += 1
            continue
        else:
            place = _scalar_end(text, place)
            if place < 0:
                break
            if is_key:
                continue
        keep = place
        closers = "".join(_CLOSERS[bracket] for bracket in reversed(open_brackets))
    return text[:keep] + closers


def _scalar_end(text: str, start: int) -> int:
    """Where the string, number or word at ``start`` ends; -1 when the text ends before it does."""
    place = start
    if text[start] == '"':
        place += 1
        while place < len(text):
            if text[place] == "\\":
                place += 2
            elif text[place] == '"':
                return place + 1
            else:
                place += 1
        return -1
    while place < len(text) and text[place] not in ",:{}[]" + _BLANKS:
        place += 1
    return place if place < len(text) or _is_complete(text[start:]) else -1


def _is_complete(word: str) -> bool:
    try:
        msgspec.json.decode(word)
    except ValueError:
        return False
    return True
