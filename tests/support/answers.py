"""OpenAI chat answers and chunks, and the answer an upstream gives when nothing is scripted.

That answer is a pure function of the request: it says back the last user message, word by word, one
token a word. Streamed or not, it has the same text, the same calls and the same usage.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias, cast

from tests.support.replies import Json, Piece, Reply, stream, whole

ID = "chatcmpl-upstream1"
CREATED = 1_767_225_600
MODEL = "m"
Object: TypeAlias = dict[str, object]


def chunk(
    delta: Json | None, *, choice: int = 0, finish: str | None = None, usage: Json | None = None
) -> Object:
    """One chunk with one choice. ``usage``: put it into this very chunk (some upstreams do)."""
    body = _base("chat.completion.chunk")
    body["choices"] = [{"index": choice, "delta": delta or {}, "finish_reason": finish}]
    if usage is not None:
        body["usage"] = usage
    return body


def role(choice: int = 0, *, content: str | None = "") -> Object:
    return chunk({"role": "assistant", "content": content}, choice=choice)


def text(piece: str, choice: int = 0, *, usage: Json | None = None) -> Object:
    return chunk({"content": piece}, choice=choice, usage=usage)


def reasoning(piece: str, choice: int = 0, *, field: str = "reasoning_content") -> Object:
    return chunk({field: piece}, choice=choice)


def call(
    index: int | None,
    *,
    id: str | None = None,
    name: str | None = None,
    arguments: str | None = None,
    choice: int = 0,
) -> Object:
    """A piece of a tool call; ``index`` None leaves the index out, as some upstreams do."""
    piece: Object = {} if index is None else {"index": index}
    if id is not None:
        piece |= {"id": id, "type": "function"}
    function: Object = {} if name is None else {"name": name}
    if arguments is not None:
        function["arguments"] = arguments
    return chunk({"tool_calls": [piece | {"function": function}]}, choice=choice)


def end(reason: str = "stop", choice: int = 0, *, usage: Json | None = None) -> Object:
    return chunk(None, choice=choice, finish=reason, usage=usage)


def usage(prompt: int, completion: int, **details: int) -> Object:
    """A usage object; ``cached`` and ``reasoning`` go into its details."""
    body: Object = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }
    if "cached" in details:
        body["prompt_tokens_details"] = {"cached_tokens": details["cached"]}
    if "reasoning" in details:
        body["completion_tokens_details"] = {"reasoning_tokens": details["reasoning"]}
    return body


def usage_chunk(prompt: int, completion: int, **details: int) -> Object:
    """The last chunk when usage was asked for: no choices."""
    return _base("chat.completion.chunk") | {
        "choices": [],
        "usage": usage(prompt, completion, **details),
    }


def completion(messages: Sequence[tuple[Json, str]], used: Json | None) -> Object:
    """A whole answer: (message, finish_reason) per choice; ``used`` None leaves the usage out."""
    body = _base("chat.completion")
    body["choices"] = [
        {"index": index, "message": {"role": "assistant"} | dict(message), "finish_reason": reason}
        for index, (message, reason) in enumerate(messages)
    ]
    if used is not None:
        body["usage"] = used
    return body


def said(content: str, prompt: int = 5, reason: str = "stop") -> Reply:
    """A whole answer of one choice with this text; its usage counts words."""
    used = usage(prompt, len(words(content)))
    return whole(completion([({"content": content}, reason)], used))


def said_in_pieces(pieces: Iterable[str], prompt: int = 5, reason: str = "stop") -> Reply:
    """The same as a stream, usage in a last chunk of its own."""
    listed = list(pieces)
    used = usage_chunk(prompt, len(listed))
    return stream([role(), *(text(piece) for piece in listed), end(reason), used])


def words(content: str) -> list[str]:
    """A text as its pieces, blanks before the word: what counts as a token here."""
    return re.findall(r"\s*\S+", content)


def echo(body: Json) -> Reply:
    """The answer to a request when nothing was scripted."""
    choices = [_choice(body, index) for index in range(_number(body, "n", 1))]
    tokens = sum(len(pieces) for _, pieces, _ in choices)
    prompt = prompt_tokens(body)
    if body.get("stream") is not True:
        answers = [(_message(name, pieces), reason) for name, pieces, reason in choices]
        return whole(completion(answers, usage(prompt, tokens)) | {"model": body.get("model")})
    frames = [_stamp(frame, body) for frame in _chunks(choices)]
    options = body.get("stream_options")
    if isinstance(options, Mapping) and cast(Json, options).get("include_usage") is True:
        frames.append(_stamp(usage_chunk(prompt, tokens), body))
    return stream(frames)


def prompt_tokens(body: Json) -> int:
    """Words of all messages, three more for each message, 64 for each image."""
    tokens = 0
    for message in _objects(body.get("messages")):
        tokens += 3 + len(_content(message).split())
        parts = _objects(message.get("content"))
        tokens += 64 * sum(part.get("type") == "image_url" for part in parts)
    return tokens


def _choice(body: Json, index: int) -> tuple[str | None, list[str], str]:
    """→ the tool that is called (or None), the pieces of text or arguments, the finish reason."""
    last = [m for m in _objects(body.get("messages")) if m.get("role") == "user"][-1:]
    heard = _content(last[0]) if last else ""
    tool = _forced_tool(body)
    if tool is not None:
        arguments = json.dumps({"heard": heard}, ensure_ascii=False)
        return tool, words(arguments), "tool_calls"
    said = f"You said: {heard}" if index == 0 else f"Choice {index}: you said: {heard}"
    pieces, reason = words(said), "stop"
    most = _number(body, "max_completion_tokens", _number(body, "max_tokens", len(pieces)))
    if most < len(pieces):
        pieces, reason = pieces[:most], "length"
    return None, pieces, reason


def _forced_tool(body: Json) -> str | None:
    asked = body.get("tool_choice")
    tools = [cast(Json, tool["function"]) for tool in _objects(body.get("tools"))]
    if asked == "required" and tools:
        return str(tools[0]["name"])
    if isinstance(asked, Mapping):
        return str(cast(Json, cast(Json, asked)["function"])["name"])
    return None


def _message(tool: str | None, pieces: list[str]) -> Object:
    whole_text = "".join(pieces)
    if tool is None:
        return {"content": whole_text}
    function = {"name": tool, "arguments": whole_text}
    return {
        "content": None,
        "tool_calls": [{"id": "call_1", "type": "function", "function": function}],
    }


def _chunks(choices: Sequence[tuple[str | None, list[str], str]]) -> Iterator[Object]:
    for index, (tool, pieces, reason) in enumerate(choices):
        yield role(index, content="" if tool is None else None)
        if tool is None:
            yield from (text(piece, index) for piece in pieces)
        else:
            yield call(0, id="call_1", name=tool, arguments="", choice=index)
            yield from (call(0, arguments=piece, choice=index) for piece in pieces)
        yield end(reason, index)


def _content(message: Json) -> str:
    content = message.get("content")
    if isinstance(content, str):
        return content
    return "".join(str(part.get("text", "")) for part in _objects(content))


def _objects(value: object) -> list[Json]:
    if not isinstance(value, list):
        return []
    return [cast(Json, item) for item in cast(list[object], value) if isinstance(item, dict)]


def _number(body: Json, name: str, otherwise: int) -> int:
    value = body.get(name)
    return value if isinstance(value, int) else otherwise


def _stamp(frame: Object, body: Json) -> Piece:
    return frame | {"model": body.get("model")}


def _base(kind: str) -> Object:
    return {"id": ID, "object": kind, "created": CREATED, "model": MODEL}
