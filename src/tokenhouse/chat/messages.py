"""Messages and their parts. Two messages with the same content are equal; ids live elsewhere."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Role = Literal["system", "developer", "user", "assistant", "tool"]


class TextPart(Struct, frozen=True, gc=False):
    text: str


class ImagePart(Struct, frozen=True, gc=False):
    """An image by ``url`` (https or data:), as the client wrote it."""

    url: str
    detail: str | None = None


class ReasoningPart(Struct, frozen=True, gc=False):
    """What a model thought. ``signature`` binds it to the endpoint that minted it."""

    text: str
    signature: str | None = None


class Call(Struct, frozen=True, gc=False):
    """A call of a tool: ``arguments`` is a JSON text as the model wrote it (may be malformed)."""

    id: str
    name: str
    arguments: str


class CallPart(Struct, frozen=True, gc=False):
    call: Call


class ResultPart(Struct, frozen=True, gc=False):
    """What a tool gave back for the call ``call_id``."""

    call_id: str
    parts: tuple[TextPart | ImagePart, ...]
    is_error: bool = False


class OpaquePart(Struct, frozen=True, gc=False):
    """A part of a kind that only some models take (audio, file, …): its kind and its raw JSON."""

    kind: str
    raw: bytes


Part = TextPart | ImagePart | ReasoningPart | CallPart | ResultPart | OpaquePart


class Message(Struct, frozen=True, gc=False):
    """One turn. ``parts`` in the order written; a tool message holds exactly one ResultPart."""

    role: Role
    parts: tuple[Part, ...]
    name: str | None = None

    @property
    def text(self) -> str:
        """All text parts, joined as they stand."""
        return "".join(part.text for part in self.parts if isinstance(part, TextPart))
