"""A route of the control plane: where it stands, who may ask, what it takes and gives. And its answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import msgspec

from tokenhouse.access import Right, SignedIn
from tokenhouse.api.control.takes import Nothing
from tokenhouse.billing import Once

BASE: Final = "/api/agents/v1"

Limiter = Literal["general", "auth", "money"]
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
Who = Literal["anyone", "person", "member"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlRoute:
    """``path`` stands below ``BASE``; ``{id}`` is one piece of it, a last ``{id...}`` all the rest.

    ``who``: ``member`` needs an access token of an account, and ``right`` in it; ``person`` any access
    token. ``limiter``: which of the limits per minute it counts against. ``refused``: the statuses that
    it has beside those that its kind has anyway.
    """

    name: str
    method: Method
    path: str
    about: str
    tag: str
    takes: type[msgspec.Struct] = Nothing
    gives: Any = None
    who: Who = "member"
    right: Right = Right.SEE
    limiter: Limiter = "general"
    status: int = 200
    once: bool = False
    refused: tuple[int, ...] = ()
    example: Mapping[str, Any] = field(default_factory=dict[str, Any])
    answers: str = ""

    @property
    def act(self) -> str:
        """The name of what answers it: its own, unless several share one."""
        return self.answers or self.name

    @property
    def whole(self) -> str:
        """The path from the root on."""
        return BASE + self.path


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """Who asks what. ``ids``: the pieces of the path. ``cli``: ModelsLab's command line, which reads
    some answers in another shape than the documents have."""

    ids: Mapping[str, str]
    address: str
    signed: SignedIn | None = None
    once: Once | None = None
    cli: bool = False

    @property
    def who(self) -> SignedIn:
        """The person; where the route asks for one there is one."""
        assert self.signed is not None
        return self.signed

    @property
    def account(self) -> str:
        """The account that the token acts for; a route for members is asked only where there is one."""
        account = self.who.account
        assert account is not None
        return account


@dataclass(frozen=True, slots=True)
class Answer:
    """``data`` is what the route gives; ``meta`` stands beside the request's id."""

    data: Any
    meta: Mapping[str, Any] = field(default_factory=dict[str, Any])


Act = Callable[[Asking, Any], Awaitable[Answer]]
"""What answers a route: it is given who asks, and what the route takes."""
