"""Which route is tried, and in what order; and how routes have fared lately.

Knows priorities, weights and failures. Refuses to know how a provider is called, what was asked, and
what it costs.
"""

from tokenhouse.routing.choose import Attempt, choose
from tokenhouse.routing.health import ALL_WELL, Health, Resting, RouteHealth, Snapshot

__all__ = ["ALL_WELL", "Attempt", "Health", "Resting", "RouteHealth", "Snapshot", "choose"]
