"""What is decided about a request before any money moves: offer, routes, ceiling. Values only."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec

from tokenhouse import ids
from tokenhouse.access import Caller, Limits
from tokenhouse.catalogue import Ceiling, Offer, Route
from tokenhouse.catalogue import Plan as AccountPlan
from tokenhouse.chat import Dialect, Request
from tokenhouse.ledger import GrantDue
from tokenhouse.relay.idempotency import KeyAsked
from tokenhouse.relay.meter import TokenCounter

_PREFIXES: Mapping[str, str] = {
    "openai_chat": "chatcmpl-",
    "openai_completions": "cmpl-",
    "openai_responses": "resp_",
    "anthropic_messages": "msg_",
}


class Plan(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """``max_tokens`` is per choice, as it goes upstream; None leaves what the client wrote.
    ``prompt_counted``: the ceiling's prompt is exact. ``lowered``: the balance did not reach for what
    was asked."""

    id: str
    answer_id: str
    caller: Caller
    request: Request
    offer: Offer
    ceiling: Ceiling
    routes: tuple[Route, ...]
    at_ms: int
    max_tokens: int | None
    system_prompt: str | None
    limits: Limits
    grant: GrantDue | None
    free_per_day: int | None = None
    count: TokenCounter | None = None
    prompt_counted: bool = False
    lowered: bool = False
    idempotency: KeyAsked | None = None


def answer_id(request_id: str, dialect: Dialect) -> str:
    """The id under which an answer goes out, in its client's dialect."""
    return ids.answer_id(_PREFIXES[dialect], request_id)


class Months:
    """The grants of the current month (UTC); remembers them, as they change twelve times a year."""

    __slots__ = ("_due", "_ends_ms", "_period", "_starts_ms")

    def __init__(self) -> None:
        self._due: dict[int, GrantDue] = {}
        self._starts_ms = 0
        self._ends_ms = 0
        self._period = ""

    def grant_due(self, plan: AccountPlan, now_ms: int) -> GrantDue | None:
        """What ``plan`` gives for the month of ``now_ms``, or None when it gives nothing."""
        if not plan.monthly_grant:
            return None
        if not self._starts_ms <= now_ms < self._ends_ms:
            self._turn(now_ms)
        due = self._due.get(plan.monthly_grant)
        if due is None:
            due = self._due[plan.monthly_grant] = GrantDue(
                self._period, plan.monthly_grant, self._ends_ms
            )
        return due

    def _turn(self, now_ms: int) -> None:
        now = datetime.fromtimestamp(now_ms / 1000, UTC)
        starts = datetime(now.year, now.month, 1, tzinfo=UTC)
        ends = datetime(now.year + now.month // 12, now.month % 12 + 1, 1, tzinfo=UTC)
        self._due.clear()
        self._period = f"{now.year:04d}-{now.month:02d}"
        self._starts_ms = round(starts.timestamp() * 1000)
        self._ends_ms = round(ends.timestamp() * 1000)
