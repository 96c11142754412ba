"""What operators see and ask beside the books: lists of the whole house, and the house that runs.

Amounts are nanodollars, times unix milliseconds UTC, tokens are tokens.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from tokenhouse.billing.values import FOREVER_MS
from tokenhouse.ledger import Account, AccountState, Verification


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountsAsked:
    """Some accounts, newest first: those whose name holds ``search`` (or whose id it is), behind
    ``after``, the id of the last one seen."""

    search: str = ""
    state: AccountState | None = None
    plan: str | None = None
    after: str | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditAsked:
    """Some acts, newest first. ``account`` is an id; ``actor`` and ``text`` (of subject, reason and
    act) are parts of what is sought; ``after``: the seq of the last one seen."""

    account: str | None = None
    actor: str = ""
    act: str = ""
    text: str = ""
    since_ms: int = 0
    until_ms: int = FOREVER_MS
    after: str | None = None
    limit: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class FailuresAsked:
    """Some requests that failed or crashed, newest first. ``text``: part of an id, error code, model,
    provider, account or key; ``after``: the place of the page before."""

    text: str = ""
    since_ms: int = 0
    after: str | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenHold:
    """Money held now; ``owed`` is its last note. ``key`` is None where it is no request's."""

    id: str
    account: str
    amount: int
    owed: int
    lease: str
    at_ms: int
    key: str | None
    model: str | None


@dataclass(frozen=True, slots=True)
class LeaseRow:
    """A process's claim on its holds: its counter rises every two seconds while it lives."""

    id: str
    counter: int
    started_ms: int
    holds: int


@dataclass(frozen=True, slots=True)
class Folding:
    """``folded`` of receipts up to ``last`` are in the rollups."""

    folded: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveRow:
    """A request that is being answered; see ``relay.LiveRequest``."""

    id: str
    account: str
    account_name: str
    key: str
    key_name: str
    model: str
    dialect: str
    streamed: bool
    state: Literal["waiting", "opening", "answering"]
    begun_ms: int
    age_ms: int
    provider: str | None
    prompt_tokens: int
    answer_tokens: int
    owed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteRow:
    """A route as it stands: ``why_not`` when its provider can't answer. ``breaker``: closed is well,
    resting is left out for ``rests_s`` more seconds, probing is being tried. ``in_row`` failures,
    ``failed`` of the last ``seen`` outcomes."""

    model: str
    provider: str
    upstream_model: str
    priority: int
    weight: int
    ready: bool
    why_not: str | None
    breaker: Literal["closed", "resting", "probing"]
    in_row: int
    failed: int
    seen: int
    rests_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineRow:
    """The engine of one model in this house. ``context`` is tokens that its requests share, ``reserved``
    of them are taken and ``queued`` requests wait for room; 0 until the weights were read."""

    model: str
    provider: str
    state: str
    failure: str | None
    restarts: int
    pid: int | None
    context: int
    reserved: int
    queued: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One row in which the settings on disk are not what runs; None: not there. ``taken``: by reading
    the settings again, or only by a start anew."""

    table: str
    name: str
    key: str
    running: str | None
    written: str | None
    taken: Literal["reload", "restart"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsRow:
    """The settings on disk beside what runs. ``problems``: why they can't be taken, each naming its
    key; ``path`` is None where there is no file."""

    path: str | None
    problems: tuple[str, ...] = ()
    differences: tuple[Difference, ...] = ()
    taken: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A request that ended with an error before or after it was admitted, as this process
    remembers it."""

    id: str
    at_ms: int
    status: int
    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessRow:
    """This process. ``folded_ms``: when receipts were last folded; ``fold_error``: why they aren't."""

    version: str
    lease: str
    started_ms: int
    live: int
    waiting: int
    folded_ms: int | None
    fold_error: str | None
    totals: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Verified:
    """When the money was last verified from here, and what came of it; None while it runs."""

    at_ms: int
    found: Verification | None


class RunningHouse(Protocol):
    """The process that serves, as far as operators see and steer it."""

    def live(self, account: str | None = None) -> tuple[LiveRow, ...]:
        """The requests of ``account`` (an id), or all, oldest first."""
        ...

    async def cancel(self, id: str, reason: str) -> bool:
        """End one live request; → when its hold has ended. False: there is no such request."""
        ...

    async def stop_account(self, account: Account) -> int:
        """End every live request of an account that is not open; → when their holds have ended."""
        ...

    def routes(self) -> tuple[RouteRow, ...]: ...

    def reset(self, provider: str, upstream_model: str) -> bool:
        """Forget a route's failures, so that it is tried again. False: there is no such route."""
        ...

    def engines(self) -> tuple[EngineRow, ...]: ...

    def refusals(self) -> tuple[Refusal, ...]:
        """The last requests that ended with an error, newest first."""
        ...

    async def settings(self) -> SettingsRow:
        """What the settings say now beside what runs; changes nothing."""
        ...

    async def reload(self) -> SettingsRow:
        """Take the settings, as SIGHUP does; what runs stays where they can't be taken."""
        ...

    def process(self) -> ProcessRow: ...
