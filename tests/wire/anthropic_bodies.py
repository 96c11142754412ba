"""Bodies of Messages requests for tests, and what becomes of them."""

from __future__ import annotations

import msgspec
import pytest

from tokenhouse.chat import Message
from tokenhouse.errors import CallerError
from tokenhouse.wire.anthropic_messages import parse

Json = dict[str, object]
USER: Json = {"role": "user", "content": "Hello"}
TOOL: Json = {"name": "f", "description": "F.", "input_schema": {"type": "object"}}
USE: Json = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"a": 1}}
RESULT: Json = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "one"}


def body(*messages: Json, **fields: object) -> bytes:
    return msgspec.json.encode(
        {"model": "m", "max_tokens": 9, "messages": messages or (USER,)} | fields
    )


def said(*content: Json, role: str = "user") -> Json:
    return {"role": role, "content": content}


def refused(data: bytes, betas: tuple[str, ...] = ()) -> CallerError:
    with pytest.raises(CallerError) as caught:
        parse(data, betas=betas)
    assert caught.value.status == 400
    return caught.value


def messages_of(*messages: Json, **fields: object) -> tuple[Message, ...]:
    return parse(body(*messages, **fields)).conversation().messages


IMAGE: Json = {"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}}
SCHEMA: Json = {"type": "object"}
