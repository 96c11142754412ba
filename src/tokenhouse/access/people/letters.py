"""The letters of the house: plain text, the link on a line of its own."""

from __future__ import annotations

from tokenhouse.access.people.mail import Mail
from tokenhouse.access.people.values import MailCode


def verify(site: str, email: str, link: str) -> Mail:
    """To whoever signed up."""
    return Mail(
        email,
        f"Confirm your address for {site}",
        f"Somebody, you we hope, signed up at {site} with this address.\n\n"
        f"Open this to confirm it, within a day:\n\n{link}\n\n"
        "If it was not you, do nothing: without this link there is no account.\n",
    )


def known(site: str, email: str, link: str, sign_in: str) -> Mail:
    """To whoever signed up with an address that somebody signs in with already."""
    return Mail(
        email,
        f"You have signed up at {site} already",
        f"Somebody, you we hope, signed up at {site} with this address. You have signed up before,\n"
        f"so sign in:\n\n{sign_in}\n\n"
        f"If you have forgotten your password, choose a new one here, within an hour:\n\n{link}\n\n"
        "If it was not you, do nothing: nothing has changed.\n",
    )


def reset(site: str, email: str, link: str) -> Mail:
    """To whoever forgot their password."""
    return Mail(
        email,
        f"A new password for {site}",
        f"Somebody, you we hope, asked for a new password at {site}.\n\n"
        f"Choose it here, within an hour:\n\n{link}\n\n"
        "If it was not you, do nothing: your password stays as it is.\n",
    )


def changed(site: str, email: str, link: str) -> Mail:
    """To whoever has a new password now."""
    return Mail(
        email,
        f"Your password at {site} was changed",
        f"Your password at {site} was changed just now, and every browser was signed out.\n\n"
        f"If it was not you, choose a new one at once:\n\n{link}\n",
    )


def invitation(site: str, code: MailCode, link: str, account: str) -> Mail:
    """To whoever is asked in; ``account`` is its name, "" for one of their own."""
    role = "" if code.role is None else f" as {code.role.value}"
    what = f"to the account {account}{role}" if account else "to have an account"
    if code.operator:
        what += " and to operate the house"
    return Mail(
        code.email,
        f"You are invited to {site}",
        f"You are invited {what} at {site}.\n\n"
        f"Open this to accept, within a week:\n\n{link}\n\n"
        "If you expect no such thing, do nothing.\n",
    )
