"""What the operators' routes take: bodies of POST and PATCH, queries of GET. An unknown field of a body
is refused, by name."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

AMOUNT_MAX = 2**63 - 1

AccountState = Literal["open", "suspended", "closed"]
Id = Annotated[str, Meta(max_length=300)]
Words = Annotated[str, Meta(max_length=200)]
Reason = Annotated[str, Meta(min_length=1, max_length=500, description="Why; it is written down.")]
MayReason = Annotated[str, Meta(max_length=500, description="Why; it is written down.")]
Amount = Annotated[int, Meta(ge=1, le=AMOUNT_MAX, description="Nanodollars.")]
After = Annotated[str | None, Meta(description="`next` of the page before.")]
Limit = Annotated[int, Meta(ge=1, le=1000, description="How many at most.")]
Day = Annotated[str | None, Meta(description="A UTC day or a moment in RFC 3339.")]
Form = Annotated[
    Literal["json", "csv", "ndjson"], Meta(description="The last two give all, as a file.")
]


class Nothing(msgspec.Struct, frozen=True):
    """Takes no fields."""


class Body(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A body: what it does not know it refuses."""


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """The fields of a query."""


class AccountsQuery(Query, frozen=True, kw_only=True):
    search: Annotated[Words, Meta(description="Part of the name, or the id.")] = ""
    state: AccountState | None = None
    plan: Words | None = None
    after: After = None
    limit: Limit = 50


class NewAccount(Body, frozen=True, kw_only=True):
    name: Words
    plan: Annotated[str | None, Meta(description="Default: the plan of new accounts.")] = None


class AccountChange(Body, frozen=True, kw_only=True):
    reason: Reason
    plan: Words | None = None
    state: AccountState | None = None


class NewCredit(Body, frozen=True, kw_only=True):
    amount: Amount
    reason: Reason


class Because(Body, frozen=True, kw_only=True):
    reason: Reason


class MayBecause(Body, frozen=True, kw_only=True):
    reason: MayReason = ""


class PageQuery(Query, frozen=True, kw_only=True):
    after: After = None
    limit: Limit = 50


class UsageQuery(Query, frozen=True, kw_only=True):
    since: Day = None
    until: Day = None
    by: Annotated[str, Meta(description="Any of day, hour, account, key, model, with commas.")] = (
        "day"
    )


class PricesQuery(Query, frozen=True, kw_only=True):
    model: Annotated[str | None, Meta(description="A model's id or alias; default: all.")] = None


class LiveQuery(Query, frozen=True, kw_only=True):
    account: Annotated[str | None, Meta(description="A name or an id; default: all.")] = None


class RouteReset(Body, frozen=True, kw_only=True):
    provider: Words
    model: Annotated[str, Meta(max_length=300, description="The model's name at the provider.")]
    reason: MayReason = ""


class ErrorsQuery(Query, frozen=True, kw_only=True):
    text: Annotated[
        Words, Meta(description="Part of an id, error code, model, provider, account or key.")
    ] = ""
    since: Day = None
    after: After = None
    limit: Limit = 50


class AuditQuery(Query, frozen=True, kw_only=True):
    account: Annotated[str | None, Meta(description="A name or an id.")] = None
    actor: Words = ""
    act: Words = ""
    text: Annotated[Words, Meta(description="Part of act, subject or reason.")] = ""
    since: Day = None
    until: Day = None
    after: After = None
    limit: Limit = 100
    format: Form = "json"


class PersonsQuery(Query, frozen=True, kw_only=True):
    search: Annotated[Words, Meta(description="Part of the address or the name.")] = ""
    after: After = None
    limit: Limit = 100


class PersonChange(Body, frozen=True, kw_only=True):
    operator: bool | None = None
    state: Literal["open", "suspended"] | None = None


class NewInvitation(Body, frozen=True, kw_only=True):
    email: Annotated[str, Meta(max_length=320)]
    account: Annotated[
        str | None, Meta(description="To which account; null: to have one of their own.")
    ] = None
    role: Literal["owner", "developer", "viewer"] | None = None
    operator: bool = False
