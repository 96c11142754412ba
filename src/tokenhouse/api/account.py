"""What a key may ask about its own account: itself, its credit, its receipts and its usage.

``/api/v1/{key,credits,generation,activity}`` have OpenRouter's shapes and field names, amounts in USD
as exact decimal numbers. What only this house tells stands beside it; amounts whose name does not say
dollars (``balance``, ``held``, ``amount``, ``cost`` …) are whole nanodollars. Another account's id is
404. Errors are in OpenAI's envelope.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec

from tokenhouse import ids
from tokenhouse.access import Access, Caller, Failures, Key
from tokenhouse.api.envelopes import id_headers
from tokenhouse.api.exporting import Exporting, form_of
from tokenhouse.api.generation import activity_json, receipt_json, usd
from tokenhouse.api.http import (
    ClientGone,
    Receive,
    Respond,
    Scope,
    Send,
    query,
    read_body,
    retry_headers,
)
from tokenhouse.api.ranges import page_asked, range_asked
from tokenhouse.billing import Billing, Page, PageAsked, Spending, export
from tokenhouse.catalogue import Catalogue
from tokenhouse.clock import Clock
from tokenhouse.errors import CallerError, TokenhouseError
from tokenhouse.wire import body_key, error_body

BODY_MAX = 4096
T = TypeVar("T")

ACTIVITY_DAYS = 30


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks, with which query; ``respond`` takes the answer."""

    caller: Caller
    query: Mapping[str, str]
    respond: Respond
    scope: Scope
    body: bytes


Act = Callable[[Asking], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Listed(Generic[T]):
    """A list of the account's: a ``page`` in ``shown`` JSON, or all ``pages`` as a file with ``names``
    and ``fields``, called ``name``."""

    name: str
    page: Callable[[str, PageAsked], Awaitable[Page[T]]]
    pages: Callable[[str, PageAsked], AsyncGenerator[Page[T], None]]
    shown: Callable[[T], Mapping[str, Any]]
    names: Sequence[str]
    fields: Callable[[T], Mapping[str, Any]]

    async def answer(self, asking: Asking) -> None:
        """As ``?format`` says."""
        account, form = asking.caller.account, form_of(asking.query)
        asked = page_asked(asking.query, streamed=form is not None)
        if form is not None:
            exporting = Exporting(form, self.names, self.fields, self.name)
            await exporting.send(asking.scope, asking.respond, self.pages(account, asked))
            return
        page = await self.page(account, asked)
        data = [self.shown(row) for row in page.rows]
        await _json(asking, {"data": data, "next": page.next})


class _Redeeming(msgspec.Struct):
    code: str


class Account:
    """The routes of ``/api/v1`` that are about the caller's own account; one method each."""

    def __init__(
        self,
        billing: Billing,
        access: Access,
        catalogue: Callable[[], Catalogue],
        *,
        clock: Clock,
        failed_codes_per_minute: int,
    ) -> None:
        self._billing = billing
        self._access = access
        self._catalogue = catalogue
        self._clock = clock
        self._failures = Failures(failed_codes_per_minute)

    async def key(self, scope: Scope, receive: Receive, send: Send) -> None:
        """``GET /api/v1/key``: the key that asks, and what it has spent."""
        await self._answer(scope, receive, send, self._key)

    async def credits(self, scope: Scope, receive: Receive, send: Send) -> None:
        """``GET /api/v1/credits``: all that came in, all that was spent, what is left."""
        await self._answer(scope, receive, send, self._credits)

    async def generation(self, scope: Scope, receive: Receive, send: Send) -> None:
        """``GET /api/v1/generation?id=``: one receipt, by the request's id or its answer's own."""
        await self._answer(scope, receive, send, self._generation)

    async def generations(self, scope: Scope, receive: Receive, send: Send) -> None:
        """``GET /api/v1/generations``: receipts, page by page; all at once as CSV or NDJSON. Ours."""
        await self._answer(scope, receive, send, self._generations)

    async def postings(self, scope: Scope, receive: Receive, send: Send) -> None:
        """``GET /api/v1/postings``: the account's lines of the ledger, likewise. Ours."""
        await self._answer(scope, receive, send, self._postings)

    async def activity(self, scope: Scope, receive: Receive, send: Send) -> None:
        """``GET /api/v1/activity``: usage by day and model, of the last 30 UTC days or of ``date``."""
        await self._answer(scope, receive, send, self._activity)

    async def redeem(self, scope: Scope, receive: Receive, send: Send) -> None:
        """``POST /api/v1/credits/redeem`` with ``{"code": …}``: a voucher becomes credit. Ours."""
        await self._answer(scope, receive, send, self._redeem)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, act: Act) -> None:
        request_id = ids.new(ids.REQUEST, self._clock.now_ms())
        respond = Respond(send, id_headers(request_id))
        try:
            asked = query(scope)
            query_key = asked.pop("key", None)
            body = b""
            if scope["method"] == "POST":
                query_key = None
                body = await read_body(scope, receive, BODY_MAX)
            caller = self._access.identify(
                scope["headers"],
                body_key=body_key(body) if body else None,
                query_key=query_key,
                address=_address(scope),
            )
            await act(Asking(caller, asked, respond, scope, body))
        except ClientGone:
            return
        except TokenhouseError as error:
            await respond.json(
                error.status,
                error_body(error, request_id),
                retry_headers(error, self._clock.now_ms()),
            )

    async def _key(self, asking: Asking) -> None:
        caller = asking.caller
        keys = await self._billing.keys(caller.account)
        key = next((key for key in keys if key.id == caller.key), None)
        if key is None:
            raise CallerError("This key is gone.", status=404, code="key_not_found")
        spent = await self._billing.spending(caller.account, caller.key)
        funds = await self._billing.funds(caller.account)
        both = (
            self._catalogue().plan(caller.plan).requests_per_minute,
            key.limits.requests_per_minute,
        )
        per_minute = min((most for most in both if most is not None), default=None)
        data = _key_json(key, spent, paid=funds.paid, requests_per_minute=per_minute)
        data["account"] = {
            "id": caller.account,
            "name": caller.account_name,
            "plan": caller.plan,
            "balance": funds.balance,
            "held": funds.held,
        }
        await _json(asking, {"data": data})

    async def _credits(self, asking: Asking) -> None:
        funds = await self._billing.funds(asking.caller.account)
        data = {
            "total_credits": usd(funds.balance + funds.used),
            "total_usage": usd(funds.used),
            "balance": funds.balance,
            "held": funds.held,
            "free": funds.free,
        }
        await _json(asking, {"data": data})

    async def _generation(self, asking: Asking) -> None:
        wanted = asking.query.get("id")
        if not wanted:
            raise CallerError(
                "'id' is required: the x-request-id of a request, or its answer's id.", param="id"
            )
        row = await self._billing.receipt(wanted, account=asking.caller.account)
        await _json(asking, {"data": receipt_json(row)})

    async def _generations(self, asking: Asking) -> None:
        billing = self._billing
        listed = Listed(
            "generations",
            billing.receipts_page,
            billing.receipts_pages,
            receipt_json,
            export.RECEIPT_FIELDS,
            export.receipt_fields,
        )
        await listed.answer(asking)

    async def _postings(self, asking: Asking) -> None:
        billing = self._billing
        listed = Listed(
            "postings",
            billing.postings_page,
            billing.postings_pages,
            export.posting_fields,
            export.POSTING_FIELDS,
            export.posting_fields,
        )
        await listed.answer(asking)

    async def _activity(self, asking: Asking) -> None:
        since_ms, until_ms = range_asked(asking.query, self._clock.now_ms(), days=ACTIVITY_DAYS)
        rows = await self._billing.usage(
            asking.caller.account, since_ms=since_ms, until_ms=until_ms, by=("day", "model")
        )
        await _json(asking, {"data": [activity_json(row) for row in reversed(rows)]})

    async def _redeem(self, asking: Asking) -> None:
        try:
            code = msgspec.json.decode(asking.body, type=_Redeeming).code
        except msgspec.MsgspecError as error:
            raise CallerError(f'send {{"code": "TH-…"}}: {error}', param="code") from None
        address, now = _address(asking.scope), self._clock.monotonic()
        self._failures.check(
            address,
            now,
            message="Too many wrong voucher codes from this address in the last minute; wait.",
            code="too_many_failed_codes",
        )
        caller = asking.caller
        try:
            credited = await self._billing.redeem(code, caller.account, by=f"key:{caller.key}")
        except CallerError:
            self._failures.add(address, now)
            raise
        data = {
            "id": credited.id,
            "amount": credited.amount,
            "balance": credited.balance,
            "replayed": credited.replayed,
        }
        await _json(asking, {"data": data})


def _key_json(
    key: Key, spent: Spending, *, paid: bool, requests_per_minute: int | None
) -> dict[str, Any]:
    """A key in OpenRouter's words. ``rate_limit.requests``: -1 is no limit. ``limit`` is the cap (of
    the day or the month) that is nearer; both stand in ``limits``, in nanodollars."""
    limit, remaining, reset = _cap(key, spent)
    return {
        "label": key.name or f"sk-th-…{key.hint}",
        "limit": limit,
        "limit_remaining": remaining,
        "limit_reset": reset,
        "include_byok_in_limit": False,
        "usage": usd(spent.total),
        "usage_daily": usd(spent.day),
        "usage_weekly": usd(spent.week),
        "usage_monthly": usd(spent.month),
        "byok_usage": 0,
        "byok_usage_daily": 0,
        "byok_usage_weekly": 0,
        "byok_usage_monthly": 0,
        "is_free_tier": not paid,
        "is_management_key": False,
        "is_provisioning_key": False,
        "expires_at": None if key.expires_ms is None else export.utc(key.expires_ms),
        "creator_user_id": None,
        "rate_limit": {
            "requests": -1 if requests_per_minute is None else requests_per_minute,
            "interval": "60s",
            "note": "requests in any 60 seconds, of this key or its whole account; -1 is no limit",
        },
        "limits": key.limits,
        "id": key.id,
        "hint": key.hint,
        "created_at": export.utc(key.created_ms),
    }


def _cap(key: Key, spent: Spending) -> tuple[msgspec.Raw | None, msgspec.Raw | None, str | None]:
    """→ (cap, what is left of it, when it begins anew) of the cap that is nearer; None without one."""
    caps = (
        (key.limits.day_cap, spent.day, "daily"),
        (key.limits.month_cap, spent.month, "monthly"),
    )
    left = [(cap - used, cap, reset) for cap, used, reset in caps if cap is not None]
    if not left:
        return None, None, None
    remaining, cap, reset = min(left)
    return usd(cap), usd(max(0, remaining)), reset


def _address(scope: Scope) -> str:
    client = scope.get("client")
    return client[0] if client else ""


async def _json(asking: Asking, value: object) -> None:
    await asking.respond.json(200, msgspec.json.encode(value))
