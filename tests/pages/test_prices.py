"""Prices as they are printed and as the calculator computes them: exactly what pricing bills."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tests.parts import node
from tokenhouse import money
from tokenhouse.catalogue import Price, Tier, cost, example_cost
from tokenhouse.chat import Usage
from tokenhouse.pages import pages
from tokenhouse.pages.prices import blended, calculator_rates, price_lines

MONEY = Path(pages.__file__).with_name("static") / "js" / "money.js"
RATE = st.integers(0, 10**9)
TOKENS = st.integers(0, 2_000_000)


@st.composite
def prices(draw: st.DrawFn) -> Price:
    maybe = st.none() | RATE
    bounds = sorted(draw(st.sets(st.integers(1, 1_000_000), max_size=2)))
    return Price(
        input=draw(RATE),
        output=draw(RATE),
        cache_read=draw(maybe),
        cache_write=draw(maybe),
        reasoning=draw(maybe),
        image=draw(st.integers(0, 10**6)) * 1000,
        request=draw(st.integers(0, 10**6)) * 1000,
        tiers=tuple(
            Tier(above=bound, input=draw(RATE), output=draw(RATE), cache_read=draw(maybe))
            for bound in bounds
        ),
    )


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    return Usage(
        input=draw(TOKENS),
        cache_read=draw(TOKENS),
        cache_write=draw(TOKENS),
        output=draw(TOKENS),
        reasoning=draw(TOKENS),
        images=draw(st.integers(0, 20)),
    )


def test_the_calculator_computes_what_pricing_bills(tmp_path: Path) -> None:
    cases: list[tuple[Price, Usage]] = []

    @given(prices(), usages())
    def collect(price: Price, usage: Usage) -> None:
        cases.append((price, usage))

    collect()
    interpreter = node()
    (tmp_path / "money.mjs").write_bytes(MONEY.read_bytes())
    told = [_case(price, usage) for price, usage in cases]
    (tmp_path / "cases.json").write_text(json.dumps(told))
    (tmp_path / "run.mjs").write_text(
        """
        import { readFileSync } from "node:fs";
        import { cost, priceOf, usd, whole } from "./money.mjs";
        const bigs = (texts) =>
          Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, whole(text)]));
        const cases = JSON.parse(readFileSync(new URL("./cases.json", import.meta.url)));
        const answers = cases.map(([price, usage]) => {
          const amount = cost(priceOf(price), bigs(usage));
          return [amount.toString(), usd(amount)];
        });
        console.log(JSON.stringify(answers));
        """
    )
    words = [interpreter, str(tmp_path / "run.mjs")]
    done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60)
    answers = json.loads(done.stdout)
    assert len(answers) == len(cases) >= 50
    for (price, usage), (amount, shown) in zip(cases, answers, strict=True):
        assert int(amount) == cost(usage, price)
        assert shown.replace(",", "") == f"${money.usd(cost(usage, price))}"


def _case(price: Price, usage: Usage) -> tuple[Mapping[str, object], Mapping[str, str]]:
    names = ("input", "cache_read", "cache_write", "output", "reasoning", "images")
    return calculator_rates(price), {name: str(getattr(usage, name)) for name in names}


@given(prices())
def test_every_rate_that_was_given_is_printed_exactly(price: Price) -> None:
    lines = price_lines(price)
    assert money.rate_from_usd_per_million(lines[0].usd) == price.input
    assert money.rate_from_usd_per_million(lines[1].usd) == price.output
    given_rates = [price, *price.tiers]
    optional = sum(
        getattr(rates, name) is not None
        for rates in given_rates
        for name in ("cache_read", "cache_write", "reasoning")
    )
    fees = (price.image > 0) + (price.request > 0)
    assert len(lines) == 2 * len(given_rates) + optional + fees
    for line in lines:
        if line.unit == "per image":
            assert money.amount_from_usd(line.usd) * 1000 == price.image


def test_the_mean_is_exact_and_is_what_the_product_page_shows() -> None:
    assert blended(Price(input=350_000, output=560_000)) == "0.455"
    assert blended(Price(input=1, output=2)) == "0.0000015"
    assert blended(Price(input=2_000_000, output=4_000_000)) == "3.00"


def test_the_example_is_pricings_own() -> None:
    price = Price(input=350_000, output=560_000)
    assert example_cost(price, input=1000, output=500) == 630_000
