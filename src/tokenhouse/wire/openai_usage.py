"""Usage as OpenAI's dialects write it ⇄ the house's disjoint buckets.

There ``prompt_tokens`` includes cached tokens and ``completion_tokens`` includes reasoning; here a
token is in one bucket only.
"""

from __future__ import annotations

from typing import Final

import msgspec

from tokenhouse import money
from tokenhouse.chat import Usage
from tokenhouse.wire.counts import HOUSE_ONLY, fields_of, number, within


class _PromptDetails(msgspec.Struct, gc=False):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class _CompletionDetails(msgspec.Struct, gc=False):
    reasoning_tokens: int | None = None


class _Usage(msgspec.Struct, gc=False):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    prompt_tokens_details: _PromptDetails | None = None
    completion_tokens_details: _CompletionDetails | None = None


_TYPED: Final = msgspec.json.Decoder(_Usage)


def read_usage(raw: bytes | msgspec.Raw) -> Usage | None:
    """An upstream's usage object → buckets; None when it is no object or tells no counts."""
    try:
        told = _TYPED.decode(raw)
    except (ValueError, RecursionError):
        told = _read_leniently(raw)
    if told.prompt_tokens is None and told.completion_tokens is None:
        return None
    prompt = within(told.prompt_tokens)
    completion = within(told.completion_tokens)
    cached = written = reasoning = 0
    if told.prompt_tokens_details is not None:
        cached = min(within(told.prompt_tokens_details.cached_tokens), prompt)
        written = min(within(told.prompt_tokens_details.cache_write_tokens), prompt - cached)
    output = completion
    if told.completion_tokens_details is not None:
        reasoning = within(told.completion_tokens_details.reasoning_tokens)
        # Some upstreams leave reasoning out of completion_tokens; their total gives it away.
        if reasoning == 0 or within(told.total_tokens) != prompt + completion + reasoning:
            reasoning = min(reasoning, completion)
            output = completion - reasoning
    return Usage(
        input=prompt - cached - written,
        cache_read=cached,
        cache_write=written,
        output=output,
        reasoning=reasoning,
    )


def usage_json(usage: Usage, cost: int | None, upstream: bytes | None = None) -> bytes:
    """Buckets and ``cost`` (nanodollars) → OpenAI's usage object.

    ``upstream`` is the provider's own usage object: fields of it that the house does not count
    survive (never ``cost`` or ``cost_details``: what the house pays is its own affair).
    """
    survivors = fields_of(upstream)
    if _COUNTS.issuperset(survivors):
        return _plain(usage, cost)
    fields: dict[str, object] = {
        name: value for name, value in survivors.items() if name not in HOUSE_ONLY
    }
    fields["prompt_tokens"] = usage.prompt_tokens
    fields["completion_tokens"] = usage.answer_tokens
    fields["total_tokens"] = usage.prompt_tokens + usage.answer_tokens
    fields["prompt_tokens_details"] = {
        **fields_of(survivors.get("prompt_tokens_details")),
        "cached_tokens": usage.cache_read,
        "cache_write_tokens": usage.cache_write,
    }
    fields["completion_tokens_details"] = {
        **fields_of(survivors.get("completion_tokens_details")),
        "reasoning_tokens": usage.reasoning,
    }
    if cost is not None:
        fields["cost"] = msgspec.Raw(money.usd_number(cost))
    return msgspec.json.encode(fields)


_COUNTS: Final = frozenset({"prompt_tokens", "completion_tokens", "total_tokens"})


def _plain(usage: Usage, cost: int | None) -> bytes:
    prompt, answer = usage.prompt_tokens, usage.answer_tokens
    tail = b"}" if cost is None else b',"cost":' + money.usd_number(cost) + b"}"
    return (
        b'{"prompt_tokens":%d,"completion_tokens":%d,"total_tokens":%d,'
        b'"prompt_tokens_details":{"cached_tokens":%d,"cache_write_tokens":%d},'
        b'"completion_tokens_details":{"reasoning_tokens":%d}'
        % (prompt, answer, prompt + answer, usage.cache_read, usage.cache_write, usage.reasoning)
    ) + tail


def _read_leniently(raw: bytes | msgspec.Raw) -> _Usage:
    """Field by field, for a provider that writes texts or fractions where counts belong."""
    fields = fields_of(raw)
    of_prompt = fields_of(fields.get("prompt_tokens_details"))
    of_completion = fields_of(fields.get("completion_tokens_details"))
    return _Usage(
        number(fields.get("prompt_tokens")),
        number(fields.get("completion_tokens")),
        number(fields.get("total_tokens")),
        _PromptDetails(
            number(of_prompt.get("cached_tokens")), number(of_prompt.get("cache_write_tokens"))
        ),
        _CompletionDetails(number(of_completion.get("reasoning_tokens"))),
    )
