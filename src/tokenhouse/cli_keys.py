"""``keys``: what spends from an account, what each may do, and its secret's end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

import click
from msgspec import UNSET, UnsetType, structs

from tokenhouse.access import Key, KeyChange, KeyLimits
from tokenhouse.cli_frame import Section, Settings, settings_of
from tokenhouse.cli_key_words import cap_of, count_of, end_of, models_of, overlap_of, shown_end
from tokenhouse.cli_open import House, build_catalogue, run
from tokenhouse.cli_output import Column, dollars, print_json, print_table
from tokenhouse.errors import CallerError

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS: Final = (
    (
        "--models",
        "MODELS",
        "Models that it may ask, ids or aliases, with commas between them; `any`: all of them.",
        models_of,
    ),
    (
        "--expires",
        "WHEN",
        "When it ends: a time from now (`30d`, `12h`), the last UTC day, a time, or `never`.",
        end_of,
    ),
    ("--day-cap", "AMOUNT", "Dollars that it may cost in a UTC day; `none`: no cap.", cap_of),
    ("--month-cap", "AMOUNT", "Dollars that it may cost in a UTC month; `none`: no cap.", cap_of),
    ("--rpm", "N", "Requests that it may begin per minute; `none`: as its account.", count_of),
    ("--tpm", "N", "Tokens that it may use per minute; `none`: as its account.", count_of),
    ("--concurrency", "N", "Requests that it may run at once; `none`: as its account.", count_of),
)


def _may(verb: F) -> F:
    """The options that say what a key may; their names are those of KeyChange."""
    names = {"--rpm": "requests_per_minute", "--tpm": "tokens_per_minute"}
    names["--concurrency"] = "concurrent_requests"
    names["--expires"] = "expires_ms"
    for option, shown, about, read in reversed(_OPTIONS):
        field = names.get(option, option.removeprefix("--").replace("-", "_"))
        verb = click.option(option, field, metavar=shown, callback=read, help=about)(verb)
    return verb


@click.group(cls=Section)
def keys() -> None:
    """What spends from an account: make, list, change, rotate, revoke."""


@keys.command(
    "create",
    examples="""
    tokenhouse keys create ada --name laptop
    tokenhouse keys create ada --models echo --expires 30d --day-cap 5 --rpm 60
    export TOKENHOUSE_API_KEY=$(tokenhouse keys create ada)
    """,
)
@click.argument("account")
@click.option("--name", default="", help="What the key is for.")
@_may
@settings_of
def keys_create(settings: Settings, account: str, name: str, **may: Any) -> None:
    """Make a key for ACCOUNT (its name or id) and print it, this once: only its hash is kept."""
    change = _change(settings, may)
    blank = Key(id="", account="", name=name, digest=b"", hint="", created_ms=0)
    asked = change.applied(blank)

    async def create(house: House) -> tuple[Key, str]:
        made = await house.billing.create_key(
            account, name, expires_ms=asked.expires_ms, limits=asked.limits
        )
        return made.key, made.secret

    _show_secret(settings, *run(settings.load(), create))


@keys.command(
    "list",
    examples="""
    tokenhouse keys list
    tokenhouse keys list ada --json
    """,
)
@click.argument("account", required=False)
@settings_of
def keys_list(settings: Settings, account: str | None) -> None:
    """List keys, of all accounts or of ACCOUNT (its name or id), by their last four letters."""

    async def listed(house: House) -> tuple[tuple[Key, ...], dict[str, str], int]:
        names = {found.id: found.name for found in await house.billing.accounts()}
        return await house.billing.keys(account), names, house.clock.now_ms()

    found, names, now_ms = run(settings.load(), listed)
    if settings.as_json:
        print_json([_key(key) for key in found])
        return
    titles = ("id", "account", "name", "key", "state", "may")
    rows = [
        (
            key.id,
            names.get(key.account, key.account),
            key.name,
            f"sk-th-…{key.hint}",
            _state(key, now_ms),
            _limits(key.limits),
        )
        for key in found
    ]
    columns = [Column(title) for title in titles]
    print_table(columns, rows, empty="no keys yet: tokenhouse keys create ACCOUNT")


@keys.command(
    "change",
    examples="""
    tokenhouse keys change key_019b1d2f3a4c0123456789abcde --day-cap 5 --rpm 60
    tokenhouse keys change key_019b1d2f3a4c0123456789abcde --models any --expires never
    """,
)
@click.argument("key_id", metavar="ID")
@click.option("--name", default=None, help="What the key is for.")
@_may
@settings_of
def keys_change(settings: Settings, key_id: str, name: str | None, **may: Any) -> None:
    """Change what the key ID may; what is not said stays. A running server knows within two seconds."""
    change = _change(settings, may)
    if name is not None:
        change = structs.replace(change, name=name)
    if change == KeyChange():
        raise click.UsageError("say what is to be other: --name, --models, --day-cap, …")

    async def act(house: House) -> Key:
        return await house.billing.change_key(key_id, change)

    changed = run(settings.load(), act)
    if settings.as_json:
        print_json(_key(changed))
    else:
        print(f"changed {changed.id}: {_limits(changed.limits) or 'as its account'}")


@keys.command(
    "rotate",
    examples="""
    tokenhouse keys rotate key_019b1d2f3a4c0123456789abcde --overlap 24h
    """,
)
@click.argument("key_id", metavar="ID")
@click.option(
    "--overlap",
    metavar="TIME",
    default="0s",
    show_default=True,
    callback=overlap_of,
    help="How long the old secret works beside the new one: `30m`, `24h`, `7d`.",
)
@settings_of
def keys_rotate(settings: Settings, key_id: str, overlap: int) -> None:
    """Give the key ID a new secret and print it, this once.

    Id, limits and what was spent under its caps stay.
    """

    async def rotate(house: House) -> tuple[Key, str]:
        made = await house.billing.rotate_key(key_id, overlap_ms=overlap)
        return made.key, made.secret

    _show_secret(settings, *run(settings.load(), rotate))


@keys.command(
    "revoke",
    examples="""
    tokenhouse keys revoke key_019b1d2f3a4c0123456789abcde
    """,
)
@click.argument("key_id", metavar="ID")
@settings_of
def keys_revoke(settings: Settings, key_id: str) -> None:
    """Refuse the key ID from now on; a running server knows within two seconds."""

    async def revoke(house: House) -> Key:
        return await house.billing.revoke_key(key_id)

    revoked = run(settings.load(), revoke)
    if settings.as_json:
        print_json(_key(revoked))
    else:
        print(f"revoked {revoked.id}")


def _change(settings: Settings, may: dict[str, Any]) -> KeyChange:
    """What the options say; models by their ids in the catalogue."""
    change = KeyChange(**{name: value for name, value in may.items() if value is not UNSET})
    named = change.models
    if isinstance(named, UnsetType) or named is None:
        return change
    catalogue = build_catalogue(settings.load())
    try:
        found = dict.fromkeys(catalogue.resolve(name).id for name in named)
    except CallerError as error:
        raise click.BadParameter(error.message, param_hint="--models") from None
    return structs.replace(change, models=tuple(found))


def _show_secret(settings: Settings, key: Key, secret: str) -> None:
    if settings.as_json:
        print_json({"id": key.id, "account": key.account, "name": key.name, "key": secret})
        return
    print(secret)
    until = "" if key.old_until_ms is None else f"; the old one works until {_until(key)}"
    click.echo(f"{key.id}: keep it, it is not shown again{until}", err=True)


def _until(key: Key) -> str:
    return shown_end(key.old_until_ms or 0)


def _state(key: Key, now_ms: int) -> str:
    if key.revoked_ms is not None:
        return "revoked"
    if key.expires_ms is None:
        return "live"
    return f"until {shown_end(key.expires_ms)}" if key.expires_ms > now_ms else "expired"


def _limits(limits: KeyLimits) -> str:
    """What a key's own limits are, in a few words."""
    words: list[str] = []
    if limits.models is not None:
        words.append(",".join(limits.models))
    if limits.day_cap is not None:
        words.append(f"{dollars(limits.day_cap)}/day")
    if limits.month_cap is not None:
        words.append(f"{dollars(limits.month_cap)}/month")
    if limits.requests_per_minute is not None:
        words.append(f"{limits.requests_per_minute} rpm")
    if limits.tokens_per_minute is not None:
        words.append(f"{limits.tokens_per_minute} tpm")
    if limits.concurrent_requests is not None:
        words.append(f"{limits.concurrent_requests} at once")
    return " ".join(words)


def _key(key: Key) -> dict[str, object]:
    """A key in JSON: times in unix milliseconds, caps in nanodollars, null is no limit of its own."""
    limits = key.limits
    return {
        "id": key.id,
        "account": key.account,
        "name": key.name,
        "hint": key.hint,
        "created_ms": key.created_ms,
        "revoked_ms": key.revoked_ms,
        "expires_ms": key.expires_ms,
        "old_until_ms": key.old_until_ms,
        "models": None if limits.models is None else list(limits.models),
        "day_cap": limits.day_cap,
        "month_cap": limits.month_cap,
        "requests_per_minute": limits.requests_per_minute,
        "tokens_per_minute": limits.tokens_per_minute,
        "concurrent_requests": limits.concurrent_requests,
    }
