"""Bytes of Anthropic's dialect, read by its official SDK: its own decoder, accumulator and errors."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, cast

import httpx2
from anthropic import Anthropic
from anthropic.types import Message

from tests.wire.openai_frames import Json

_ASKED: dict[str, Any] = {
    "model": "a/m",
    "max_tokens": 100,
    "messages": [{"role": "user", "content": "Hi"}],
}


class _Pieces(httpx2.SyncByteStream):
    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        yield from self._pieces


class Sdk:
    """The SDK's client, whose next answer is given by hand."""

    def __init__(self) -> None:
        self._answer = httpx2.Response(200)
        transport = httpx2.MockTransport(lambda request: self._answer)
        self._client = Anthropic(
            api_key="sk-test",
            base_url="http://tokenhouse.test",
            max_retries=0,
            http_client=httpx2.Client(transport=transport),
        )

    def accumulated(self, pieces: Iterable[bytes]) -> Json:
        """The message that the SDK's accumulator makes of a stream. Raises the SDK's errors."""
        kind = {"content-type": "text/event-stream"}
        self._answer = httpx2.Response(200, headers=kind, stream=_Pieces(pieces))
        with self._client.messages.stream(**_ASKED) as stream:
            return plain(stream.get_final_message())

    def read(self, body: bytes, status: int = 200) -> Json:
        """The message that the SDK reads from a whole answer. Raises the SDK's errors."""
        kind = {"content-type": "application/json"}
        self._answer = httpx2.Response(status, headers=kind, content=body)
        return plain(self._client.messages.create(**_ASKED))


def plain(message: Message) -> Json:
    """Without nulls, what only one of a stream and a whole answer has (cost), and the SDK's own."""
    body = cast("Json", json.loads(message.model_dump_json(warnings=False)))
    usage = cast("Json", body["usage"])
    usage.pop("cost", None)
    return cast("Json", _without_nulls(body))


def _without_nulls(value: object) -> object:
    if isinstance(value, dict):
        fields = cast("Json", value)
        return {
            name: _without_nulls(item)
            for name, item in fields.items()
            if item is not None and name != "parsed_output"
        }
    if isinstance(value, list):
        return [_without_nulls(item) for item in cast("list[object]", value)]
    return value
