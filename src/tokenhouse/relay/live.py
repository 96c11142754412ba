"""The requests that live now, from the moment they ask to be admitted until their hold has ended.

A request costs one entry put in and taken out; all else is worked out when somebody looks. One that
is stopped ends like any other that is cut: what was delivered is settled, the upstream is cancelled at
once, its client is told why.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from tokenhouse.errors import AccountError, TokenhouseError

if TYPE_CHECKING:
    from tokenhouse.relay.answer import Answer

LiveState = Literal["waiting", "opening", "answering"]
"""``waiting``: to be admitted; ``opening``: admitted, and no route has given content yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveRequest:
    """One request as it stands now. Tokens and ``owed`` (nanodollars) are what was delivered so far,
    as well as it is known; ``age_ms`` counts from its arrival at the relay."""

    id: str
    account: str
    account_name: str
    key: str
    key_name: str
    model: str
    dialect: str
    streamed: bool
    state: LiveState
    begun_ms: int
    age_ms: int
    provider: str | None
    prompt_tokens: int
    answer_tokens: int
    owed: int


class Live:
    """All methods are called in the house's event loop."""

    __slots__ = ("answers",)

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}

    def __len__(self) -> int:
        return len(self.answers)

    def accounts(self) -> frozenset[str]:
        """Whose requests live now, by id."""
        return frozenset(answer.plan.caller.account for answer in self.answers.values())

    def listed(self, account: str | None = None) -> tuple[LiveRequest, ...]:
        """Those of ``account`` (an id), or all; oldest first."""
        return tuple(
            answer.live()
            for answer in self.answers.values()
            if account is None or answer.plan.caller.account == account
        )

    def stop(self, id: str, error: TokenhouseError) -> asyncio.Event | None:
        """End the request ``id``; its client is told ``error``. → set when its hold has ended; None:
        there is no such request, or no more."""
        answer = self.answers.get(id)
        return None if answer is None else answer.stop(error)

    def stop_account(self, account: str, error: TokenhouseError) -> tuple[asyncio.Event, ...]:
        """End every request of ``account`` (an id)."""
        ending = [a for a in self.answers.values() if a.plan.caller.account == account]
        return tuple(answer.stop(error) for answer in ending)


def stopped_by_operator(reason: str = "") -> AccountError:
    """What a client is told whose request an operator has ended; no SDK asks again for it."""
    why = f": {reason}" if reason else ""
    return AccountError(
        f"The operator of this house ended this request{why}.",
        status=403,
        code="cancelled_by_operator",
    )


def account_not_open(name: str, state: str) -> AccountError:
    """What a client is told whose account was suspended or closed while it was answered."""
    return AccountError(
        f"The account {name!r} of this API key is {state} now, so this answer ends here.",
        status=403,
        code=f"account_{state}",
    )
