"""What accounts, keys and people may be called."""

from __future__ import annotations

import unicodedata

from tokenhouse import ids
from tokenhouse.errors import CallerError

NAME_MAX = 200

_BREAKING = frozenset({"Cc", "Zl", "Zp"})
"""Unicode's categories of what would break a line of a table or steer a terminal."""
_JOINERS = "\u200c\u200d"
"""Of what can't be seen, the only letters that names need: Persian ones, and emoji."""


def check_account_name(name: str) -> None:
    """CallerError 400 for a name that no list could show, or that is an id: ids are found first."""
    check_line(name, "an account's name", least=1)
    if ids.begins_with_id(name):
        raise CallerError("an account's name can't be an id of this house", param="name")


def check_line(name: str, what: str, *, least: int) -> None:
    """CallerError 400 for what is no line of ``least`` … 200 characters; ``what`` is it?"""
    if not least <= len(name) <= NAME_MAX:
        raise CallerError(f"{what} has {least} … {NAME_MAX} characters", param="name")
    if name != name.strip():
        raise CallerError(f"{what} has no space at its ends", param="name")
    if any(unicodedata.category(letter) in _BREAKING for letter in name):
        raise CallerError(f"{what} is one line, without control characters", param="name")
    if any(unicodedata.category(letter) == "Cf" and letter not in _JOINERS for letter in name):
        # they turn the text around them, or make one name look like another
        raise CallerError(f"{what} has no invisible characters", param="name")
    if name and all(unicodedata.category(letter)[0] in "CZM" for letter in name):
        raise CallerError(f"{what} has something to see", param="name")
