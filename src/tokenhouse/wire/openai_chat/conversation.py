"""OpenAI's decoded body → the dialect-free Conversation."""

from __future__ import annotations

from typing import Final, NoReturn

import msgspec

from tokenhouse.chat import (
    CacheTtl,
    Call,
    CallPart,
    Conversation,
    DocumentPart,
    ImagePart,
    Message,
    OpaquePart,
    Part,
    ReasoningPart,
    RedactedPart,
    ResponseFormat,
    ResultPart,
    Sampling,
    TextPart,
    Tool,
    ToolChoice,
)
from tokenhouse.wire.body import NULL, invalid
from tokenhouse.wire.openai_chat.shapes import (
    CacheControl,
    ChatBody,
    ChatMessage,
    ContentPart,
    FunctionShape,
)
from tokenhouse.wire.openai_chat.thoughts import parts_of
from tokenhouse.wire.openai_sampling import sampling_of


class _RawMessage(msgspec.Struct):
    content: msgspec.Raw = msgspec.Raw()


_RAW_MESSAGES: Final = msgspec.json.Decoder(list[_RawMessage])
_RAW_PARTS: Final = msgspec.json.Decoder(list[msgspec.Raw])


def conversation_of(body: ChatBody, raw_messages: msgspec.Raw | None) -> Conversation:
    """``raw_messages``: given when a part's kind is one that only its raw JSON can carry."""
    raws = None if raw_messages is None else _RAW_MESSAGES.decode(raw_messages)
    if body.modalities is not None and body.modalities != ["text"]:
        _cannot("modalities", "answers other than text")
    messages = _Messages(raws)
    return Conversation(
        messages=tuple(messages.convert(i, message) for i, message in enumerate(body.messages)),
        tools=_tools(body),
        tool_choice=_tool_choice(body),
        parallel_tool_calls=body.parallel_tool_calls is not False,
        response_format=_response_format(body),
        sampling=_sampling(body),
        reasoning_effort=body.reasoning_effort,
        user=body.safety_identifier or body.user,
        continue_last=_continues(body),
        echo_last=body.messages[-1].prefix is True,  # as Mistral's API does
    )


class _Messages:
    """Converts messages in order; gives the calls of the old ``function_call`` form ids of their own."""

    __slots__ = ("_functions", "_raws")

    def __init__(self, raws: list[_RawMessage] | None) -> None:
        self._raws = raws
        self._functions: dict[str, str] = {}

    def convert(self, position: int, message: ChatMessage) -> Message:
        parts = self._content(position, message)
        match message.role:
            case "tool":
                return _result(position, message.tool_call_id or "", parts, message.name)
            case "function":
                name = message.name or ""
                return _result(position, self._functions[name], parts, None)
            case "assistant":
                return Message("assistant", self._assistant(position, message, parts), message.name)
            case "system" | "developer" | "user":
                return Message(message.role, tuple(parts), message.name)
            case role:
                raise invalid(f"messages[{position}].role", f"The role {role!r} is unknown.")

    def _content(self, position: int, message: ChatMessage) -> list[Part]:
        content = message.content
        if content is None:
            return []
        if isinstance(content, str):
            return [TextPart(content)]
        raws: list[msgspec.Raw] | None = None
        if self._raws is not None:
            raws = _RAW_PARTS.decode(self._raws[position].content)
        return [
            _part(part, None if raws is None else raws[index]) for index, part in enumerate(content)
        ]

    def _assistant(
        self, position: int, message: ChatMessage, parts: list[Part]
    ) -> tuple[Part, ...]:
        if message.audio is not None:
            _cannot(f"messages[{position}].audio", "audio that another provider keeps")
        parts[:0] = _thoughts(message)
        if message.refusal:
            parts.append(TextPart(message.refusal))
        for index, call in enumerate(message.tool_calls or ()):
            if call.function is None:
                _cannot(f"messages[{position}].tool_calls[{index}]", "calls of custom tools")
            function = call.function
            parts.append(CallPart(Call(call.id, function.name, function.arguments or "")))
        old = message.function_call
        if old is not None:
            call_id = f"call_{position}"
            self._functions[old.name] = call_id
            parts.append(CallPart(Call(call_id, old.name, old.arguments or "")))
        return tuple(parts)


def _thoughts(message: ChatMessage) -> list[ReasoningPart | RedactedPart]:
    """What the model thought: as its endpoint wants it back where the client kept that, else the text."""
    details = parts_of(bytes(message.reasoning_details))
    if details:
        return details
    thought = message.reasoning_content or message.reasoning
    return [ReasoningPart(thought)] if thought else []


def _part(part: ContentPart, raw: msgspec.Raw | None) -> Part:
    cache = _cache(part.cache_control)
    if part.type == "text":
        return TextPart(part.text or "", cache)
    if part.type == "refusal":
        return TextPart(part.refusal or "")
    if part.type == "image_url":
        image = part.image_url
        if isinstance(image, str):
            return ImagePart(image, None, cache)
        if image is not None:
            return ImagePart(image.url, image.detail, cache)
    file = part.file
    if part.type == "file" and file is not None and (file.file_data or "").startswith("data:"):
        return DocumentPart(file.file_data, None, file.filename, None, cache)
    return OpaquePart(part.type, bytes(raw if raw is not None else NULL))


def _result(position: int, call_id: str, parts: list[Part], name: str | None) -> Message:
    plain: list[TextPart | ImagePart | DocumentPart] = []
    for index, part in enumerate(parts):
        if not isinstance(part, (TextPart, ImagePart, DocumentPart)):
            _cannot(f"messages[{position}].content[{index}]", "tool results of this kind")
        plain.append(part)
    return Message("tool", (ResultPart(call_id, tuple(plain)),), name)


def _tools(body: ChatBody) -> tuple[Tool, ...]:
    tools: list[Tool] = []
    for index, tool in enumerate(body.tools or ()):
        if tool.function is None:
            _cannot(f"tools[{index}]", f"tools of the type {tool.type!r}")
        tools.append(_tool(tool.function, _cache(tool.cache_control)))
    tools.extend(map(_tool, body.functions or ()))
    return tuple(tools)


def _cache(control: CacheControl | None) -> CacheTtl | None:
    if control is None:
        return None
    return "1h" if control.ttl == "1h" else "5m"


def _tool(function: FunctionShape, cache: CacheTtl | None = None) -> Tool:
    schema = bytes(function.parameters)
    description = function.description or ""
    strict = function.strict is True
    if not schema or schema == NULL:
        return Tool(function.name, description, strict=strict, cache=cache)
    return Tool(function.name, description, schema, strict, cache=cache)


def _tool_choice(body: ChatBody) -> ToolChoice:
    choice = body.tool_choice
    if choice is None:
        old = body.function_call
        if old is None or isinstance(old, str):
            return ToolChoice("none") if old == "none" else ToolChoice()
        return ToolChoice("named", old.name)
    if isinstance(choice, str):
        match choice:
            case "none":
                return ToolChoice("none")
            case "required" | "any":
                return ToolChoice("required")
            case _:
                return ToolChoice()
    allowed = choice.allowed_tools
    if choice.type == "allowed_tools" and allowed is not None:
        names = tuple(tool.function.name for tool in allowed.tools if tool.function is not None)
        return ToolChoice("required" if allowed.mode == "required" else "auto", allowed=names)
    if choice.function is None:
        _cannot("tool_choice", f"a choice of the type {choice.type!r}")
    return ToolChoice("named", choice.function.name)


def _response_format(body: ChatBody) -> ResponseFormat:
    shape = body.response_format
    match None if shape is None else shape.type:
        case None | "text":
            return ResponseFormat()
        case "json_object":
            return ResponseFormat("json_object")
        case "json_schema":
            schema = None if shape is None else shape.json_schema
            if schema is not None:
                raw = bytes(schema.schema)
                return ResponseFormat("json_schema", raw, schema.name, schema.strict is True)
        case _:
            pass
    _cannot("response_format.type", "this response format; use text, json_object or json_schema")


def _sampling(body: ChatBody) -> Sampling:
    return sampling_of(
        body,
        logprobs=body.logprobs is True,
        top_logprobs=0 if body.top_logprobs is None else body.top_logprobs,
    )


def _continues(body: ChatBody) -> bool:
    last = body.messages[-1]
    return last.role == "assistant" and (last.prefix is True or body.continue_final_message is True)


def _cannot(param: str, what: str) -> NoReturn:
    raise invalid(
        param, f"This model's provider can't take {what} ('{param}').", code="unsupported"
    )
