"""Usage as Anthropic's dialect writes it ⇄ the house's disjoint buckets.

There ``input_tokens`` excludes both cache counts, as here; ``output_tokens`` includes thinking, which
newer answers tell in ``output_tokens_details``. A stream's counts are totals so far, never sums.
"""

from __future__ import annotations

from typing import Final

import msgspec

from tokenhouse import money
from tokenhouse.chat import Usage
from tokenhouse.wire.counts import HOUSE_ONLY, fields_of, number, within


class _Details(msgspec.Struct, gc=False):
    thinking_tokens: int | None = None


class _Usage(msgspec.Struct, gc=False):
    input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    output_tokens: int | None = None
    output_tokens_details: _Details | None = None


_TYPED: Final = msgspec.json.Decoder(_Usage)


class Counts:
    """What an answer has told of its usage so far; later numbers replace earlier ones."""

    __slots__ = ("_told",)

    def __init__(self) -> None:
        self._told = _Usage()

    def take(self, raw: bytes | msgspec.Raw) -> None:
        """One usage object, of message_start, message_delta or a whole answer. Nulls tell nothing."""
        try:
            new = _TYPED.decode(raw)
        except (ValueError, RecursionError):
            new = _read_leniently(raw)
        told = self._told
        for name in new.__struct_fields__:
            if getattr(new, name) is not None:
                setattr(told, name, getattr(new, name))

    def usage(self) -> Usage | None:
        """The buckets; None when no count was told."""
        told = self._told
        if told.input_tokens is None and told.output_tokens is None:
            return None
        answer = within(told.output_tokens)
        details = told.output_tokens_details
        thinking = 0 if details is None else min(within(details.thinking_tokens), answer)
        return Usage(
            input=within(told.input_tokens),
            cache_read=within(told.cache_read_input_tokens),
            cache_write=within(told.cache_creation_input_tokens),
            output=answer - thinking,
            reasoning=thinking,
        )


def begun_usage_json(prompt: Usage) -> bytes:
    """The usage of message_start: the prompt's buckets, and nothing answered yet."""
    return (
        b'{"input_tokens":%d,"cache_creation_input_tokens":%d,"cache_read_input_tokens":%d,'
        b'"cache_creation":%b,"output_tokens":0,"service_tier":"standard"}'
    ) % (prompt.input, prompt.cache_write, prompt.cache_read, _by_lifetime(prompt))


def delta_usage_json(usage: Usage, cost: int | None, upstream: bytes | None = None) -> bytes:
    """The usage of the last message_delta: totals, and ``cost`` (nanodollars).

    ``upstream``: the provider's own object; fields that the house does not count survive.
    """
    return _closed(_survivors(upstream) | _prompt(usage), usage, cost)


def whole_usage_json(usage: Usage, cost: int | None, upstream: bytes | None = None) -> bytes:
    """The usage of a whole answer, ``cost`` in nanodollars; ``upstream`` as for a stream's."""
    fields: dict[str, object] = {
        "cache_creation": msgspec.Raw(_by_lifetime(usage)),
        "service_tier": "standard",
    }
    return _closed(fields | _survivors(upstream) | _prompt(usage), usage, cost)


def _by_lifetime(usage: Usage) -> bytes:
    """Who wrote to a cache did so for five minutes, unless the provider tells else."""
    return b'{"ephemeral_5m_input_tokens":%d,"ephemeral_1h_input_tokens":0}' % usage.cache_write


def _prompt(usage: Usage) -> dict[str, object]:
    return {
        "input_tokens": usage.input,
        "cache_creation_input_tokens": usage.cache_write,
        "cache_read_input_tokens": usage.cache_read,
    }


def _closed(fields: dict[str, object], usage: Usage, cost: int | None) -> bytes:
    fields["output_tokens"] = usage.answer_tokens
    fields["output_tokens_details"] = {
        **fields_of(fields.get("output_tokens_details")),
        "thinking_tokens": usage.reasoning,
    }
    if cost is not None:
        fields["cost"] = msgspec.Raw(money.usd_number(cost))
    return msgspec.json.encode(fields)


def _survivors(upstream: bytes | None) -> dict[str, object]:
    return {name: raw for name, raw in fields_of(upstream).items() if name not in HOUSE_ONLY}


def _read_leniently(raw: bytes | msgspec.Raw) -> _Usage:
    """Field by field, for a provider that writes texts or fractions where counts belong."""
    fields = fields_of(raw)
    details = fields_of(fields.get("output_tokens_details"))
    return _Usage(
        number(fields.get("input_tokens")),
        number(fields.get("cache_read_input_tokens")),
        number(fields.get("cache_creation_input_tokens")),
        number(fields.get("output_tokens")),
        _Details(number(details.get("thinking_tokens"))) if details else None,
    )
