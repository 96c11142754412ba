"""What a seed stands for: models, prices, plans, and how each request goes. Pure; nothing runs here.

The bookkeeper's arithmetic is its own: fractions of dollars, straight from the decimals in the settings.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from fractions import Fraction
from random import Random
from typing import Literal

Ending = Literal["ok", "refuses", "fails_early", "fails_late"]

MODELS = 4
PLANS = 3


@dataclass(frozen=True, slots=True)
class Rates:
    """USD per million tokens, as decimals; None falls back as the picture says."""

    input: str
    output: str
    cache_read: str | None = None
    cache_write: str | None = None
    reasoning: str | None = None


@dataclass(frozen=True, slots=True)
class Tariff:
    """A model's price: rates, a fee per request in USD, and dearer rates above a length of prompt."""

    rates: Rates
    request: str | None = None
    above: int | None = None
    beyond: Rates | None = None

    def cost(self, used: Used) -> int:
        """Nanodollars, rounded up once."""
        prompt = used.input + used.cache_read + used.cache_write
        rates = self.rates
        if self.above is not None and self.beyond is not None and prompt > self.above:
            rates = self.beyond
        fresh, answer = Fraction(rates.input), Fraction(rates.output)
        per_million = (
            used.input * fresh
            + used.cache_read * _or(rates.cache_read, fresh)
            + used.cache_write * _or(rates.cache_write, fresh)
            + used.output * answer
            + used.reasoning * _or(rates.reasoning, answer)
        )
        return math.ceil((per_million / 10**6 + _or(self.request, Fraction(0))) * 10**9)


def _or(decimal: str | None, otherwise: Fraction) -> Fraction:
    return otherwise if decimal is None else Fraction(decimal)


@dataclass(frozen=True, slots=True)
class Used:
    """Tokens by bucket."""

    input: int = 0
    cache_read: int = 0
    cache_write: int = 0
    output: int = 0
    reasoning: int = 0


@dataclass(frozen=True, slots=True)
class Try:
    """How one attempt goes: the tokens of each piece, where it ends and how, what it reports."""

    ending: Ending
    pieces: tuple[int, ...]
    reported: Used | None


@dataclass(frozen=True, slots=True)
class Asked:
    """One request and its fate. ``leaves``: the client goes at this step of the answer; ``hurry``:
    it goes after so many turns of the event loop. ``said_again``: its end is said a second time."""

    id: str
    account: int
    model: int
    words: int
    max_tokens: int | None
    stream: bool
    prompt: int
    tries: tuple[Try, Try]
    leaves: int | None
    hurry: int | None
    said_again: bool


@dataclass(slots=True)
class World:
    """Everything that a seed decides. ``epoch`` counts the price changes so far."""

    seed: int
    accounts: int = 40
    tariffs: list[list[Tariff]] = field(default_factory=list[list[Tariff]])

    def tariff(self, epoch: int, model: int) -> Tariff:
        """The price of a model after ``epoch`` changes; each change is of one model."""
        while len(self.tariffs) <= epoch:
            number = len(self.tariffs)
            draw = Random(f"{self.seed} prices {number}")
            if number == 0:
                self.tariffs.append([_tariff(draw) for _ in range(MODELS)])
            else:
                changed = list(self.tariffs[-1])
                changed[draw.randrange(MODELS)] = _tariff(draw)
                self.tariffs.append(changed)
        return self.tariffs[epoch][model]

    def settings(self, epoch: int) -> str:
        """The house's settings after ``epoch`` price changes."""
        draw = Random(f"{self.seed} plans")
        lines = ["[catalogue]", "shipped = false"]
        for name in ("first", "second"):
            lines += [f"[providers.{name}]", 'kind = "scripted"']
        for model in range(MODELS):
            lines += _model_lines(model, self.tariff(epoch, model))
        lines += ["[plans.poor]", 'monthly_grant = "0.00"']
        for plan in range(PLANS):
            lines += [f"[plans.p{plan}]", f'monthly_grant = "{draw.choice(_GRANTS)}"']
            if plan:
                lines += [
                    f"requests_per_minute = {draw.randint(50, 5000)}",
                    f"tokens_per_minute = {draw.randint(100_000, 10_000_000)}",
                    f"concurrent_requests = {draw.randint(1, 10)}",
                ]
        return "\n".join(lines) + "\n"

    def plan(self, account: int) -> str:
        """The plan of an account. The first, which asks most, has no grant: it will be refused."""
        return (
            "poor"
            if account == 0
            else f"p{Random(f'{self.seed} account {account}').randrange(PLANS)}"
        )

    def credit(self, account: int) -> int:
        """Nanodollars to begin with: from nothing to enough for everything."""
        if account == 0:
            return 10**7
        draw = Random(f"{self.seed} credit {account}")
        return draw.choice((0, 10**6, 10**8, 10**10, 10**12)) + draw.randrange(10**5)

    def at_most(self, number: int, epoch: int) -> int:
        """Nanodollars that request ``number`` may be charged, whatever is guessed or reported. A
        longer prompt can fall into a cheaper tier."""
        asked = self.request(number)
        tariff = self.tariff(epoch, asked.model)
        prompts = {asked.prompt, asked.words, min(asked.words, tariff.above or asked.words)}
        used = [Used(input=prompt, output=_MOST) for prompt in prompts]
        used += [each.reported for each in asked.tries if each.reported is not None]
        return max(map(tariff.cost, used))

    def request(self, number: int) -> Asked:
        """Request ``number`` of this world."""
        draw = Random(f"{self.seed} request {number}")
        words = draw.randint(1, 60)
        max_tokens = draw.choice((None, draw.randint(1, 40), draw.randint(1, 400)))
        most = min(max_tokens or _MOST, _MOST)
        prompt = draw.randint(1, words)
        tries = (_try(draw, prompt, most, last=False), _try(draw, prompt, most, last=True))
        return Asked(
            id=f"req_{self.seed % 2**32:08x}{number:019x}",
            account=min(draw.randrange(self.accounts), draw.randrange(self.accounts)),
            model=draw.randrange(MODELS),
            words=words,
            max_tokens=max_tokens,
            stream=draw.random() < 0.7,
            prompt=prompt,
            tries=tries,
            leaves=draw.randint(0, 6) if draw.random() < 0.1 else None,
            hurry=draw.randint(0, 30) if draw.random() < 0.1 else None,
            said_again=draw.random() < 0.05,
        )


_GRANTS = ("0.00", "0.01", "0.50", "20.00")
_MOST = 400


def _tariff(draw: Random) -> Tariff:
    rates = _rates(draw)
    tiered = draw.random() < 0.4
    return Tariff(
        rates,
        request=draw.choice((None, "0.0001", "0.000123456")),
        above=draw.randint(5, 40) if tiered else None,
        beyond=_rates(draw) if tiered else None,
    )


def _rates(draw: Random) -> Rates:
    def rate() -> str:
        return draw.choice(
            (f"{draw.randint(1, 9999) / 100:.2f}", f"0.{draw.randint(1, 999999):06d}")
        )

    def perhaps() -> str | None:
        return rate() if draw.random() < 0.5 else None

    return Rates(rate(), rate(), perhaps(), perhaps(), perhaps())


def _model_lines(model: int, tariff: Tariff) -> list[str]:
    price = _rate_fields(tariff.rates)
    if tariff.request is not None:
        price.append(f'request = "{tariff.request}"')
    if tariff.above is not None and tariff.beyond is not None:
        beyond = ", ".join([f"above = {tariff.above}", *_rate_fields(tariff.beyond)])
        price.append(f"tiers = [ {{ {beyond} }} ]")
    return [
        "[[models]]",
        f'id = "sim/m{model}"',
        "context_length = 4000",
        f"max_output_tokens = {_MOST}",
        "overhead_tokens = 8",
        f"price = {{ {', '.join(price)} }}",
        'routes = [ { provider = "first", model = "x" },',
        '           { provider = "second", model = "y", priority = 1 } ]',
    ]


def _rate_fields(rates: Rates) -> list[str]:
    return [
        f'{name} = "{value}"'
        for name in ("input", "output", "cache_read", "cache_write", "reasoning")
        if (value := getattr(rates, name)) is not None
    ]


def _try(draw: Random, prompt: int, most: int, *, last: bool) -> Try:
    ending: Ending = "ok"
    if draw.random() < (0.1 if last else 0.2):
        ending = draw.choice(("refuses", "fails_early", "fails_late"))
    pieces = tuple(draw.randint(1, 4) for _ in range(draw.randint(1, 8)))
    while sum(pieces) > most and len(pieces) > 1:
        pieces = pieces[:-1]
    if sum(pieces) > most:
        pieces = (most,)
    return Try(ending, pieces, _reported(draw, prompt, sum(pieces)))


def _reported(draw: Random, prompt: int, answer: int) -> Used | None:
    if draw.random() < 0.2:
        return None
    read = draw.randint(0, prompt)
    write = draw.randint(0, prompt - read)
    reasoning = draw.randint(0, answer)
    if draw.random() < 0.02:  # a provider that bills more than was asked for
        answer += 2000
    return Used(prompt - read - write, read, write, answer - reasoning, reasoning)
