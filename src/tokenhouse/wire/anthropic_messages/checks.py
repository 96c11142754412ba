"""What types and ranges can't say: which blocks need what and where they may stand, and which tool use
a result answers. One walk over the messages; it also takes the facts that pricing needs.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from tokenhouse.errors import CallerError
from tokenhouse.wire import growth
from tokenhouse.wire.anthropic_messages.shapes import (
    Block,
    CacheControl,
    MessagesBody,
    MessageShape,
    Source,
)
from tokenhouse.wire.anthropic_messages.wording import invalid, missing

UNBOUNDED: Final = 2**40
"""More text than any context: a PDF, a link or a page says more than its bytes."""

_ROLES: Final = ("user", "assistant", "system")
_HARMLESS: Final = frozenset(
    {
        "browser_state",
        "compaction",
        "fallback",
        "mcp_tool_listing",
        "mcp_tool_use",
        "mid_conv_system",
        "search_result",
        "server_tool_use",
        "tool_addition",
        "tool_reference",
        "tool_removal",
    }
)
_BRACE: Final = ord("{")


class Facts(Struct):
    """What one walk over a body finds out.

    ``data_characters``: base64, which is no text. ``input_bytes``: tool inputs, which a template may
    write longer. ``extra_bytes``: text that stands in no byte of the body. ``unsigned``: a thought
    stands there that no endpoint has signed. ``priced``: priced words below the top level.
    """

    images: int = 0
    data_characters: int = 0
    input_bytes: int = 0
    extra_bytes: int = 0
    has_system: bool = False
    unsigned: bool = False
    priced: tuple[str, ...] = ()

    def note_priced(self, word: str) -> None:
        if word not in self.priced:
            self.priced += (word,)

    def note_cache(self, control: CacheControl | None) -> None:
        if control is not None and control.ttl not in (None, "5m"):
            self.note_priced("cache_control.ttl")


def check_messages(body: MessagesBody, facts: Facts, *, paired: bool) -> None:
    """Check ``system`` and ``messages``. CallerError 400 naming the field.

    ``paired``: every tool use needs its result (a count may be asked for a part of a conversation).
    """
    _check_system(body, facts)
    calls: dict[str, int] = {}
    last = len(body.messages) - 1
    before = ""
    for position, message in enumerate(body.messages):
        content = message.content
        role = message.role
        if role == "system":
            facts.has_system = True
            facts.extra_bytes += growth.REMINDER_BYTES
        elif role not in _ROLES:
            raise invalid(f"messages.{position}.role", "Input should be 'user' or 'assistant'")
        elif content is None:
            raise missing(f"messages.{position}.content")
        elif not content and not (role == "assistant" and position == last):
            raise invalid(
                f"messages.{position}",
                f"{role} messages must have non-empty content",
                code="missing_required_parameter",
            )
        if role == "assistant" and before == "user" and paired:
            _all_answered(calls)
        if role != "system":
            before = role
        if type(content) is list:
            for index, block in enumerate(content):
                _check_block(f"messages.{position}.content.{index}", block, role, facts)
            if paired:
                _match(position, message, content, calls)
    if paired:
        _all_answered(calls)


def _check_system(body: MessagesBody, facts: Facts) -> None:
    system = body.system
    if not system:
        return
    facts.has_system = True
    if isinstance(system, str):
        return
    for index, block in enumerate(system):
        if block.type != "text":
            raise invalid(f"system.{index}.type", "Input should be 'text'")
        if block.text is None:
            raise missing(f"system.{index}.text")
        facts.note_cache(block.cache_control)


def _match(
    position: int, message: MessageShape, blocks: list[Block], calls: dict[str, int]
) -> None:
    """Note the tool uses of a message as open, close those that it answers."""
    for index, block in enumerate(blocks):
        if block.type == "tool_use" and message.role == "assistant":
            if block.id in calls:
                raise invalid(
                    f"messages.{position}.content.{index}.tool_use.id", "`tool_use` ids are unique"
                )
            calls[block.id or ""] = position
        elif block.type == "tool_result" and calls.pop(block.tool_use_id or "", None) is None:
            raise invalid(
                f"messages.{position}.content.{index}",
                "unexpected `tool_use_id` found in `tool_result` blocks: "
                f"{_short(block.tool_use_id)}. Each `tool_result` block must have a corresponding "
                "`tool_use` block in the previous message.",
            )


def _all_answered(calls: dict[str, int]) -> None:
    if calls:
        ids = ", ".join(map(_short, calls))
        raise invalid(
            f"messages.{next(iter(calls.values()))}",
            f"`tool_use` ids were found without `tool_result` blocks immediately after: {ids}. "
            "Each `tool_use` block must have a corresponding `tool_result` block in the next message.",
        )


def _check_block(path: str, block: Block, role: str, facts: Facts) -> None:
    kind = block.type
    if block.cache_control is not None:
        facts.note_cache(block.cache_control)
    match kind:
        case "text":
            if block.text is None:
                raise missing(f"{path}.text.text")
        case "image":
            _check_image(f"{path}.image.source", block.source, facts)
        case "document":
            _check_document(f"{path}.document.source", block.source, facts)
        case "tool_use":
            _only(path, kind, role, "assistant")
            _check_use(f"{path}.tool_use", block, facts)
        case "tool_result":
            _only(path, kind, role, "user")
            _check_result(f"{path}.tool_result", block, facts)
        case "thinking":
            _only(path, kind, role, "assistant")
            if block.thinking is None:
                raise missing(f"{path}.thinking.thinking")
            facts.unsigned = facts.unsigned or not block.signature
        case "redacted_thinking":
            _only(path, kind, role, "assistant")
            if block.data is None:
                raise missing(f"{path}.redacted_thinking.data")
        case _:
            _check_other(path, block, facts)


def _check_use(path: str, block: Block, facts: Facts) -> None:
    if not block.id:
        raise missing(f"{path}.id")
    if not block.name:
        raise missing(f"{path}.name")
    value = memoryview(block.input)
    if not value:
        raise missing(f"{path}.input")
    if value[0] != _BRACE:
        raise invalid(f"{path}.input", "Input should be a valid dictionary", code="invalid_type")
    facts.input_bytes += len(value)
    facts.extra_bytes += growth.CALL_BYTES + growth.of_json(block.input)


def _check_result(path: str, block: Block, facts: Facts) -> None:
    if not block.tool_use_id:
        raise missing(f"{path}.tool_use_id")
    content = block.content
    if isinstance(content, dict):
        raise invalid(f"{path}.content", "Input should be a valid string or a valid list")
    if isinstance(content, list):
        for index, inner in enumerate(content):
            if inner.type in ("tool_use", "tool_result", "thinking", "redacted_thinking"):
                raise invalid(
                    f"{path}.content.{index}",
                    f"Input tag '{inner.type}' found using 'type' does not match any of the "
                    "expected tags: 'document', 'image', 'search_result', 'text', "
                    "'tool_reference'",
                )
            _check_block(f"{path}.content.{index}", inner, "user", facts)
        facts.extra_bytes += growth.of_result([inner.text or "" for inner in content])
    elif content is not None:
        facts.extra_bytes += growth.of_result([content])


def _check_other(path: str, block: Block, facts: Facts) -> None:
    kind = block.type
    if kind == "tool_reference" and not block.tool_name:
        raise missing(f"{path}.tool_reference.tool_name")
    if kind in ("tool_addition", "tool_removal"):
        if block.tool is None:
            raise missing(f"{path}.{kind}.tool")
        if block.tool.definition is not None:
            schema = block.tool.definition.input_schema
            facts.input_bytes += len(memoryview(schema))
            facts.extra_bytes += growth.TOOL_BYTES + growth.of_json(schema)
    if kind.endswith("_tool_result"):
        facts.extra_bytes = UNBOUNDED  # what a hosted tool fetched may be a document
    elif kind not in _HARMLESS:
        facts.note_priced(kind[:64])
    if kind == "search_result" and isinstance(block.content, list):
        for index, inner in enumerate(block.content):
            _check_block(f"{path}.search_result.content.{index}", inner, "user", facts)


def _check_image(path: str, source: str | Source | None, facts: Facts) -> None:
    source = _object(path, source)
    facts.images += 1
    match source.type:
        case "base64":
            _check_base64(path, source, facts)
        case "url":
            if not source.url:
                raise missing(f"{path}.url.url")
        case "file":
            facts.note_priced("source.file_id")
        case _:
            raise _tag(path, source.type, "'base64', 'url'")


def _check_document(path: str, source: str | Source | None, facts: Facts) -> None:
    source = _object(path, source)
    match source.type:
        case "base64":
            _check_base64(path, source, facts)
            facts.extra_bytes = UNBOUNDED
        case "url":
            if not source.url:
                raise missing(f"{path}.url.url")
            facts.extra_bytes = UNBOUNDED
        case "text":
            if source.data is None:
                raise missing(f"{path}.text.data")
        case "content" if source.content is None:
            raise missing(f"{path}.content.content")
        case "content":
            if isinstance(source.content, list):
                for index, inner in enumerate(source.content):
                    _check_block(f"{path}.content.{index}", inner, "user", facts)
        case "file":
            facts.note_priced("source.file_id")
        case _:
            raise _tag(path, source.type, "'base64', 'content', 'text', 'url'")


def _object(path: str, source: str | Source | None) -> Source:
    if source is None:
        raise missing(path)
    if isinstance(source, str):
        raise invalid(path, "Input should be a valid dictionary", code="invalid_type")
    return source


def _check_base64(path: str, source: Source, facts: Facts) -> None:
    if not source.data:
        raise missing(f"{path}.base64.data")
    if not source.media_type:
        raise missing(f"{path}.base64.media_type")
    facts.data_characters += len(source.data)


def _only(path: str, kind: str, role: str, wanted: str) -> None:
    if role != wanted:
        raise invalid(path, f"`{kind}` blocks can only be in `{wanted}` messages")


def _tag(path: str, found: str | None, expected: str) -> CallerError:
    if found is None:
        return missing(f"{path}.type")
    return invalid(
        path,
        f"Input tag '{_short(found)}' found using 'type' does not match any of the expected tags: "
        f"{expected}",
    )


def _short(text: str | None) -> str:
    text = text or ""
    return text if len(text) <= 80 else text[:80] + "…"
