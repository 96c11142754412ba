"""The default system prompt of a model, filled with what this house is and offers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from tokenhouse.catalogue.values import Model, Price
from tokenhouse.money import usd_per_million

LINES_MAX: Final = 40
"""Models that a prompt lists; a long catalogue must not fill a small model's context."""


def fill(template: str, *, site: str, url: str, models: Iterable[Model]) -> str:
    """Put ``site``, ``url`` and a line per model that has a price into {site}, {url}, {models}. Other
    braces stay; what is put in is not looked at again.

    An id stands in quotes: it is then the same tokens as in a sentence, in JSON and in code, which a
    small model copies with fewer slips.
    """
    lines = [f"- {price_line(m.id, m.price)}" for m in models if m.price is not None]
    if len(lines) > LINES_MAX:
        lines[LINES_MAX:] = [f"- and {len(lines) - LINES_MAX} more on {url}/models"]
    values = {"site": site, "url": url, "models": "\n".join(lines)}
    pieces: list[str] = []
    rest = template
    while True:
        found = [(rest.find(f"{{{name}}}"), name) for name in values]
        place, name = min(((at, name) for at, name in found if at >= 0), default=(-1, ""))
        if place < 0:
            return "".join(pieces) + rest
        pieces += (rest[:place], values[name])
        rest = rest[place + len(name) + 2 :]


def price_line(model_id: str, price: Price) -> str:
    """``"author/slug" costs $0.35 in, $0.56 out per 1M tokens`` or ``"author/slug" is free``."""
    if price.free:
        return f'"{model_id}" is free'
    into, out = usd_per_million(price.input), usd_per_million(price.output)
    return f'"{model_id}" costs ${into} in, ${out} out per 1M tokens'
