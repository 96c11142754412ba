"""Where models run: one adapter a kind, all behind one port.

Knows how to ask a provider and to read its answer as events. Refuses to know who pays, what anything
costs and who is asking.
"""

from tokenhouse.providers.base import Attempt, Call, Provider

__all__ = ["Attempt", "Call", "Provider"]
