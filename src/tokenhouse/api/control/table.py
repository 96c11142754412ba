"""Every route of the control plane: one list, from which it is served, described, and tested role by role."""

from __future__ import annotations

from typing import Final

from tokenhouse.api.control.account_routes import (
    MODELS,
    OF_ACCOUNT,
    TEAMS,
    USAGE,
    WALLET,
    of_cards,
)
from tokenhouse.api.control.person_routes import AUTH, ME, OF_PERSON
from tokenhouse.api.control.route import ControlRoute

CONTROL_TAGS: Final = (AUTH, ME, USAGE, MODELS, WALLET, TEAMS)


def control_routes() -> tuple[ControlRoute, ...]:
    """All of them; names are unique."""
    return (*OF_PERSON, *OF_ACCOUNT, *of_cards())
