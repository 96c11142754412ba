"""Requests on their way to an OpenAI-shaped provider: the client's own body edited, or one built anew."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from tokenhouse.chat import (
    CallPart,
    Conversation,
    ImagePart,
    Message,
    OpaquePart,
    Request,
    ResultPart,
    Sampling,
    TextPart,
    Tool,
)
from tokenhouse.wire.body import NULL, RawFields
from tokenhouse.wire.openai_chat.request import parsed_of

Json = dict[str, object]

_ENCODER: Final = msgspec.json.Encoder()
_TRUE: Final = msgspec.Raw(b"true")
_FALSE: Final = msgspec.Raw(b"false")
_WITH_USAGE: Final = msgspec.Raw(b'{"include_usage":true}')
_OPTIONS: Final = msgspec.json.Decoder(RawFields | None)


def upstream_body(
    request: Request,
    *,
    model: str,
    max_tokens: int | None = None,
    defaults: Mapping[str, float] | None = None,
    system_prompt: str | None = None,
) -> bytes:
    """The lossless lane: the client's top level as raw values, edited, encoded again.

    Out go ``key``, ``model_id`` and ``streaming``; in come the provider's ``model``, usage on streams,
    ``max_tokens`` when given (in the field that the client used), ``defaults`` for what it left out
    and ``system_prompt`` when it sent no system message.
    """
    raw: RawFields = parsed_of(request).raw.copy()
    raw.pop("key", None)
    raw.pop("model_id", None)
    raw.pop("streaming", None)
    raw["model"] = msgspec.Raw(_ENCODER.encode(model))
    if request.stream:
        raw["stream"] = _TRUE
        raw["stream_options"] = _with_usage(raw.get("stream_options"))
    elif "stream" in raw:
        raw["stream"] = _FALSE
    if max_tokens is not None:
        _put_max_tokens(raw, max_tokens)
    if defaults:
        for name, value in defaults.items():
            if name not in raw or bytes(raw[name]) == NULL:
                raw[name] = msgspec.Raw(_ENCODER.encode(value))
    if system_prompt is not None and not request.has_system:
        first = _ENCODER.encode({"role": "system", "content": system_prompt})
        rest = bytes(raw["messages"]).lstrip()[1:]
        raw["messages"] = msgspec.Raw(b"[" + first + b"," + rest)
    return _ENCODER.encode(raw)


def build_upstream_body(
    conversation: Conversation,
    *,
    model: str,
    stream: bool = False,
    max_tokens: int | None = None,
    n: int = 1,
    defaults: Mapping[str, float] | None = None,
) -> bytes:
    """A conversation of another dialect as a chat-completions body. Reasoning stays behind."""
    body: Json = {"model": model, "messages": _messages(conversation.messages)}
    if stream:
        body["stream"] = True
        body["stream_options"] = _WITH_USAGE
    if max_tokens is not None:
        body["max_tokens"] = max_tokens
    if n != 1:
        body["n"] = n
    _put_tools(body, conversation)
    _put_format(body, conversation)
    _put_sampling(body, conversation.sampling)
    effort = conversation.effort
    if effort is not None:
        body["reasoning_effort"] = "high" if effort == "max" else effort
    if conversation.continue_last:
        body["continue_final_message"] = True
        body["add_generation_prompt"] = False
    if defaults:
        for name, value in defaults.items():
            body.setdefault(name, value)
    return _ENCODER.encode(body)


def _with_usage(options: msgspec.Raw | None) -> msgspec.Raw:
    """The client's stream options, with usage on: the house always wants to know."""
    if options is None:
        return _WITH_USAGE
    fields = _OPTIONS.decode(options) or {}
    fields["include_usage"] = _TRUE
    return msgspec.Raw(_ENCODER.encode(fields))


def _put_max_tokens(raw: RawFields, max_tokens: int) -> None:
    value = msgspec.Raw(b"%d" % max_tokens)
    if bytes(raw.get("max_completion_tokens", NULL)) != NULL:
        raw["max_completion_tokens"] = value
        if bytes(raw.get("max_tokens", NULL)) != NULL:
            raw["max_tokens"] = value
    else:
        raw["max_tokens"] = value


def _messages(messages: tuple[Message, ...]) -> list[Json]:
    """Images in tool results move to a user message behind the results: a tool message takes text."""
    out: list[Json] = []
    images: list[ImagePart] = []
    for message in messages:
        if message.role != "tool" and images:
            out.append({"role": "user", "content": [_image(image) for image in images]})
            images.clear()
        if message.role == "tool":
            out.append(_result(message, images))
        elif message.role == "assistant":
            out.append(_assistant(message))
        else:
            out.append(_named({"role": message.role, "content": _content(message)}, message))
    if images:
        out.append({"role": "user", "content": [_image(image) for image in images]})
    return out


def _assistant(message: Message) -> Json:
    texts = [part.text for part in message.parts if isinstance(part, TextPart)]
    calls = [part.call for part in message.parts if isinstance(part, CallPart)]
    content: object = None
    if len(texts) == 1:
        content = texts[0]
    elif texts:
        content = [{"type": "text", "text": text} for text in texts]
    elif not calls:
        content = ""
    out: Json = {"role": "assistant", "content": content}
    if calls:
        out["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for call in calls
        ]
    return _named(out, message)


def _result(message: Message, images: list[ImagePart]) -> Json:
    out: Json = {"role": "tool"}
    texts: list[str] = []
    for part in message.parts:
        if isinstance(part, ResultPart):
            out["tool_call_id"] = part.call_id
            texts.extend(piece.text for piece in part.parts if isinstance(piece, TextPart))
            images.extend(piece for piece in part.parts if isinstance(piece, ImagePart))
    if len(texts) > 1:
        out["content"] = [{"type": "text", "text": text} for text in texts]
    else:
        out["content"] = texts[0] if texts else ""
    return _named(out, message)


def _content(message: Message) -> object:
    parts = message.parts
    if not parts:
        return ""
    if len(parts) == 1 and isinstance(parts[0], TextPart):
        return parts[0].text
    out: list[object] = []
    for part in parts:
        if isinstance(part, TextPart):
            out.append({"type": "text", "text": part.text})
        elif isinstance(part, ImagePart):
            out.append(_image(part))
        elif isinstance(part, OpaquePart):
            out.append(msgspec.Raw(part.raw))
    return out


def _image(part: ImagePart) -> Json:
    url: Json = {"url": part.url}
    if part.detail is not None:
        url["detail"] = part.detail
    return {"type": "image_url", "image_url": url}


def _named(out: Json, message: Message) -> Json:
    if message.name is not None:
        out["name"] = message.name
    return out


def _put_tools(body: Json, conversation: Conversation) -> None:
    if not conversation.tools:
        return
    body["tools"] = [_tool(tool) for tool in conversation.tools]
    choice = conversation.tool_choice
    if choice.mode == "named":
        body["tool_choice"] = {"type": "function", "function": {"name": choice.name}}
    elif choice.mode != "auto":
        body["tool_choice"] = choice.mode
    if not conversation.parallel_tool_calls:
        body["parallel_tool_calls"] = False


def _tool(tool: Tool) -> Json:
    function: Json = {"name": tool.name}
    if tool.description:
        function["description"] = tool.description
    function["parameters"] = msgspec.Raw(tool.schema)
    if tool.strict:
        function["strict"] = True
    return {"type": "function", "function": function}


def _put_format(body: Json, conversation: Conversation) -> None:
    wanted = conversation.response_format
    if wanted.kind == "json_object":
        body["response_format"] = {"type": "json_object"}
    elif wanted.kind == "json_schema" and wanted.schema is not None:
        schema: Json = {"name": wanted.name or "answer", "schema": msgspec.Raw(wanted.schema)}
        if wanted.strict:
            schema["strict"] = True
        body["response_format"] = {"type": "json_schema", "json_schema": schema}


def _put_sampling(body: Json, sampling: Sampling) -> None:
    for name in _PLAIN:
        value = getattr(sampling, name)
        if value is not None:
            body[name] = value
    if sampling.stop:
        body["stop"] = sampling.stop
    if sampling.logit_bias:
        body["logit_bias"] = {str(token): value for token, value in sampling.logit_bias}
    if sampling.logprobs:
        body["logprobs"] = True
        if sampling.top_logprobs:
            body["top_logprobs"] = sampling.top_logprobs


_PLAIN: Final = (
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "presence_penalty",
    "frequency_penalty",
    "repetition_penalty",
    "seed",
)
