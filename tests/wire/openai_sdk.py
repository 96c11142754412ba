"""Bytes of OpenAI's chat completions, read by its official SDK's own types and accumulator."""

from __future__ import annotations

from typing import cast

from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from tests.wire.openai_frames import Json
from tokenhouse.wire import sse


def accumulated(stream: bytes) -> Json:
    """The SDK's own sum of a stream, as the non-streamed answer would stand."""
    payloads = [payload for _, payload in sse.Reader().feed(stream)]
    assert payloads.pop() == b"[DONE]"
    state = ChatCompletionStreamState()
    for payload in payloads:
        state.handle_chunk(ChatCompletionChunk.model_validate_json(payload))
    return _plain(state.current_completion_snapshot.model_dump(mode="json"))


def read_whole(body: bytes) -> Json:
    return _plain(ChatCompletion.model_validate_json(body).model_dump(mode="json"))


def _plain(answer: Json) -> Json:
    """Without nulls, ``parsed`` and the index that only stream pieces have."""
    return cast("Json", _without(answer, {"object", "parsed", "parsed_arguments"}))


def _without(value: object, names: set[str]) -> object:
    if isinstance(value, dict):
        return {
            key: _without(item, names | ({"index"} if key == "tool_calls" else set()))
            for key, item in cast("Json", value).items()
            if item is not None and item != [] and key not in names
        }
    if isinstance(value, list):
        return [_without(item, names) for item in cast("list[object]", value)]
    return value
