"""An answer's pieces as OpenAI-shaped providers write them, typed; and what the meter needs of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Final, cast

import msgspec
from msgspec import Raw, Struct

from tokenhouse.wire.body import RawFields

ABSENT: Final = Raw()
"""What a raw field is that was not there; compare with ``is``."""


class FunctionPiece(Struct):
    name: str | None = None
    arguments: str | None = None


class CallPiece(Struct):
    index: int | None = None
    id: str | None = None
    function: FunctionPiece | None = None


class Chunk(Struct):
    """A part of ``content`` where a provider writes a list: text, or thinking that holds texts."""

    type: str | None = None
    text: str | None = None
    thinking: str | list[Chunk] | None = None


class Delta(Struct):
    """A stream's delta, or a whole answer's message."""

    content: str | list[Chunk] | None = None
    tool_calls: list[CallPiece] | None = None
    reasoning: str | None = None
    reasoning_content: str | None = None
    refusal: str | None = None
    function_call: FunctionPiece | None = None


class ChoicePiece(Struct):
    """``stop_reason`` (vLLM) and ``matched_stop`` (SGLang): the stop sequence that was met, if any."""

    index: int = 0
    delta: Delta | None = None
    message: Delta | None = None
    finish_reason: str | None = None
    logprobs: Raw = ABSENT
    stop_reason: Raw = ABSENT
    matched_stop: Raw = ABSENT


class Piece(Struct):
    """A stream's frame, or a whole answer."""

    choices: list[ChoicePiece] | None = None
    usage: Raw = ABSENT
    error: Raw = ABSENT


class TokenLogProb(Struct):
    token: str
    logprob: float
    bytes: Raw = ABSENT
    top_logprobs: list[TokenLogProb] | None = None


class ChoiceLogProbs(Struct):
    content: list[TokenLogProb] | None = None


PIECE: Final = msgspec.json.Decoder(Piece)
FIELDS: Final = msgspec.json.Decoder(RawFields)
LOGPROBS: Final = msgspec.json.Decoder(ChoiceLogProbs | None)
BYTES: Final = msgspec.json.Decoder(list[Annotated[int, msgspec.Meta(ge=0, le=255)]] | None)


def told(raw: Raw) -> bytes:
    """The bytes of a field that is there and not null; else empty."""
    value = bytes(raw)
    return b"" if value == b"null" else value


def chunk_texts(chunks: Sequence[Chunk]) -> tuple[str, str]:
    """(text, thinking) of a content list."""
    text = ""
    thinking = ""
    for chunk in chunks:
        text += chunk.text or ""
        thought = chunk.thinking
        if isinstance(thought, str):
            thinking += thought
        elif thought is not None:
            thinking += "".join(chunk_texts(thought))
    return text, thinking


def delta_text(delta: Delta) -> str:
    """All output text that a delta carries, calls included: what the model has produced."""
    text = delta.content or ""
    if not isinstance(text, str):
        text = "".join(chunk_texts(text))
    thought = delta.reasoning_content or delta.reasoning
    if thought:
        text += thought
    if delta.refusal:
        text += delta.refusal
    if delta.tool_calls:
        for call in delta.tool_calls:
            if call.function is not None:
                text += (call.function.name or "") + (call.function.arguments or "")
    old = delta.function_call
    if old is not None:
        text += (old.name or "") + (old.arguments or "")
    return text


def odd_text(choices: bytes) -> tuple[str, str | None]:
    """(text, finish reason) of choices in a shape that we do not know: every string below a delta or
    message, so that the meter errs on the side of what was produced.
    """
    try:
        value = cast(object, msgspec.json.decode(choices))
    except (ValueError, RecursionError):
        return "", None
    texts: list[str] = []
    finish: str | None = None
    for choice in cast(list[object], value) if isinstance(value, list) else []:
        if isinstance(choice, dict):
            fields = cast(Mapping[str, object], choice)
            _strings(fields.get("delta"), texts)
            _strings(fields.get("message"), texts)
            reason = fields.get("finish_reason")
            finish = reason if isinstance(reason, str) else finish
    return "".join(texts), finish


def _strings(value: object, texts: list[str]) -> None:
    if isinstance(value, str):
        texts.append(value)
    elif isinstance(value, list):
        for item in cast(list[object], value):
            _strings(item, texts)
    elif isinstance(value, dict):
        for name, item in cast(Mapping[str, object], value).items():
            if name not in ("role", "type", "id"):
                _strings(item, texts)
