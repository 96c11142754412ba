"""A provider's whole (not streamed) Message → events, in either lane."""

from __future__ import annotations

from typing import Final

import msgspec

from tokenhouse.chat import Event, Finished, Whole
from tokenhouse.wire.anthropic_messages.errors import in_band_error
from tokenhouse.wire.anthropic_messages.frames import (
    ABSENT,
    FIELDS,
    MESSAGE,
    REASONS,
    Message,
)
from tokenhouse.wire.anthropic_messages.translate import Translator
from tokenhouse.wire.anthropic_messages.usage import Counts
from tokenhouse.wire.asked import NOTHING_ASKED, Asked
from tokenhouse.wire.faults import broken

_ENCODER: Final = msgspec.json.Encoder()


def pass_whole(body: bytes, *, answer_id: str, model: str, upstream_model: str = "") -> list[Event]:
    """The lossless lane: ``[Whole, Finished]``, with our id and the public model put in.

    UpstreamError for an error inside a 200, for garbage and for an answer without content.
    """
    message = _message(body, upstream_model=upstream_model, public_model=model)
    fields = {name: bytes(value) for name, value in FIELDS.decode(body).items()}
    usage = fields.pop("usage", None)
    fields["id"] = _ENCODER.encode(answer_id)
    fields["model"] = _ENCODER.encode(model)
    reason = message.stop_reason
    finish = None if reason is None else REASONS.get(reason, reason)
    return [Whole(fields, _text(message), finish), _finished(message, usage)]


def translate_whole(
    body: bytes,
    *,
    answer_id: str,
    model: str,
    upstream_model: str = "",
    asked: Asked = NOTHING_ASKED,
) -> list[Event]:
    """The translated lane: the same events that a stream of this answer would have given."""
    message = _message(body, upstream_model=upstream_model, public_model=model)
    events: list[Event] = []
    translator = Translator(answer_id, asked)
    for index, block in enumerate(message.content or ()):
        translator.start(index, block, events)
        translator.stop(index, events)
    translator.end(message.stop_reason, message.stop_sequence, events)
    events.append(_finished(message, None))
    return events


def _message(body: bytes, *, upstream_model: str, public_model: str) -> Message:
    try:
        message = MESSAGE.decode(body)
    except msgspec.ValidationError:
        raise broken("sent an answer that is not in Anthropic's form") from None
    except (ValueError, RecursionError):
        raise broken("sent an answer that is not JSON") from None
    if message.type == "error":
        raise in_band_error(body, upstream_model=upstream_model, public_model=public_model)
    if message.content is None:
        raise broken("sent an answer without content")
    return message


def _finished(message: Message, raw: bytes | None) -> Finished:
    counts = Counts()
    if message.usage is not ABSENT:
        counts.take(message.usage)
    return Finished(counts.usage(), raw)


def _text(message: Message) -> str:
    """All output text, calls included: what the model has produced."""
    texts: list[str] = []
    for block in message.content or ():
        texts += (block.text or "", block.thinking or "", block.name or "")
        if block.input is not ABSENT:
            texts.append(bytes(block.input).decode())
    return "".join(texts)
