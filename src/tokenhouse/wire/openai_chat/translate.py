"""OpenAI-shaped answers → dialect-free events, choice by choice. Streams and whole answers alike.

Empty strings, nulls and empty lists never mean anything. A call is told apart by its index and its
id together: providers leave out the one, repeat the other, or give three calls the same index.
"""

from __future__ import annotations

from contextlib import suppress

import msgspec

from tokenhouse.chat import (
    CallDelta,
    CallStarted,
    ChoiceEnded,
    Event,
    FinishReason,
    LogProbs,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
)
from tokenhouse.wire.asked import NOTHING_ASKED, Asked
from tokenhouse.wire.faults import broken
from tokenhouse.wire.openai_chat.pieces import (
    BYTES,
    LOGPROBS,
    CallPiece,
    ChoicePiece,
    Delta,
    FunctionPiece,
    TokenLogProb,
    chunk_texts,
    told,
)


class _Call:
    """A call as far as it has come; arguments wait until its name is known.

    ``nameless``: the provider gave no id with its first piece, so ``id`` is ours.
    """

    __slots__ = ("argued", "id", "nameless", "started", "waiting")

    def __init__(self, call_id: str, *, nameless: bool) -> None:
        self.id = call_id
        self.nameless = nameless
        self.started = False
        self.argued = False
        self.waiting = ""


class Choice:
    """One choice of an answer: what has begun in it, and whether it has ended."""

    __slots__ = ("_asked", "_by_id", "_by_index", "_calls", "_id_stem", "_index", "ended")

    def __init__(self, index: int, id_stem: str, asked: Asked = NOTHING_ASKED) -> None:
        self._index = index
        self._asked = asked
        self._id_stem = id_stem
        self._calls: list[_Call] = []
        self._by_index: dict[int, int] = {}
        self._by_id: dict[tuple[int | None, str], int] = {}
        self.ended = False

    def take(self, piece: ChoicePiece, events: list[Event]) -> None:
        """Append the events of ``piece``. UpstreamError when its finish says that the model failed."""
        delta = piece.delta if piece.delta is not None else piece.message
        if delta is not None:
            self._texts(delta, piece.logprobs, events)
            for position, call in enumerate(delta.tool_calls or ()):
                self._call(self._position(call, position), call.function, events)
            old = delta.function_call
            if old is not None and (old.name or old.arguments):
                self._call(self._position(CallPiece(0, None, old), 0), old, events)
        if piece.finish_reason:
            self.end(piece.finish_reason, events, self._stop(piece))

    def end(self, reason: str, events: list[Event], stop: str | None = None) -> None:
        """Append the end, once; ``stop`` is the stop sequence that was met. A call that was given no
        arguments has ``{}``.
        """
        if self.ended:
            return
        if not all(call.started for call in self._calls):
            raise broken("sent a tool call without a name")
        self.ended = True
        for position, call in enumerate(self._calls):
            if not call.argued:
                events.append(CallDelta(position, "{}", self._index))
        known = self._reason(reason)
        if known == "stop" and stop is not None:
            events.append(ChoiceEnded("stop_sequence", self._index, stop))
        else:
            events.append(ChoiceEnded(known, self._index))

    def _stop(self, piece: ChoicePiece) -> str | None:
        """The client's stop sequence that was met, where the provider tells it."""
        if not self._asked.stops:
            return None
        for raw in (piece.stop_reason, piece.matched_stop):
            for stop in self._asked.stops:
                if told(raw) and _is_text(raw, stop):
                    return stop
        return None

    def _reason(self, reason: str) -> FinishReason:
        if reason in ("error", "abort"):
            raise broken("gave up in the middle of the answer", code="upstream_error")
        if reason == "length" or reason == "content_filter":
            return reason
        return "tool_calls" if self._calls else "stop"

    def _texts(self, delta: Delta, logprobs: msgspec.Raw, events: list[Event]) -> None:
        content = delta.content
        thought = delta.reasoning_content or delta.reasoning or ""
        if content is not None and not isinstance(content, str):
            content, inner = chunk_texts(content)
            thought += inner
        if thought:
            events.append(ReasoningDelta(thought, self._index))
        found = _logprobs(logprobs)
        if content or found:
            tokens = len(found) if found else None
            events.append(TextDelta(content or "", self._index, tokens, found))
        if delta.refusal:
            events.append(RefusalDelta(delta.refusal, self._index))

    def _position(self, piece: CallPiece, place: int) -> int:
        """Which call a piece belongs to; begins a new one when it is none of those known."""
        calls = self._calls
        if piece.id:
            known = self._by_id.get((piece.index, piece.id))
            if known is None and piece.index is not None:
                latest = self._by_index.get(piece.index)
                if latest is not None and calls[latest].nameless:
                    known = latest
            if known is None and piece.index is None:
                known = next((p for p, call in enumerate(calls) if call.id == piece.id), None)
            if known is not None:
                return known
            return self._begin(piece.id, piece.index)
        if piece.index is not None:
            known = self._by_index.get(piece.index)
            if known is not None:
                return known
            return self._begin("", piece.index)
        named = piece.function is not None and bool(piece.function.name)
        if named or not calls:
            return self._begin("", None)
        return len(calls) - 1 if place == 0 else min(place, len(calls) - 1)

    def _begin(self, call_id: str, index: int | None) -> int:
        position = len(self._calls)
        given = call_id or f"call_{self._id_stem}{self._index}_{position}"
        self._calls.append(_Call(given, nameless=not call_id))
        self._by_id[index, given] = position
        if index is not None:
            self._by_index[index] = position
        return position

    def _call(self, position: int, piece: FunctionPiece | None, events: list[Event]) -> None:
        call = self._calls[position]
        name = "" if piece is None else piece.name or ""
        arguments = "" if piece is None else piece.arguments or ""
        if not call.started:
            if not name:
                call.waiting += arguments
                return
            call.started = True
            name = self._asked.names.get(name, name)
            events.append(CallStarted(position, call.id, name, self._index))
            arguments = call.waiting + arguments
        if arguments:
            call.argued = True
            events.append(CallDelta(position, arguments, self._index))


def _is_text(raw: msgspec.Raw, text: str) -> bool:
    try:
        return msgspec.json.decode(raw, type=str) == text
    except ValueError:
        return False


def _logprobs(raw: msgspec.Raw) -> tuple[LogProbs, ...]:
    value = told(raw)
    if not value:
        return ()
    try:
        shape = LOGPROBS.decode(value)
    except (ValueError, RecursionError):
        return ()
    return tuple(map(_logprob, (None if shape is None else shape.content) or ()))


def _logprob(item: TokenLogProb) -> LogProbs:
    raw: bytes | None = None
    if told(item.bytes):
        with suppress(ValueError):  # a provider's own idea of bytes: the token's text has to do
            raw = bytes(BYTES.decode(item.bytes) or ())
    top = tuple(map(_logprob, item.top_logprobs or ()))
    return LogProbs(item.token, item.logprob, top, raw)
