"""What a page of usage is asked to show: a range, filters, a place. Pure; what makes no sense is left out."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from tokenhouse.billing import (
    DAY_MS,
    HOUR_MS,
    Dimension,
    Outcome,
    PageAsked,
    month_of,
    month_range,
)

RANGES: Final = {
    "24h": "Last 24 hours",
    "7d": "Last 7 days",
    "30d": "Last 30 days",
    "month": "This month",
    "custom": "From … to",
}
OUTCOMES: Final[Mapping[str, tuple[Outcome, ...]]] = {
    "finished": ("finished",),
    "cancelled": ("cancelled",),
    "failed": ("failed", "crashed"),
}
"""A word of the filter → the outcomes that it means."""
ROWS: Final = 40
COLUMNS_MAX: Final = 62
"""A range of more days than that is drawn by the month."""

_DAYS: Final = {"7d": 7, "30d": 30}
_RANGE_MAX_DAYS: Final = 366 * 10


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageAsked:
    """[since, until) in unix milliseconds; ``range`` is a word of RANGES; "" in a filter is all."""

    range: str
    since_ms: int
    until_ms: int
    model: str = ""
    key: str = ""
    outcome: str = ""
    after: str = ""

    @property
    def first_day(self) -> str:
        return _day(self.since_ms)

    @property
    def last_day(self) -> str:
        return _day(self.until_ms - 1)

    @property
    def by(self) -> Dimension:
        """What a chart's columns are."""
        return "hour" if self.until_ms - self.since_ms <= 2 * DAY_MS else "day"

    @property
    def monthly(self) -> bool:
        """Are the columns months?"""
        return self.until_ms - self.since_ms > COLUMNS_MAX * DAY_MS

    @property
    def narrowed(self) -> bool:
        return bool(self.model or self.key or self.outcome)

    def page(self, *, limit: int = ROWS, oldest_first: bool = False) -> PageAsked:
        """The receipts that are meant, as billing asks for them."""
        return PageAsked(
            since_ms=self.since_ms,
            until_ms=self.until_ms,
            after=self.after or None,
            limit=limit,
            oldest_first=oldest_first,
            model=self.model or None,
            key=self.key or None,
            outcomes=OUTCOMES.get(self.outcome, ()),
        )

    def query(self, **other: str) -> str:
        """The same question with ``other`` words, as a query string with ``?``."""
        fields = {"range": self.range, "model": self.model, "key_id": self.key}
        fields["outcome"] = self.outcome
        if self.range == "custom":
            fields |= {"since": self.first_day, "until": self.last_day}
        given = {name: value for name, value in (fields | other).items() if value}
        return "?" + urlencode(given) if given else ""


def usage_asked(query: Mapping[str, str], now_ms: int) -> UsageAsked:
    """Read a query; without a range it is the last seven days."""
    word = query.get("range", "")
    if word not in RANGES:
        word = "custom" if "since" in query or "until" in query else "7d"
    since_ms, until_ms = _range(word, query, now_ms)
    outcome = query.get("outcome", "")
    return UsageAsked(
        range=word,
        since_ms=since_ms,
        until_ms=until_ms,
        model=query.get("model", "")[:200],
        key=query.get("key_id", "")[:60],
        outcome=outcome if outcome in OUTCOMES else "",
        after=query.get("after", "")[:60],
    )


def lines_asked(query: Mapping[str, str], *, limit: int) -> PageAsked:
    """The page of an account's book that is asked for."""
    return PageAsked(after=query.get("after", "")[:100] or None, limit=limit)


def _range(word: str, query: Mapping[str, str], now_ms: int) -> tuple[int, int]:
    tomorrow = (now_ms // DAY_MS + 1) * DAY_MS
    if word == "24h":
        return (now_ms // HOUR_MS - 23) * HOUR_MS, (now_ms // HOUR_MS + 1) * HOUR_MS
    if word == "month":
        return month_range(month_of(now_ms))[0], tomorrow
    if word in _DAYS:
        return tomorrow - _DAYS[word] * DAY_MS, tomorrow
    last = _start(query.get("until", ""))
    until_ms = tomorrow if last is None else last + DAY_MS
    since_ms = _start(query.get("since", ""))
    if since_ms is None or since_ms >= until_ms:
        since_ms = max(0, until_ms - 7 * DAY_MS)
    return max(since_ms, until_ms - _RANGE_MAX_DAYS * DAY_MS), until_ms


def _start(day: str) -> int | None:
    try:
        moment = datetime.date.fromisoformat(day)
    except ValueError:
        return None
    days = moment.toordinal() - datetime.date(1970, 1, 1).toordinal()
    return days * DAY_MS if 0 <= days < 2_900_000 else None


def _day(at_ms: int) -> str:
    return datetime.datetime.fromtimestamp(at_ms / 1000, datetime.UTC).strftime("%Y-%m-%d")
