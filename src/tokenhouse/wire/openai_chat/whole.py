"""A provider's whole (not streamed) answer → events, in either lane."""

from __future__ import annotations

from typing import Final

import msgspec

from tokenhouse.chat import Event, Finished, Whole
from tokenhouse.wire.asked import NOTHING_ASKED, Asked
from tokenhouse.wire.faults import broken
from tokenhouse.wire.openai_chat.errors import in_band_error
from tokenhouse.wire.openai_chat.pieces import ABSENT, FIELDS, PIECE, delta_text, odd_text, told
from tokenhouse.wire.openai_chat.stream import decode_piece, id_stem
from tokenhouse.wire.openai_chat.translate import Choice
from tokenhouse.wire.openai_usage import read_usage

_ENCODER: Final = msgspec.json.Encoder()


def pass_whole(body: bytes, *, answer_id: str, model: str, upstream_model: str = "") -> list[Event]:
    """The lossless lane: ``[Whole, Finished]``, with our id and the public model put in.

    UpstreamError for an error inside a 200, for garbage and for an answer without choices.
    """
    try:
        fields = FIELDS.decode(body)
    except (ValueError, RecursionError):
        raise broken("sent an answer that is not JSON") from None
    error = told(fields.get("error", ABSENT))
    if error:
        raise in_band_error(error, upstream_model=upstream_model, public_model=model)
    text, finish = _text(body, bytes(fields.get("choices", ABSENT)))
    usage = told(fields.get("usage", ABSENT))
    fields.pop("usage", None)
    passed = {name: bytes(value) for name, value in fields.items()}
    passed["id"] = _ENCODER.encode(answer_id)
    passed["model"] = _ENCODER.encode(model)
    return [
        Whole(passed, text, finish),
        Finished(read_usage(usage) if usage else None, usage or None),
    ]


def translate_whole(
    body: bytes,
    *,
    answer_id: str,
    model: str,
    upstream_model: str = "",
    asked: Asked = NOTHING_ASKED,
) -> list[Event]:
    """The translated lane: the same events that a stream of this answer would have given."""
    piece = decode_piece(body)
    error = told(piece.error)
    if error:
        raise in_band_error(error, upstream_model=upstream_model, public_model=model)
    if not piece.choices:
        raise broken("sent an answer without choices")
    events: list[Event] = []
    for part in piece.choices:
        choice = Choice(part.index, id_stem(answer_id), asked)
        calls = (part.message.tool_calls if part.message is not None else None) or ()
        for position, call in enumerate(calls):
            call.index = position
        choice.take(part, events)
        choice.end("stop", events)
    usage = told(piece.usage)
    events.append(Finished(read_usage(usage) if usage else None, usage or None))
    return events


def _text(body: bytes, choices: bytes) -> tuple[str, str | None]:
    try:
        piece = PIECE.decode(body)
    except msgspec.ValidationError:
        text, finish = odd_text(choices)
        if not text and finish is None:
            raise broken("sent an answer without choices") from None
        return text, finish
    except (ValueError, RecursionError):
        raise broken("sent an answer that is not JSON") from None
    if not piece.choices:
        raise broken("sent an answer without choices")
    text = "".join(delta_text(part.message) for part in piece.choices if part.message is not None)
    return text, piece.choices[0].finish_reason
