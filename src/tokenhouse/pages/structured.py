"""JSON-LD (schema.org) of a model's page: what search engines read."""

from __future__ import annotations

from collections.abc import Mapping

from tokenhouse import money
from tokenhouse.pages.facts import Facts


def structured(facts: Facts) -> Mapping[str, object]:
    """A Product with an Offer per million tokens of input and output, where it has a price."""
    model = facts.model
    described: dict[str, object] = {
        "@context": "https://schema.org",
        "@type": "Product",
        "name": model.name,
        "sku": model.id,
        "url": facts.url,
        "description": model.description or facts.summary,
        "category": "Large language model",
        "brand": {"@type": "Brand", "name": model.author},
    }
    if model.price is not None:
        described["offers"] = [
            _offer(facts, "Input", money.usd_per_million(model.price.input)),
            _offer(facts, "Output", money.usd_per_million(model.price.output)),
        ]
    return described


def _offer(facts: Facts, what: str, usd: str) -> Mapping[str, object]:
    there = "https://schema.org/InStock" if facts.answers else "https://schema.org/OutOfStock"
    return {
        "@type": "Offer",
        "name": f"{what}, 1M tokens",
        "price": usd,
        "priceCurrency": "USD",
        "url": facts.url,
        "availability": there,
    }
