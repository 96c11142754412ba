"""Anthropic's decoded body → the dialect-free Conversation."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from tokenhouse.chat import (
    CacheTtl,
    Call,
    CallPart,
    Conversation,
    DocumentPart,
    ImagePart,
    Message,
    Part,
    ReasoningPart,
    RedactedPart,
    ResponseFormat,
    ResultPart,
    Sampling,
    TextPart,
    Thinking,
    Tool,
    ToolChoice,
    ToolReferencePart,
)
from tokenhouse.wire.anthropic_messages.arguments import text_of
from tokenhouse.wire.anthropic_messages.client_tools import plain_tool
from tokenhouse.wire.anthropic_messages.shapes import (
    Block,
    CacheControl,
    MessagesBody,
    MessageShape,
    Source,
    ThinkingShape,
    ToolShape,
)
from tokenhouse.wire.anthropic_messages.wording import unsupported

Shown = TextPart | ImagePart | DocumentPart | ToolReferencePart

BILLING_HEADER: Final = "x-anthropic-billing-header"
"""How Claude Code's first system block begins. It differs on each request, says nothing to a model and
spoils every prompt cache: only Anthropic wants it."""


def conversation_of(body: MessagesBody) -> Conversation:
    """CallerError 400 (code ``unsupported``) for what only the lossless lane can carry."""
    if body.max_tokens == 0:
        raise unsupported("max_tokens", "a request for no tokens at all")
    messages = [*_system(body.system)]
    tools = [tool for i, shape in enumerate(body.tools or ()) for tool in _tool(i, shape)]
    last_user = max((i for i, m in enumerate(body.messages) if m.role == "user"), default=-1)
    for position, message in enumerate(body.messages):
        if message.role == "system":
            if message.clear_at != "next_user_message" or position > last_user:
                messages += _late_system(position, message, tools)
        elif message.role == "user":
            messages += _user(position, message)
        else:
            messages.append(Message("assistant", _assistant(position, message)))
    choice = body.tool_choice
    return Conversation(
        messages=tuple(messages),
        tools=tuple(tools),
        tool_choice=_tool_choice(body) if tools else ToolChoice(),
        parallel_tool_calls=choice is None or choice.disable_parallel_tool_use is not True,
        response_format=_response_format(body),
        sampling=Sampling(
            temperature=body.temperature,
            top_p=body.top_p,
            top_k=body.top_k,
            stop=tuple(text for text in body.stop_sequences or () if text),
        ),
        reasoning_effort=None if body.output_config is None else body.output_config.effort,
        thinking=_thinking(body.thinking),
        user=None if body.metadata is None else body.metadata.user_id,
        continue_last=body.messages[-1].role == "assistant",
    )


def _system(system: str | list[Block] | None) -> Iterable[Message]:
    if not system:
        return
    blocks = [Block("text", system)] if isinstance(system, str) else system
    parts = tuple(
        TextPart(block.text or "", _cache(block.cache_control))
        for block in blocks
        if not (block.text or "").startswith(BILLING_HEADER)
    )
    if parts:
        yield Message("system", parts)


def _late_system(position: int, message: MessageShape, tools: list[Tool]) -> Iterable[Message]:
    parts: list[Part] = []
    for index, block in enumerate(_blocks(message)):
        if block.type in ("tool_addition", "tool_removal") and block.tool is not None:
            name = block.tool.name
            definition = block.tool.definition
            if definition is not None:
                added = list(_tool(index, definition))
                known = {tool.name for tool in tools}
                tools += [tool for tool in added if tool.name not in known]
                name = definition.name
            can = "can be called from here on" if block.type == "tool_addition" else "is gone"
            parts.append(TextPart(f"The tool {name} {can}.", _cache(block.cache_control)))
        else:
            parts += _shown(f"messages.{position}.content.{index}", block)
    if parts:
        yield Message("system", tuple(parts))


def _user(position: int, message: MessageShape) -> Iterable[Message]:
    """The results of a turn come before what is said in it, each in a message of its own."""
    said: list[Part] = []
    for index, block in enumerate(_blocks(message)):
        path = f"messages.{position}.content.{index}"
        if block.type == "tool_result":
            inner = _contents(path, block.content)
            result = ResultPart(
                block.tool_use_id or "",
                tuple(inner),
                block.is_error is True,
                _cache(block.cache_control),
            )
            yield Message("tool", (result,))
        else:
            said += _shown(path, block)
    if said:
        yield Message("user", tuple(said))


def _assistant(position: int, message: MessageShape) -> tuple[Part, ...]:
    parts: list[Part] = []
    for index, block in enumerate(_blocks(message)):
        match block.type:
            case "thinking":
                parts.append(ReasoningPart(block.thinking or "", block.signature or None))
            case "redacted_thinking":
                parts.append(RedactedPart(block.data or ""))
            case "tool_use":
                call = Call(block.id or "", block.name or "", text_of(block.input))
                parts.append(CallPart(call, _cache(block.cache_control)))
            case _:
                parts += _shown(f"messages.{position}.content.{index}", block)
    return tuple(parts)


def _blocks(message: MessageShape) -> list[Block]:
    content = message.content
    if isinstance(content, str):
        return [Block("text", content)]
    return content or []


def _contents(path: str, content: object) -> list[Shown]:
    if isinstance(content, str):
        return [TextPart(content)]
    if not isinstance(content, list):
        return []
    blocks: list[Block] = content
    return [part for i, block in enumerate(blocks) for part in _shown(f"{path}.{i}", block)]


def _shown(path: str, block: Block) -> list[Shown]:
    """What a block shows to a model. CallerError for a kind that only Anthropic can read."""
    cache = _cache(block.cache_control)
    source = block.source
    match block.type:
        case "text":
            return [TextPart(block.text or "", cache)]
        case "image" if isinstance(source, Source):
            return [ImagePart(_url(path, source), cache=cache)]
        case "document" if isinstance(source, Source):
            return _document(path, block, source, cache)
        case "search_result":
            head = "\n".join(
                line for line in (block.title, source if isinstance(source, str) else None) if line
            )
            return [TextPart(head, cache), *_contents(path, block.content)]
        case "tool_reference":
            return [ToolReferencePart(block.tool_name or "")]
        case kind:
            raise unsupported(path, f"blocks of the type {kind[:64]!r}")


def _document(path: str, block: Block, source: Source, cache: CacheTtl | None) -> list[Shown]:
    if source.type == "content":
        head = "\n".join(line for line in (block.title, block.context) if line)
        inner = _contents(f"{path}.source.content", source.content)
        return [TextPart(head, cache), *inner] if head else inner
    if source.type == "text":
        return [DocumentPart(None, source.data, block.title, block.context, cache)]
    return [DocumentPart(_url(path, source), None, block.title, block.context, cache)]


def _url(path: str, source: Source) -> str:
    match source.type:
        case "base64":
            return f"data:{source.media_type};base64,{source.data}"
        case "url":
            return source.url or ""
        case _:
            raise unsupported(f"{path}.source", "files that another provider keeps")


def _tool(index: int, shape: ToolShape) -> Iterable[Tool]:
    """The tool as every model can call it; nothing for one that only searches for other tools."""
    if shape.type not in (None, "custom"):
        if not shape.type.startswith("tool_search_tool_"):
            yield plain_tool(index, shape.type, shape.name)
        return
    yield Tool(
        shape.name or "",
        shape.description or "",
        bytes(shape.input_schema),
        shape.strict is True,
        shape.defer_loading is True,
        _cache(shape.cache_control),
    )


def _tool_choice(body: MessagesBody) -> ToolChoice:
    choice = body.tool_choice
    match None if choice is None else choice.type:
        case "any":
            return ToolChoice("required")
        case "none":
            return ToolChoice("none")
        case "tool":
            return ToolChoice("named", None if choice is None else choice.name)
        case _:
            return ToolChoice()


def _response_format(body: MessagesBody) -> ResponseFormat:
    shape = body.output_format if body.output_config is None else body.output_config.format
    if shape is None:
        shape = body.output_format
    return ResponseFormat() if shape is None else ResponseFormat("json_schema", bytes(shape.schema))


def _thinking(shape: ThinkingShape | None) -> Thinking | None:
    if shape is None:
        return None
    match shape.type:
        case "enabled":
            return Thinking("on", shape.budget_tokens, shape.display)
        case "disabled":
            return Thinking("off")
        case _:
            return Thinking("adaptive", None, shape.display)


def _cache(control: CacheControl | None) -> CacheTtl | None:
    if control is None:
        return None
    return "1h" if control.ttl == "1h" else "5m"
