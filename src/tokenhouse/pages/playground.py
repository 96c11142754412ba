"""What the playground's scripts are told of each model: rates, limits, abilities, own defaults."""

from __future__ import annotations

from collections.abc import Iterable

from tokenhouse.pages.facts import DEFAULTS, Facts
from tokenhouse.pages.prices import calculator_rates


def playground_models(offered: Iterable[Facts]) -> list[dict[str, object]]:
    """One object per model that has a price. Rates are picodollars, as text."""
    return [_model(facts) for facts in offered if facts.price is not None]


def _model(facts: Facts) -> dict[str, object]:
    model, price = facts.model, facts.price
    defaults = {name: getattr(model.defaults, name) for name, _ in DEFAULTS}
    return {
        "id": model.id,
        "name": model.name,
        "rates": {} if price is None else calculator_rates(price),
        "context": model.context_length,
        "max_tokens": model.max_output_tokens,
        "answers": facts.answers,
        "defaults": {name: value for name, value in defaults.items() if value is not None},
        **{word: word in model.capabilities for word in ("tools", "json", "reasoning")},
        "image": "image" in model.input_modalities,
    }
