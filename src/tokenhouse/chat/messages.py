"""Messages and their parts. Two messages with the same content are equal; ids live elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Role = Literal["system", "developer", "user", "assistant", "tool"]


@dataclass(frozen=True, slots=True)
class TextPart:
    text: str


@dataclass(frozen=True, slots=True)
class ImagePart:
    """An image by ``url`` (https or data:), as the client wrote it."""

    url: str
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class ReasoningPart:
    """What a model thought. ``signature`` binds it to the endpoint that minted it."""

    text: str
    signature: str | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a tool: ``arguments`` is a JSON text as the model wrote it (may be malformed)."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class CallPart:
    call: Call


@dataclass(frozen=True, slots=True)
class ResultPart:
    """What a tool gave back for the call ``call_id``."""

    call_id: str
    parts: tuple[TextPart | ImagePart, ...]
    is_error: bool = False


@dataclass(frozen=True, slots=True)
class OpaquePart:
    """A part of a kind that only some models take (audio, file, …): its kind and its raw JSON."""

    kind: str
    raw: bytes


Part = TextPart | ImagePart | ReasoningPart | CallPart | ResultPart | OpaquePart


@dataclass(frozen=True, slots=True)
class Message:
    """One turn. ``parts`` in the order written; a tool message holds exactly one ResultPart."""

    role: Role
    parts: tuple[Part, ...]
    name: str | None = None

    @property
    def text(self) -> str:
        """All text parts, joined as they stand."""
        return "".join(part.text for part in self.parts if isinstance(part, TextPart))
