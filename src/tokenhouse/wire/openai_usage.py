"""Usage as OpenAI's dialects write it ⇄ the house's disjoint buckets.

There ``prompt_tokens`` includes cached tokens and ``completion_tokens`` includes reasoning; here a
token is in one bucket only. Numbers of an upstream are kept within 0 … 2⁴⁰: a bill never multiplies
an absurd one.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import msgspec

from tokenhouse import money
from tokenhouse.chat import Usage

_MOST: Final = 2**40


def read_usage(raw: bytes | msgspec.Raw) -> Usage | None:
    """An upstream's usage object → buckets; None when it is no object or tells no counts."""
    fields = _object(raw)
    if "prompt_tokens" not in fields and "completion_tokens" not in fields:
        return None
    prompt = _count(fields.get("prompt_tokens"))
    completion = _count(fields.get("completion_tokens"))
    of_prompt = _object(fields.get("prompt_tokens_details"))
    of_completion = _object(fields.get("completion_tokens_details"))
    cached = min(_count(of_prompt.get("cached_tokens")), prompt)
    written = min(_count(of_prompt.get("cache_write_tokens")), prompt - cached)
    reasoning = _count(of_completion.get("reasoning_tokens"))
    # Some upstreams leave reasoning out of completion_tokens; their total gives it away.
    apart = reasoning > 0 and _count(fields.get("total_tokens")) == prompt + completion + reasoning
    reasoning = reasoning if apart else min(reasoning, completion)
    return Usage(
        input=prompt - cached - written,
        cache_read=cached,
        cache_write=written,
        output=completion if apart else completion - reasoning,
        reasoning=reasoning,
    )


def usage_json(usage: Usage, cost: int | None, upstream: bytes | None = None) -> bytes:
    """Buckets and ``cost`` (nanodollars) → OpenAI's usage object.

    ``upstream`` is the provider's own usage object: fields of it that the house does not count
    survive (never ``cost`` or ``cost_details``: what the house pays is its own affair).
    """
    survivors = _object(upstream)
    if not survivors:
        return _plain(usage, cost)
    fields: dict[str, object] = {
        name: value for name, value in survivors.items() if name not in _HOUSE_ONLY
    }
    fields["prompt_tokens"] = usage.prompt_tokens
    fields["completion_tokens"] = usage.answer_tokens
    fields["total_tokens"] = usage.prompt_tokens + usage.answer_tokens
    fields["prompt_tokens_details"] = {
        **_object(survivors.get("prompt_tokens_details")),
        "cached_tokens": usage.cache_read,
        "cache_write_tokens": usage.cache_write,
    }
    fields["completion_tokens_details"] = {
        **_object(survivors.get("completion_tokens_details")),
        "reasoning_tokens": usage.reasoning,
    }
    if cost is not None:
        fields["cost"] = msgspec.Raw(money.usd_number(cost))
    return msgspec.json.encode(fields)


_HOUSE_ONLY: Final = frozenset({"cost", "cost_details", "is_byok"})


def _plain(usage: Usage, cost: int | None) -> bytes:
    prompt, answer = usage.prompt_tokens, usage.answer_tokens
    tail = b"}" if cost is None else b',"cost":' + money.usd_number(cost) + b"}"
    return (
        b'{"prompt_tokens":%d,"completion_tokens":%d,"total_tokens":%d,'
        b'"prompt_tokens_details":{"cached_tokens":%d,"cache_write_tokens":%d},'
        b'"completion_tokens_details":{"reasoning_tokens":%d}'
        % (prompt, answer, prompt + answer, usage.cache_read, usage.cache_write, usage.reasoning)
    ) + tail


def _object(value: object) -> Mapping[str, msgspec.Raw]:
    """Raw JSON → its fields; an empty mapping for anything that is no object."""
    if not isinstance(value, (bytes, msgspec.Raw)):
        return _NOTHING
    try:
        return msgspec.json.decode(value, type=dict[str, msgspec.Raw])
    except (ValueError, RecursionError):
        return _NOTHING


_NOTHING: Final[Mapping[str, msgspec.Raw]] = MappingProxyType({})


def _count(raw: msgspec.Raw | None) -> int:
    if raw is None:
        return 0
    try:
        value = msgspec.json.decode(raw, type=int | float | None)
    except (ValueError, RecursionError):
        return 0
    return 0 if value is None else int(min(max(value, 0), _MOST))
