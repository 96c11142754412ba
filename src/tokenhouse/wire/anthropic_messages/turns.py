"""Messages of a conversation → turns as Anthropic's API wants them.

The user and the assistant take turns, so neighbours of one role become one turn; results of tools are
the user's and stand first in it. System messages behind the beginning stay where they are, unless
results are still to come: those follow their calls directly.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from typing import Final
from urllib.parse import unquote_to_bytes

import msgspec
from msgspec import structs

from tokenhouse.chat import (
    CacheTtl,
    CallPart,
    Conversation,
    DocumentPart,
    ImagePart,
    Message,
    OpaquePart,
    Part,
    ReasoningPart,
    RedactedPart,
    ResultPart,
    TextPart,
    ToolReferencePart,
)
from tokenhouse.wire.anthropic_messages.arguments import is_object, object_of
from tokenhouse.wire.anthropic_messages.wording import unsupported
from tokenhouse.wire.tool_ids import ANTHROPIC_NAME_MOST, ToolIds, safe_name

Json = dict[str, object]

CACHES_MOST: Final = 4
"""The API takes no more than four marks; the last ones are worth most."""

_OPENING: Final = "(The assistant speaks first.)"


class Marks:
    """Gives out cache marks, the last four of ``total``."""

    __slots__ = ("_skipped",)

    def __init__(self, total: int) -> None:
        self._skipped = max(0, total - CACHES_MOST)

    def put(self, block: Json, cache: CacheTtl | None) -> Json:
        """Mark ``block`` when ``cache`` says so; returns it. For five minutes always: an hour has a
        price of its own, which only the lossless lane knows."""
        if cache is None:
            return block
        if self._skipped:
            self._skipped -= 1
            return block
        block["cache_control"] = {"type": "ephemeral"}
        return block


class Turns:
    """Builds the list of messages. CallerError 400 for a part that this API has no word for."""

    __slots__ = ("_ids", "_late", "_marks", "_out", "_waiting", "names")

    def __init__(self, marks: Marks) -> None:
        self._ids = ToolIds("anthropic")
        self._marks = marks
        self._out: list[tuple[str, list[Json]]] = []
        self._waiting: set[str] = set()
        self._late: list[Json] = []
        self.names: set[str] = set()
        """The names of all tools that were called."""

    def add(self, position: int, message: Message) -> None:
        """Message number ``position`` of the conversation."""
        path = f"messages.{position}"
        match message.role:
            case "system" | "developer":
                blocks = texts_of(message.parts, self._marks)
                if self._waiting:
                    self._late += blocks
                elif blocks:
                    self._append("system", blocks)
            case "assistant":
                self._flush()
                self._append("assistant", list(self._assistant(path, message.parts)))
            case "tool" | "user":
                if message.role == "user":
                    self._flush()
                self._append("user", list(self._user(path, message.parts)))
                if not self._waiting:
                    self._flush()

    def finish(self, *, continued: bool) -> list[Json]:
        """All turns. ``continued``: the last one is the beginning of the answer."""
        self._flush()
        out = self._out
        if out and next((role for role, _ in out if role != "system"), "") == "assistant":
            out.insert(0, ("user", [{"type": "text", "text": _OPENING}]))
        if continued and out and out[-1][0] == "assistant":
            _trim(out[-1][1])
            if not out[-1][1]:
                out.pop()
        return [{"role": role, "content": _content(role, blocks)} for role, blocks in out]

    def _flush(self) -> None:
        self._waiting.clear()
        if self._late:
            self._append("system", self._late)
            self._late = []

    def _append(self, role: str, blocks: list[Json]) -> None:
        if not blocks:
            return
        if self._out and self._out[-1][0] == role:
            self._out[-1][1].extend(blocks)
        else:
            self._out.append((role, blocks))

    def _assistant(self, path: str, parts: Sequence[Part]) -> Iterable[Json]:
        for part in parts:
            match part:
                case ReasoningPart():
                    if part.signature:  # unsigned, the API refuses it
                        yield {
                            "type": "thinking",
                            "thinking": part.text,
                            "signature": part.signature,
                        }
                case RedactedPart():
                    yield {"type": "redacted_thinking", "data": part.data}
                case CallPart():
                    call = part.call
                    self._waiting.add(call.id)
                    name = safe_name(call.name, ANTHROPIC_NAME_MOST)
                    self.names.add(name)
                    block: Json = {
                        "type": "tool_use",
                        "id": self._ids.map(call.id),
                        "name": name,
                        "input": _input(call.arguments),
                    }
                    yield self._marks.put(block, part.cache)
                case TextPart():
                    if part.text:
                        yield self._marks.put({"type": "text", "text": part.text}, part.cache)
                case _:
                    raise unsupported(f"{path}.content", "such a part in an assistant's message")

    def _user(self, path: str, parts: Sequence[Part]) -> Iterable[Json]:
        for part in parts:
            if isinstance(part, ResultPart):
                self._waiting.discard(part.call_id)
                yield self._result(path, part)
            else:
                yield from self._shown(path, part)

    def _result(self, path: str, part: ResultPart) -> Json:
        block: Json = {"type": "tool_result", "tool_use_id": self._ids.map(part.call_id)}
        inner = part.parts
        if len(inner) == 1 and isinstance(inner[0], TextPart) and inner[0].cache is None:
            block["content"] = inner[0].text
        elif inner:
            block["content"] = [shown for one in inner for shown in self._shown(path, one)]
        if part.is_error:
            block["is_error"] = True
        return self._marks.put(block, part.cache)

    def _shown(self, path: str, part: Part) -> Iterable[Json]:
        match part:
            case TextPart():
                if part.text:
                    yield self._marks.put({"type": "text", "text": part.text}, part.cache)
            case ImagePart():
                block: Json = {"type": "image", "source": _source(f"{path}.content", part.url)}
                yield self._marks.put(block, part.cache)
            case DocumentPart():
                yield self._marks.put(_document(f"{path}.content", part), part.cache)
            case ToolReferencePart():
                yield {"type": "tool_reference", "tool_name": part.name}
            case OpaquePart():
                raise unsupported(f"{path}.content", f"content of the type {part.kind!r}")
            case _:
                raise unsupported(f"{path}.content", "such a part in a user's message")


def reminded(conversation: Conversation) -> Conversation:
    """The conversation with its late system messages as the user's, marked, in the same places: for
    servers of this dialect that take system messages at the beginning alone."""
    began = False
    messages: list[Message] = []
    for message in conversation.messages:
        is_system = message.role in ("system", "developer")
        if is_system and began:
            text = "\n\n".join(part.text for part in message.parts if isinstance(part, TextPart))
            reminder = TextPart(f"<system-reminder>\n{text}\n</system-reminder>")
            message = Message("user", (reminder,))
        began = began or not is_system
        messages.append(message)
    return structs.replace(conversation, messages=tuple(messages))


def texts_of(parts: Sequence[Part], marks: Marks) -> list[Json]:
    """The text blocks of ``parts``, empty ones left out: the API refuses those."""
    return [
        marks.put({"type": "text", "text": part.text}, part.cache)
        for part in parts
        if isinstance(part, TextPart) and part.text
    ]


def plain(blocks: list[Json]) -> object:
    """One plain text is written as such."""
    if len(blocks) == 1 and blocks[0].keys() == {"type", "text"}:
        return blocks[0]["text"]
    return blocks


def _content(role: str, blocks: list[Json]) -> object:
    if role == "user":
        blocks.sort(key=_is_said)
    return plain(blocks)


def _is_said(block: Json) -> bool:
    return block["type"] != "tool_result"


def _trim(blocks: list[Json]) -> None:
    """The API refuses a beginning of an answer that ends in blanks."""
    last = blocks[-1]
    if last["type"] == "text":
        last["text"] = str(last["text"]).rstrip()
        if not last["text"]:
            blocks.pop()


def _input(arguments: str) -> msgspec.Raw:
    if is_object(arguments):
        return msgspec.Raw(arguments.strip().encode())
    return msgspec.Raw(object_of(arguments))


def _source(path: str, url: str) -> Json:
    if url[:5].lower() != "data:":
        return {"type": "url", "url": url}
    head, comma, data = url[5:].partition(",")
    if not comma:
        raise unsupported(path, "a data: address without a comma")
    media_type, *options = head.split(";")
    if "base64" not in options:
        data = base64.b64encode(unquote_to_bytes(data)).decode()
    return {"type": "base64", "media_type": media_type or "text/plain", "data": data}


def _document(path: str, part: DocumentPart) -> Json:
    block: Json = {"type": "document"}
    if part.url is not None:
        block["source"] = _source(path, part.url)
    else:
        block["source"] = {"type": "text", "media_type": "text/plain", "data": part.text or ""}
    if part.title is not None:
        block["title"] = part.title
    if part.context is not None:
        block["context"] = part.context
    return block
