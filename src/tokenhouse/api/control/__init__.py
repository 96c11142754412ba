"""The control plane: what an account's people may do by API, in the words of the platform that came
before (``/api/agents/v1``)."""

from tokenhouse.api.control.acts import ControlSettings, control
from tokenhouse.api.control.budgets import Budget
from tokenhouse.api.control.control import Control
from tokenhouse.api.control.described import DescribedControl
from tokenhouse.api.control.route import BASE, ControlRoute
from tokenhouse.api.control.table import CONTROL_TAGS, control_routes

__all__ = [
    "BASE",
    "Budget",
    "CONTROL_TAGS",
    "Control",
    "ControlRoute",
    "ControlSettings",
    "DescribedControl",
    "control",
    "control_routes",
]
