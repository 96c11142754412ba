"""Ranges and pages as a query asks for them: ``since``, ``until``, ``date``, ``limit``, ``after``."""

from __future__ import annotations

import datetime
from collections.abc import Mapping

from tokenhouse.billing import DAY_MS, FOREVER_MS, PageAsked
from tokenhouse.errors import CallerError

LIMIT = 100
STREAMED_LIMIT = 500


def page_asked(query: Mapping[str, str], *, streamed: bool) -> PageAsked:
    """``?since=&until=&limit=&after=&order=``; CallerError 400 names what is wrong.

    ``streamed``: everything is wanted, so ``limit`` is only how much is read at a time.
    """
    order = query.get("order", "asc" if streamed else "desc")
    if order not in ("asc", "desc"):
        raise CallerError("'order' must be asc or desc.", param="order")
    limit = query.get("limit")
    if limit is not None and streamed:
        raise CallerError("'limit' is for pages; an export has it all.", param="limit")
    if limit is not None and not (limit.isascii() and limit.isdecimal() and len(limit) < 10):
        raise CallerError("'limit' must be a whole number.", param="limit")
    return PageAsked(
        since_ms=moment_asked(query, "since", 0),
        until_ms=moment_asked(query, "until", FOREVER_MS),
        after=query.get("after") or None,
        limit=STREAMED_LIMIT if streamed else LIMIT if limit is None else int(limit),
        oldest_first=order == "asc",
    )


def range_asked(query: Mapping[str, str], now_ms: int, *, days: int) -> tuple[int, int]:
    """→ [since, until): the UTC day ``?date=``, or ``?since=&until=``, or the last ``days`` days."""
    if "date" in query:
        start = moment_asked(query, "date", 0)
        return start, start + DAY_MS
    first = (now_ms // DAY_MS - days + 1) * DAY_MS
    return moment_asked(query, "since", first), moment_asked(query, "until", now_ms + 1)


def moment_asked(query: Mapping[str, str], name: str, otherwise: int) -> int:
    """A day (its begin) or a moment in RFC 3339 → unix milliseconds; without a zone it is UTC."""
    text = query.get(name)
    if not text:
        return otherwise
    try:
        moment = datetime.datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=datetime.UTC)
        at_ms = round(moment.timestamp() * 1000)
    except (ValueError, OverflowError):
        raise CallerError(
            f"'{name}' must be a day like 2026-11-22 or a moment like 2026-11-22T14:00:00Z.",
            param=name,
        ) from None
    return max(0, at_ms)
