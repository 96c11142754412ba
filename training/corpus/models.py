"""Questions about the models of a house and their prices: quoted from its prompt.

An id stands behind a space in prompt and answer alike: it is then the same tokens in both. What is
to be found comes before what follows from it: a price is the rest of its model's line, "so yes" comes
behind it, a count behind the list. A small network copies well what goes on from where it stands, and
badly what it has to look up in one leap.
"""

from __future__ import annotations

import random

from training.corpus.grammar import say
from training.corpus.house import House, Offered, draw_house
from training.corpus.noise import typed
from training.corpus.phrasebook import asks as phrases

Pair = tuple[str, str]


def ask_models(rng: random.Random, house: House | None) -> Pair:
    """A question on models or prices; for a house out of sight the answer says where to look."""
    kind = rng.choices(_KINDS, _WEIGHTS)[0]
    if house is None:
        return _unseen(rng)
    return kind(rng, house)


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
    ids = [m.id for m in house.models]
    return ids[0] if len(ids) == 1 else ", ".join(ids[:-1]) + " and " + ids[-1]


def _cost(model: Offered) -> str:
    """The model's line of the prompt, from its slug on."""
    return model.line.split("/", 1)[1]


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
    return ask, _cost(model) + "."


def _side(rng: random.Random, house: House) -> Pair:
    return _price(rng, house, rng.choice(("input", "output")))


def _free_one(rng: random.Random, house: House) -> Pair:
    ask, model = _one(rng, house, _asks("free_one"))
    return ask, _cost(model) + (", so yes." if model.prompt is None else ", so no.")


def _free_any(rng: random.Random, house: House) -> Pair:
    ask = typed(rng, say(rng, rng.choice(_asks("free_any"))))
    free = [m.id for m in house.models if m.prompt is None]
    if not free:
        none = f"No model is free. A plan may give a monthly grant: see {house.url}/pricing."
        return ask, f"The prices:\n{house.lines}\n{none}"
    return ask, f"The prices:\n{house.lines}\nFree: " + ", ".join(free) + "."


def _have(rng: random.Random, house: House) -> Pair:
    if rng.random() < 0.5:
        ask, _ = _one(rng, house, _asks("have"))
        return ask, f"This house serves {_names(house)}. So yes, it is here."
    return _missing(rng, house, _asks("have"))


def _missing(rng: random.Random, house: House, asks: tuple[str, ...]) -> Pair:
    named = _absent(rng, house)
    ask = typed(rng, say(rng, rng.choice(asks), {"m": named}), names=(named,))
    return ask, f"This house serves {_names(house)}. I do not see that model here."


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
    return ask, f"This house serves {_names(house)}. Put {model.id} into the field `model`."


def _cheap(rng: random.Random, house: House) -> Pair:
    ask = typed(rng, say(rng, rng.choice(_asks("cheap"))))
    free = [m for m in house.models if m.prompt is None]
    if free:
        return ask, f"The prices:\n{house.lines}\nFree: {free[0].id}, so nothing is cheaper."
    best = min(house.models, key=lambda m: float(m.prompt or 0))
    return (
        ask,
        f"The prices:\n{house.lines}\nThe lowest input price is ${best.prompt}, of {best.id}.",
    )


def _who(rng: random.Random, house: House) -> Pair:
    ask, _ = _one(rng, house, _asks("who"))
    return ask, f"The author stands before the slash. This house serves {_names(house)}."


def _best(rng: random.Random, house: House) -> Pair:
    ask = typed(rng, say(rng, rng.choice(_asks("best"))))
    return (
        ask,
        f"I cannot judge quality. This house serves {_names(house)}; try them at {house.url}/playground.",
    )


def _about(rng: random.Random, house: House) -> Pair:
    ask, model = _one(rng, house, _asks("about"))
    return (
        ask,
        f"{_cost(model)}. That is all I know of it; more is on {house.url}/models.",
    )


def _unseen(rng: random.Random) -> Pair:
    named = rng.choice([rng.choice(_asks("absent")), rng.choice(draw_house(rng).models).id])
    asks = _asks(rng.choice(_UNSEEN))
    ask = typed(rng, say(rng, rng.choice(asks), {"m": named}), names=(named,))
    return ask, rng.choice(
        [
            "I cannot see the models and prices of your house from here; its page /models lists them.",
            "I do not see this house's models or prices here. Look at its page /models, or GET /v1/models.",
        ]
    )


_KINDS = (
    _list,
    _count,
    _prices,
    _price,
    _side,
    _free_one,
    _free_any,
    _have,
    _absent_price,
    _ident,
    _cheap,
    _who,
    _best,
    _about,
)
_WEIGHTS = (3, 0.7, 2.5, 6, 2, 1.2, 1, 2.5, 1, 1.5, 1, 0.7, 1, 1)
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
    "best",
)


def _asks(topic: str) -> tuple[str, ...]:
    return phrases("models", topic)
