"""Events → what the client of ``/v1/messages`` reads: a stream of named events, or one Message."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from tokenhouse import ids
from tokenhouse.chat import (
    CallStarted,
    ChoiceEnded,
    Event,
    Finished,
    FinishReason,
    Opened,
    Passed,
    RefusalDelta,
    TextDelta,
    Usage,
    Whole,
)
from tokenhouse.errors import TokenhouseError
from tokenhouse.wire import sse
from tokenhouse.wire.anthropic_messages.arguments import object_of
from tokenhouse.wire.anthropic_messages.blocks import Blocks, Piece, Started, Step, Stopped
from tokenhouse.wire.anthropic_messages.errors import error_body
from tokenhouse.wire.anthropic_messages.usage import (
    begun_usage_json,
    delta_usage_json,
    whole_usage_json,
)
from tokenhouse.wire.faults import broken

PING: Final = b'event: ping\ndata: {"type":"ping"}\n\n'
"""A frame that every client skips, once message_start was sent."""

_ENCODER: Final = msgspec.json.Encoder()
_STOP: Final = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
_DELTA_NAME: Final = b"event: content_block_delta\n"
_START_NAME: Final = b"event: message_start\n"
_PING_NAME: Final = b"event: ping\n"
_REASONS: Final[dict[FinishReason, str]] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
    "stop_sequence": "stop_sequence",
}


class _End:
    """How the answer ended, in Anthropic's words."""

    __slots__ = ("_called", "_refused", "reason", "sequence")

    def __init__(self) -> None:
        self._called = False
        self._refused = False
        self.reason = "end_turn"
        self.sequence: str | None = None

    def see(self, event: Event) -> None:
        match event:
            case CallStarted(choice=0):
                self._called = True
            case RefusalDelta(choice=0):
                self._refused = True
            case ChoiceEnded(choice=0):
                if event.reason == "error":
                    raise broken("gave up in the middle of the answer", code="upstream_error")
                self.reason = _REASONS[event.reason]
                if event.reason == "stop" and self._refused:
                    self.reason = "refusal"
                if event.reason == "tool_calls" and not self._called:
                    self.reason = "end_turn"
                self.sequence = event.stop_sequence
            case _:
                pass


class StreamEncoder:
    """Events → server-sent events in the order of the specification.

    ``prompt_tokens`` tells the size of the prompt as counted or estimated; it is asked when
    message_start is due and no upstream has told it when it opened (``Opened``), for it may cost a
    walk over the text. The last message_delta has the final word.
    """

    __slots__ = (
        "_answer_id",
        "_begun",
        "_blocks",
        "_end",
        "_frame",
        "_last",
        "_model",
        "_passing",
        "_prompt",
        "_prompt_tokens",
        "_text_head",
    )

    def __init__(
        self, *, answer_id: str, model: str, prompt_tokens: Callable[[], int] | None = None
    ) -> None:
        self._answer_id = answer_id
        self._model = model
        self._prompt_tokens = prompt_tokens
        self._prompt: Usage | None = None
        self._begun = False
        self._passing = False
        self._last = b""
        self._frame: bytes | None = None
        self._blocks = Blocks()
        self._end = _End()
        self._text_head = b""

    def begin(self) -> bytes:
        """message_start, once; empty afterwards."""
        if self._begun:
            return b""
        self._begun = True
        if self._prompt is None:
            guess = 0 if self._prompt_tokens is None else self._prompt_tokens()
            self._prompt = Usage(input=guess)
        return sse.event(
            "message_start",
            b'{"type":"message_start","message":{"id":%b,"type":"message","role":"assistant",'
            b'"model":%b,"content":[],"stop_reason":null,"stop_sequence":null,"usage":%b}}'
            % (
                _ENCODER.encode(self._answer_id),
                _ENCODER.encode(self._model),
                begun_usage_json(self._prompt),
            ),
        )

    def keep_alive(self) -> bytes:
        """What a silent stream sends: a ping, behind message_start when that is still due."""
        return self.begin() + PING

    def encode(self, event: Event) -> bytes:
        """The bytes to send for ``event``. UpstreamError when it says that the model failed."""
        kind = type(event)
        if kind is TextDelta:
            assert isinstance(event, TextDelta)
            if self._text_head and event.choice == 0 and event.text:
                return self._text_head + _ENCODER.encode(event.text) + b"}}\n\n"
        elif kind is Passed:
            assert isinstance(event, Passed)
            if self._begun and event.frame.startswith(_DELTA_NAME):
                self._last = event.frame
                return event.frame
            return self._passed(event)
        return self._other(event)

    def closing(self, usage: Usage, cost: int | None) -> bytes:
        """The end: message_delta with the whole usage and ``cost`` (nanodollars), message_stop."""
        frames = self.begin() + self._steps(self._blocks.finish())
        if self._frame is not None:
            fields = msgspec.json.decode(self._frame, type=dict[str, msgspec.Raw])
            raw = bytes(fields.get("usage", msgspec.Raw(b"null")))
            fields["usage"] = msgspec.Raw(delta_usage_json(usage, cost, raw))
            return frames + sse.event("message_delta", _ENCODER.encode(fields)) + _STOP
        delta = b'{"type":"message_delta","delta":{"stop_reason":%b,"stop_sequence":%b},"usage":%b}'
        return (
            frames
            + sse.event(
                "message_delta",
                delta
                % (
                    _ENCODER.encode(self._end.reason),
                    _ENCODER.encode(self._end.sequence),
                    delta_usage_json(usage, cost),
                ),
            )
            + _STOP
        )

    def error(self, error: TokenhouseError) -> bytes:
        """The end of a stream that failed: no message_stop follows, so nobody takes it for the answer."""
        return sse.event("error", error_body(error, ids.request_id_of(self._answer_id)))

    def _other(self, event: Event) -> bytes:
        match event:
            case Opened():
                if event.prompt_tokens is not None:
                    read, write = event.cache_read, event.cache_write
                    fresh = max(0, event.prompt_tokens - read - write)
                    self._prompt = Usage(input=fresh, cache_read=read, cache_write=write)
                return b""
            case Whole():
                raise TypeError("a whole answer can't be sent as a stream")
            case Finished():
                self._frame = event.frame
                return b""
            case ChoiceEnded(choice=0):
                self._end.see(event)
                steps = self._blocks.finish()
                return self.begin() + (self._cut() if self._passing else self._steps(steps))
            case _:
                self._end.see(event)
                steps = self._blocks.take(event)
                return self.begin() + self._steps(steps) if steps else b""

    def _passed(self, event: Passed) -> bytes:
        """A frame of the lossless lane that is no delta: the upstream's own message_start comes in
        place of ours, unless ours had to keep a silent connection alive.
        """
        frame = event.frame
        self._passing = True
        if not self._begun:
            if frame.startswith(_PING_NAME):
                return b""
            if not frame.startswith(_START_NAME):
                return self.begin() + self._passed(event)
            self._begun = True
        elif frame.startswith(_START_NAME):
            return b""
        elif not frame.startswith(_PING_NAME) and frame:
            self._last = frame
        return frame

    def _cut(self) -> bytes:
        """The end of a passed answer that the house cuts: its open block, if one is open, closed."""
        cut = self._last.find(b"\ndata: ")
        if cut < 0 or not self._last.startswith((_DELTA_NAME, b"event: content_block_start\n")):
            return b""
        index = msgspec.json.decode(self._last[cut + 7 :], type=_Indexed).index
        return _stopped(index)

    def _steps(self, steps: list[Step]) -> bytes:
        frames = b"".join(map(_frame, steps))
        index = self._blocks.open_text
        if index is None:
            self._text_head = b""
        elif steps:
            self._text_head = _delta_head(index) + b'{"type":"text_delta","text":'
        return frames


class WholeEncoder:
    """Events → one Message as JSON. Passes a ``Whole`` as it is, adding usage and cost."""

    __slots__ = ("_answer_id", "_blocks", "_content", "_end", "_model", "_raw_usage", "_whole")

    def __init__(self, *, answer_id: str, model: str) -> None:
        self._answer_id = answer_id
        self._model = model
        self._blocks = Blocks()
        self._content: list[_Content] = []
        self._end = _End()
        self._whole: Whole | None = None
        self._raw_usage: bytes | None = None

    def add(self, event: Event) -> None:
        """Take one event in. UpstreamError when it says that the model failed."""
        match event:
            case Whole():
                self._whole = event
            case Finished():
                self._raw_usage = event.raw
            case Passed():
                raise TypeError("a stream's frame can't stand in a whole answer")
            case _:
                self._end.see(event)
                self._build(self._blocks.take(event))

    def closing(self, usage: Usage, cost: int | None) -> bytes:
        """The whole body, with usage and ``cost`` (nanodollars)."""
        whole = self._whole
        if whole is not None:
            shown = whole_usage_json(usage, cost, self._raw_usage)
            fields = [
                _ENCODER.encode(name) + b":" + value
                for name, value in whole.fields.items()
                if name != "usage"
            ]
            return b"{" + b",".join(fields) + b',"usage":' + shown + b"}"
        self._build(self._blocks.finish())
        return _ENCODER.encode(
            {
                "id": self._answer_id,
                "type": "message",
                "role": "assistant",
                "model": self._model,
                "content": [content.json() for content in self._content],
                "stop_reason": self._end.reason,
                "stop_sequence": self._end.sequence,
                "usage": msgspec.Raw(whole_usage_json(usage, cost)),
            }
        )

    def _build(self, steps: list[Step]) -> None:
        for step in steps:
            if type(step) is Started:
                self._content.append(_Content(step))
            elif type(step) is Piece:
                self._content[step.index].add(step)


class _Content:
    """One block of a whole answer."""

    __slots__ = ("_pieces", "_signature", "_start")

    def __init__(self, start: Started) -> None:
        self._start = start
        self._pieces: list[str] = []
        self._signature = ""

    def add(self, piece: Piece) -> None:
        if piece.kind == "signature":
            self._signature = piece.text
        else:
            self._pieces.append(piece.text)

    def json(self) -> dict[str, object]:
        start = self._start
        text = "".join(self._pieces)
        match start.kind:
            case "text":
                return {"type": "text", "text": text}
            case "thinking":
                return {"type": "thinking", "thinking": text, "signature": self._signature}
            case "redacted_thinking":
                return {"type": "redacted_thinking", "data": start.data}
            case "tool_use":
                given = msgspec.Raw(object_of(text))
                return {"type": "tool_use", "id": start.id, "name": start.name, "input": given}


class _Indexed(msgspec.Struct):
    index: int


_PIECES: Final = {
    "text": b'{"type":"text_delta","text":',
    "thinking": b'{"type":"thinking_delta","thinking":',
    "signature": b'{"type":"signature_delta","signature":',
    "arguments": b'{"type":"input_json_delta","partial_json":',
}


def _frame(step: Step) -> bytes:
    if type(step) is Piece:
        return _delta_head(step.index) + _PIECES[step.kind] + _ENCODER.encode(step.text) + b"}}\n\n"
    if type(step) is Stopped:
        return _stopped(step.index)
    assert type(step) is Started
    block = _Content(step).json()
    return sse.event(
        "content_block_start",
        b'{"type":"content_block_start","index":%d,"content_block":%b}'
        % (step.index, _ENCODER.encode(block)),
    )


def _stopped(index: int) -> bytes:
    return sse.event("content_block_stop", b'{"type":"content_block_stop","index":%d}' % index)


def _delta_head(index: int) -> bytes:
    return _DELTA_NAME + b'data: {"type":"content_block_delta","index":%d,"delta":' % index
