"""What stands in the forms about keys and vouchers, as it was typed, and what it means.

A form that can't be followed is shown again with every field as it was and one sentence at the field at
fault: nothing that was typed is lost.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from tokenhouse.access import Key, KeyChange, KeyLimits
from tokenhouse.billing import DAY_MS, HOUR_MS
from tokenhouse.catalogue import Catalogue
from tokenhouse.errors import CallerError
from tokenhouse.money import MoneyError, amount_from_usd, usd
from tokenhouse.pages.session import Form

OVERLAPS: Final = {"0": "at once", "1h": "in an hour", "24h": "in a day", "7d": "in a week"}
_OVERLAP_MS: Final = {"0": 0, "1h": HOUR_MS, "24h": DAY_MS, "7d": 7 * DAY_MS}
_CAPS: Final = ("day_cap", "month_cap")
_COUNTS: Final = ("requests_per_minute", "tokens_per_minute", "concurrent_requests")
_COUNT_MAX: Final = 10**12


@dataclass(frozen=True, slots=True)
class KeyForm:
    """The fields as text. ``expires`` is a UTC day, the last one on which the key works."""

    name: str = ""
    models: tuple[str, ...] = ()
    texts: Mapping[str, str] = field(default_factory=dict[str, str])
    expires: str = ""

    def text(self, name: str) -> str:
        return self.texts.get(name, "")


def key_form(typed: Form) -> KeyForm:
    """What was typed."""
    return KeyForm(
        name=typed.get("name").strip(),
        models=tuple(dict.fromkeys(" ".join(typed.all("models")).replace(",", " ").split())),
        texts={name: typed.get(name).strip() for name in (*_CAPS, *_COUNTS)},
        expires=typed.get("expires").strip(),
    )


def form_of(key: Key) -> KeyForm:
    """A key as its form shows it."""
    limits = key.limits
    amounts = {"day_cap": limits.day_cap, "month_cap": limits.month_cap}
    counts = {
        "requests_per_minute": limits.requests_per_minute,
        "tokens_per_minute": limits.tokens_per_minute,
        "concurrent_requests": limits.concurrent_requests,
    }
    return KeyForm(
        name=key.name,
        models=() if limits.models is None else limits.models,
        texts={name: "" if each is None else usd(each) for name, each in amounts.items()}
        | {name: "" if each is None else str(each) for name, each in counts.items()},
        expires="" if key.expires_ms is None else _day(key.expires_ms - 1),
    )


def change_of(form: KeyForm, catalogue: Catalogue, now_ms: int, *, old: Key | None) -> KeyChange:
    """What the form says a key is to be; CallerError names the field at fault.

    ``old`` is the key as it is: an end, and models no longer offered, may stay as they are.
    """
    kept = () if old is None or old.limits.models is None else old.limits.models
    return KeyChange(
        name=form.name,
        expires_ms=_expires(form.expires, now_ms, old),
        models=_models(form.models, catalogue, kept) if form.models else None,
        day_cap=_amount(form, "day_cap"),
        month_cap=_amount(form, "month_cap"),
        requests_per_minute=_count(form, "requests_per_minute"),
        tokens_per_minute=_count(form, "tokens_per_minute"),
        concurrent_requests=_count(form, "concurrent_requests"),
    )


def made_of(change: KeyChange) -> tuple[int | None, KeyLimits]:
    """→ (end, limits) of a new key that is as ``change`` says."""
    blank = change.applied(Key(id="", account="", name="", digest=b"", hint="", created_ms=0))
    return blank.expires_ms, blank.limits


def overlap_ms(typed: Form) -> int:
    """How long the secret before a rotation goes on working."""
    word = typed.get("overlap")
    if word not in _OVERLAP_MS:
        raise CallerError("Choose when the old secret ends.", param="overlap")
    return _OVERLAP_MS[word]


def _amount(form: KeyForm, name: str) -> int | None:
    return _read(form, name, lambda text: amount_from_usd(text.removeprefix("$").strip()))


def _count(form: KeyForm, name: str) -> int | None:
    def whole(text: str) -> int:
        digits = text.replace(",", "").replace(" ", "")
        if not (digits.isascii() and digits.isdecimal()) or not 1 <= int(digits) <= _COUNT_MAX:
            raise ValueError(f"{text!r} is no whole number of 1 or more.")
        return int(digits)

    return _read(form, name, whole)


def _read(form: KeyForm, name: str, read: Callable[[str], int]) -> int | None:
    text = form.text(name)
    if not text:
        return None
    try:
        return read(text)
    except (MoneyError, ValueError) as error:
        raise CallerError(str(error), param=name) from None


def _models(names: Sequence[str], catalogue: Catalogue, kept: Sequence[str]) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for name in names:
        if name in kept:
            found[name] = None
            continue
        try:
            found[catalogue.resolve(name).id] = None
        except CallerError as error:
            raise CallerError(error.message, param="models") from None
    return tuple(found)


def _expires(day: str, now_ms: int, old: Key | None) -> int | None:
    if not day:
        return None
    if old is not None and old.expires_ms is not None and day == _day(old.expires_ms - 1):
        return old.expires_ms
    try:
        last = datetime.datetime.fromisoformat(day).replace(tzinfo=datetime.UTC)
        end_ms = round(last.timestamp() * 1000) + DAY_MS
    except (ValueError, OverflowError):
        raise CallerError("Write the last day like 2099-12-31.", param="expires") from None
    if len(day) != len("2099-12-31") or end_ms <= now_ms:
        raise CallerError("The last day can't lie behind us.", param="expires")
    return end_ms


def _day(at_ms: int) -> str:
    return datetime.datetime.fromtimestamp(at_ms / 1000, datetime.UTC).strftime("%Y-%m-%d")
