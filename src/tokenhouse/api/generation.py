"""``GET /api/v1/generation?id=``: the receipt of one request, in OpenRouter's field names."""

from __future__ import annotations

import datetime
from typing import Any

import msgspec

from tokenhouse import ids, money
from tokenhouse.access import Access
from tokenhouse.api.http import Receive, Respond, Scope, Send, query, retry_headers
from tokenhouse.billing import Billing, ReceiptRow
from tokenhouse.clock import Clock
from tokenhouse.errors import CallerError, TokenhouseError
from tokenhouse.wire import error_body


class Generation:
    """Found by the request's id or the answer's own; only the account that paid may read it."""

    def __init__(self, billing: Billing, access: Access, *, clock: Clock) -> None:
        self._billing = billing
        self._access = access
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del receive
        request_id = ids.new(ids.REQUEST, self._clock.now_ms())
        respond = Respond(send, [(b"x-request-id", request_id.encode())])
        try:
            body = await self._receipt(scope)
        except TokenhouseError as error:
            await respond.json(
                error.status,
                error_body(error),
                retry_headers(error, self._clock.now_ms()),
            )
            return
        await respond.json(200, body)

    async def _receipt(self, scope: Scope) -> bytes:
        asked = query(scope)
        client = scope.get("client")
        caller = self._access.identify(
            scope["headers"],
            body_key=None,
            query_key=asked.get("key"),
            address=client[0] if client else "",
        )
        wanted = asked.get("id")
        if not wanted:
            raise CallerError(
                "'id' is required: the x-request-id of a request, or its answer's id.", param="id"
            )
        row = await self._billing.receipt(wanted, account=caller.account)
        return msgspec.json.encode({"data": receipt_json(row)})


def receipt_json(row: ReceiptRow) -> dict[str, Any]:
    """A receipt as JSON: OpenRouter's names, and what only this house tells. Amounts in USD, exact."""
    created = datetime.datetime.fromtimestamp(row.created_ms / 1000, datetime.UTC)
    return {
        "id": row.id,
        "model": row.model,
        "created_at": created.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "total_cost": _usd(row.cost),
        "tokens_prompt": row.prompt_tokens,
        "tokens_completion": row.answer_tokens,
        "native_tokens_prompt": row.prompt_tokens,
        "native_tokens_completion": row.answer_tokens,
        "native_tokens_reasoning": row.reasoning,
        "native_tokens_cached": row.cache_read,
        "num_media_prompt": row.images,
        "streamed": row.streamed,
        "cancelled": row.outcome == "cancelled",
        "finish_reason": row.finish_reason,
        "latency": row.latency_ms,
        "generation_time": row.generation_ms,
        "provider_name": row.provider,
        "upstream_id": row.upstream_id,
        "api_type": row.dialect,
        "outcome": row.outcome,
        "error": row.error,
        "price_version": row.price_version,
        "usage": {
            "input": _bucket(row.input, row.prompt_source),
            "cache_read": _bucket(row.cache_read, row.prompt_source),
            "cache_write": _bucket(row.cache_write, row.prompt_source),
            "output": _bucket(row.output, row.answer_source),
            "reasoning": _bucket(row.reasoning, row.answer_source),
            "images": _bucket(row.images, row.prompt_source),
        },
        "owed": _usd(row.owed),
        "lost": _usd(row.lost),
        "late": row.late,
        "over_hold": row.over,
        "attempts": [
            {
                "provider": attempt.provider,
                "model": attempt.upstream_model,
                "latency": attempt.latency_ms,
                "status": attempt.status,
                "error": attempt.error,
            }
            for attempt in row.attempts
        ],
    }


def _usd(amount: int) -> msgspec.Raw:
    return msgspec.Raw(money.usd_number(amount))


def _bucket(tokens: int, source: str | None) -> dict[str, Any]:
    return {"tokens": tokens, "source": source}
