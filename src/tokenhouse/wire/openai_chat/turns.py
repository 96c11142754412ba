"""Messages of a conversation → messages as chat completions have them.

Results follow their calls directly, one message each; what they hold beside text moves to a user
message behind them, for a tool message takes text. A system message stays where it is, unless results
are still to come; a Mistral takes none behind an answer or a result, so there it is the user's, marked.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from tokenhouse.chat import (
    CallPart,
    DocumentPart,
    ImagePart,
    Message,
    OpaquePart,
    Part,
    ResultPart,
    TextPart,
    ToolReferencePart,
)
from tokenhouse.wire.body import invalid
from tokenhouse.wire.tool_ids import OPENAI_NAME_MOST, IdStyle, ToolIds, safe_name

Json = dict[str, object]

_FAILED: Final = "Error: "


def turns_of(messages: Sequence[Message], style: IdStyle) -> list[Json]:
    """The messages; ``style`` is that of the provider's ids. CallerError 400 for a linked document."""
    turns = _Turns(style)
    for position, message in enumerate(messages):
        turns.add(position, message)
    return turns.finish()


class _Turns:
    """What was said so far, which calls wait for their results, and what waits for those."""

    __slots__ = ("_ids", "_late", "_out", "_shown", "_style", "_waiting")

    def __init__(self, style: IdStyle) -> None:
        self._style: IdStyle = style
        self._ids = ToolIds(style)
        self._out: list[Json] = []
        self._waiting: set[str] = set()
        self._shown: list[object] = []
        self._late: list[Json] = []

    def add(self, position: int, message: Message) -> None:
        if message.role == "tool":
            self._result(position, message)
            return
        if message.role in ("system", "developer"):
            self._system(position, message)
            return
        self._flush()
        if message.role == "assistant":
            self._out.append(self._assistant(message))
        else:
            content = _content(position, message)
            self._out.append(_named({"role": message.role, "content": content}, message))

    def finish(self) -> list[Json]:
        self._flush()
        return self._out

    def _flush(self) -> None:
        self._waiting.clear()
        if self._shown:
            self._out.append({"role": "user", "content": self._shown})
            self._shown = []
        self._out += self._late
        self._late = []

    def _system(self, position: int, message: Message) -> None:
        if not self._waiting:
            self._flush()
        before = self._out[-1]["role"] if self._out else "system"
        if self._style == "mistral" and before in ("assistant", "tool"):
            text = "\n\n".join(part.text for part in message.parts if isinstance(part, TextPart))
            reminder = f"<system-reminder>\n{text}\n</system-reminder>"
            made: Json = {"role": "user", "content": reminder}
        else:
            made = {"role": message.role, "content": _content(position, message)}
        (self._late if self._waiting else self._out).append(_named(made, message))

    def _assistant(self, message: Message) -> Json:
        texts = [part.text for part in message.parts if isinstance(part, TextPart)]
        calls = [part.call for part in message.parts if isinstance(part, CallPart)]
        content: object = None
        if len(texts) == 1:
            content = texts[0]
        elif texts:
            content = [{"type": "text", "text": text} for text in texts]
        elif not calls:
            content = ""
        out: Json = {"role": "assistant", "content": content}
        if calls:
            self._waiting.update(call.id for call in calls)
            out["tool_calls"] = [
                {
                    "id": self._ids.map(call.id),
                    "type": "function",
                    "function": {
                        "name": safe_name(call.name, OPENAI_NAME_MOST),
                        "arguments": call.arguments,
                    },
                }
                for call in calls
            ]
        return _named(out, message)

    def _result(self, position: int, message: Message) -> None:
        out: Json = {"role": "tool"}
        texts: list[str] = []
        for part in message.parts:
            if not isinstance(part, ResultPart):
                continue
            self._waiting.discard(part.call_id)
            out["tool_call_id"] = self._ids.map(part.call_id)
            for inner in part.parts:
                shown = _part(position, inner)
                if isinstance(inner, TextPart):
                    texts.append(inner.text)
                elif shown.get("type") == "text":
                    texts.append(str(shown["text"]))
                else:
                    self._shown.append(shown)
            if part.is_error:
                texts = [_FAILED + (texts[0] if texts else ""), *texts[1:]]
        if len(texts) > 1:
            out["content"] = [{"type": "text", "text": text} for text in texts]
        else:
            out["content"] = texts[0] if texts else ""
        self._out.append(_named(out, message))


def _content(position: int, message: Message) -> object:
    parts = message.parts
    if not parts:
        return ""
    if len(parts) == 1 and isinstance(parts[0], TextPart):
        return parts[0].text
    return [
        msgspec.Raw(part.raw) if isinstance(part, OpaquePart) else _part(position, part)
        for part in parts
        if isinstance(part, (TextPart, ImagePart, DocumentPart, ToolReferencePart, OpaquePart))
    ]


def _part(position: int, part: Part) -> Json:
    match part:
        case TextPart():
            return {"type": "text", "text": part.text}
        case ImagePart():
            url: Json = {"url": part.url}
            if part.detail is not None:
                url["detail"] = part.detail
            return {"type": "image_url", "image_url": url}
        case DocumentPart():
            return _document(position, part)
        case ToolReferencePart():
            return {"type": "text", "text": f"The tool {part.name} can be called now."}
        case _:
            raise TypeError(f"{type(part).__name__} is no content")


def _document(position: int, part: DocumentPart) -> Json:
    if part.text is not None:
        head = "\n".join(line for line in (part.title, part.context) if line)
        return {"type": "text", "text": f"{head}\n\n{part.text}" if head else part.text}
    url = part.url or ""
    if not url.startswith("data:"):
        param = f"messages[{position}].content"
        raise invalid(
            param,
            f"This model's provider can't take linked documents ('{param}').",
            code="unsupported",
        )
    file: Json = {"file_data": url}
    if part.title is not None:
        file["filename"] = part.title
    return {"type": "file", "file": file}


def _named(out: Json, message: Message) -> Json:
    if message.name is not None:
        out["name"] = message.name
    return out
