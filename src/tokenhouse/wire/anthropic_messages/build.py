"""A conversation of another dialect as a Messages body."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, cast

import msgspec

from tokenhouse.chat import (
    CallPart,
    Conversation,
    Message,
    OpaquePart,
    Part,
    ReasoningPart,
    RedactedPart,
    ResultPart,
    Sampling,
    TextPart,
    Tool,
)
from tokenhouse.wire.anthropic_messages.effort import thinking_of
from tokenhouse.wire.anthropic_messages.turns import Json, Marks, Turns, plain, texts_of
from tokenhouse.wire.anthropic_messages.upstream import COUNTED, fitting
from tokenhouse.wire.anthropic_messages.versions import FIRST_VERSION, takes_sampling
from tokenhouse.wire.anthropic_messages.wording import unsupported
from tokenhouse.wire.body import RawFields
from tokenhouse.wire.tool_ids import ANTHROPIC_NAME_MOST, safe_name

_ENCODER: Final = msgspec.json.Encoder()
_SCHEMA: Final = msgspec.json.Decoder(RawFields)
_CHOICES: Final = {"auto": "auto", "none": "none", "required": "any", "named": "tool"}
_ONE_OBJECT: Final = "Answer with one JSON object and nothing else."


def build_upstream_body(
    conversation: Conversation,
    *,
    model: str,
    max_tokens: int,
    stream: bool = False,
    version: str = FIRST_VERSION,
    defaults: Mapping[str, float] | None = None,
) -> bytes:
    """CallerError 400 for what this API has no word for and an answer depends on: audio, log
    probabilities, token biases, stopping at blanks. Seeds and penalties stay behind: they are wishes
    about drawing. A temperature above 1 is 1. Sampling parameters only under a version that takes them,
    and only where the model does not think.
    """
    _refuse(conversation)
    body = _told(conversation, model)
    body["max_tokens"] = max_tokens
    if stream:
        body["stream"] = True
    thinking, effort = thinking_of(conversation, max_tokens, version)
    if thinking is not None:
        body["thinking"] = thinking
    _put_output(body, conversation, effort)
    if takes_sampling(version):
        thinks = thinking is not None and thinking["type"] != "disabled"
        _put_sampling(body, conversation.sampling, {} if thinks else defaults or {}, thinks=thinks)
    if conversation.sampling.stop:
        body["stop_sequences"] = conversation.sampling.stop
    if conversation.user is not None:
        body["metadata"] = {"user_id": conversation.user}
    return _ENCODER.encode(body)


def build_count_body(conversation: Conversation, *, model: str, max_tokens: int) -> bytes:
    """The same conversation for the provider's own counter."""
    body = _told(conversation, model)
    thinking, effort = thinking_of(conversation, max_tokens, FIRST_VERSION)
    if thinking is not None:
        body["thinking"] = thinking
    _put_output(body, conversation, effort)
    return _ENCODER.encode({name: body[name] for name in COUNTED if name in body})


def _refuse(conversation: Conversation) -> None:
    sampling = conversation.sampling
    if sampling.logprobs:
        raise unsupported("logprobs", "a wish for log probabilities")
    if sampling.logit_bias:
        raise unsupported("logit_bias", "biases for tokens")
    if any(not text.strip() for text in sampling.stop):
        raise unsupported("stop", "a stop text of blanks alone")


def _told(conversation: Conversation, model: str) -> Json:
    """Everything that is told to the model: system, messages, tools."""
    marks = Marks(_cache_count(conversation))
    body: Json = {"model": model}
    allowed = conversation.tool_choice.allowed  # this API has no word for it: others are not shown
    tools = [
        _tool(tool, marks) for tool in conversation.tools if allowed is None or tool.name in allowed
    ]
    messages = conversation.messages
    first = next(
        (i for i, message in enumerate(messages) if message.role not in ("system", "developer")),
        max(0, len(messages) - 1),  # with system messages alone, the last is the question
    )
    system = [block for message in messages[:first] for block in texts_of(message.parts, marks)]
    if conversation.response_format.kind == "json_object":
        system.append({"type": "text", "text": _ONE_OBJECT})
    if system:
        body["system"] = plain(system)
    turns = Turns(marks)
    for position, message in enumerate(messages[first:], first):
        if position == first and message.role in ("system", "developer"):
            message = Message("user", message.parts)
        turns.add(position, message)
    body["messages"] = turns.finish(continued=conversation.continue_last)
    if not body["messages"]:
        raise unsupported("messages", "a conversation without content")
    if tools:
        body["tools"] = tools
        _put_choice(body, conversation)
    elif turns.names:  # the API takes no calls of tools that are not there
        schema: Json = {"type": "object"}
        body["tools"] = [{"name": name, "input_schema": schema} for name in sorted(turns.names)]
        body["tool_choice"] = {"type": "none"}
    return body


def _tool(tool: Tool, marks: Marks) -> Json:
    out: Json = {"name": safe_name(tool.name, ANTHROPIC_NAME_MOST)}
    if tool.description:
        out["description"] = tool.description
    schema = _SCHEMA.decode(tool.schema)
    out["input_schema"] = (
        msgspec.Raw(tool.schema) if "type" in schema else {"type": "object", **schema}
    )
    if tool.strict:
        out["strict"] = True
    if tool.deferred:
        out["defer_loading"] = True
    return marks.put(out, tool.cache)


def _put_choice(body: Json, conversation: Conversation) -> None:
    chosen = conversation.tool_choice
    choice: Json = {"type": _CHOICES[chosen.mode]}
    if chosen.name is not None:
        choice["name"] = safe_name(chosen.name, ANTHROPIC_NAME_MOST)
    if not conversation.parallel_tool_calls and chosen.mode != "none":
        choice["disable_parallel_tool_use"] = True
    if choice != {"type": "auto"}:
        body["tool_choice"] = choice


def _put_output(body: Json, conversation: Conversation, effort: str | None) -> None:
    config: Json = {}
    if effort is not None:
        config["effort"] = effort
    wanted = conversation.response_format
    if wanted.kind == "json_schema" and wanted.schema is not None:
        schema = cast(object, msgspec.json.decode(wanted.schema))
        config["format"] = {
            "type": "json_schema",
            "schema": msgspec.Raw(wanted.schema) if _is_closed(schema) else _closed(schema),
        }
    if config:
        body["output_config"] = config


def _put_sampling(
    body: Json, sampling: Sampling, defaults: Mapping[str, float], *, thinks: bool
) -> None:
    asked: dict[str, float] = {}
    if sampling.temperature is not None:
        asked["temperature"] = min(sampling.temperature, 1.0)
    if sampling.top_p is not None and not (asked and sampling.top_p == 1):
        asked["top_p"] = sampling.top_p
    if sampling.top_k is not None and sampling.top_k > 0:
        asked["top_k"] = sampling.top_k
    if not thinks:  # a model that thinks takes none of them
        body.update(asked)
        body.update(fitting(defaults, set(asked)))


def _is_closed(schema: object) -> bool:
    """Does every object of ``schema`` say that it takes no other fields? The API wants that."""
    if isinstance(schema, dict):
        fields = cast("dict[str, object]", schema)
        is_open = fields.get("type") == "object" and "additionalProperties" not in fields
        return not is_open and all(map(_is_closed, fields.values()))
    if isinstance(schema, list):
        return all(map(_is_closed, cast("list[object]", schema)))
    return True


def _closed(schema: object) -> object:
    if isinstance(schema, dict):
        fields = {name: _closed(value) for name, value in cast("Json", schema).items()}
        if fields.get("type") == "object":
            fields.setdefault("additionalProperties", False)
        return fields
    if isinstance(schema, list):
        return [_closed(value) for value in cast("list[object]", schema)]
    return schema


def _cache_count(conversation: Conversation) -> int:
    total = sum(tool.cache is not None for tool in conversation.tools)
    return total + sum(_caches(part) for message in conversation.messages for part in message.parts)


def _caches(part: Part) -> int:
    """Marks on what is sent of ``part``: empty texts are not."""
    if isinstance(part, (ReasoningPart, RedactedPart, OpaquePart)):
        return 0
    if isinstance(part, TextPart):
        return int(part.cache is not None and bool(part.text))
    if isinstance(part, ResultPart):
        return int(part.cache is not None) + sum(_caches(inner) for inner in part.parts)
    if isinstance(part, CallPart):
        return int(part.cache is not None)
    return int(getattr(part, "cache", None) is not None)
