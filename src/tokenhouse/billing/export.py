"""Receipts and postings as lines for other programs: CSV with a header, or one JSON object a line.

Amounts are whole nanodollars, times are RFC 3339 in UTC. A field, once named, keeps its meaning; new
ones go last. In CSV a text that a spreadsheet would run as a formula has an apostrophe before it (as
OWASP's page on CSV injection advises); numbers and JSON stay as they are.
"""

from __future__ import annotations

import csv
import datetime
import io
import json
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Final, Literal, TypeVar

from tokenhouse.billing.values import AuditRow, Page, ReceiptRow
from tokenhouse.ledger import Posting

Form = Literal["csv", "ndjson"]
T = TypeVar("T")

TYPES: Final[Mapping[Form, str]] = {
    "csv": "text/csv; charset=utf-8; header=present",
    "ndjson": "application/x-ndjson",
}

_RUNS: Final = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that a spreadsheet takes for a formula."""

RECEIPT_FIELDS: Final = (
    *("id", "created_at", "ended_at", "account", "key", "model", "outcome", "streamed", "dialect"),
    *("finish_reason", "cost", "owed", "lost", "late", "over_hold", "price_version"),
    *("input", "cache_read", "cache_write", "output", "reasoning", "images"),
    *("prompt_source", "answer_source", "provider", "upstream_id", "attempts"),
    *("queue_ms", "latency_ms", "generation_ms", "total_ms", "error"),
)

POSTING_FIELDS: Final = ("id", "transfer", "account", "amount", "kind", "at", "reason")

AUDIT_FIELDS: Final = (
    *("seq", "at", "actor", "act", "subject", "account", "reason", "before", "after"),
)


def receipt_fields(row: ReceiptRow) -> dict[str, object]:
    """A receipt by RECEIPT_FIELDS; ``attempts`` is a list of objects."""
    told = {name: getattr(row, name) for name in RECEIPT_FIELDS if hasattr(row, name)}
    told |= {
        "created_at": utc(row.created_ms),
        "ended_at": utc(row.ended_ms),
        "over_hold": row.over,
        "attempts": [
            {
                "provider": attempt.provider,
                "model": attempt.upstream_model,
                "outcome": attempt.outcome,
                "latency_ms": attempt.latency_ms,
                "status": attempt.status,
                "error": attempt.error,
            }
            for attempt in row.attempts
        ],
    }
    return {name: told[name] for name in RECEIPT_FIELDS}


def posting_fields(posting: Posting) -> dict[str, object]:
    """A posting by POSTING_FIELDS."""
    return {
        "id": posting.id,
        "transfer": posting.transfer,
        "account": posting.account,
        "amount": posting.amount,
        "kind": posting.kind,
        "at": utc(posting.at_ms),
        "reason": posting.reason,
    }


def audit_fields(row: AuditRow) -> dict[str, Any]:
    """An act by AUDIT_FIELDS; ``before`` and ``after`` are objects."""
    return {
        "seq": row.seq,
        "at": utc(row.at_ms),
        "actor": row.actor,
        "act": row.act,
        "subject": row.subject,
        "account": row.account,
        "reason": row.reason,
        "before": row.before,
        "after": row.after,
    }


async def texts(
    form: Form,
    names: Sequence[str],
    fields: Callable[[T], Mapping[str, Any]],
    pages: AsyncGenerator[Page[T], None],
) -> AsyncGenerator[str, None]:
    """A long list as it is read: a text for each page, the head before the first."""
    text = head(form, names)
    async with aclosing(pages):
        async for page in pages:
            yield text + lines(form, map(fields, page.rows))
            text = ""


def head(form: Form, names: Sequence[str]) -> str:
    """What stands before the first line."""
    return table([names]) if form == "csv" else ""


def lines(form: Form, rows: Iterable[Mapping[str, object]]) -> str:
    """Rows as text, each with its newline. In CSV a list is JSON in one cell, None is empty."""
    if form == "csv":
        return table(row.values() for row in rows)
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def utc(ms: int) -> str:
    """Unix milliseconds → ``2026-11-22T17:20:34.123Z``."""
    moment = datetime.datetime.fromtimestamp(ms / 1000, datetime.UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def table(rows: Iterable[Iterable[object]]) -> str:
    """Rows as CSV, no cell of which runs in a spreadsheet."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([_cell(value) for value in row] for row in rows)
    return text.getvalue()


def _cell(value: object) -> object:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, str) and value.startswith(_RUNS):
        return "'" + value
    return "" if value is None else value
