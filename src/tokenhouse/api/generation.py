"""Receipts and usage as JSON, in OpenRouter's field names; amounts in USD, exact."""

from __future__ import annotations

from typing import Any

import msgspec

from tokenhouse import money
from tokenhouse.billing import AttemptRow, ReceiptRow, UsageRow, export


def receipt_json(row: ReceiptRow) -> dict[str, Any]:
    """A receipt: OpenRouter's names first, then what only this house tells. Times in milliseconds.

    What this house does not do or can't know is null (``moderation_latency``, ``cache_discount``,
    ``upstream_inference_cost`` …). ``key`` is the key's id.
    """
    return {
        "id": row.id,
        "request_id": row.id,
        "model": row.model,
        "created_at": export.utc(row.created_ms),
        "total_cost": usd(row.cost),
        "upstream_inference_cost": None,
        "cache_discount": None,
        "is_byok": False,
        "tokens_prompt": row.prompt_tokens,
        "tokens_completion": row.answer_tokens,
        "native_tokens_prompt": row.prompt_tokens,
        "native_tokens_completion": row.answer_tokens,
        "native_tokens_reasoning": row.reasoning,
        "native_tokens_cached": row.cache_read,
        "native_tokens_completion_images": None,
        "num_media_prompt": row.images,
        "num_media_completion": 0,
        "streamed": row.streamed,
        "cancelled": row.outcome == "cancelled",
        "finish_reason": row.finish_reason,
        "native_finish_reason": row.finish_reason,
        "latency": row.latency_ms,
        "generation_time": row.generation_ms,
        "moderation_latency": None,
        "provider_name": row.provider,
        "provider_responses": [_response(attempt) for attempt in row.attempts],
        "upstream_id": row.upstream_id,
        "api_type": row.dialect,
        "service_tier": None,
        "outcome": row.outcome,
        "error": row.error,
        "price_version": row.price_version,
        "key": row.key,
        "ended_at": export.utc(row.ended_ms),
        "queue_time": row.queue_ms,
        "total_time": row.total_ms,
        "usage": {
            "input": _bucket(row.input, row.prompt_source),
            "cache_read": _bucket(row.cache_read, row.prompt_source),
            "cache_write": _bucket(row.cache_write, row.prompt_source),
            "output": _bucket(row.output, row.answer_source),
            "reasoning": _bucket(row.reasoning, row.answer_source),
            "images": _bucket(row.images, row.prompt_source),
        },
        "owed": usd(row.owed),
        "lost": usd(row.lost),
        "late": row.late,
        "over_hold": row.over,
        "attempts": [_attempt(attempt) for attempt in row.attempts],
    }


def activity_json(row: UsageRow) -> dict[str, Any]:
    """A day of one model, in the words of OpenRouter's ``/activity``; then what only this house tells."""
    return {
        "date": row.day,
        "model": row.model,
        "model_permaslug": row.model,
        "usage": usd(row.cost),
        "byok_usage_inference": 0,
        "requests": row.requests,
        "prompt_tokens": row.prompt_tokens,
        "completion_tokens": row.answer_tokens,
        "reasoning_tokens": row.reasoning,
        "failed": row.failed,
        "cache_read_tokens": row.cache_read,
        "cache_write_tokens": row.cache_write,
        "images": row.images,
        "cost": row.cost,
    }


def usd(amount: int) -> msgspec.Raw:
    """Nanodollars → a JSON number of dollars, exact digit by digit."""
    return msgspec.Raw(money.usd_number(amount))


def _attempt(attempt: AttemptRow) -> dict[str, Any]:
    return {
        "provider": attempt.provider,
        "model": attempt.upstream_model,
        "outcome": attempt.outcome,
        "latency": attempt.latency_ms,
        "status": attempt.status,
        "error": attempt.error,
    }


def _response(attempt: AttemptRow) -> dict[str, Any]:
    status = 200 if attempt.error is None and attempt.status is None else attempt.status
    return {
        "provider_name": attempt.provider,
        "endpoint_id": attempt.upstream_model,
        "latency": attempt.latency_ms,
        "status": status,
    }


def _bucket(tokens: int, source: str | None) -> dict[str, Any]:
    return {"tokens": tokens, "source": source}
