"""Requests on their way to an OpenAI-shaped provider: the client's own body edited, or one built anew."""

from __future__ import annotations

import hashlib
from typing import Annotated, Final

import msgspec

from tokenhouse.chat import Conversation, Request, Sampling, Tool
from tokenhouse.wire.body import NULL, RawFields
from tokenhouse.wire.openai_chat.quirks import PLAIN, Quirks, Target
from tokenhouse.wire.openai_chat.request import parsed_of
from tokenhouse.wire.openai_chat.turns import Json, turns_of
from tokenhouse.wire.tool_ids import OPENAI_NAME_MOST, safe_name, style_of

_ENCODER: Final = msgspec.json.Encoder()
_TRUE: Final = msgspec.Raw(b"true")
_FALSE: Final = msgspec.Raw(b"false")
_WITH_USAGE: Final = msgspec.Raw(b'{"include_usage":true}')
_OPTIONS: Final = msgspec.json.Decoder(RawFields | None)


def upstream_body(
    request: Request,
    target: Target,
    *,
    max_tokens: int | None = None,
    system_prompt: str | None = None,
) -> bytes:
    """The lossless lane: the client's top level as raw values, edited, encoded again.

    Out go ``key``, ``model_id`` and ``streaming``; in come the provider's ``model``, usage on streams,
    ``max_tokens`` when given (in the field that the client used), the model's defaults for what it left
    out and ``system_prompt`` when it sent no system message; then the provider's quirks.
    """
    quirks, defaults = target.quirks, target.defaults
    raw: RawFields = parsed_of(request).raw.copy()
    raw.pop("key", None)
    raw.pop("model_id", None)
    raw.pop("streaming", None)
    raw["model"] = msgspec.Raw(_ENCODER.encode(target.model))
    if request.stream:
        raw["stream"] = _TRUE
        raw["stream_options"] = _with_usage(raw.get("stream_options"), quirks)
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
    if quirks is not PLAIN:
        quirks.apply(raw)
    return _ENCODER.encode(raw)


def build_upstream_body(
    conversation: Conversation,
    target: Target,
    *,
    stream: bool = False,
    max_tokens: int | None = None,
    n: int = 1,
) -> bytes:
    """A conversation of another dialect as a chat-completions body. Reasoning stays behind, so do
    cache marks; deferred tools become plain ones. CallerError 400 for what chat completions can't say.
    """
    messages = turns_of(conversation.messages, style_of(target.model))
    body: Json = {"model": target.model, "messages": messages}
    if stream:
        body["stream"] = True
        body["stream_options"] = target.quirks.stream_options
    if max_tokens is not None:
        body["max_tokens"] = max_tokens
    if n != 1:
        body["n"] = n
    _put_tools(body, conversation)
    _put_format(body, conversation)
    _put_sampling(body, conversation.sampling)
    _put_effort(body, conversation)
    if conversation.user is not None:
        body["user"] = _user(conversation.user)
    if conversation.continue_last:
        body["continue_final_message"] = True
        body["add_generation_prompt"] = False
    if target.defaults:
        for name, value in target.defaults.items():
            body.setdefault(name, value)
    target.quirks.apply(body)
    return _ENCODER.encode(body)


def tokenize_body(body: bytes) -> bytes:
    """What of a request vLLM's ``/tokenize`` must know to count its prompt as it would be run."""
    fields = _FIELDS.decode(body)
    asked = {name: fields[name] for name in _TOKENIZED if name in fields}
    asked.setdefault("add_generation_prompt", _TRUE)
    return _ENCODER.encode(asked)


def read_count(body: bytes) -> int | None:
    """The tokens that ``/tokenize`` (``count``) or ``/input_tokens`` told; None for anything else."""
    try:
        told = _COUNT.decode(body)
    except (ValueError, RecursionError):
        return None
    return told.input_tokens if told.count is None else told.count


class _Count(msgspec.Struct):
    count: Annotated[int, msgspec.Meta(ge=0)] | None = None
    input_tokens: Annotated[int, msgspec.Meta(ge=0)] | None = None


_FIELDS: Final = msgspec.json.Decoder(RawFields)
_COUNT: Final = msgspec.json.Decoder(_Count)
_TOKENIZED: Final = (
    "model",
    "messages",
    "tools",
    "chat_template_kwargs",
    "add_generation_prompt",
    "continue_final_message",
)


def _with_usage(options: msgspec.Raw | None, quirks: Quirks) -> msgspec.Raw:
    """The client's stream options, with usage on: the house always wants to know."""
    if options is None and not quirks.running_usage:
        return _WITH_USAGE
    fields = {} if options is None else _OPTIONS.decode(options) or {}
    for name in quirks.stream_options:
        fields[name] = _TRUE
    return msgspec.Raw(_ENCODER.encode(fields))


def _put_max_tokens(raw: RawFields, max_tokens: int) -> None:
    value = msgspec.Raw(b"%d" % max_tokens)
    if bytes(raw.get("max_completion_tokens", NULL)) != NULL:
        raw["max_completion_tokens"] = value
        if bytes(raw.get("max_tokens", NULL)) != NULL:
            raw["max_tokens"] = value
    else:
        raw["max_tokens"] = value


def _put_tools(body: Json, conversation: Conversation) -> None:
    if not conversation.tools:
        return
    body["tools"] = [_tool(tool) for tool in conversation.tools]
    choice = conversation.tool_choice
    if choice.mode == "named":
        name = safe_name(choice.name or "", OPENAI_NAME_MOST)
        body["tool_choice"] = {"type": "function", "function": {"name": name}}
    elif choice.allowed is not None:
        tools = [
            {"type": "function", "function": {"name": safe_name(name, OPENAI_NAME_MOST)}}
            for name in choice.allowed
        ]
        allowed: Json = {"mode": choice.mode, "tools": tools}
        body["tool_choice"] = {"type": "allowed_tools", "allowed_tools": allowed}
    elif choice.mode != "auto":
        body["tool_choice"] = choice.mode
    if not conversation.parallel_tool_calls:
        body["parallel_tool_calls"] = False


def _tool(tool: Tool) -> Json:
    function: Json = {"name": safe_name(tool.name, OPENAI_NAME_MOST)}
    if tool.description:
        function["description"] = tool.description
    function["parameters"] = msgspec.Raw(tool.schema)
    if tool.strict:
        function["strict"] = True
    return {"type": "function", "function": function}


def _put_effort(body: Json, conversation: Conversation) -> None:
    """Efforts above high are high: few models know more. Thinking that is off by budget asks for none:
    not every model takes that word."""
    effort = conversation.effort
    if effort is None or (effort == "none" and conversation.reasoning_effort is None):
        return
    body["reasoning_effort"] = "high" if effort in ("xhigh", "max") else effort


def _user(name: str) -> str:
    """OpenAI takes no more than 64 characters; Claude Code's names are longer."""
    return name if len(name) <= 64 else hashlib.sha256(name.encode()).hexdigest()


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
