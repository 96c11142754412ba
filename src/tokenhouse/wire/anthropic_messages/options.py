"""Checks of everything beside the messages: tools and their choice, thinking, the output's format."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tokenhouse.wire import growth
from tokenhouse.wire.anthropic_messages.checks import Facts
from tokenhouse.wire.anthropic_messages.shapes import (
    FormatShape,
    MessagesBody,
    ThinkingShape,
    ToolShape,
)
from tokenhouse.wire.anthropic_messages.wording import invalid, missing, thread_refused
from tokenhouse.wire.body import NULL

BUDGET_LEAST: Final = 1024
EFFORTS: Final = ("low", "medium", "high", "xhigh", "max")

_NAME: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
_NAME_MOST: Final = 128
_CLIENT_TOOLS: Final = {
    "bash_": 1_024,
    "browser_toolset_": 32_768,
    "computer_": 32_768,
    "memory_": 2_048,
    "text_editor_": 2_048,
    "tool_search_tool_": 1_024,
}
"""Anthropic's own tools that cost nothing but tokens, and how many at most their hidden text takes."""

_BRACE: Final = ord("{")


def check_options(body: MessagesBody, facts: Facts, betas: Sequence[str]) -> None:
    """All checks that no message needs. CallerError 400 naming the field."""
    if body.thread is not None:
        raise thread_refused(begins=body.thread.type != "continue")
    if body.tools or body.tool_choice is not None:
        _check_tools(body, facts)
    if body.thinking is not None:
        interleaved = any(beta.startswith("interleaved-thinking") for beta in betas)
        _check_thinking(body.thinking, None if interleaved else body.max_tokens)
    config = body.output_config
    if config is not None:
        if config.effort is not None and config.effort not in EFFORTS:
            raise invalid("output_config.effort", f"Input should be {_listed(EFFORTS)}")
        _check_format("output_config.format", config.format)
    _check_format("output_format", body.output_format)
    for edit in (body.context_management.edits if body.context_management else None) or ():
        if edit.type is not None and edit.type.startswith("compact"):
            facts.note_priced("context_management.compact")
    facts.note_cache(body.cache_control)


def client_tool(kind: str) -> str | None:
    """The family of one of Anthropic's own tools that the client runs (``bash_``, …), or None."""
    return next((family for family in _CLIENT_TOOLS if kind.startswith(family)), None)


def _check_tools(body: MessagesBody, facts: Facts) -> None:
    names: set[str] = set()
    for index, tool in enumerate(body.tools or ()):
        _check_tool(index, tool, facts)
        if tool.name is not None:
            if tool.name in names:
                raise invalid("tools", "Tool names must be unique.")
            names.add(tool.name)
    choice = body.tool_choice
    if choice is None:
        return
    if choice.type not in ("auto", "any", "tool", "none"):
        raise invalid(
            "tool_choice",
            f"Input tag '{choice.type[:80]}' found using 'type' does not match any of the expected "
            "tags: 'any', 'auto', 'none', 'tool'",
        )
    if choice.type in ("any", "tool") and not body.tools:
        raise invalid("tool_choice", "may only be specified while providing `tools`")
    if choice.type == "tool":
        if not choice.name:
            raise missing("tool_choice.tool.name")
        if choice.name not in names:
            raise invalid(
                "tool_choice.name", f"Tool '{choice.name[:80]}' not found in provided tools"
            )


def _check_tool(index: int, tool: ToolShape, facts: Facts) -> None:
    facts.note_cache(tool.cache_control)
    if tool.type not in (None, "custom"):
        family = client_tool(tool.type)
        if family is None:
            facts.note_priced(tool.type[:64])
        else:
            facts.extra_bytes += growth.TOOL_BYTES + _CLIENT_TOOLS[family]
        return
    path = f"tools.{index}.custom"
    name = tool.name
    if not name:
        raise missing(f"{path}.name")
    if len(name) > _NAME_MOST or not _NAME.issuperset(name):
        raise invalid(
            f"{path}.name", f"String should match pattern '^[a-zA-Z0-9_-]{{1,{_NAME_MOST}}}$'"
        )
    facts.extra_bytes += growth.TOOL_BYTES + growth.of_json(tool.input_schema)
    schema = memoryview(tool.input_schema)
    if not schema or bytes(schema) == NULL:
        raise missing(f"{path}.input_schema")
    if schema[0] != _BRACE:
        raise invalid(
            f"{path}.input_schema", "Input should be a valid dictionary", code="invalid_type"
        )


def _check_thinking(thinking: ThinkingShape, max_tokens: int | None) -> None:
    match thinking.type:
        case "enabled":
            budget = thinking.budget_tokens
            path = "thinking.enabled.budget_tokens"
            if budget is None:
                raise missing(path)
            if budget < BUDGET_LEAST:
                raise invalid(path, f"Input should be greater than or equal to {BUDGET_LEAST}")
            if max_tokens is not None and budget >= max_tokens:
                raise invalid(path, "`max_tokens` must be greater than `thinking.budget_tokens`")
        case "adaptive" | "between_tools" | "disabled":
            pass
        case other:
            raise invalid(
                "thinking",
                f"Input tag '{other[:80]}' found using 'type' does not match any of the expected "
                "tags: 'adaptive', 'between_tools', 'disabled', 'enabled'",
            )


def _check_format(path: str, shape: FormatShape | None) -> None:
    if shape is None:
        return
    if shape.type != "json_schema":
        raise invalid(f"{path}.type", "Input should be 'json_schema'")
    schema = memoryview(shape.schema)
    if not schema:
        raise missing(f"{path}.schema")
    if schema[0] != _BRACE:
        raise invalid(f"{path}.schema", "Input should be a valid dictionary", code="invalid_type")


def _listed(words: Sequence[str]) -> str:
    return ", ".join(f"'{word}'" for word in words[:-1]) + f" or '{words[-1]}'"
