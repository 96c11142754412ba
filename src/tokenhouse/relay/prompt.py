"""The words of a prompt, for those who count or estimate its tokens."""

from __future__ import annotations

from collections.abc import Iterator

from tokenhouse.chat import (
    CallPart,
    Conversation,
    DocumentPart,
    ImagePart,
    OpaquePart,
    Part,
    ReasoningPart,
    RedactedPart,
    ResultPart,
    TextPart,
    ToolReferencePart,
)


def prompt_text(conversation: Conversation) -> str:
    """What the model reads of the prompt's text, a piece a line; images are beyond a text's count.
    What another turn thought is not the model's to read."""
    pieces = (*_texts(conversation, thoughts=False), schema_text(conversation))
    return "\n".join(piece for piece in pieces if piece)


def messages_text(conversation: Conversation) -> str:
    """All text of the messages, thoughts too: no model reads more."""
    return "\n".join(text for text in _texts(conversation, thoughts=True) if text)


def schema_text(conversation: Conversation) -> str:
    """Tools and the schema of the answer, as the client wrote them."""
    pieces = [tool.name + tool.description + tool.schema.decode() for tool in conversation.tools]
    schema = conversation.response_format.schema
    if schema is not None:
        pieces.append(schema.decode())
    return "\n".join(pieces)


def beyond_text(conversation: Conversation) -> bool:
    """Does it hold what no count of text can bound: a file, a sealed thought, a part of its own kind?"""
    return any(
        isinstance(part, OpaquePart | RedactedPart)
        or (isinstance(part, DocumentPart) and part.url is not None)
        for message in conversation.messages
        for whole in message.parts
        for part in (whole, *(whole.parts if isinstance(whole, ResultPart) else ()))
    )


def _texts(conversation: Conversation, *, thoughts: bool) -> Iterator[str]:
    for message in conversation.messages:
        for part in message.parts:
            if thoughts or not isinstance(part, ReasoningPart):
                yield from _texts_of(part)


def _texts_of(part: Part | ToolReferencePart) -> Iterator[str]:
    match part:
        case TextPart() | ReasoningPart():
            yield part.text
        case CallPart():
            yield part.call.name
            yield part.call.arguments
        case ResultPart():
            for inner in part.parts:
                yield from _texts_of(inner)
        case DocumentPart():
            yield part.title or ""
            yield part.context or ""
            yield part.text or ""
        case ToolReferencePart():
            yield part.name
        case ImagePart() | RedactedPart() | OpaquePart():
            pass
