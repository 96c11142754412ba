"""Prices and plans in words, for those who read them in a terminal."""

from __future__ import annotations

from tokenhouse.catalogue.values import Plan, Price, Rates
from tokenhouse.money import usd, usd_per_million


def price_parts(price: Price) -> tuple[str, ...]:
    """What a price says beside input and output: ``cache read $0.03``, ``image $0.001 each``,
    ``above 200000 tokens: $0.70 in, $1.12 out``. Rates are per 1M tokens."""
    parts = _rate_parts(price)
    if price.image:
        parts.append(f"image ${usd(price.image // 1000)} each")
    if price.request:
        parts.append(f"request ${usd(price.request // 1000)} each")
    for tier in price.tiers:
        rates = ", ".join(
            (
                f"${usd_per_million(tier.input)} in",
                f"${usd_per_million(tier.output)} out",
                *_rate_parts(tier),
            )
        )
        parts.append(f"above {tier.above} tokens: {rates}")
    return tuple(parts)


def plan_parts(plan: Plan) -> tuple[str, ...]:
    """What a plan gives and limits: ``$1.00 a month``, ``60 requests per minute``."""
    limits = (
        (plan.requests_per_minute, "requests per minute"),
        (plan.tokens_per_minute, "tokens per minute"),
        (plan.concurrent_requests, "requests at once"),
        (plan.queue_depth, "may wait"),
        (plan.free_requests_per_day, "requests to free variants per day"),
    )
    grant = (f"${usd(plan.monthly_grant)} granted each month",) if plan.monthly_grant else ()
    return (*grant, *(f"{limit} {words}" for limit, words in limits if limit is not None))


def _rate_parts(rates: Rates) -> list[str]:
    named = (
        ("cache read", rates.cache_read),
        ("cache write", rates.cache_write),
        ("reasoning", rates.reasoning),
    )
    return [f"{name} ${usd_per_million(rate)}" for name, rate in named if rate is not None]
