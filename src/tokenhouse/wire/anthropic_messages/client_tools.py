"""Anthropic's own tools that the client runs, as functions that any model can call.

Source: the tools' reference pages; the fields are those of their calls.
"""

from __future__ import annotations

from typing import Final

from tokenhouse.chat import Tool
from tokenhouse.wire.anthropic_messages.wording import unsupported

_FILE_COMMANDS: Final = (
    b'"path":{"type":"string"},"file_text":{"type":"string"},"old_str":{"type":"string"},'
    b'"new_str":{"type":"string"},"insert_line":{"type":"integer"},'
    b'"insert_text":{"type":"string"},"view_range":{"type":"array","items":{"type":"integer"}}'
)
_TOOLS: Final = {
    "bash_": Tool(
        "bash",
        "Runs a command in a shell that lives on between calls.",
        b'{"type":"object","properties":{"command":{"type":"string"},'
        b'"restart":{"type":"boolean"}}}',
    ),
    "text_editor_": Tool(
        "str_replace_based_edit_tool",
        "Views, creates and edits text files.",
        b'{"type":"object","properties":{"command":{"type":"string",'
        b'"enum":["view","create","str_replace","insert"]},' + _FILE_COMMANDS + b"},"
        b'"required":["command","path"]}',
    ),
    "memory_": Tool(
        "memory",
        "Keeps notes in files below /memories, from one conversation to the next.",
        b'{"type":"object","properties":{"command":{"type":"string",'
        b'"enum":["view","create","str_replace","insert","delete","rename"]},'
        b'"old_path":{"type":"string"},"new_path":{"type":"string"},' + _FILE_COMMANDS + b"},"
        b'"required":["command"]}',
    ),
}


def plain_tool(index: int, kind: str, name: str | None) -> Tool:
    """The tool of the type ``kind`` under the client's ``name`` for it. CallerError 400 for a tool that
    the provider runs, and for screens and browsers."""
    for family, tool in _TOOLS.items():
        if kind.startswith(family):
            return Tool(name or tool.name, tool.description, tool.schema)
    raise unsupported(f"tools.{index}", f"tools of the type {kind[:64]!r}")
