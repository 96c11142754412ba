"""What answers each route, put together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tokenhouse.access import People
from tokenhouse.api.control.api_keys import ApiKeys
from tokenhouse.api.control.auth import Auth
from tokenhouse.api.control.budgets import Budget, Budgets
from tokenhouse.api.control.control import Control
from tokenhouse.api.control.models import ModelList
from tokenhouse.api.control.plans import Plans
from tokenhouse.api.control.profile import Profile
from tokenhouse.api.control.route import Act
from tokenhouse.api.control.table import control_routes
from tokenhouse.api.control.teams import Teams
from tokenhouse.api.control.usage import Usage
from tokenhouse.api.control.wallet import WalletOf
from tokenhouse.billing import Billing
from tokenhouse.catalogue import Catalogue
from tokenhouse.clock import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlSettings:
    """``url`` is the house's public one. ``support_url``: where people get help, or ""."""

    url: str
    support_url: str
    failed_codes_per_minute: int
    budget: Budget


def control(
    people: People,
    billing: Billing,
    catalogue: Callable[[], Catalogue],
    *,
    ready: Callable[[str], bool],
    clock: Clock,
    settings: ControlSettings,
) -> Control:
    """The control plane. ``ready`` tells of a model's id whether it could answer now."""
    acts: dict[str, Act] = {}
    parts: tuple[Mapping[str, Act], ...] = (
        Auth(people, billing, clock=clock).acts,
        Profile(people, billing, catalogue).acts,
        ApiKeys(billing, catalogue, clock=clock).acts,
        Usage(billing, catalogue, clock=clock).acts,
        ModelList(catalogue, ready, billing, clock=clock, url=settings.url).acts,
        WalletOf(
            billing, clock=clock, failed_codes_per_minute=settings.failed_codes_per_minute
        ).acts,
        Plans(billing, catalogue, clock=clock, support_url=settings.support_url).acts,
        Teams(people).acts,
    )
    for part in parts:
        acts.update(part)
    budgets = Budgets(settings.budget, clock)
    return Control(control_routes(), acts, people, budgets=budgets, clock=clock)
