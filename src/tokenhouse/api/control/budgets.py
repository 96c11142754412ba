"""How often the control plane may be asked: three limits per minute, each caller in a bucket of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tokenhouse.access import network
from tokenhouse.api.buckets import Buckets
from tokenhouse.api.control.route import Limiter
from tokenhouse.api.http import Headers
from tokenhouse.clock import Clock
from tokenhouse.errors import AccountError


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Requests per minute. ``auth``: signing in and what goes with it, per address. ``money``: what
    moves money, ``general``: the rest; both per address and person."""

    general: int = 120
    auth: int = 20
    money: int = 15


class Budgets:
    """The buckets of one process."""

    def __init__(self, budget: Budget, clock: Clock) -> None:
        self._clock = clock
        self._buckets: Mapping[Limiter, Buckets] = {
            "general": Buckets(budget.general, clock),
            "auth": Buckets(budget.auth, clock),
            "money": Buckets(budget.money, clock),
        }

    def take(self, limiter: Limiter, address: str, person: str) -> Headers:
        """One request of ``person`` ("" when nobody is signed in). → what the answer says of the limit

        AccountError 429 ``rate_limit_exceeded``.
        """
        buckets = self._buckets[limiter]
        name = network(address) if limiter == "auth" else f"{network(address)} {person}"
        wait_s = buckets.take(name)
        if wait_s is not None:
            raise AccountError(
                f"Rate limit reached: {_ABOUT[limiter]} {buckets.per_minute} times per minute. "
                f"Try again in {max(1, round(wait_s))} s.",
                status=429,
                code="rate_limit_exceeded",
                retry_after_s=wait_s,
            )
        left, full_s = buckets.left(name)
        return [
            (b"x-ratelimit-limit", b"%d" % buckets.per_minute),
            (b"x-ratelimit-remaining", b"%d" % left),
            (b"x-ratelimit-reset", b"%d" % (self._clock.now_ms() // 1000 + round(full_s + 0.499))),
        ]


_ABOUT: Final = {
    "general": "the control plane may be asked",
    "auth": "signing in may be tried from one address",
    "money": "what moves money may be asked",
}
