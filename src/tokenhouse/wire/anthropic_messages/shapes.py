"""The Messages request as Anthropic writes it, typed and with its ranges. Unknown fields pass.

Source: the API reference of ``POST /v1/messages``, API versions 2023-06-01 and 2026-10-21. A block is
one shape for all of its kinds; ``checks`` knows which kind needs which field.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Raw, Struct

Positive = Annotated[int, Meta(ge=1)]
Share = Annotated[float, Meta(ge=0, le=1)]
Text = Annotated[str, Meta(min_length=1)]


class CacheControl(Struct, gc=False):
    type: str | None = None
    ttl: str | None = None


class Source(Struct):
    """Of an image or a document: ``base64``, ``url``, ``text``, ``content`` or ``file``."""

    type: str | None = None
    media_type: str | None = None
    data: str | None = None
    url: str | None = None
    file_id: str | None = None
    content: str | list[Block] | None = None


class ToolChange(Struct):
    """Which tool a message adds or takes away: a reference by name, or a whole definition."""

    type: str | None = None
    name: str | None = None
    definition: ToolShape | None = None


class Block(Struct):
    """A content block of any kind. ``content`` of hosted tools' results may be an object."""

    type: str
    text: str | None = None
    source: str | Source | None = None
    title: str | None = None
    context: str | None = None
    id: str | None = None
    name: str | None = None
    input: Raw = Raw()
    tool_use_id: str | None = None
    content: str | list[Block] | dict[str, Raw] | None = None
    is_error: bool | None = None
    thinking: str | None = None
    signature: str | None = None
    data: str | None = None
    tool_name: str | None = None
    tool: ToolChange | None = None
    cache_control: CacheControl | None = None


class MessageShape(Struct):
    role: str
    content: str | list[Block] | None = None
    clear_at: str | None = None


class ToolShape(Struct):
    """A custom tool, or one of Anthropic's own (``type`` names it with its date)."""

    name: str | None = None
    type: str | None = None
    description: str | None = None
    input_schema: Raw = Raw()
    strict: bool | None = None
    defer_loading: bool | None = None
    cache_control: CacheControl | None = None


class ChoiceShape(Struct, gc=False):
    type: str
    name: str | None = None
    disable_parallel_tool_use: bool | None = None


class ThinkingShape(Struct, gc=False):
    type: str
    budget_tokens: int | None = None
    display: str | None = None


class FormatShape(Struct):
    type: str
    schema: Raw = Raw()


class OutputConfig(Struct):
    effort: str | None = None
    format: FormatShape | None = None


class Metadata(Struct, gc=False):
    user_id: Annotated[str, Meta(max_length=512)] | None = None


class ThreadShape(Struct, gc=False):
    type: str | None = None


class EditShape(Struct, gc=False):
    type: str | None = None


class ContextManagement(Struct):
    edits: list[EditShape] | None = None


class MessagesBody(Struct, kw_only=True):
    """The whole body. None is null or absent. ``output_format`` is the older place of the format."""

    messages: Annotated[list[MessageShape], Meta(min_length=1, max_length=100_000)]
    model: str | None = None
    model_id: str | None = None
    max_tokens: Annotated[int, Meta(ge=0)] | None = None
    stream: bool | None = None
    streaming: bool | None = None
    system: str | list[Block] | None = None
    temperature: Share | None = None
    top_p: Share | None = None
    top_k: Annotated[int, Meta(ge=0)] | None = None
    stop_sequences: list[str] | None = None
    tools: list[ToolShape] | None = None
    tool_choice: ChoiceShape | None = None
    thinking: ThinkingShape | None = None
    output_config: OutputConfig | None = None
    output_format: FormatShape | None = None
    metadata: Metadata | None = None
    cache_control: CacheControl | None = None
    context_management: ContextManagement | None = None
    thread: ThreadShape | None = None
    service_tier: str | None = None
