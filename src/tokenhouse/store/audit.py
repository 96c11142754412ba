"""The audit log: a row for every act, written in the act's own operation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from tokenhouse.billing import AuditRow, By
from tokenhouse.store.batch import Batch

Facts = Mapping[str, object]


def record(
    batch: Batch,
    by: By,
    act: str,
    subject: str,
    *,
    account: str | None,
    change: tuple[Facts | None, Facts | None],
) -> None:
    """``act`` was done to ``subject`` (an id); ``change``: what was true before, and after."""
    before, after = map(_json, change)
    row = (batch.now_ms, by.actor, act, subject, account, by.reason, before, after)
    batch.execute("audit_new", row)


def audit_rows(rows: Iterable[tuple[Any, ...]]) -> tuple[AuditRow, ...]:
    """Rows of ``audit_page`` → what billing reads."""
    return tuple(map(audit_row, rows))


def audit_row(row: tuple[Any, ...]) -> AuditRow:
    """One of them."""
    seq, at_ms, actor, act, subject, account, reason, before, after = row
    return AuditRow(
        seq=seq,
        at_ms=at_ms,
        actor=actor,
        act=act,
        subject=subject,
        account=account,
        reason=reason,
        before=_facts(before),
        after=_facts(after),
    )


def _json(facts: Facts | None) -> str | None:
    return None if facts is None else msgspec.json.encode(facts).decode()


def _facts(text: str | None) -> Facts | None:
    return None if text is None else msgspec.json.decode(text, type=dict[str, object])
