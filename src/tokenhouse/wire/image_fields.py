"""Where in a request an image stands, in the words of the client's dialect: for complaints about it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import msgspec

from tokenhouse.chat import Dialect

Json = dict[str, object]


def image_field(dialect: Dialect, body: bytes, url: str | None = None) -> str:
    """The field that holds the image ``url`` (https or data:, as in ``ImagePart``), or the first image
    of all: ``messages[2].content[1].image_url.url``, ``messages.0.content.1.image.source.url.url``.
    ``messages`` where it can't be found."""
    found = _anthropic(body) if dialect == "anthropic_messages" else _openai(body)
    for field, its_url in found:
        if url is None or its_url == url:
            return field
    return "messages"


def _openai(body: bytes) -> Iterator[tuple[str, str]]:
    for i, message in enumerate(_messages(body)):
        for j, part in enumerate(_objects(message.get("content"))):
            image = part.get("image_url")
            field = f"messages[{i}].content[{j}].image_url"
            if isinstance(image, str):
                yield field, image
            elif isinstance(image, dict):
                yield f"{field}.url", str(cast("Json", image).get("url"))


def _anthropic(body: bytes) -> Iterator[tuple[str, str]]:
    for i, message in enumerate(_messages(body)):
        yield from _blocks(f"messages.{i}.content", message.get("content"))


def _blocks(path: str, content: object) -> Iterator[tuple[str, str]]:
    for i, block in enumerate(_objects(content)):
        kind, source = block.get("type"), block.get("source")
        if kind == "image" and isinstance(source, dict):
            yield from _source(f"{path}.{i}.image.source", cast("Json", source))
        elif kind in ("tool_result", "search_result"):
            yield from _blocks(f"{path}.{i}.{kind}.content", block.get("content"))
        elif kind == "document" and isinstance(source, dict):
            inner = cast("Json", source).get("content")
            yield from _blocks(f"{path}.{i}.document.source.content", inner)


def _source(path: str, source: Json) -> Iterator[tuple[str, str]]:
    if source.get("type") == "base64":
        url = f"data:{source.get('media_type')};base64,{source.get('data')}"
        yield f"{path}.base64.data", url
    else:
        yield f"{path}.url.url", str(source.get("url"))


def _messages(body: bytes) -> list[Json]:
    return _objects(msgspec.json.decode(body, type=Json).get("messages"))


def _objects(value: object) -> list[Json]:
    """The list's items; what is no object is an empty one, so that numbers stay."""
    if not isinstance(value, list):
        return []
    items = cast("list[object]", value)
    return [cast("Json", item) if isinstance(item, dict) else {} for item in items]
