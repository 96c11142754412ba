"""Anthropic's Messages in the load: the same question, and what a right answer looks like."""

from __future__ import annotations

from typing import Any

import msgspec

PATH = "/v1/messages"
VERSION = "anthropic-version: 2023-06-01\r\n"
"""The API version under which a temperature may be sent."""


class _Block(msgspec.Struct):
    type: str = ""
    text: str | None = None


class _Usage(msgspec.Struct):
    output_tokens: int = 0


class _Body(msgspec.Struct):
    """An answer, or an event of a stream."""

    type: str
    content: list[_Block] = msgspec.field(default_factory=list[_Block])
    delta: _Block | None = None
    usage: _Usage | None = None


_decode = msgspec.json.Decoder(_Body).decode


def question(model: str, system: str, asked: str, max_tokens: int) -> dict[str, Any]:
    """The request's body: the system prompt has a field of its own here."""
    return {
        "model": model,
        "system": system,
        "messages": [{"role": "user", "content": asked}],
        "max_tokens": max_tokens,
        "temperature": 0.3,
    }


def fault_of_message(body: bytes, text: str, chunks: int) -> str:
    """Why this is not the right non-streamed answer; empty when it is."""
    try:
        answer = _decode(body)
    except msgspec.DecodeError as error:
        return f"not an answer ({error}): {body[:200]!r}"
    if "".join(block.text or "" for block in answer.content) != text:
        return f"another text: {body[:200]!r}"
    if answer.usage is None or answer.usage.output_tokens != chunks:
        return "another usage"
    return ""


def fault_of_events(body: bytes, text: str, chunks: int) -> str:
    """Why this is not the right stream; empty when it is. Each token in an event of its own."""
    said: list[str] = []
    last, used = "", None
    try:
        for event in body.split(b"\n\n"):
            _, mark, data = event.rpartition(b"data: ")
            if not mark:
                continue
            found = _decode(data)
            last = found.type
            if last == "message_delta":
                used = found.usage
            if found.delta is not None and found.delta.text:
                said.append(found.delta.text)
    except msgspec.DecodeError as error:
        return f"an event that is none ({error})"
    if last != "message_stop":
        return f"no message_stop: {body[-200:]!r}"
    if len(said) != chunks:
        return f"{len(said)} events with text, not {chunks}"
    if used is None or used.output_tokens != chunks:
        return "another usage"
    return "" if "".join(said) == text else "another text"
