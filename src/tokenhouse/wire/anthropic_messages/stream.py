"""An Anthropic-shaped provider's stream → events. Sans-I/O: bytes in, events out.

``PassingReader`` is the lossless lane: each frame passes byte for byte, but for our id and the public
model name in message_start; the last message_delta, which tells the usage, waits in ``Finished``.
``TranslatingReader`` gives deltas. ``model`` is the public name; errors of the provider that name
``upstream_model`` are told with it.
"""

from __future__ import annotations

from typing import Final

import msgspec

from tokenhouse.chat import (
    Event,
    Finished,
    Opened,
    Passed,
    ReasoningDelta,
    TextDelta,
)
from tokenhouse.wire import sse
from tokenhouse.wire.anthropic_messages.errors import in_band_error
from tokenhouse.wire.anthropic_messages.frames import (
    ABSENT,
    FIELDS,
    FRAME,
    REASONS,
    Frame,
    PlainDeltas,
)
from tokenhouse.wire.anthropic_messages.translate import Translator
from tokenhouse.wire.anthropic_messages.usage import Counts
from tokenhouse.wire.asked import NOTHING_ASKED, Asked
from tokenhouse.wire.counts import HOUSE_ONLY, fields_of
from tokenhouse.wire.faults import broken
from tokenhouse.wire.reading import StreamReader

_ENCODER: Final = msgspec.json.Encoder()
_DONE: Final = b"[DONE]"


class MessagesStreamReader(StreamReader):
    """What both lanes share: frames, usage and errors."""

    __slots__ = ("_counts", "_plain", "_stopped")

    def __init__(self, public_model: str, upstream_model: str, limit_bytes: int) -> None:
        super().__init__(public_model, upstream_model, limit_bytes)
        self._plain = PlainDeltas()
        self._counts = Counts()
        self._stopped = False

    def _read(self, data: bytes, events: list[Event]) -> None:
        plain = self._plain.text
        for block in self._sse.blocks(data):
            if self.done:
                break
            text = plain(block)
            if text is None:
                self._block(block, events)
            else:
                self._known(block, text, events)

    def _complete(self) -> bool:
        return self._stopped

    def _block(self, block: bytes, events: list[Event]) -> None:
        """Any frame, taken apart by its types."""
        found = sse.parse(block)
        if found is None or not found[1] or found[1] == _DONE:
            return
        name, payload = found
        try:
            frame = FRAME.decode(payload)
        except msgspec.ValidationError:
            raise broken("sent a frame that is not in Anthropic's form") from None
        except (ValueError, RecursionError):
            raise broken("sent something that is not JSON") from None
        if not frame.type and name:
            frame.type = name.decode("utf-8", "replace")
        if not frame.type.isprintable():
            raise broken("sent a frame that is not in Anthropic's form")
        in_band = bytes(frame.error) not in (b"", b"null")
        if in_band or frame.type == "error" or name == b"error":
            raise in_band_error(payload, upstream_model=self._upstream, public_model=self._public)
        self._usage(frame)
        if frame.type == "content_block_delta":
            self._learn(block, frame)
        if frame.type == "message_delta" and frame.delta is not None:
            self._stopped = self._stopped or bool(frame.delta.stop_reason)
        self._frame(block, payload, frame, events)

    def _usage(self, frame: Frame) -> None:
        if frame.type == "message_start" and frame.message is not None:
            if frame.message.usage is not ABSENT:
                self._counts.take(frame.message.usage)
        elif frame.usage is not ABSENT:
            self._counts.take(frame.usage)

    def _opened(self) -> Opened | None:
        """What message_start told of the prompt."""
        told = self._counts.usage()
        if told is None or not told.prompt_tokens:
            return None
        return Opened(None, told.prompt_tokens, told.cache_read, told.cache_write)

    def _learn(self, block: bytes, frame: Frame) -> None:
        self._plain.learn(block, frame)

    def _known(self, block: bytes, text: str, events: list[Event]) -> None:
        """A delta that differs from the one last learnt in its text alone."""
        raise NotImplementedError

    def _frame(self, block: bytes, payload: bytes, frame: Frame, events: list[Event]) -> None:
        raise NotImplementedError


class PassingReader(MessagesStreamReader):
    """The lossless lane."""

    __slots__ = ("_held", "_id", "_model")

    def __init__(
        self,
        *,
        answer_id: str,
        model: str,
        upstream_model: str = "",
        limit_bytes: int = sse.DEFAULT_LIMIT_BYTES,
    ) -> None:
        super().__init__(model, upstream_model, limit_bytes)
        self._id = msgspec.Raw(_ENCODER.encode(answer_id))
        self._model = msgspec.Raw(_ENCODER.encode(model))
        self._held: bytes | None = None

    def _known(self, block: bytes, text: str, events: list[Event]) -> None:
        events.append(Passed(block + b"\n\n", text, bool(text)))

    def _frame(self, block: bytes, payload: bytes, frame: Frame, events: list[Event]) -> None:
        match frame.type:
            case "message_start":
                opened = self._opened()
                if opened is not None:
                    events.append(opened)
                events.append(Passed(sse.event("message_start", self._marked(payload))))
            case "message_delta":
                self._release(events)
                self._held = payload
                reason = frame.delta.stop_reason if frame.delta is not None else None
                if reason:
                    events.append(Passed(b"", "", True, REASONS.get(reason, reason)))
            case "message_stop":
                self._finish(events)
            case _:
                text, content = _produced(frame)
                events.append(Passed(_passed(block, payload, frame), text, content))

    def _marked(self, payload: bytes) -> bytes:
        """message_start with our id and the public model, and without what the house pays."""
        fields = FIELDS.decode(payload)
        message = dict(fields_of(fields.get("message", ABSENT)))
        message["id"] = self._id
        message["model"] = self._model
        if b'"cost' in payload:
            usage = fields_of(message.get("usage"))
            kept = {name: raw for name, raw in usage.items() if name not in HOUSE_ONLY}
            message["usage"] = msgspec.Raw(_ENCODER.encode(kept))
        return _ENCODER.encode(fields | {"message": message})

    def _release(self, events: list[Event]) -> None:
        """A message_delta that was not the last: it passes as it is, without what the house pays."""
        if self._held is not None:
            fields: dict[str, object] = {**FIELDS.decode(self._held)}
            usage = fields_of(fields.get("usage"))
            fields["usage"] = {name: usage[name] for name in usage if name not in HOUSE_ONLY}
            events.append(Passed(sse.event("message_delta", _ENCODER.encode(fields))))

    def _finish(self, events: list[Event]) -> None:
        self.done = True
        events.append(Finished(self._counts.usage(), None, self._held))


class TranslatingReader(MessagesStreamReader):
    """The translated lane: deltas, calls and the end."""

    __slots__ = ("_index", "_kind", "_translator")

    def __init__(
        self,
        *,
        answer_id: str,
        model: str,
        upstream_model: str = "",
        asked: Asked = NOTHING_ASKED,
        limit_bytes: int = sse.DEFAULT_LIMIT_BYTES,
    ) -> None:
        super().__init__(model, upstream_model, limit_bytes)
        self._translator = Translator(answer_id, asked)
        self._kind: str | None = None
        self._index = 0

    def _learn(self, block: bytes, frame: Frame) -> None:
        if self._plain.learn(block, frame) and frame.delta is not None:
            self._kind = frame.delta.type
            self._index = frame.index

    def _known(self, block: bytes, text: str, events: list[Event]) -> None:
        if not text:
            return
        match self._kind:
            case "text_delta":
                events.append(TextDelta(text))
            case "thinking_delta":
                events.append(ReasoningDelta(text))
            case _:
                self._translator.argue(self._index, text, events)

    def _frame(self, block: bytes, payload: bytes, frame: Frame, events: list[Event]) -> None:
        match frame.type:
            case "message_start":
                opened = self._opened()
                if opened is not None:
                    events.append(opened)
            case "content_block_start":
                if frame.content_block is not None:
                    self._translator.start(frame.index, frame.content_block, events)
            case "content_block_delta":
                if frame.delta is not None:
                    self._translator.delta(frame.index, frame.delta, events)
            case "content_block_stop":
                self._translator.stop(frame.index, events)
            case "message_delta":
                if frame.delta is not None and frame.delta.stop_reason:
                    delta = frame.delta
                    self._translator.end(delta.stop_reason, delta.stop_sequence, events)
            case "message_stop":
                self._finish(events)
            case _:
                pass

    def _finish(self, events: list[Event]) -> None:
        self.done = True
        self._translator.end(None, None, events)
        events.append(Finished(self._counts.usage()))


def _passed(block: bytes, payload: bytes, frame: Frame) -> bytes:
    """The frame as it came; named and on one line where it was not."""
    name = frame.type.encode()
    if block == b"event: %b\ndata: %b" % (name, payload) and b"\n" not in payload:
        return block + b"\n\n"
    payload = payload.replace(b"\n", b" ")
    return sse.event(frame.type, payload) if frame.type else sse.data(payload)


def _produced(frame: Frame) -> tuple[str, bool]:
    """(the output text that a frame carries, whether it carries content or a call)"""
    text = ""
    content = False
    delta, block = frame.delta, frame.content_block
    if delta is not None:
        text = (delta.text or "") + (delta.thinking or "") + (delta.partial_json or "")
        content = bool(text or delta.signature)
    if block is not None:
        text += (block.text or "") + (block.thinking or "")
        if block.type not in ("text", "thinking"):
            text += block.name or ""
            content = True
    return text, content or bool(text)
