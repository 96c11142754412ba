"""What the relay asks of a store: admit, note, close. Each is one operation, all or none.

Like every verb of money it is queued when it is *called*, in order; awaiting only waits for it to be
durable. A relay that is cancelled between the two has still said it.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Literal, Protocol

import msgspec

from tokenhouse.access import Limits
from tokenhouse.ledger import GrantDue
from tokenhouse.relay.idempotency import Keep, Kept, KeyAsked
from tokenhouse.relay.receipt import Receipt


class Admission(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Limits, the month's grant and the hold, asked at once. ``id`` is the request's and the hold's.

    ``amount``: the ceiling in nanodollars. ``tokens``: the same ceiling in tokens, reserved against
    ``limits.tokens_per_minute``. ``model``, ``price_version``, ``dialect``, ``streamed``: what a
    receipt needs, should the process die. ``free_per_day``: of a free variant, how many such requests
    the account may make per UTC day. ``idempotency``: the key that the request takes, if it may.
    """

    id: str
    account: str
    key: str
    amount: int
    tokens: int
    at_ms: int
    limits: Limits
    model: str
    price_version: str
    dialect: str
    streamed: bool
    grant: GrantDue | None = None
    free_per_day: int | None = None
    idempotency: KeyAsked | None = None


class Remaining(msgspec.Struct, frozen=True, gc=False):
    """What is left of the per-minute limits after the operation, the tighter of the account's and
    the key's; None where there is no such limit. A reset is when all of it is back."""

    requests: int | None = None
    tokens: int | None = None
    requests_reset_ms: int = 0
    tokens_reset_ms: int = 0
    requests_limit: int | None = None
    tokens_limit: int | None = None


class Admitted(msgspec.Struct, frozen=True, gc=False):
    """Durable: the upstream may be called. ``free``: what the account can still spend beside it."""

    free: int
    remaining: Remaining = Remaining()


Reason = Literal[
    "credit",
    "requests",
    "tokens",
    "concurrency",
    "queue",
    "queue_wait",
    "day_cap",
    "month_cap",
    "free_requests",
    "account",
    "replayed",
    "taken",
]
"""Why nothing was held. ``queue``: as many wait as may; ``queue_wait``: it waited as long as it may.
``taken``: another request has its Idempotency-Key."""


class Refused(msgspec.Struct, frozen=True, gc=False):
    """Nothing was held and nothing was counted. ``free``: nanodollars that could be spent: the
    account's, or under the key's cap if that is less. ``limit``: requests, tokens or nanodollars.
    ``whose``: the account's limit, or the key's own."""

    reason: Reason
    free: int = 0
    limit: int | None = None
    retry_after_s: float | None = None
    remaining: Remaining = Remaining()
    whose: Literal["account", "key"] = "account"


class Closed(msgspec.Struct, frozen=True, gc=False):
    """The hold has ended. See ``ledger.Settled``; a released hold has ``charged`` 0."""

    charged: int
    lost: int = 0
    over: bool = False
    late: bool = False
    free: int | None = None


class Book(Protocol):
    """The relay's door to durable money and receipts."""

    def admit(self, admission: Admission) -> Awaitable[Admitted | Refused]: ...

    def close(
        self, receipt: Receipt, *, tokens: int, keep: Keep | None = None
    ) -> Awaitable[Closed]:
        """End the hold ``receipt.id`` and write the receipt, in one operation: settle what
        ``receipt.owed`` says, or release when it is 0. ``tokens``: what really counted against
        tokens_per_minute (corrects the reservation). The stored receipt carries the true ``cost``,
        ``lost``, ``over`` and ``late``. A hold that was never made (refused) is left alone.
        ``keep``: of a request that carries an Idempotency-Key, what its key keeps from now on."""
        ...

    def note(self, hold: str, owed: int) -> Awaitable[None]:
        """What a running stream owes so far (nanodollars)."""
        ...

    def kept(self, account: str, name: str) -> Awaitable[Kept | None]:
        """What became of the request that took the account's Idempotency-Key ``name``; None: free."""
        ...
