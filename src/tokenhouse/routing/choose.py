"""The order in which a model's routes are tried. Pure: same routes, health and draw, same order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from tokenhouse.catalogue import Route
from tokenhouse.routing.health import Snapshot


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at one route. ``last_resort``: the route is resting, all others come before it."""

    route: Route
    last_resort: bool = False


def choose(routes: Sequence[Route], health: Snapshot, *, draw: float) -> tuple[Attempt, ...]:
    """Every route once: by priority, within one by weight as ``draw`` (in [0, 1)) falls, and those
    that rest last, the one longest at rest first. Empty only for a model without routes."""
    if len(routes) == 1:
        return (Attempt(routes[0], bool(health) and routes[0].key in health),)
    if not health:
        return tuple(map(Attempt, _in_order(routes, draw)))
    awake = [route for route in routes if route.key not in health]
    resting = sorted(
        (route for route in routes if route.key in health), key=lambda r: health[r.key].since
    )
    return (
        *map(Attempt, _in_order(awake, draw)),
        *(Attempt(route, True) for route in resting),
    )


def _in_order(routes: Sequence[Route], draw: float) -> list[Route]:
    ordered: list[Route] = []
    by_priority = sorted(routes, key=lambda route: route.priority)
    for _, equals in groupby(by_priority, key=lambda route: route.priority):
        ordered += _shuffled(list(equals), draw)
    return ordered


def _shuffled(routes: list[Route], draw: float) -> list[Route]:
    """Weighted order from one draw: it picks the first, and where it fell within that route's share
    picks the next. The first is each route in exact proportion to its weight."""
    ordered: list[Route] = []
    while len(routes) > 1:
        total = sum(route.weight for route in routes)
        if total == 0:
            break
        point = draw * total
        chosen = 0
        # rounding may leave the point at the very end: the last route with a weight takes it
        for position, route in enumerate(routes):
            if route.weight == 0:
                continue
            chosen = position
            if point < route.weight:
                break
            point -= route.weight
        picked = routes.pop(chosen)
        draw = min(max(point / picked.weight, 0.0), 1.0)
        ordered.append(picked)
    return ordered + routes
