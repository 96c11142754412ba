"""What a conversation is to the engine: turns of text, calls and results. Frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Role = Literal["system", "user", "assistant", "tool"]


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call that the assistant made. `arguments` is JSON text, as it was written."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Turn:
    """One message. `call_id` belongs to a tool's result, `calls` to the assistant's turn.

    `text` may come in parts, which are joined by a blank line. `images` counts the images that
    the message carries: this engine takes none yet, and says so.
    """

    role: Role
    text: str | tuple[str, ...] = ""
    calls: tuple[Call, ...] = ()
    call_id: str | None = None
    images: int = 0


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool that may be called. `parameters` is a JSON schema (an object)."""

    name: str
    parameters: Mapping[str, object]
    description: str = ""


@dataclass(frozen=True, slots=True)
class Conversation:
    """All that a prompt is made of. `continue_last`: the last turn is the assistant's, unended."""

    turns: tuple[Turn, ...]
    tools: tuple[ToolSpec, ...] = ()
    continue_last: bool = False
