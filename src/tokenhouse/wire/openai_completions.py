"""OpenAI's old text completions, for clients that still speak them: the prompt is one user message.

Always translated: no provider is asked in this dialect. A model's reasoning has no place in its
answers and is left out of them. What can't be served is refused by name, never ignored.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from msgspec import Meta, Raw, Struct

from tokenhouse.chat import (
    ChoiceEnded,
    Conversation,
    Event,
    FinishReason,
    Message,
    RefusalDelta,
    Request,
    Sizes,
    TextDelta,
    TextPart,
    Usage,
)
from tokenhouse.errors import CallerError, TokenhouseError
from tokenhouse.wire.body import DefaultModel, decode, invalid, missing, no_default, raw_fields
from tokenhouse.wire.errors import error_body
from tokenhouse.wire.left_out import named
from tokenhouse.wire.openai_sampling import sampling_of
from tokenhouse.wire.openai_usage import usage_json

DEFAULT_MAX_TOKENS: Final = 16
"""What this protocol promises to a client that does not say."""

_ENCODER: Final = msgspec.json.Encoder()
_DONE: Final = b"data: [DONE]\n\n"
_FINISH: Final[dict[FinishReason, bytes]] = {
    "stop": b'"stop"',
    "length": b'"length"',
    "tool_calls": b'"stop"',
    "content_filter": b'"content_filter"',
    "stop_sequence": b'"stop"',
    "error": b'"error"',
}

_Penalty = Annotated[float, Meta(ge=-2, le=2)]
_Share = Annotated[float, Meta(ge=0, le=1)]


class _StreamOptions(Struct, gc=False):
    include_usage: bool | None = None


class CompletionBody(Struct, kw_only=True):
    """The whole body; None is null or absent."""

    prompt: str | list[str | int | list[int]]
    model: str | None = None
    model_id: str | None = None
    stream: bool | None = None
    streaming: bool | None = None
    stream_options: _StreamOptions | None = None
    max_tokens: Annotated[int, Meta(ge=1)] | None = None
    n: Annotated[int, Meta(ge=1, le=128)] | None = None
    best_of: Annotated[int, Meta(ge=1, le=128)] | None = None
    echo: bool | None = None
    suffix: str | None = None
    logprobs: Annotated[int, Meta(ge=0, le=5)] | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: _Share | None = None
    top_k: Annotated[int, Meta(ge=-1)] | None = None
    min_p: _Share | None = None
    presence_penalty: _Penalty | None = None
    frequency_penalty: _Penalty | None = None
    repetition_penalty: Annotated[float, Meta(gt=0, le=2)] | None = None
    seed: int | None = None
    stop: str | Annotated[list[str], Meta(max_length=16)] | None = None
    logit_bias: dict[str, Annotated[float, Meta(ge=-100, le=100)]] | None = None
    user: str | None = None

    def conversation(self) -> Conversation:
        """The prompt as one user message."""
        return Conversation(
            messages=(Message("user", (TextPart(_prompt(self)),)),), sampling=sampling_of(self)
        )


_DECODER: Final = msgspec.json.Decoder(CompletionBody)
_KNOWN: Final = frozenset({"key", *CompletionBody.__struct_fields__})


def left_out(request: Request) -> tuple[str, ...]:
    """The top-level fields of ``request`` that no provider is told, sorted."""
    left = request.fields - _KNOWN
    return named(left) if left else ()


def parse(body: bytes, *, default_model: DefaultModel = no_default) -> Request:
    """The request that ``body`` asks. CallerError 400 naming the field, for anything wrong with it."""
    fields = frozenset(raw_fields(body))
    shape = decode(_DECODER, body)
    _prompt(shape)
    for name, harmless in (("best_of", (None, 1, shape.n)), ("logprobs", (None, 0))):
        if getattr(shape, name) not in harmless:
            raise _unsupported(name)
    if shape.echo:
        raise _unsupported("echo")
    if shape.suffix:
        raise _unsupported("suffix")
    if shape.logit_bias and not all(name.isascii() and name.isdigit() for name in shape.logit_bias):
        raise invalid("logit_bias", "The names in 'logit_bias' must be token ids, like \"1234\".")
    model = shape.model or shape.model_id or default_model()
    if not model:
        raise missing("model")
    stream = shape.stream if shape.stream is not None else shape.streaming
    options = shape.stream_options
    return Request(
        dialect="openai_completions",
        model=model,
        body=body,
        fields=fields,
        conversation=shape.conversation,
        sizes=Sizes(len(body)),
        stream=stream is True,
        include_usage=options is not None and options.include_usage is True,
        max_tokens=DEFAULT_MAX_TOKENS if shape.max_tokens is None else min(shape.max_tokens, 2**31),
        n=1 if shape.n is None else shape.n,
    )


class StreamEncoder:
    """Events → ``text_completion`` chunks; the same verbs as the chat dialect's."""

    __slots__ = ("_head", "_include_usage")

    def __init__(
        self, *, answer_id: str, model: str, created_s: int, include_usage: bool = False
    ) -> None:
        self._head = b"data: " + _head(answer_id, model, created_s)
        self._include_usage = include_usage

    def encode(self, event: Event) -> bytes:
        """The bytes to send for ``event``; empty where this dialect has no word for it."""
        match event:
            case TextDelta() | RefusalDelta():
                return self._chunk(event.choice, event.text, b"null") if event.text else b""
            case ChoiceEnded():
                return self._chunk(event.choice, "", _FINISH[event.reason])
            case _:
                return b""

    def closing(self, usage: Usage, cost: int | None) -> bytes:
        """The end: usage and ``cost`` (nanodollars) when asked for, and ``[DONE]``."""
        if not self._include_usage:
            return _DONE
        return self._head + b'"choices":[],"usage":' + usage_json(usage, cost) + b"}\n\n" + _DONE

    def error(self, error: TokenhouseError) -> bytes:
        """The end of a stream that failed; no ``[DONE]`` follows."""
        return b"data: " + error_body(error) + b"\n\n"

    def _chunk(self, choice: int, text: str, finish: bytes) -> bytes:
        return self._head + b'"choices":[' + _choice(choice, text, finish) + b"]}\n\n"


class WholeEncoder:
    """Events → one ``text_completion``."""

    __slots__ = ("_ends", "_head", "_texts")

    def __init__(self, *, answer_id: str, model: str, created_s: int) -> None:
        self._head = _head(answer_id, model, created_s)
        self._texts: dict[int, list[str]] = {}
        self._ends: dict[int, FinishReason] = {}

    def add(self, event: Event) -> None:
        """Take one event in."""
        if isinstance(event, (TextDelta, RefusalDelta)):
            self._texts.setdefault(event.choice, []).append(event.text)
        elif isinstance(event, ChoiceEnded):
            self._texts.setdefault(event.choice, [])
            self._ends[event.choice] = event.reason

    def closing(self, usage: Usage, cost: int | None) -> bytes:
        """The whole body, with usage and ``cost`` (nanodollars)."""
        choices = b",".join(
            _choice(index, "".join(texts), _FINISH[self._ends.get(index, "stop")])
            for index, texts in sorted(self._texts.items())
        )
        shown = usage_json(usage, cost)
        return self._head + b'"choices":[' + choices + b'],"usage":' + shown + b"}"


def _prompt(body: CompletionBody) -> str:
    prompt = body.prompt
    if isinstance(prompt, str):
        return prompt
    if len(prompt) == 1 and isinstance(prompt[0], str):
        return prompt[0]
    if len(prompt) > 1 and all(isinstance(item, str) for item in prompt):
        raise invalid("prompt", "'prompt' holds several texts: send one request for each.")
    raise invalid("prompt", "'prompt' must be one text; token ids are not taken: send the text.")


def _unsupported(param: str) -> CallerError:
    return invalid(
        param, f"'{param}' is not served here: leave it out, or use chat completions.",
        code="unsupported",
    )  # fmt: skip


def _head(answer_id: str, model: str, created_s: int) -> bytes:
    return b'{"id":%b,"object":"text_completion","created":%d,"model":%b,' % (
        _ENCODER.encode(answer_id),
        created_s,
        _ENCODER.encode(model),
    )


def _choice(index: int, text: str, finish: bytes) -> bytes:
    return _ENCODER.encode(
        {"index": index, "text": text, "logprobs": None, "finish_reason": Raw(finish)}
    )
