"""The wallet: what there is, what is held, what was put in and by whom, and a sheet for every month."""

from __future__ import annotations

from collections.abc import Mapping

from tokenhouse.access import Right
from tokenhouse.billing import CHARGES, summed
from tokenhouse.errors import CallerError
from tokenhouse.ids import request_id_of
from tokenhouse.pages.dashboard.asked import lines_asked
from tokenhouse.pages.dashboard.clerk import Clerk, Deed, Looking, page
from tokenhouse.pages.session import Form
from tokenhouse.pages.shown import Shown, Words

LINES = 50
MODELS = 50
"""Of a statement, by name; the others in one line."""
KINDS: Mapping[str, str] = {
    "credit": "Credit",
    "grant": "Grant",
    "grant_end": "Grant ended",
    "settle": "Request",
    "expire": "Request, cut off",
    "reverse": "Reversed",
}


async def wallet(
    clerk: Clerk, looking: Looking, query: Mapping[str, str], deed: Deed | None = None
) -> Shown:
    """Balance, grants, vouchers, the book, the statements."""
    deed = deed or Deed()
    billing, account = clerk.billing, looking.account
    now_ms = clerk.clock.now_ms()
    funds = await billing.funds(account)
    grants = await billing.grants(account)
    words: Words = {
        "funds": funds,
        "grants": [grant for grant in grants if grant.rest > 0 and grant.ends_ms > now_ms],
        "lines": await billing.lines_page(account, lines_asked(query, limit=LINES)),
        "first": not query.get("after"),
        "months": (await billing.months(account))[:24],
        "kinds": KINDS,
        "request_of": request_of,
        "deed": deed,
        "code": deed.typed.get("code"),
        "redeemed": await _redeemed(clerk, looking, query.get("redeemed", "")),
    }
    return page("wallet", "wallet", words, status=deed.status)


async def redeem(clerk: Clerk, looking: Looking, typed: Form) -> Shown | str:
    """Turn a voucher into credit. → where it is told, or the wallet with the form as it was typed."""
    looking.must(Right.MONEY)
    code = typed.get("code").strip()
    try:
        credited = await clerk.billing.redeem(code, looking.account, by=looking.who.actor)
    except CallerError as error:
        return await wallet(clerk, looking, {}, Deed(typed, error))
    return f"/dashboard/wallet?redeemed={credited.id}"


async def statement(clerk: Clerk, looking: Looking, month: str) -> Shown:
    """A month on one sheet, to be printed."""
    sheet = await clerk.billing.statement(looking.account, month)
    dearest = sorted(sheet.usage, key=lambda row: (-row.cost, -row.requests, row.model))
    words: Words = {
        "sheet": sheet,
        "models": dearest[:MODELS],
        "more": len(dearest[MODELS:]),
        "others": next(iter(summed(dearest[MODELS:], ())), None),
        "kinds": KINDS,
        "charges": sum(total.count for kind, total in sheet.sums.items() if kind in CHARGES),
        "running": sheet.end_ms > clerk.clock.now_ms(),
    }
    return page("wallet", "statement", words)


def request_of(transfer: str, kind: str) -> str:
    """The id of the request that a posting was made by; "" for what no request made."""
    return (request_id_of(transfer) or "") if kind in CHARGES else ""


async def _redeemed(clerk: Clerk, looking: Looking, id: str) -> int | None:
    """What the voucher of that id brought to this account; None where it brought nothing."""
    if not id:
        return None
    lately = await clerk.billing.postings(looking.account, limit=100)
    found = (each.amount for each in lately if each.kind == "credit" and each.transfer == id)
    return next(found, None)
