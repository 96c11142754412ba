"""An OpenAI-shaped provider's stream → events. Sans-I/O: bytes in, events out.

``PassingReader`` is the lossless lane: each frame passes as it is, but for our id, the public model
name and the provider's usage, which goes into ``Finished``. ``TranslatingReader`` gives deltas.
``model`` is the public name; errors of the provider that name ``upstream_model`` are told with it.
"""

from __future__ import annotations

from typing import Final

import msgspec

from tokenhouse.chat import Event, Finished, Passed, TextDelta, Usage, UsageSoFar
from tokenhouse.wire import sse
from tokenhouse.wire.asked import NOTHING_ASKED, Asked
from tokenhouse.wire.body import RawFields
from tokenhouse.wire.faults import broken
from tokenhouse.wire.openai_chat.errors import in_band_error
from tokenhouse.wire.openai_chat.pieces import (
    ABSENT,
    FIELDS,
    PIECE,
    ChoicePiece,
    Piece,
    delta_text,
    odd_text,
    told,
)
from tokenhouse.wire.openai_chat.plain import PlainFrames
from tokenhouse.wire.openai_chat.plain_texts import PlainTexts
from tokenhouse.wire.openai_chat.translate import Choice
from tokenhouse.wire.openai_usage import read_usage
from tokenhouse.wire.reading import StreamReader

_DONE: Final = b"[DONE]"
_DATA: Final = b"data: "
_DATA_LENGTH: Final = len(_DATA)
_END: Final = b"\n\n"
_END_LENGTH: Final = len(_END)
_NULL_USAGE: Final = b',"usage":null}'
_USAGE: Final = b',"usage":{'
_ENCODER: Final = msgspec.json.Encoder()
_FAILED: Final = ("error", "abort")
_NONE: Final = ()


class ChatStreamReader(StreamReader):
    """What both lanes share: frames, usage and errors.

    ``_running``: the provider tells its usage in every frame; ``_top``: the highest choice seen.
    """

    __slots__ = ("_running", "_top", "_usage")

    def __init__(self, public_model: str, upstream_model: str, limit_bytes: int) -> None:
        super().__init__(public_model, upstream_model, limit_bytes)
        self._usage = b""
        self._running = False
        self._top = -1

    def _read(self, data: bytes, events: list[Event]) -> None:
        for _, payload in self._sse.feed(data):
            if self.done:
                break
            if payload == _DONE:
                self._finish(events)
            elif payload:
                self._frame(payload, events)

    def _finish(self, events: list[Event]) -> None:
        self.done = True
        usage = read_usage(self._usage) if self._usage else None
        events.append(Finished(usage, self._usage or None))

    def _so_far(self, raw: bytes, usage: Usage | None, events: list[Event]) -> None:
        """A frame's own usage. Of several choices some providers count each for itself: then it says
        nothing of the whole."""
        self._usage = raw
        if usage is not None and self._top <= 0:
            events.append(UsageSoFar(usage))

    def _raise_in_band(self, error: msgspec.Raw) -> None:
        raw = told(error)
        if raw:
            raise in_band_error(raw, upstream_model=self._upstream, public_model=self._public)

    def _frame(self, payload: bytes, events: list[Event]) -> None:
        raise NotImplementedError


class PassingReader(ChatStreamReader):
    """The lossless lane. ``include_usage``: the client asked for usage, so a null one may stand."""

    __slots__ = (
        "_ended",
        "_head",
        "_head_length",
        "_id",
        "_include_usage",
        "_model",
        "_new_head",
        "_plain",
    )

    def __init__(
        self,
        *,
        answer_id: str,
        model: str,
        upstream_model: str = "",
        include_usage: bool = False,
        limit_bytes: int = sse.DEFAULT_LIMIT_BYTES,
    ) -> None:
        super().__init__(model, upstream_model, limit_bytes)
        self._id = msgspec.Raw(_ENCODER.encode(answer_id))
        self._model = msgspec.Raw(_ENCODER.encode(model))
        self._include_usage = include_usage
        self._head = b"\0"  # no frame begins with it: nothing learnt yet
        self._head_length = 1
        self._new_head = b""
        self._plain = PlainFrames()
        self._ended = 0

    def plain(self, data: bytes) -> Passed | None:
        if (
            self._sse.between
            and data.startswith(_DATA)
            and data.endswith(_END)
            and len(data) <= self._sse.limit
            and not self.done
        ):
            return self._plain.passed(data[_DATA_LENGTH:-_END_LENGTH])
        return None

    def _frame(self, payload: bytes, events: list[Event]) -> None:
        passed = self._plain.passed(payload)
        if passed is not None:
            events.append(passed)
            return
        if self._running:
            frame, raw, usage = without_usage(payload)
            passed = None if usage is None else self._plain.passed(frame)
            if passed is not None:
                events.append(passed)
                self._so_far(raw, usage, events)
                return
        self._other_frame(payload, events)

    def _other_frame(self, payload: bytes, events: list[Event]) -> None:
        """Any frame, taken apart by its types."""
        try:
            piece = PIECE.decode(payload)
        except msgspec.ValidationError:
            self._odd_frame(payload, events)
            return
        except (ValueError, RecursionError):
            raise broken("sent something that is not JSON") from None
        usage = b""
        if piece.error is not ABSENT:
            self._raise_in_band(piece.error)
        if piece.usage is not ABSENT:
            usage = bytes(piece.usage)
            if usage != b"null":
                self._usage = usage
                if not piece.choices:
                    return
                self._running = True
        text, content, finish = self._read_choices(piece)
        so_far = usage if self._running and usage != b"null" else b""
        if so_far:
            stripped, raw, _ = without_usage(payload)
            if raw:
                payload, usage = stripped, b""
        frame = self._fast(payload, usage)
        if not frame:
            frame = self._slow(payload)
        elif text:
            self._plain.learn(
                payload,
                self._head_length,
                self._new_head,
                keep_null_usage=self._include_usage,
            )
        events.append(Passed(frame, text, content, finish))
        if so_far:
            self._so_far(so_far, read_usage(so_far), events)

    def _read_choices(self, piece: Piece) -> tuple[str, bool, str | None]:
        """→ (output text, whether it carries content or an end, the finish reason)"""
        text = ""
        content = False
        finish: str | None = None
        for choice in piece.choices or _NONE:
            delta = choice.delta
            if delta is not None:
                text = delta_text(delta) if not text else text + delta_text(delta)
                if text or delta.tool_calls:
                    content = True
            if choice.index > self._top:
                self._top = choice.index
            if choice.finish_reason:
                finish = self._end(choice.finish_reason)
                content = True
        return text, content, finish

    def _fast(self, payload: bytes, usage: bytes) -> bytes:
        """The frame with its known head exchanged, or empty when it has to be taken apart."""
        if not payload.startswith(self._head):
            return b""
        tail = payload[self._head_length :]
        if usage and not (usage == b"null" and self._include_usage):
            if usage != b"null" or not tail.endswith(_NULL_USAGE):
                return b""
            tail = tail[: -len(_NULL_USAGE)] + b"}"
        # A name in quotes is a real string: inside another string its quotes would be escaped.
        if b'"id"' in tail or b'"model"' in tail or b"\n" in tail:
            return b""
        return self._new_head + tail + b"\n\n"

    def _slow(self, payload: bytes) -> bytes:
        """The frame taken apart and put together; its head is learnt for the next ones."""
        if b"\n" in payload:
            payload = payload.replace(b"\n", b" ")  # between values only: JSON strings hold none
        fields = FIELDS.decode(payload)
        self._mark(fields)
        if told(fields.get("usage", ABSENT)) or not self._include_usage:
            fields.pop("usage", None)
        self._learn(payload)
        return sse.data(_ENCODER.encode(fields))

    def _learn(self, payload: bytes) -> None:
        """Take what stands before ``choices`` as the head, if our two names are exchanged in it."""
        cut = payload.find(b'"choices"')
        head = payload[:cut].rstrip()
        if cut < 0 or not head.endswith(b","):
            return
        try:
            fields = FIELDS.decode(head[:-1] + b"}")
        except (ValueError, RecursionError):
            return
        if "id" not in fields or "model" not in fields or "usage" in fields or "error" in fields:
            return
        self._mark(fields)
        self._head = payload[:cut]
        self._head_length = cut
        self._new_head = b"data: " + _ENCODER.encode(fields)[:-1] + b","

    def _mark(self, fields: RawFields) -> None:
        fields["id"] = self._id
        fields["model"] = self._model

    def _odd_frame(self, payload: bytes, events: list[Event]) -> None:
        """A frame whose inside has an unknown shape: it passes, and the meter reads all its text."""
        try:
            fields = FIELDS.decode(payload)
        except (ValueError, RecursionError):
            raise broken("sent something that is not an object") from None
        self._raise_in_band(fields.get("error", ABSENT))
        self._usage = told(fields.get("usage", ABSENT)) or self._usage
        text, finish = odd_text(bytes(fields.get("choices", ABSENT)))
        if finish is not None:
            self._end(finish)
        self._top = max(self._top, 0)
        events.append(Passed(self._slow(payload), text, bool(text or finish), finish))

    def _end(self, reason: str) -> str:
        if reason in _FAILED:
            raise broken("gave up in the middle of the answer", code="upstream_error")
        self._ended += 1
        return reason

    def _complete(self) -> bool:
        return self._top >= 0 and self._ended > self._top


class TranslatingReader(ChatStreamReader):
    """The translated lane: deltas, calls and ends of every choice."""

    __slots__ = ("_asked", "_choices", "_plain", "_stem")

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
        self._stem = id_stem(answer_id)
        self._asked = asked
        self._choices: dict[int, Choice] = {}
        self._plain = PlainTexts()

    def _frame(self, payload: bytes, events: list[Event]) -> None:
        text = self._plain.text(payload)
        raw, usage = b"", None
        if text is None and self._running:
            frame, raw, usage = without_usage(payload)
            text = None if usage is None else self._plain.text(frame)
        if text is not None:
            if text:
                events.append(TextDelta(text))
            if raw:
                self._so_far(raw, usage, events)
            return
        piece = decode_piece(payload)
        self._raise_in_band(piece.error)
        raw = told(piece.usage)
        self._usage = raw or self._usage
        for choice in piece.choices or ():
            self._top = max(self._top, choice.index)
            self._choice(choice).take(choice, events)
        if raw and piece.choices:
            self._running = True
            self._so_far(raw, read_usage(raw), events)
            payload = without_usage(payload)[0]
        self._plain.learn(payload, piece)

    def _finish(self, events: list[Event]) -> None:
        for choice in self._choices.values():
            choice.end("stop", events)
        super()._finish(events)

    def _choice(self, piece: ChoicePiece) -> Choice:
        choice = self._choices.get(piece.index)
        if choice is None:
            choice = self._choices[piece.index] = Choice(piece.index, self._stem, self._asked)
        return choice

    def _complete(self) -> bool:
        return bool(self._choices) and all(choice.ended for choice in self._choices.values())


def without_usage(payload: bytes) -> tuple[bytes, bytes, Usage | None]:
    """A frame whose last field is ``usage`` → (the frame without it, that object's JSON, what it says);
    any other → (the frame, nothing, None). In a string of JSON those quotes would be escaped; were it
    nested, too many brackets would be left for one object.
    """
    cut = payload.rfind(_USAGE)
    if cut >= 0:
        raw = payload[cut + len(_USAGE) - 1 : -1]
        usage = read_usage(raw)
        if usage is not None:
            return payload[:cut] + b"}", raw, usage
    return payload, b"", None


def id_stem(answer_id: str) -> str:
    """What makes the ids of calls that the provider left nameless unique to this answer."""
    return answer_id[-12:]


def decode_piece(payload: bytes) -> Piece:
    """One frame or whole answer. UpstreamError when it is not what the protocol says."""
    try:
        return PIECE.decode(payload)
    except (ValueError, RecursionError):
        raise broken("sent an answer that is not in OpenAI's form") from None
