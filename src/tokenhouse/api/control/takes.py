"""What the control plane's routes take: bodies of POST, PUT and PATCH, queries of GET and DELETE.

Field names are those that ModelsLab documents; those that its command line sends instead are told by
:mod:`given`. What is UNSET stays as it is.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

NAME_MAX: Final = 200
EMAIL_MAX: Final = 254
SECRET_MAX: Final = 1024
COUNT_MAX: Final = 2**63 - 1
PAGE_MAX: Final = 200
OFFSET_MAX: Final = 10_000

Expiry = Literal["1_week", "1_month", "3_months", "never"]
Role = Literal["owner", "developer", "viewer"]

_LETTERS: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL: Final = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_INSIDE: Final = r"\u0000-\u001f\u007f-\u009f\u2028\u2029]"
_LINE: Final = rf"[^\s{_INSIDE}([^{_INSIDE}*[^\s{_INSIDE})?"

# What a schema can say of these; that it is so, access says, in better words than a pattern's.
_OF_EMAIL: Final = {"pattern": rf"^{_LETTERS}(\.{_LETTERS})*@{_LABEL}(\.{_LABEL})*$"}
_OF_LINE: Final = {"pattern": f"^{_LINE}$"}
_OF_LINE_OR_NONE: Final = {"pattern": f"^({_LINE})?$"}
_OF_TIME: Final = {
    "anyOf": [{"type": "string", "format": "date"}, {"type": "string", "format": "date-time"}]
}

Email = Annotated[
    str,
    Meta(max_length=EMAIL_MAX, description="An e-mail address.", extra_json_schema=_OF_EMAIL),
]
Password = Annotated[str, Meta(max_length=SECRET_MAX, description="The person's password.")]
Again = Annotated[
    str | None, Meta(description="The same once more; refused when it is another one.")
]
Ends = Annotated[Expiry, Meta(description="How long the access token works.")]
Device = Annotated[
    str,
    Meta(
        max_length=NAME_MAX,
        description="What the token is called in lists.",
        extra_json_schema=_OF_LINE_OR_NONE,
    ),
]
Named = Annotated[
    str,
    Meta(max_length=NAME_MAX, description="What it is called.", extra_json_schema=_OF_LINE_OR_NONE),
]
Name = Annotated[
    str,
    Meta(max_length=NAME_MAX, description="What it is called.", extra_json_schema=_OF_LINE),
]
Code = Annotated[str, Meta(max_length=SECRET_MAX, description="The code that a mail carried.")]
Dollars = (
    Annotated[int, Meta(ge=0)]
    | Annotated[float, Meta(ge=0)]
    | Annotated[str, Meta(pattern=r"^[0-9]{1,9}(\.[0-9]{1,9})?$")]
    | None
)
Count = Annotated[int, Meta(ge=1, le=COUNT_MAX)] | None
ModelIds = Annotated[
    tuple[str, ...] | None,
    Meta(description="Models that the key may ask, by id or alias; null: all of them."),
]
When = Annotated[
    str | None,
    Meta(description="A UTC day or a moment in RFC 3339 that lies ahead; null: never."),
]
Day = Annotated[
    str,
    Meta(description="From this UTC day, or moment in RFC 3339, on.", extra_json_schema=_OF_TIME),
]
LastDay = Annotated[
    str,
    Meta(
        description="Up to this UTC day, included, or moment in RFC 3339.",
        extra_json_schema=_OF_TIME,
    ),
]
_AFTER: Final = "`meta.next` of the page before."


class Nothing(msgspec.Struct, frozen=True):
    """Takes no fields."""


class SignUp(msgspec.Struct, frozen=True, kw_only=True):
    email: Email
    password: Password
    name: Named = ""
    password_confirmation: Again = None


class Login(msgspec.Struct, frozen=True, kw_only=True):
    email: Email
    password: Password
    device_name: Device = ""
    token_expiry: Ends = "1_month"


class VerifyEmail(msgspec.Struct, frozen=True, kw_only=True):
    verification_code: Code
    password: Password
    device_name: Device = ""
    token_expiry: Ends = "1_month"


class Refresh(msgspec.Struct, frozen=True, kw_only=True):
    token_expiry: Ends = "1_month"
    device_name: Device = ""


class OfAddress(msgspec.Struct, frozen=True, kw_only=True):
    email: Email


class ResetPassword(msgspec.Struct, frozen=True, kw_only=True):
    token: Code
    password: Password
    password_confirmation: Again = None


class NewToken(msgspec.Struct, frozen=True, kw_only=True):
    name: Named = ""
    token_expiry: Ends = "1_month"


class SwitchAccount(msgspec.Struct, frozen=True, kw_only=True):
    account: Annotated[
        str | None,
        Meta(description="Id of an account of the person; null: the one they joined first."),
    ] = None


class ProfileChange(msgspec.Struct, frozen=True, kw_only=True):
    name: Name | UnsetType = UNSET


class PasswordChange(msgspec.Struct, frozen=True, kw_only=True):
    current_password: Password
    password: Password
    password_confirmation: Again = None


class NewApiKey(msgspec.Struct, frozen=True, kw_only=True):
    name: Named = ""
    expires_at: When = None
    models: ModelIds = None
    day_cap: Annotated[Dollars, Meta(description="US dollars it may cost in a UTC day.")] = None
    month_cap: Annotated[Dollars, Meta(description="US dollars it may cost in a UTC month.")] = None
    requests_per_minute: Annotated[Count, Meta(description="Null: as its account.")] = None
    tokens_per_minute: Annotated[Count, Meta(description="Null: as its account.")] = None
    concurrent_requests: Annotated[Count, Meta(description="Null: as its account.")] = None


class ApiKeyChange(msgspec.Struct, frozen=True, kw_only=True):
    name: Named | UnsetType = UNSET
    expires_at: When | UnsetType = UNSET
    models: ModelIds | UnsetType = UNSET
    day_cap: Annotated[Dollars | UnsetType, Meta(description="US dollars in a UTC day.")] = UNSET
    month_cap: Annotated[Dollars | UnsetType, Meta(description="US dollars in a month.")] = UNSET
    requests_per_minute: Annotated[Count | UnsetType, Meta(description="Null: no own.")] = UNSET
    tokens_per_minute: Annotated[Count | UnsetType, Meta(description="Null: no own.")] = UNSET
    concurrent_requests: Annotated[Count | UnsetType, Meta(description="Null: no own.")] = UNSET


class Rotate(msgspec.Struct, frozen=True, kw_only=True):
    overlap_seconds: Annotated[
        int,
        Meta(ge=0, le=366 * 86_400, description="How long the old secret works beside the new."),
    ] = 0


class Range(msgspec.Struct, frozen=True, kw_only=True, rename={"from_": "from"}):
    from_: Day | UnsetType = UNSET
    to: LastDay | UnsetType = UNSET


class UsageAsked(Range, frozen=True, kw_only=True):
    by: Annotated[
        str,
        Meta(
            pattern="^(day|hour|model|key)(,(day|hour|model|key))*$",
            description="What to sum apart, with commas between: `day`, `hour`, `model`, `key`.",
        ),
    ] = "day,model"


class HistoryAsked(Range, frozen=True, kw_only=True):
    model: Annotated[str, Meta(description="Only of this model, by id or alias.")] = ""
    key: Annotated[str, Meta(description="Only of the key with this id.")] = ""
    status: Annotated[
        Literal["finished", "cancelled", "failed", "crashed"] | UnsetType,
        Meta(description="Only what ended so."),
    ] = UNSET
    limit: Annotated[int, Meta(ge=1, le=PAGE_MAX, description="How many at most.")] = 50
    after: Annotated[
        str | UnsetType,
        Meta(description=_AFTER, extra_json_schema={"pattern": r"^[0-9]{1,18}\.[0-9]{1,18}$"}),
    ] = UNSET


class ModelsAsked(msgspec.Struct, frozen=True, kw_only=True):
    search: Annotated[str, Meta(description="Words of the id, the name or the description.")] = ""
    feature: Annotated[str, Meta(description="`llmaster`; this house has no other.")] = ""
    model_type: Annotated[str, Meta(description="As in the rows: `text->text`, …")] = ""
    model_subcategory: Annotated[str, Meta(description="As in the rows.")] = ""
    base_model: Annotated[str, Meta(description="As in the rows.")] = ""
    provider: Annotated[str, Meta(description="Who made it, as in `/models/providers`.")] = ""
    tags: Annotated[str, Meta(description="All of these, with commas between.")] = ""
    sort: Annotated[
        Literal["recommended", "latest", "most-used", "asc", "desc", "sort-asc", "sort-desc"],
        Meta(description="`asc` and `desc` are by name."),
    ] = "recommended"
    per_page: Annotated[int, Meta(ge=1, le=PAGE_MAX, description="Rows in a page.")] = 20
    page: Annotated[int, Meta(ge=1, le=OFFSET_MAX, description="From 1 on.")] = 1


class TransactionsAsked(msgspec.Struct, frozen=True, kw_only=True):
    type: Annotated[
        Literal["credit", "debit"] | UnsetType,
        Meta(description="What came in, or what went out."),
    ] = UNSET
    limit: Annotated[int, Meta(ge=1, le=PAGE_MAX, description="How many at most.")] = 50
    offset: Annotated[
        int,
        Meta(ge=0, le=OFFSET_MAX, description="How many to leave out; `after` stays in place."),
    ] = 0
    after: Annotated[
        str | UnsetType,
        Meta(
            description=_AFTER,
            extra_json_schema={"pattern": r"^[0-9]{1,18}\.[^.]+\.(.|\n)+$"},
        ),
    ] = UNSET


class CouponCode(msgspec.Struct, frozen=True, kw_only=True):
    coupon_code: Annotated[str, Meta(max_length=SECRET_MAX, description="The voucher, TH-….")]


class Invite(msgspec.Struct, frozen=True, kw_only=True):
    email: Email
    role: Annotated[Role, Meta(description="What they will be.")] = "developer"


class MemberChange(msgspec.Struct, frozen=True, kw_only=True):
    role: Annotated[Role, Meta(description="What they are from now on.")]
