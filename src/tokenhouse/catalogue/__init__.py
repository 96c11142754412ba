"""What is offered, at which price, and where it runs: models, routes, prices, plans. Pure.

Knows the shipped rows and the operator's tables, how a price becomes an amount, and the most that a
request can cost. Refuses to know who pays, whether a route is healthy, and how an answer is written.
"""

from tokenhouse.catalogue.catalogue import Catalogue, system_prompt
from tokenhouse.catalogue.pricing import (
    Ceiling,
    Item,
    affordable_max_tokens,
    answer_tokens_max,
    ceiling,
    clamp,
    cost,
    counted_ceiling,
    example_cost,
    items,
)
from tokenhouse.catalogue.prompts import price_line
from tokenhouse.catalogue.rows import Architecture, PricingTier, Row, TopProvider, row
from tokenhouse.catalogue.values import (
    FREE_VARIANT,
    STARTER,
    HubSource,
    Model,
    Offer,
    Plan,
    Price,
    Rates,
    Route,
    Tier,
)
from tokenhouse.catalogue.words import plan_parts, price_parts

__all__ = [
    "FREE_VARIANT",
    "STARTER",
    "Architecture",
    "Catalogue",
    "Ceiling",
    "HubSource",
    "Item",
    "Model",
    "Offer",
    "Plan",
    "Price",
    "PricingTier",
    "Rates",
    "Route",
    "Row",
    "Tier",
    "TopProvider",
    "affordable_max_tokens",
    "answer_tokens_max",
    "ceiling",
    "clamp",
    "cost",
    "counted_ceiling",
    "example_cost",
    "items",
    "plan_parts",
    "price_line",
    "price_parts",
    "row",
    "system_prompt",
]
