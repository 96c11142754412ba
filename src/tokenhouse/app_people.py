"""People of a house: their settings, the way its mail goes, and who lends visitors their keys."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from tokenhouse import money
from tokenhouse.access import (
    ConsoleMail,
    Mailer,
    People,
    PeopleSettings,
    PeopleStore,
    SmtpMail,
    checked_email,
)
from tokenhouse.billing import VISITORS, Billing, Visitors
from tokenhouse.clock import Clock
from tokenhouse.config import Config, ConfigError
from tokenhouse.errors import CallerError, HouseError


def make_people(
    config: Config,
    store: PeopleStore,
    clock: Clock,
    *,
    plan: Callable[[], str],
    mailer: Mailer | None = None,
) -> People:
    """``plan``: the name of what new accounts get, asked when one is made."""
    settings = PeopleSettings(
        site=config.site.name,
        url=config.server.public_url.rstrip("/"),
        sign_up=config.site.sign_up,
        plan=plan,
        failed_per_minute=config.server.failed_keys_per_minute,
    )
    return People(
        store, clock, settings=settings, mailer=make_mailer(config) if mailer is None else mailer
    )


def make_mailer(config: Config) -> Mailer:
    """To a server where the settings name one, else to the terminal. ConfigError for a sender that is
    no address."""
    mail = config.mail
    if not mail.url:
        return ConsoleMail()
    sender = mail.sender or f"no-reply@{urlsplit(config.server.public_url).hostname}"
    bare = sender.rpartition("<")[2].removesuffix(">") if sender.endswith(">") else sender
    try:
        checked_email(bare)
    except CallerError:
        raise ConfigError(
            ['mail.sender: expected an address, like "House <no-reply@example.com>"']
        ) from None
    if any(letter in sender for letter in "\r\n"):
        raise ConfigError(["mail.sender: one line"])
    password = mail.password
    return SmtpMail(
        mail.url,
        sender=sender,
        user=mail.user,
        password=None if password is None else password.reveal,
    )


def make_visitors(config: Config, billing: Billing, clock: Clock) -> Visitors:
    """Who lends visitors their keys. HouseError as from `visitor_cap`."""
    return Visitors(billing, cap=visitor_cap(config), clock=clock)


def visitor_cap(config: Config) -> int:
    """What one visitor may spend a day, nanodollars. HouseError for a cap that is no amount, or has no
    plan."""
    try:
        cap = money.amount_from_usd(config.site.visitor_cap)
    except money.MoneyError as error:
        raise HouseError(f"site.visitor_cap: {error}", code="config_invalid") from None
    if cap and VISITORS not in config.plans:
        raise HouseError(
            "site.visitor_cap: visitors spend from a plan of their own: write [plans.visitors] with a "
            "monthly_grant, the most that they may cost in a month.",
            code="config_invalid",
        )
    return cap
