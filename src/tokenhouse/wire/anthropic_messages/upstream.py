"""The lossless lane: a client's own body on its way to a provider that speaks Messages too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from tokenhouse.chat import Request
from tokenhouse.wire.anthropic_messages.request import parsed_of
from tokenhouse.wire.anthropic_messages.versions import SAMPLING, takes_sampling, upstream_version
from tokenhouse.wire.body import NULL, RawFields

COUNTED: Final = (
    "model",
    "messages",
    "system",
    "tools",
    "tool_choice",
    "thinking",
    "output_config",
    "output_format",
    "cache_control",
    "context_management",
    "mcp_servers",
)
"""The fields that ``/v1/messages/count_tokens`` takes."""

_ENCODER: Final = msgspec.json.Encoder()
_TRUE: Final = msgspec.Raw(b"true")
_FALSE: Final = msgspec.Raw(b"false")
_MESSAGES: Final = msgspec.json.Decoder(list[RawFields])
_BLOCKS: Final = msgspec.json.Decoder(list[msgspec.Raw])
_LIST: Final = ord("[")


class _Block(msgspec.Struct):
    type: str = ""
    signature: str | None = None


_BLOCK: Final = msgspec.json.Decoder(_Block)


def upstream_body(
    request: Request,
    *,
    model: str,
    max_tokens: int | None = None,
    defaults: Mapping[str, float] | None = None,
    system_prompt: str | None = None,
    keep_thoughts: bool = True,
) -> bytes:
    """The client's top level as raw values, edited, encoded again.

    Out go ``key``, ``model_id``, ``streaming`` and thoughts that nobody has signed; in come the
    provider's ``model``, ``max_tokens`` when given, ``defaults`` for what the client left out (where
    its version and its thinking take them) and ``system_prompt`` when it sent none. Without
    ``keep_thoughts`` all thoughts go out: for a second try after the endpoint refused a signature.
    """
    raw = _edited(request, model, system_prompt, keep_thoughts=keep_thoughts)
    if request.stream:
        raw["stream"] = _TRUE
    elif "stream" in raw:
        raw["stream"] = _FALSE
    if max_tokens is not None:
        raw["max_tokens"] = msgspec.Raw(b"%d" % max_tokens)
    if not takes_sampling(upstream_version(request)):
        for name in SAMPLING:
            raw.pop(name, None)
    elif defaults and not _thinks(request):
        said = {name for name in SAMPLING if bytes(raw.get(name, NULL)) != NULL}
        for name, value in fitting(defaults, said).items():
            raw[name] = msgspec.Raw(_ENCODER.encode(value))
    return _ENCODER.encode(raw)


def upstream_count_body(request: Request, *, model: str, system_prompt: str | None = None) -> bytes:
    """The same body for the provider's own counter, which takes fewer fields."""
    raw = _edited(request, model, system_prompt, keep_thoughts=True)
    return _ENCODER.encode({name: raw[name] for name in COUNTED if name in raw})


def fitting(defaults: Mapping[str, float], said: set[str]) -> dict[str, float]:
    """The defaults that this API takes beside what a client ``said``: its temperature ends at 1, and
    newer models want either temperature or top_p."""
    found: dict[str, float] = {}
    for name in SAMPLING:
        value = defaults.get(name)
        if value is None or name in said:
            continue
        if name == "top_k":
            if value >= 1:
                found[name] = int(value)
        elif not said & {"temperature", "top_p"} and not found:
            found[name] = min(value, 1.0)
    return found


def _edited(
    request: Request, model: str, system_prompt: str | None, *, keep_thoughts: bool
) -> RawFields:
    parsed = parsed_of(request)
    raw: RawFields = parsed.raw.copy()
    for name in ("key", "model_id", "streaming"):
        raw.pop(name, None)
    raw["model"] = msgspec.Raw(_ENCODER.encode(model))
    if system_prompt is not None and not request.has_system:
        raw["system"] = msgspec.Raw(_ENCODER.encode(system_prompt))
    if parsed.facts.unsigned or not keep_thoughts:
        raw["messages"] = _without_thoughts(raw["messages"], every=not keep_thoughts)
    return raw


def _thinks(request: Request) -> bool:
    thinking = parsed_of(request).shape.thinking
    return thinking is not None and thinking.type != "disabled"


def _without_thoughts(messages: msgspec.Raw, *, every: bool) -> msgspec.Raw:
    """The messages without thoughts that have no signature, or without ``every`` one."""
    kept: list[RawFields] = []
    for message in _MESSAGES.decode(messages):
        content = bytes(message.get("content", NULL))
        if content[0] == _LIST:
            blocks = _BLOCKS.decode(content)
            left = [block for block in blocks if not _goes(block, every=every)]
            if not left and blocks:
                continue
            if len(left) < len(blocks):
                message["content"] = msgspec.Raw(_ENCODER.encode(left))
        kept.append(message)
    return msgspec.Raw(_ENCODER.encode(kept))


def _goes(block: msgspec.Raw, *, every: bool) -> bool:
    told = _BLOCK.decode(block)
    if told.type == "thinking":
        return every or not told.signature
    return every and told.type == "redacted_thinking"
