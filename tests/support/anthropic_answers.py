"""Anthropic messages, their stream events, and the answer such an upstream gives when nothing is scripted.

As with ``answers``: a pure function of the request, one token a word, streamed or not the same text,
calls, thinking and usage. A model of this upstream thinks when it is asked to, calls a tool when it is
forced to, and finds in its cache whatever stands before a ``cache_control``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias, cast

from tests.support import replies
from tests.support.answers import words
from tests.support.replies import Json, Piece, Reply
from tests.support.upstream import Seen, Upstream

ID = "msg_upstream1"
MODEL = "claude-upstream"
SIGNATURE = "EqQBCkYIBxgCKkB1cHN0cmVhbQ=="
CALL_ID = "toolu_upstream1"
OVERLOADED = 529
Object: TypeAlias = dict[str, object]


def anthropic_upstream() -> Upstream:
    """An upstream that speaks this dialect: messages, their count, and its models."""
    up = Upstream()
    up.default = default_reply
    return up


def default_reply(seen: Seen) -> Reply:
    """Messages are echoed and counted, the rest is 404; without key or version as the real one."""
    path = seen.path.partition("?")[0]
    if seen.header("anthropic-version") is None:
        return error(400, "invalid_request_error", "anthropic-version: header is required")
    if seen.header("x-api-key") is None:
        return error(401, "authentication_error", "x-api-key header is required")
    if seen.method == "POST" and path.endswith("/messages/count_tokens"):
        return replies.whole({"input_tokens": prompt_tokens(seen.json)})
    if seen.method == "POST" and path.endswith("/messages"):
        return echo(seen.json)
    return error(404, "not_found_error", f"no such path: {path}")


def error(
    status: int, kind: str, message: str = "it broke", *, headers: replies.Headers = ()
) -> Reply:
    """This dialect's error envelope."""
    return replies.whole(error_body(kind, message), status=status, headers=headers)


def error_body(kind: str, message: str) -> Object:
    return {
        "type": "error",
        "error": {"type": kind, "message": message},
        "request_id": "req_upstream1",
    }


def overloaded() -> Reply:
    return error(OVERLOADED, "overloaded_error", "Overloaded")


def event(body: Json) -> bytes:
    """One stream event; its name is the body's type."""
    return b"event: " + str(body["type"]).encode() + b"\n" + replies.frame(body)


def started(used: Json | None = None, *, model: str = MODEL) -> bytes:
    message = _message([], None, {**usage(5, 1), **(used or {})}) | {"model": model}
    return event({"type": "message_start", "message": message})


def text(index: int, *pieces: str) -> Iterator[bytes]:
    """A whole text block in these pieces."""
    yield opened(index, {"type": "text", "text": ""})
    for piece in pieces:
        yield delta(index, {"type": "text_delta", "text": piece})
    yield closed(index)


def thinking(index: int, *pieces: str, signature: str = SIGNATURE) -> Iterator[bytes]:
    yield opened(index, {"type": "thinking", "thinking": "", "signature": ""})
    for piece in pieces:
        yield delta(index, {"type": "thinking_delta", "thinking": piece})
    yield delta(index, {"type": "signature_delta", "signature": signature})
    yield closed(index)


def call(index: int, name: str, *pieces: str, call_id: str = CALL_ID) -> Iterator[bytes]:
    """A tool_use block; ``pieces`` of its input's JSON text, none at all for {}."""
    yield opened(index, {"type": "tool_use", "id": call_id, "name": name, "input": {}})
    for piece in pieces:
        yield delta(index, {"type": "input_json_delta", "partial_json": piece})
    yield closed(index)


def opened(index: int, block: Json) -> bytes:
    return event({"type": "content_block_start", "index": index, "content_block": block})


def delta(index: int, body: Json) -> bytes:
    return event({"type": "content_block_delta", "index": index, "delta": body})


def closed(index: int) -> bytes:
    return event({"type": "content_block_stop", "index": index})


def ended(
    output: int, reason: str = "end_turn", *, sequence: str | None = None, **used: int
) -> bytes:
    """``used``: what the last usage says beside ``output_tokens`` (input and caches repeat there)."""
    return event(
        {
            "type": "message_delta",
            "delta": {"stop_reason": reason, "stop_sequence": sequence},
            "usage": {**used, "output_tokens": output},
        }
    )


def stopped() -> bytes:
    return event({"type": "message_stop"})


def ping() -> bytes:
    return event({"type": "ping"})


def stream(pieces: Iterable[Piece], *, headers: replies.Headers = ()) -> Reply:
    """A 200 stream of these events: nothing is added."""
    return replies.stream(pieces, done=False, headers=headers)


def usage(prompt: int, output: int, *, read: int = 0, written: int = 0) -> Object:
    """``prompt`` is the whole prompt: input_tokens leaves out what the caches read and wrote."""
    return {
        "input_tokens": prompt - read - written,
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": read,
        "cache_creation": {"ephemeral_5m_input_tokens": written, "ephemeral_1h_input_tokens": 0},
        "output_tokens": output,
        "service_tier": "standard",
    }


def whole(content: list[Object], reason: str, used: Json) -> Reply:
    return replies.whole(_message(content, reason, used))


def echo(body: Json) -> Reply:
    """The answer to a request when nothing was scripted."""
    blocks, reason, sequence = _answer(body)
    tokens = sum(len(words(_said(block))) for block in blocks)
    used = _used(body, tokens)
    model = str(body.get("model"))
    if body.get("stream") is not True:
        message = _message(blocks, reason, used) | {"model": model, "stop_sequence": sequence}
        return replies.whole(message)
    first = {**used, "output_tokens": 1}
    pieces = [started(first, model=model), ping(), *_streamed(blocks)]
    return stream([*pieces, ended(tokens, reason, sequence=sequence), stopped()])


def prompt_tokens(body: Json) -> int:
    """Words of system, messages and tools, three more for each message, 64 for each image."""
    tokens = len(_texts(body.get("system")).split())
    for tool in _objects(body.get("tools")):
        tokens += len(json.dumps(tool).split())
    for message in _objects(body.get("messages")):
        tokens += 3 + len(_texts(message.get("content")).split())
        tokens += 64 * json.dumps(message).count('"type": "image"')
    return tokens


def _answer(body: Json) -> tuple[list[Object], str, str | None]:
    """→ content blocks, stop_reason, stop_sequence."""
    blocks: list[Object] = []
    asked = _object(body.get("thinking"))
    heard = _heard(body)
    if asked.get("type") in ("enabled", "adaptive"):
        blocks.append(
            {"type": "thinking", "thinking": f"They said: {heard}", "signature": SIGNATURE}
        )
    name = _forced_tool(body)
    if name is not None:
        inner: Object = {"heard": heard}
        blocks.append({"type": "tool_use", "id": CALL_ID, "name": name, "input": inner})
        return blocks, "tool_use", None
    said = words(f"You said: {heard}")
    reason, sequence = "end_turn", None
    for stop in cast(list[str], body.get("stop_sequences") or []):
        if stop in "".join(said):
            said = words("".join(said).partition(stop)[0])
            reason, sequence = "stop_sequence", stop
    most = body.get("max_tokens")
    if isinstance(most, int) and most < len(said):
        said, reason, sequence = said[:most], "max_tokens", None
    blocks.append({"type": "text", "text": "".join(said)})
    return blocks, reason, sequence


def _streamed(blocks: list[Object]) -> Iterator[bytes]:
    for index, block in enumerate(blocks):
        pieces = words(_said(block))
        if block["type"] == "thinking":
            yield from thinking(index, *pieces)
        elif block["type"] == "text":
            yield from text(index, *pieces)
        else:
            yield from call(index, str(block["name"]), *pieces)


def _said(block: Json) -> str:
    if block["type"] == "tool_use":
        return json.dumps(block["input"], ensure_ascii=False)
    return str(block["thinking" if block["type"] == "thinking" else "text"])


def _used(body: Json, output: int) -> Object:
    """What stands up to the last cache_control is read from the cache."""
    prompt = prompt_tokens(body)
    read = len(_texts(body.get("system")).split()) if "cache_control" in json.dumps(body) else 0
    return usage(prompt, output, read=read)


def _forced_tool(body: Json) -> str | None:
    choice = _object(body.get("tool_choice"))
    tools = _objects(body.get("tools"))
    if choice.get("type") == "any" and tools:
        return str(tools[0]["name"])
    return str(choice["name"]) if choice.get("type") == "tool" else None


def _heard(body: Json) -> str:
    last = [m for m in _objects(body.get("messages")) if m.get("role") == "user"][-1:]
    return _texts(last[0].get("content")) if last else ""


def _texts(content: object) -> str:
    """All texts of a content, tool results included."""
    if isinstance(content, str):
        return content
    pieces: list[str] = []
    for part in _objects(content):
        if part.get("type") == "tool_result":
            pieces.append(_texts(part.get("content")))
        else:
            pieces.append(str(part.get("text", "")))
    return "".join(pieces)


def _message(content: list[Object], reason: str | None, used: Json) -> Object:
    return {
        "id": ID,
        "type": "message",
        "role": "assistant",
        "model": MODEL,
        "content": content,
        "stop_reason": reason,
        "stop_sequence": None,
        "usage": dict(used),
    }


def _object(value: object) -> Mapping[str, object]:
    return cast(Json, value) if isinstance(value, dict) else {}


def _objects(value: object) -> list[Json]:
    if not isinstance(value, list):
        return []
    return [cast(Json, item) for item in cast(list[object], value) if isinstance(item, dict)]
