"""Usage: sums as charts with their tables, the log of requests, and the receipt of each."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from tokenhouse import money
from tokenhouse.billing import DAY_MS, HOUR_MS, ReceiptRow, UsageRow, month_of, summed
from tokenhouse.catalogue import Item, items
from tokenhouse.errors import CallerError
from tokenhouse.pages.charts import columns, shares
from tokenhouse.pages.dashboard.asked import OUTCOMES, RANGES, UsageAsked
from tokenhouse.pages.dashboard.clerk import Clerk, Looking, day, moment, page
from tokenhouse.pages.shown import Shown, Words

SHARES = 8
NAME_MOST = 40
CHOICES = 50
"""Keys, and models, that the filter lists; the newest keys first."""
"""Of a chart by model or by key, the dearest so many have a line of their own."""
BUCKETS = {
    "input": "Input",
    "cache_read": "Input, read from a cache",
    "cache_write": "Input, written to a cache",
    "output": "Output",
    "reasoning": "Output, reasoning",
    "images": "Images",
    "request": "The request itself",
}
SOURCES = {
    "reported": "reported by the provider",
    "counted": "counted by this house",
    "estimated": "estimated",
}
OUTCOME_WORDS = {
    "finished": "It answered to its end.",
    "cancelled": "The client left, or stopped it, before its end; what was produced until then is charged.",
    "failed": "It failed. Nothing is charged for what was not delivered.",
    "crashed": "The house stopped while it ran; charged is what was last noted.",
}
ENDED_WORDS = {
    "account_suspended": "The account was suspended meanwhile; what was produced until then is charged.",
    "account_closed": "The account was closed meanwhile; what was produced until then is charged.",
    "cancelled_by_operator": "The operator ended it; what was produced until then is charged.",
}
"""By the error, where the client did not leave but the house ended it."""


@dataclass(frozen=True, slots=True)
class Share:
    """A model or a key with what it came to; ``bar``: of 100."""

    name: str
    link: str
    row: UsageRow
    bar: int


@dataclass(frozen=True, slots=True)
class Billed:
    """A line of a receipt: ``rate`` in dollars per 1M tokens (or each), ``amount`` exact dollars."""

    what: str
    count: int
    source: str
    rate: str
    amount: str


async def usage(clerk: Clerk, looking: Looking, asked: UsageAsked) -> Shown:
    """Charts, sums and the log of what is asked."""
    billing = clerk.billing
    keys = await billing.keys(looking.account)
    names = {key.id: _short(key.name or f"sk-th-…{key.hint}") for key in keys}
    rows = await billing.usage(
        looking.account,
        since_ms=asked.since_ms,
        until_ms=asked.until_ms,
        by=(asked.by, "key", "model"),
        model=asked.model or None,
        key=asked.key or None,
    )
    log = await billing.receipts_page(looking.account, asked.page())
    # a year of many keys and models is thousands of rows: inference goes on while they are summed
    offered = [model.id for model in clerk.offered()]
    drawn = await asyncio.to_thread(_drawn, rows, names, asked, offered)
    words: Words = {
        "asked": asked,
        "ranges": RANGES,
        "outcomes": tuple(OUTCOMES),
        "names": names,
        "choices": _choices([key.id for key in reversed(keys)], asked.key),
        "log": log,
        **drawn,
    }
    return page("usage", "usage", words)


async def receipt(clerk: Clerk, looking: Looking, id: str) -> Shown:
    """What one request cost and why."""
    row = await clerk.billing.receipt(id, account=looking.account)
    keys = {key.id: key for key in await clerk.billing.keys(looking.account)}
    words: Words = {
        "row": row,
        "key": keys.get(row.key),
        "about_outcome": ENDED_WORDS.get(row.error or "") or OUTCOME_WORDS[row.outcome],
        **(await _bill(clerk, row)),
    }
    return page("usage", "receipt", words)


async def _bill(clerk: Clerk, row: ReceiptRow) -> Words:
    """The lines of a receipt, by the price that was in force for it."""
    counts = {name: getattr(row, name) for name in list(BUCKETS)[:-1]}
    try:
        price = (await clerk.prices.version(row.price_version)).price
    except CallerError:
        lines = tuple(
            Billed(BUCKETS[name], count, _source(row, name), "", "")
            for name, count in counts.items()
            if count
        )
        return {"lines": lines, "priced": False, "sum": None, "free": False}
    bill = items(counts, price)
    picodollars = sum(item.picodollars for item in bill)
    return {
        "lines": tuple(_line(row, item) for item in bill if item.count and _shown(item)),
        "priced": True,
        "sum": money.amount_from_picodollars(picodollars),
        "free": price.free,
    }


def _shown(item: Item) -> bool:
    return item.bucket != "request" or item.rate > 0


def _line(row: ReceiptRow, item: Item) -> Billed:
    each = item.bucket in ("images", "request")
    rate = money.usd(item.rate // 1000) if each else money.usd_per_million(item.rate)
    source = "" if item.bucket == "request" else _source(row, item.bucket)
    unit = "each" if each else "per 1M"
    amount = money.usd_per_token(item.picodollars)
    return Billed(BUCKETS[item.bucket], item.count, source, f"${rate} {unit}", f"${amount}")


def _source(row: ReceiptRow, bucket: str) -> str:
    answer = bucket in ("output", "reasoning")
    source = row.answer_source if answer else row.prompt_source
    return "" if source is None else SOURCES[source]


def _drawn(
    rows: Sequence[UsageRow], names: Mapping[str, str], asked: UsageAsked, offered: Sequence[str]
) -> Words:
    """Sums and charts, and the models to choose from: those used, then those offered."""
    by_model = summed(rows, ("model",))
    return {
        "total": next(iter(summed(rows, ())), None),
        "models": _choices([*(row.model for row in by_model), *offered], asked.model),
        "chart": _columns(rows, asked),
        "by_model": _shares(by_model, "model", names, asked),
        "by_key": _shares(summed(rows, ("key",)), "key", names, asked),
    }


def _short(name: str) -> str:
    return name if len(name) <= NAME_MOST else name[: NAME_MOST - 1] + "…"


def _choices(ids: Sequence[str], chosen: str) -> list[str]:
    """What a filter lists, each once, and what is chosen now wherever it stands."""
    listed = list(dict.fromkeys(ids))[:CHOICES]
    return listed if chosen in ("", *listed) else [chosen, *listed]


def _columns(rows: Sequence[UsageRow], asked: UsageAsked) -> Words:
    """A column for each hour, day or month of the range: its cost, or its requests where all was free."""
    sums: dict[str, list[int]] = {name: [0, 0, 0, 0, 0] for name in _places(asked)}
    for row in rows:
        found = sums.get(_place(row.start_ms or 0, asked))
        if found is not None:
            more = (row.requests, row.failed, row.prompt_tokens, row.answer_tokens, row.cost)
            found[:] = [old + new for old, new in zip(found, more, strict=True)]
    costs = [each[4] for each in sums.values()]
    requests = [each[0] for each in sums.values()]
    by_cost = any(costs)
    return {
        "drawn": columns(costs if by_cost else requests),
        "most": most_of(list(sums), costs if by_cost else requests, by_cost=by_cost),
        "rows": [(name, *each) for name, each in sums.items()],
        "by_cost": by_cost,
        "any": any(requests),
        "unit": "month" if asked.monthly else asked.by,
    }


def most_of(names: Sequence[str], amounts: Sequence[int], *, by_cost: bool) -> str:
    """What the highest column of a chart stands for."""
    most = max(amounts, default=0)
    if not most:
        return ""
    said = f"${money.usd(most)}" if by_cost else f"{most:,} requests"
    return f"most: {said}, {names[list(amounts).index(most)]}"


def _places(asked: UsageAsked) -> Sequence[str]:
    """Every column of the range by its name, earliest first."""
    step = HOUR_MS if asked.by == "hour" else DAY_MS
    starts = range(asked.since_ms, asked.until_ms, step)
    return list(dict.fromkeys(_place(at, asked) for at in starts))


def _place(at_ms: int, asked: UsageAsked) -> str:
    if asked.monthly:
        return month_of(at_ms)
    return moment(at_ms) if asked.by == "hour" else day(at_ms)


def _shares(
    rows: Sequence[UsageRow],
    what: Literal["model", "key"],
    names: Mapping[str, str],
    asked: UsageAsked,
) -> Words:
    """The dearest first, each with a bar; the rest in one line."""
    found = sorted(rows, key=lambda row: (-row.cost, -row.requests, row.model, row.key))
    most, rest = found[:SHARES], found[SHARES:]
    others = summed(rest, ())
    shown = [*most, *others]
    costs = [row.cost for row in shown]
    bars = shares(costs if any(costs) else [row.requests for row in shown])
    lines: list[Share] = []
    for row, bar in zip(shown, bars, strict=True):
        id = row.model if what == "model" else row.key
        link = asked.query(**{"model" if what == "model" else "key_id": id}) if id else ""
        name = names.get(id, id) if id else f"{len(rest)} more"
        lines.append(Share(name, link, row, bar))
    return {"lines": lines, "total": len(found)}
