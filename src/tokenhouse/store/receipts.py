"""Receipts as rows: columns for what is asked for and summed, one JSON text for the rest."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Generic, Literal, TypeVar

import msgspec

from tokenhouse.billing import AttemptRow, ReceiptRow, UsageRow
from tokenhouse.relay import Admission, Attempted, Receipt

Source = Literal["reported", "counted", "estimated"]
UsageCounts = tuple[int, int, int, int, int, int]
Row = tuple[Any, ...]
MOST_TOKENS = 2**40
"""More than any context has. What a provider reports beyond it is cut there, so that sums stay whole."""

Tried = TypeVar("Tried", Attempted, AttemptRow)
"""An attempt, as the relay tells it and as billing reads it: the same fields."""


class Terms(msgspec.Struct, array_like=True):
    """What a receipt needs should the process die: kept with the hold. New fields go last."""

    price_version: str
    dialect: str
    streamed: bool


class Detail(msgspec.Struct, Generic[Tried], omit_defaults=True):
    """What a receipt says beyond its columns. A name, once stored, keeps its meaning."""

    prompt_source: Source | None = None
    answer_source: Source | None = None
    finish_reason: str | None = None
    provider: str | None = None
    upstream_id: str | None = None
    attempts: tuple[Tried, ...] = ()
    latency_ms: int | None = None
    generation_ms: int | None = None
    error: str | None = None
    queue_ms: int | None = None
    total_ms: int | None = None


class ReceiptCodec:
    """Receipts to and from their stored form. One per store; used from any thread."""

    def __init__(self) -> None:
        self._encode = msgspec.json.Encoder().encode
        self._decode_terms = msgspec.json.Decoder(Terms).decode
        self._decode_detail = msgspec.json.Decoder(Detail[AttemptRow]).decode

    def terms(self, admission: Admission) -> str:
        """What is kept with the hold of ``admission``."""
        return self._encode(
            Terms(admission.price_version, admission.dialect, admission.streamed)
        ).decode()

    def detail(self, receipt: Receipt) -> bytes:
        """What is kept of ``receipt`` beyond its columns."""
        usage = receipt.usage
        return self._encode(
            Detail(
                usage.prompt_source,
                usage.answer_source,
                receipt.finish_reason,
                receipt.provider,
                receipt.upstream_id,
                receipt.attempts,
                receipt.latency_ms,
                receipt.generation_ms,
                receipt.error,
                receipt.queue_ms,
                receipt.total_ms,
            )
        )

    def row(self, row: Row) -> ReceiptRow:
        """A row of ``receipt_get`` → what billing reads."""
        (id, account, key, model, outcome, created_ms, cost, owed, lost, late, held) = row[:11]
        terms = self._decode_terms(row[17])
        detail = Detail[AttemptRow]() if row[18] is None else self._decode_detail(row[18])
        return ReceiptRow(
            id=id,
            account=account,
            key=key,
            model=model,
            price_version=terms.price_version,
            dialect=terms.dialect,
            streamed=terms.streamed,
            created_ms=created_ms,
            ended_ms=row[19],
            outcome=outcome,
            cost=cost,
            owed=owed,
            lost=lost,
            late=bool(late),
            over=owed > held,
            input=row[11],
            cache_read=row[12],
            cache_write=row[13],
            output=row[14],
            reasoning=row[15],
            images=row[16],
            prompt_source=detail.prompt_source,
            answer_source=detail.answer_source,
            finish_reason=detail.finish_reason,
            provider=detail.provider,
            upstream_id=detail.upstream_id,
            attempts=detail.attempts,
            queue_ms=detail.queue_ms,
            latency_ms=detail.latency_ms,
            generation_ms=detail.generation_ms,
            total_ms=detail.total_ms,
            error=detail.error,
        )


def usage_counts(receipt: Receipt) -> UsageCounts:
    """The buckets as columns; what is absurd is cut."""
    usage = receipt.usage
    counts = (
        usage.input,
        usage.cache_read,
        usage.cache_write,
        usage.output,
        usage.reasoning,
        usage.images,
    )
    if max(counts) > MOST_TOKENS:
        one, two, three, four, five, six = (min(count, MOST_TOKENS) for count in counts)
        return one, two, three, four, five, six
    return counts


def usage_rows(rows: Iterable[Row]) -> tuple[UsageRow, ...]:
    """Rows of ``usage_days`` → what billing reads."""
    return tuple(
        UsageRow.of(start_ms, account, key, model, counts)
        for start_ms, account, key, model, *counts in rows
    )
