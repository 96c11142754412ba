"""Questions about the models of a house and their prices: quoted from its prompt.

An id stands in quotes in prompt, answer and code alike: it is then the same tokens in each. What is to
be found comes before what follows from it: a price is the rest of its model's line, "so yes" comes
behind it, a count behind the list. A small network copies well what goes on from where it stands, and
badly what it has to look up in one leap.
"""

from __future__ import annotations

import random
from decimal import Decimal

from training.corpus.grammar import listed, say
from training.corpus.house import House, Offered, draw_house
from training.corpus.noise import typed
from training.corpus.phrasebook import asks as phrases
from training.corpus.snippets import snippets

Pair = tuple[str, str]


def ask_models(rng: random.Random, house: House | None) -> Pair:
    """A question on models or prices; for a house out of sight the answer says where to look."""
    if house is None:
        return _unseen(rng)
    kinds, weights = zip(*_KINDS, strict=True)
    return rng.choices(kinds, weights)[0](rng, house)


def _named(rng: random.Random, house: House, model: Offered) -> str:
    """One of the ways to name a model: id, slug, or its words."""
    slug = model.slug
    words = slug.replace("-", " ")
    forms = [model.id, model.id, slug, slug, words]
    parts = words.split()
    for size in (1, 2, 3):
        short = " ".join(parts[:size])
        if len(short) > 3 and sum(short in m.id.replace("-", " ") for m in house.models) == 1:
            forms += [short, short, "the " + short + " model"]
    if model.id == "tokenhouse/starter":
        forms += ["the starter", "the starter model", "starter"]
    named = rng.choice(forms)
    return named.title() if rng.random() < 0.1 and named in (words, *parts) else named


def _one(rng: random.Random, house: House, asks: tuple[str, ...]) -> tuple[str, Offered]:
    model = rng.choice(house.models)
    named = _named(rng, house, model)
    return typed(rng, say(rng, rng.choice(asks), {"m": named}), names=(named,)), model


def _names(house: House) -> str:
    return listed([f'"{m.id}"' for m in house.models])


def _list(rng: random.Random, house: House) -> Pair:
    ask = typed(rng, say(rng, rng.choice(_asks("list"))))
    if len(house.models) == 1:
        return ask, f"This house serves one model: {_names(house)}."
    return ask, rng.choice(["This house serves {}.", "You can use {}."]).format(_names(house))


_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight")


def _count(rng: random.Random, house: House) -> Pair:
    n = len(house.models)
    noun = "model" if n == 1 else "models"
    ask = typed(rng, say(rng, rng.choice(_asks("count"))))
    return ask, f"This house serves {_names(house)}: {_NUMBERS[n]} {noun}."


def _prices(rng: random.Random, house: House) -> Pair:
    return typed(rng, say(rng, rng.choice(_asks("prices")))), f"The prices in USD:\n{house.lines}"


def _price(rng: random.Random, house: House, topic: str = "price") -> Pair:
    ask, model = _one(rng, house, _asks(topic))
    return ask, f"Here {model.line}."


def _side(rng: random.Random, house: House) -> Pair:
    """What is read, or what is written, of one model: a million tokens, or another round number."""
    topic = rng.choice(("input", "output", "cost_in", "cost_out", "cost_half", "cost_two"))
    ask, model = _one(rng, house, _asks(topic))
    if model.prompt is None or model.output is None:
        return ask, f"Here {model.line}."
    rate = model.output if topic in ("output", "cost_out") else model.prompt
    if topic == "cost_half":
        return ask, f"Here {model.line}. So it is ${rate} / 2 = ${_dollars(Decimal(rate) / 2)}."
    if topic == "cost_two":
        return (
            ask,
            f"Here {model.line}. So it is ${rate} + ${rate} = ${_dollars(Decimal(rate) * 2)}.",
        )
    side = "output" if topic in ("output", "cost_out") else "input"
    return ask, f"Here {model.line}. So 1M tokens of {side} cost ${rate}."


def _dollars(amount: Decimal) -> str:
    """`amount` with two places at least, and no zeros behind them."""
    whole, _, places = f"{amount:f}".partition(".")
    return f"{whole}.{places.rstrip('0'):0<2}"


def _same(rng: random.Random, house: House) -> Pair:
    """Whether one model reads or writes for less."""
    ask, model = _one(rng, house, _asks("same"))
    if model.prompt is None or model.output is None:
        return ask, f"Here {model.line}. So both cost nothing."
    into, out = Decimal(model.prompt), Decimal(model.output)
    more = f"{'output' if out > into else 'input'} costs more"
    return ask, f"Here {model.line}. So {'both cost the same' if into == out else more}."


def _free_one(rng: random.Random, house: House) -> Pair:
    ask, model = _one(rng, house, _asks("free_one"))
    return ask, f"Here {model.line}. So {'yes' if model.free else 'no'}."


def _free_any(rng: random.Random, house: House) -> Pair:
    ask = typed(rng, say(rng, rng.choice(_asks("free_any"))))
    free = [f'"{m.id}"' for m in house.models if m.free]
    if not free:
        none = f"No model is free. A plan may give a monthly grant: see {house.url}/pricing."
        return ask, f"The prices:\n{house.lines}\n{none}"
    return ask, f"The prices:\n{house.lines}\nFree: " + ", ".join(free) + "."


def _have(rng: random.Random, house: House) -> Pair:
    if rng.random() < 0.5:
        ask, model = _one(rng, house, _asks("have"))
        return ask, f'This house serves {_names(house)}. So yes: "{model.id}".'
    return _missing(rng, house, _asks("have"))


def _missing(rng: random.Random, house: House, asks: tuple[str, ...]) -> Pair:
    named = _absent(rng, house)
    ask = typed(rng, say(rng, rng.choice(asks), {"m": named}), names=(named,))
    return (
        ask,
        f"This house serves {_names(house)}. I do not see that model here and cannot look"
        " elsewhere.",
    )


def _absent(rng: random.Random, house: House) -> str:
    while True:
        if rng.random() < 0.4:
            other = draw_house(rng)
            model = rng.choice(other.models)
            named = _named(rng, other, model)
        else:
            named = rng.choice(_asks("absent"))
        first = named.split("/")[-1].replace("-", " ").split()
        word = first[1] if first[0] == "the" else first[0]
        if not any(word.lower() in m.id for m in house.models):
            return named


def _absent_price(rng: random.Random, house: House) -> Pair:
    return _missing(rng, house, _asks("price") + _asks("ident"))


def _ident(rng: random.Random, house: House) -> Pair:
    ask, model = _one(rng, house, _asks("ident"))
    return ask, f'This house serves {_names(house)}. Put "{model.id}" into the field `model`.'


def _cheap(rng: random.Random, house: House) -> Pair:
    ask = typed(rng, say(rng, rng.choice(_asks("cheap"))))
    free = [m for m in house.models if m.free]
    if free:
        none = f'Free: "{free[0].id}", so nothing is cheaper.'
        return ask, f"The prices:\n{house.lines}\n{none}"
    best = min(house.models, key=_into)
    least = f'The lowest input price is ${best.prompt}, of "{best.id}".'
    return ask, f"The prices:\n{house.lines}\n{least}"


def _dear(rng: random.Random, house: House) -> Pair:
    ask = typed(rng, say(rng, rng.choice(_asks("dear"))))
    most = max(house.models, key=lambda m: Decimal(m.output or 0))
    said = f'The highest output price is ${most.output}, of "{most.id}".'
    return ask, f"The prices:\n{house.lines}\n{'All are free.' if most.free else said}"


def _compare(rng: random.Random, house: House) -> Pair:
    """Two models of the house beside one another."""
    if len(house.models) < 2:
        return _price(rng, house)
    one, two = rng.sample(house.models, 2)
    named = _named(rng, house, one), _named(rng, house, two)
    facts = dict(zip("mn", named, strict=True))
    ask = typed(rng, say(rng, rng.choice(_asks("compare")), facts), names=named)
    if _into(one) == _into(two):
        less = "Their input costs the same"
    else:
        less = f'"{min(one, two, key=_into).id}" is cheaper'
    return ask, f"Here {one.line}, and {two.line}. {less}."


def _into(model: Offered) -> Decimal:
    return Decimal(model.prompt or 0)


def _who(rng: random.Random, house: House) -> Pair:
    ask, _ = _one(rng, house, _asks("who"))
    return ask, f"The author stands before the slash. This house serves {_names(house)}."


def _best(rng: random.Random, house: House) -> Pair:
    ask = typed(rng, say(rng, rng.choice(_asks("best"))))
    return (
        ask,
        f"I cannot judge quality. This house serves {_names(house)}; try them at {house.url}/playground.",
    )


def _first_of(rng: random.Random, house: House) -> Pair:
    ask = typed(rng, say(rng, rng.choice(_asks("first_of"))))
    tried = f"put it into the field `model`, or try it at {house.url}/playground."
    return ask, f'Start with "{house.models[0].id}": {tried}'


def _about(rng: random.Random, house: House) -> Pair:
    ask, model = _one(rng, house, _asks("about"))
    return ask, f"Here {model.line}. That is all I know of it; more is on {house.url}/models."


def _page(rng: random.Random, house: House) -> Pair:
    ask, model = _one(rng, house, _asks("url_of"))
    return ask, f'The page of "{model.id}" is {house.url}/models/{model.id}.'


def _code(rng: random.Random, house: House) -> Pair:
    """A snippet that asks the model that was named."""
    topic, slot = rng.choice((("curl_of", "curl"), ("py_of", "py")))
    ask, model = _one(rng, house, _asks(topic))
    return ask, snippets(house.url, model.id)[slot]


def _unseen(rng: random.Random) -> Pair:
    named = rng.choice([rng.choice(_asks("absent")), rng.choice(draw_house(rng).models).id])
    other = rng.choice(_asks("absent"))
    wording = rng.choice(_asks(rng.choice(_UNSEEN)))
    ask = typed(rng, say(rng, wording, {"m": named, "n": other}), names=(named, other))
    return ask, rng.choice(
        [
            "I cannot see the models and prices of your house from here; its page /models lists them.",
            "I do not see this house's models or prices here. Look at its page /models, or GET /v1/models.",
        ]
    )


_KINDS = (
    (_list, 3),
    (_count, 0.7),
    (_prices, 2.5),
    (_price, 6),
    (_side, 2.5),
    (_same, 0.5),
    (_free_one, 1.2),
    (_free_any, 1),
    (_have, 2.5),
    (_absent_price, 1),
    (_ident, 1.3),
    (_cheap, 1),
    (_dear, 0.7),
    (_compare, 0.8),
    (_who, 0.6),
    (_best, 0.8),
    (_first_of, 0.8),
    (_about, 1),
    (_page, 0.5),
    (_code, 0.8),
)
_UNSEEN = (
    "list",
    "count",
    "prices",
    "price",
    "input",
    "output",
    "free_one",
    "free_any",
    "have",
    "ident",
    "cheap",
    "dear",
    "compare",
    "best",
)


def _asks(topic: str) -> tuple[str, ...]:
    return phrases("models", topic)
