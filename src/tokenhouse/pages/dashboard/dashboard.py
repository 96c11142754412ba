"""The pages of an account by path: who may look, what is done, where it goes on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final

from tokenhouse.access import Failures, Right
from tokenhouse.billing import PageAsked, export, month_range
from tokenhouse.errors import AccountError
from tokenhouse.pages.answer import Answer, Stream
from tokenhouse.pages.dashboard import keys, usage, wallet
from tokenhouse.pages.dashboard.asked import usage_asked
from tokenhouse.pages.dashboard.clerk import Clerk, Deed, Looking, furnished
from tokenhouse.pages.dashboard.overview import overview
from tokenhouse.pages.private import see_other
from tokenhouse.pages.session import Request, require
from tokenhouse.pages.shown import Shown

EXPORT_ROWS: Final = 500
"""Read at a time; an export is as long as it is."""

Given = Shown | Answer | Stream
Page = Callable[[Request, Looking], Awaitable[Given]]


class Dashboard:
    """Answers what is asked below ``/dashboard``, for who is signed in and may see the account."""

    def __init__(self, clerk: Clerk, *, failed_codes_per_minute: int) -> None:
        self._clerk = clerk
        self._failures = Failures(failed_codes_per_minute)

    def routes(self) -> dict[tuple[str, str], Callable[[Request], Awaitable[Given]]]:
        """(method, path) → page."""
        key = "/dashboard/api-keys/{id}"
        pages: dict[tuple[str, str], Page] = {
            ("GET", "/dashboard"): self._overview,
            ("GET", "/dashboard/api-keys"): self._keys,
            ("POST", "/dashboard/api-keys"): self._create_key,
            ("GET", key): self._key,
            ("POST", key): self._change_key,
            ("POST", f"{key}/rotate"): self._rotate_key,
            ("POST", f"{key}/revoke"): self._revoke_key,
            ("GET", "/dashboard/usage"): self._usage,
            ("GET", "/dashboard/usage.csv"): self._usage_lines,
            ("GET", "/dashboard/usage.ndjson"): self._usage_lines,
            ("GET", "/dashboard/usage/{id}"): self._receipt,
            ("GET", "/dashboard/wallet"): self._wallet,
            ("GET", "/dashboard/wallet.csv"): self._wallet_lines,
            ("GET", "/dashboard/wallet.ndjson"): self._wallet_lines,
            ("POST", "/dashboard/wallet/redeem"): self._redeem,
            ("GET", "/dashboard/wallet/statements/{month}"): self._statement,
        }
        return {place: self._for_somebody(page) for place, page in pages.items()}

    def _for_somebody(self, page: Page) -> Callable[[Request], Awaitable[Given]]:
        async def answer(request: Request) -> Given:
            looking = await self.looking(request)
            given = await page(request, looking)
            return furnished(given, self._clerk, looking) if isinstance(given, Shown) else given

        return answer

    async def looking(self, request: Request) -> Looking:
        """Who asks, and at which account they look; a stranger is sent to sign in."""
        who = await require(request, Right.SEE)
        assert who.account is not None  # a role is a role in an account
        account = await self._clerk.billing.account(who.account)
        members = await request.people.members(account.id)
        return Looking(
            who=who,
            account=account.id,
            account_name=account.name,
            account_state=account.state,
            plan=account.plan,
            memberships=await request.people.memberships(who.person.id),
            names={each.person.id: each.person.name or each.person.email for each in members},
        )

    async def _overview(self, request: Request, looking: Looking) -> Given:
        del request
        return await overview(self._clerk, looking)

    async def _keys(self, request: Request, looking: Looking) -> Given:
        return await keys.listing(self._clerk, looking, number=request.query.get("page", ""))

    async def _create_key(self, request: Request, looking: Looking) -> Given:
        return await keys.create(self._clerk, looking, await request.form())

    async def _key(self, request: Request, looking: Looking) -> Given:
        saved = "saved" in request.query
        return await keys.one_key(self._clerk, looking, request.params["id"], saved=saved)

    async def _change_key(self, request: Request, looking: Looking) -> Given:
        id = request.params["id"]
        wrong = await keys.change(self._clerk, looking, id, await request.form())
        return see_other(f"/dashboard/api-keys/{id}?saved=yes") if wrong is None else wrong

    async def _rotate_key(self, request: Request, looking: Looking) -> Given:
        return await keys.rotate(self._clerk, looking, request.params["id"], await request.form())

    async def _revoke_key(self, request: Request, looking: Looking) -> Given:
        id = request.params["id"]
        wrong = await keys.revoke(self._clerk, looking, id, await request.form())
        return see_other("/dashboard/api-keys") if wrong is None else wrong

    async def _usage(self, request: Request, looking: Looking) -> Given:
        asked = usage_asked(request.query, self._clerk.clock.now_ms())
        return await usage.usage(self._clerk, looking, asked)

    async def _receipt(self, request: Request, looking: Looking) -> Given:
        return await usage.receipt(self._clerk, looking, request.params["id"])

    async def _usage_lines(self, request: Request, looking: Looking) -> Given:
        asked = usage_asked(request.query, self._clerk.clock.now_ms())
        wanted = replace(asked, after="").page(limit=EXPORT_ROWS, oldest_first=True)
        pages = self._clerk.billing.receipts_pages(looking.account, wanted)
        form = _form(request)
        lines = export.texts(form, export.RECEIPT_FIELDS, export.receipt_fields, pages)
        return await Stream.begun(lines, export.TYPES[form], f"usage.{form}")

    async def _wallet(self, request: Request, looking: Looking) -> Given:
        return await wallet.wallet(self._clerk, looking, request.query)

    async def _redeem(self, request: Request, looking: Looking) -> Given:
        looking.must(Right.MONEY)
        form, now = await request.form(), self._clerk.clock.monotonic()
        try:
            self._failures.check(
                request.address,
                now,
                message="Too many wrong voucher codes in the last minute; wait.",
                code="too_many_failed_codes",
            )
        except AccountError as error:
            return await wallet.wallet(self._clerk, looking, {}, Deed(form, error))
        shown = await wallet.redeem(self._clerk, looking, form)
        if isinstance(shown, str):
            return see_other(shown)
        self._failures.add(request.address, now)
        return shown

    async def _wallet_lines(self, request: Request, looking: Looking) -> Given:
        wanted = PageAsked(limit=EXPORT_ROWS, oldest_first=True)
        if month := request.query.get("month"):
            since_ms, until_ms = month_range(month)
            wanted = replace(wanted, since_ms=since_ms, until_ms=until_ms)
        pages = self._clerk.billing.postings_pages(looking.account, wanted)
        form = _form(request)
        lines = export.texts(form, export.POSTING_FIELDS, export.posting_fields, pages)
        return await Stream.begun(lines, export.TYPES[form], f"postings.{form}")

    async def _statement(self, request: Request, looking: Looking) -> Given:
        return await wallet.statement(self._clerk, looking, request.params["month"])


def _form(request: Request) -> export.Form:
    return "csv" if request.path.endswith(".csv") else "ndjson"
