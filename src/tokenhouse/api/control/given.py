"""What a request gives → what its route takes: names in either casing, the command line's and the
documents', and a clear no to what this house doesn't keep."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl

import msgspec

from tokenhouse.api.control import takes
from tokenhouse.api.http import Scope
from tokenhouse.errors import CallerError
from tokenhouse.wire import decode_body, raw_fields, wrong_field

_EXPIRY: Final = {"expiry": "token_expiry"}
_PAGED: Final = {"per_page": "limit", "cursor": "after"}
ALSO: Final[Mapping[type, Mapping[str, str]]] = {
    takes.Login: {**_EXPIRY, "name": "device_name"},
    takes.Refresh: {**_EXPIRY, "name": "device_name"},
    takes.NewToken: {**_EXPIRY, "device_name": "name"},
    takes.VerifyEmail: {**_EXPIRY, "code": "verification_code", "token": "verification_code"},
    takes.ResetPassword: {"code": "token", "new_password": "password"},
    takes.PasswordChange: {"new_password": "password"},
    takes.SwitchAccount: {
        "team_member_id": "account",
        "member_id": "account",
        "account_id": "account",
    },
    takes.NewApiKey: {"expires": "expires_at", "allowed_models": "models"},
    takes.ApiKeyChange: {"expires": "expires_at", "allowed_models": "models"},
    takes.Rotate: {"overlap": "overlap_seconds"},
    takes.HistoryAsked: _PAGED,
    takes.TransactionsAsked: _PAGED,
    takes.CouponCode: {"code": "coupon_code", "voucher": "coupon_code"},
}
"""Other names of fields, by what a route takes. The documented one counts where both are there."""

NOT_KEPT: Final[Mapping[type, Mapping[str, str]]] = {
    takes.NewApiKey: {"notes": "a key"},
    takes.ApiKeyChange: {"notes": "a key"},
    takes.ProfileChange: {
        name: "a person" for name in ("username", "about_me", "about", "email", "avatar")
    },
}
"""Fields that the platform has and this house doesn't: one that is filled in is refused, by name."""

_HUMP: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def from_body(body: bytes, kind: type[msgspec.Struct]) -> msgspec.Struct:
    """A JSON body as what the route takes; CallerError 400 names the field. No body is ``{}``."""
    fields = raw_fields(body) if body.strip() else {}
    named = _named(fields, kind)
    for name, of in NOT_KEPT.get(kind, {}).items():
        if named.get(name, _NULL) not in (_NULL, _EMPTY):
            raise _not_kept(name, of)
    return decode_body(msgspec.json.Decoder(kind), msgspec.json.encode(named))


def from_query(scope: Scope, kind: type[msgspec.Struct]) -> msgspec.Struct:
    """The query as what the route takes. A name said often is one list, with commas."""
    said: dict[str, str] = {}
    for name, value in _pairs(scope):
        name = name.removesuffix("[]")
        said[name] = f"{said[name]},{value}" if name in said else value
    try:
        return msgspec.convert(_named(said, kind), kind, strict=False)
    except msgspec.ValidationError as error:
        raise wrong_field(str(error)) from None


def _pairs(scope: Scope) -> list[tuple[str, str]]:
    text = scope["query_string"].decode("latin-1")
    return parse_qsl(text, keep_blank_values=True, errors="replace")


def _named(
    fields: Mapping[str, msgspec.Raw] | Mapping[str, str], kind: type[msgspec.Struct]
) -> dict[str, msgspec.Raw | str]:
    """The fields under the names that the route has for them."""
    snake = {_HUMP.sub("_", name).lower(): value for name, value in fields.items()}
    named: dict[str, msgspec.Raw | str] = dict(snake)
    for other, name in ALSO.get(kind, {}).items():
        if other in snake and name not in snake:
            named[name] = snake[other]
    return named


_NULL: Final = msgspec.Raw(b"null")
_EMPTY: Final = msgspec.Raw(b'""')


def _not_kept(name: str, of: str) -> CallerError:
    return CallerError(
        f"This house keeps no '{name}' of {of}; leave it out.", code="not_kept", param=name
    )
