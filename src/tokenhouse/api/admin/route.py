"""A route for operators: where it stands, what it takes and gives. And who asks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import msgspec

from tokenhouse.access import SignedIn
from tokenhouse.api.admin.takes import Nothing
from tokenhouse.api.http import Respond, Scope

BASE: Final = "/api/admin/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminRoute:
    """``path`` stands below ``BASE``; ``{id}`` is one piece of it, whole and decoded.

    ``takes``: the body of a POST or PATCH, the query of a GET. ``gives``: what stands in ``data``;
    ``many``: a list of it, with ``next``. ``money``: an Idempotency-Key may be sent.
    """

    name: str
    method: Literal["GET", "POST", "PATCH"]
    path: str
    about: str
    takes: type[msgspec.Struct] = Nothing
    gives: Any = None
    many: bool = False
    money: bool = False

    @property
    def whole(self) -> str:
        """The path from the root on."""
        return BASE + self.path


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """An operator, and what they ask. ``ids``: the pieces of the path. ``once``: their
    Idempotency-Key, where the route moves money."""

    ids: Mapping[str, str]
    operator: SignedIn
    scope: Scope
    respond: Respond
    once: str | None = None

    @property
    def id(self) -> str:
        return self.ids["id"]

    @property
    def actor(self) -> str:
        return self.operator.actor


@dataclass(frozen=True, slots=True)
class Told:
    """``data`` is what the route gives; ``next``: the place to go on from, of a list. ``sent``: the
    answer went out already (an export)."""

    data: Any
    next: str | None = None
    sent: bool = False


Act = Callable[[Asking, Any], Awaitable[Told]]
"""What answers a route: it is given who asks, and what the route takes."""
