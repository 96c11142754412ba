"""Messages and their parts. Two messages with the same content are equal; ids live elsewhere."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Role = Literal["system", "developer", "user", "assistant", "tool"]

CacheTtl = Literal["5m", "1h"]
"""The prompt up to and with what carries it is worth keeping that long. A wish: a dialect that has no
word for it leaves it out, and no answer depends on it."""


class TextPart(Struct, frozen=True, gc=False):
    text: str
    cache: CacheTtl | None = None


class ImagePart(Struct, frozen=True, gc=False):
    """An image by ``url`` (https or data:), as the client wrote it."""

    url: str
    detail: str | None = None
    cache: CacheTtl | None = None


class DocumentPart(Struct, frozen=True, gc=False):
    """A document: either ``text`` (plain), or ``url`` (https or data:, mostly a PDF)."""

    url: str | None = None
    text: str | None = None
    title: str | None = None
    context: str | None = None
    cache: CacheTtl | None = None


class ReasoningPart(Struct, frozen=True, gc=False):
    """What a model thought. ``signature`` binds it to the endpoint that minted it; without one nobody
    but a reader of plain text can use it."""

    text: str
    signature: str | None = None


class RedactedPart(Struct, frozen=True, gc=False):
    """What a model thought, sealed: only the endpoint that minted ``data`` can read it."""

    data: str


class ToolReferencePart(Struct, frozen=True, gc=False):
    """A search for tools found the deferred tool ``name``: from here on the model may call it."""

    name: str


class Call(Struct, frozen=True, gc=False):
    """A call of a tool: ``arguments`` is a JSON text as the model wrote it (may be malformed)."""

    id: str
    name: str
    arguments: str


class CallPart(Struct, frozen=True, gc=False):
    call: Call
    cache: CacheTtl | None = None


class ResultPart(Struct, frozen=True, gc=False):
    """What a tool gave back for the call ``call_id``."""

    call_id: str
    parts: tuple[TextPart | ImagePart | DocumentPart | ToolReferencePart, ...]
    is_error: bool = False
    cache: CacheTtl | None = None


class OpaquePart(Struct, frozen=True, gc=False):
    """A part of a kind that only some models take (audio, file, …): its kind and its raw JSON, as
    OpenAI's chat completions write it."""

    kind: str
    raw: bytes


Part = (
    TextPart
    | ImagePart
    | DocumentPart
    | ReasoningPart
    | RedactedPart
    | CallPart
    | ResultPart
    | ToolReferencePart
    | OpaquePart
)


class Message(Struct, frozen=True, gc=False):
    """One turn. ``parts`` in the order written; a tool message holds exactly one ResultPart."""

    role: Role
    parts: tuple[Part, ...]
    name: str | None = None

    @property
    def text(self) -> str:
        """All text parts, joined as they stand."""
        return "".join(part.text for part in self.parts if isinstance(part, TextPart))
