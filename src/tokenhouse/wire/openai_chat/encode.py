"""Events → what the client of ``/v1/chat/completions`` reads: chunks, or one whole answer."""

from __future__ import annotations

from typing import Final

import msgspec

from tokenhouse.chat import (
    CallDelta,
    CallStarted,
    ChoiceEnded,
    Event,
    Finished,
    FinishReason,
    LogProbs,
    Opened,
    Passed,
    ReasoningDelta,
    RedactedThought,
    RefusalDelta,
    TextDelta,
    Usage,
    UsageSoFar,
    Whole,
)
from tokenhouse.errors import TokenhouseError
from tokenhouse.wire import sse
from tokenhouse.wire.errors import error_body
from tokenhouse.wire.openai_chat.thoughts import Detail, Thoughts
from tokenhouse.wire.openai_usage import usage_json
from tokenhouse.wire.tool_ids import ToolIds

Json = dict[str, object]

_ENCODER: Final = msgspec.json.Encoder()
_DONE: Final = b"data: [DONE]\n\n"
_FINISH: Final[dict[FinishReason, str]] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "content_filter": "content_filter",
    "stop_sequence": "stop",
    "error": "error",
}


class StreamEncoder:
    """Events → server-sent chunks. ``created_s`` is unix seconds; ``model`` the public name."""

    __slots__ = ("_begun", "_head", "_ids", "_include_usage", "_raw_usage", "_thoughts")

    def __init__(
        self, *, answer_id: str, model: str, created_s: int, include_usage: bool = False
    ) -> None:
        self._include_usage = include_usage
        self._head = b'data: {"id":%b,"object":"chat.completion.chunk","created":%d,"model":%b,' % (
            _ENCODER.encode(answer_id),
            created_s,
            _ENCODER.encode(model),
        )
        self._begun: set[int] = set()
        self._thoughts: dict[int, Thoughts] = {}
        self._ids: ToolIds | None = None
        self._raw_usage: bytes | None = None

    def encode(self, event: Event) -> bytes:
        """The bytes to send for ``event``; empty for ``Opened`` and ``Finished``."""
        if type(event) is Passed:
            return event.frame
        if type(event) is TextDelta:
            logprobs = _logprobs(event.logprobs)
            return self._delta(event.choice, b'"content":' + _ENCODER.encode(event.text), logprobs)
        return self._rare(event)

    def closing(self, usage: Usage, cost: int | None) -> bytes:
        """The end: a chunk with usage and ``cost`` (nanodollars) when asked for, and ``[DONE]``."""
        if not self._include_usage:
            return _DONE
        shown = usage_json(usage, cost, self._raw_usage)
        return self._head + b'"choices":[],"usage":' + shown + b"}\n\n" + _DONE

    def error(self, error: TokenhouseError) -> bytes:
        """The end of a stream that failed: no ``[DONE]`` follows, so nobody takes it for the answer."""
        return sse.data(error_body(error))

    def _rare(self, event: Event) -> bytes:
        match event:
            case ReasoningDelta() | RedactedThought():
                return self._thought(event)
            case RefusalDelta():
                return self._delta(event.choice, b'"refusal":' + _ENCODER.encode(event.text))
            case CallStarted():
                piece = b'"tool_calls":[{"index":%d,"id":%b,"type":"function","function":' % (
                    event.position,
                    _ENCODER.encode(self._call_id(event.id)),
                )
                name = _ENCODER.encode(event.name)
                return self._delta(event.choice, piece + b'{"name":%b,"arguments":""}}]' % name)
            case CallDelta():
                piece = b'"tool_calls":[{"index":%d,"function":{"arguments":%b}}]' % (
                    event.position,
                    _ENCODER.encode(event.arguments),
                )
                return self._delta(event.choice, piece)
            case ChoiceEnded():
                reason = _ENCODER.encode(_FINISH[event.reason])
                return self._chunk(event.choice, b"", b"null", reason)
            case Whole():
                raise TypeError("a whole answer can't be sent as a stream")
            case Finished():
                self._raw_usage = event.raw
            case Opened() | Passed() | TextDelta() | UsageSoFar():
                pass
        return b""

    def _call_id(self, given: str) -> str:
        if self._ids is None:
            self._ids = ToolIds("openai")
        return self._ids.map(given)

    def _thought(self, event: ReasoningDelta | RedactedThought) -> bytes:
        thoughts = self._thoughts.get(event.choice)
        if thoughts is None:
            thoughts = self._thoughts[event.choice] = Thoughts()
        pieces: list[bytes] = []
        if isinstance(event, ReasoningDelta) and event.text:
            pieces.append(b'"reasoning_content":' + _ENCODER.encode(event.text))
        detail = thoughts.take(event)
        if detail is not None:
            pieces.append(b'"reasoning_details":' + _ENCODER.encode([detail]))
        return self._delta(event.choice, b",".join(pieces)) if pieces else b""

    def _delta(self, choice: int, delta: bytes, logprobs: bytes = b"null") -> bytes:
        return self._chunk(choice, delta, logprobs, b"null")

    def _chunk(self, choice: int, delta: bytes, logprobs: bytes, finish: bytes) -> bytes:
        chunk = b'%b"choices":[{"index":%d,"delta":{%b},"logprobs":%b,"finish_reason":%b}]}\n\n' % (
            self._head,
            choice,
            delta,
            logprobs,
            finish,
        )
        if choice in self._begun:
            return chunk
        self._begun.add(choice)
        first = b'""' if not delta or delta.startswith(b'"content"') else b"null"
        role = b'"role":"assistant","content":' + first
        return self._chunk(choice, role, b"null", b"null") + chunk


class _Answer:
    """One choice, put together from its events."""

    __slots__ = (
        "_thoughts",
        "calls",
        "details",
        "finish",
        "logprobs",
        "reasoning",
        "refusal",
        "text",
    )

    def __init__(self) -> None:
        self.text: list[str] = []
        self.reasoning: list[str] = []
        self.details: list[Detail] = []
        self._thoughts: Thoughts | None = None
        self.refusal: list[str] = []
        self.calls: list[tuple[str, str, list[str]]] = []
        self.logprobs: list[LogProbs] = []
        self.finish: FinishReason = "stop"

    def think(self, event: ReasoningDelta | RedactedThought) -> None:
        """Take a thought, or a piece of one, in."""
        if isinstance(event, ReasoningDelta) and event.text:
            self.reasoning.append(event.text)
        if self._thoughts is None:
            self._thoughts = Thoughts()
        detail = self._thoughts.take(event)
        if detail is not None:
            self.details.append(detail)

    def json(self, index: int) -> Json:
        text = "".join(self.text)
        others = self.calls or self.refusal or self.reasoning or self.details
        message: Json = {
            "role": "assistant",
            "content": text if self.text or not others else None,
            "refusal": "".join(self.refusal) if self.refusal else None,
        }
        if self.reasoning:
            message["reasoning_content"] = "".join(self.reasoning)
        if self.details:
            message["reasoning_details"] = self.details
        if self.calls:
            message["tool_calls"] = [
                {
                    "id": call_id,
                    "type": "function",
                    "function": {"name": name, "arguments": "".join(arguments)},
                }
                for call_id, name, arguments in self.calls
            ]
        return {
            "index": index,
            "message": message,
            "logprobs": msgspec.Raw(_logprobs(tuple(self.logprobs))),
            "finish_reason": _FINISH[self.finish],
        }


class WholeEncoder:
    """Events → one JSON answer. Passes a ``Whole`` as it is, adding usage and cost."""

    __slots__ = ("_answer_id", "_choices", "_created_s", "_ids", "_model", "_raw_usage", "_whole")

    def __init__(self, *, answer_id: str, model: str, created_s: int) -> None:
        self._answer_id = answer_id
        self._model = model
        self._created_s = created_s
        self._choices: dict[int, _Answer] = {}
        self._ids: ToolIds | None = None
        self._whole: Whole | None = None
        self._raw_usage: bytes | None = None

    def add(self, event: Event) -> None:
        """Take one event in."""
        match event:
            case Whole():
                self._whole = event
            case Finished():
                self._raw_usage = event.raw
            case TextDelta():
                answer = self._choice(event.choice)
                answer.text.append(event.text)
                answer.logprobs.extend(event.logprobs)
            case ReasoningDelta() | RedactedThought():
                self._choice(event.choice).think(event)
            case RefusalDelta():
                self._choice(event.choice).refusal.append(event.text)
            case CallStarted():
                self._choice(event.choice).calls.append((self._call_id(event.id), event.name, []))
            case CallDelta():
                self._choice(event.choice).calls[event.position][2].append(event.arguments)
            case ChoiceEnded():
                self._choice(event.choice).finish = event.reason
            case Passed():
                raise TypeError("a stream's frame can't stand in a whole answer")
            case Opened() | UsageSoFar():
                pass

    def closing(self, usage: Usage, cost: int | None) -> bytes:
        """The whole body, with usage and ``cost`` (nanodollars)."""
        shown = usage_json(usage, cost, self._raw_usage)
        if self._whole is not None:
            names = _ENCODER.encode
            fields = [
                names(name) + b":" + value
                for name, value in self._whole.fields.items()
                if name != "usage"
            ]
            return b"{" + b",".join(fields) + b',"usage":' + shown + b"}"
        return _ENCODER.encode(
            {
                "id": self._answer_id,
                "object": "chat.completion",
                "created": self._created_s,
                "model": self._model,
                "choices": [answer.json(index) for index, answer in sorted(self._choices.items())],
                "usage": msgspec.Raw(shown),
            }
        )

    def _call_id(self, given: str) -> str:
        if self._ids is None:
            self._ids = ToolIds("openai")
        return self._ids.map(given)

    def _choice(self, index: int) -> _Answer:
        answer = self._choices.get(index)
        if answer is None:
            answer = self._choices[index] = _Answer()
        return answer


def _logprobs(found: tuple[LogProbs, ...]) -> bytes:
    if not found:
        return b"null"
    return _ENCODER.encode(
        {
            "content": [
                {**_logprob(item), "top_logprobs": [_logprob(other) for other in item.top]}
                for item in found
            ],
            "refusal": None,
        }
    )


def _logprob(item: LogProbs) -> Json:
    raw = item.token.encode("utf-8", "replace") if item.raw is None else item.raw
    return {"token": item.token, "logprob": item.logprob, "bytes": list(raw)}
