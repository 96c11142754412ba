"""What people are told when it doesn't go: one place for every sentence and its stable code."""

from __future__ import annotations

from tokenhouse.errors import AccountError, CallerError


def wrong_sign_in() -> AccountError:
    """The same for an address that nobody has, a wrong password and an address not yet proven."""
    return AccountError(
        "This e-mail and password don't belong together, or the address is not confirmed yet.",
        code="wrong_sign_in",
    )


def unusable_link() -> AccountError:
    return AccountError(
        "This link is wrong, was used already or has ended. Ask for a new one.",
        status=403,
        code="unusable_link",
    )


def person_suspended() -> AccountError:
    return AccountError(
        "You can't sign in: the operator has suspended you. Ask them to open it again.",
        status=403,
        code="person_suspended",
    )


def sign_up_closed() -> AccountError:
    return AccountError(
        "This house takes no sign-ups. Ask its operator for an invitation.",
        status=403,
        code="sign_up_closed",
    )


def not_allowed(what: str) -> AccountError:
    """``what``: the end of "Your role doesn't let you …"."""
    return AccountError(
        f"Your role in this account doesn't let you {what}. Ask one of its owners.",
        status=403,
        code="not_allowed",
    )


def account_shut(state: str) -> AccountError:
    """``state``: suspended or closed."""
    return AccountError(
        f"This account is {state}: what was used and paid can be read, and nothing changed.",
        status=403,
        code=f"account_{state}",
    )


def operators_only() -> AccountError:
    return AccountError("Only an operator may do this.", status=403, code="operators_only")


def email_taken() -> CallerError:
    return CallerError(
        "Somebody else signs in with this e-mail address.",
        status=409,
        code="email_taken",
        param="email",
    )


def member_not_found() -> CallerError:
    return CallerError(
        "There is no such member in this account.", status=404, code="member_not_found"
    )


def person_not_found() -> CallerError:
    return CallerError("There is no such person.", status=404, code="person_not_found")


def last_owner() -> CallerError:
    return CallerError(
        "An account keeps one owner: make somebody else an owner first.",
        status=409,
        code="last_owner",
    )


def already_member() -> CallerError:
    return CallerError(
        "They are a member of this account already.", status=409, code="already_member"
    )
