"""What a conversation is to the engine: turns of text and pictures, calls and results. Frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Role = Literal["system", "user", "assistant", "tool"]


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call that the assistant made. `arguments` is JSON text, as it was written."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Picture:
    """An image as the model sees it: `rows` × `columns` squares of 28 pixels, each one token, and one
    token at each row's end. `png` is the image in exactly that size."""

    rows: int
    columns: int
    png: bytes = field(repr=False)

    @property
    def tokens(self) -> int:
        return self.rows * (self.columns + 1)


@dataclass(frozen=True, slots=True)
class Turn:
    """One message. `call_id` belongs to a tool's result, `calls` to the assistant's turn.

    `text` may come in parts, which are joined by a blank line; a user's may have pictures among
    them.
    """

    role: Role
    text: str | tuple[str | Picture, ...] = ""
    calls: tuple[Call, ...] = ()
    call_id: str | None = None

    @property
    def texts(self) -> tuple[str, ...]:
        """The parts that are text."""
        if isinstance(self.text, str):
            return (self.text,)
        return tuple(part for part in self.text if isinstance(part, str))

    @property
    def pictures(self) -> tuple[Picture, ...]:
        """The parts that are pictures."""
        if isinstance(self.text, str):
            return ()
        return tuple(part for part in self.text if isinstance(part, Picture))


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
