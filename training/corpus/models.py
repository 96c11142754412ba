"""Questions about the models of a house and their prices: quoted from its prompt."""

from __future__ import annotations

import random

from training.corpus.grammar import say
from training.corpus.house import House, Offered, draw_house
from training.corpus.noise import typed

Pair = tuple[str, str]

LIST = [
    "[which|what] models [are there|do you have|can i use|do you offer|are available|does this house serve|does this house have|are on offer|can i choose from|do you serve|do you run|exist here|are supported]",
    "list [the|all|your|all the|all your] models", "[show|give|tell] me [the|all|your] models", "models", "model list",
    "what are [the|your] models", "[names|ids] of [the|all|your] models", "what llms do you [have|offer|run]",
    "[what|which] model ids [are there|can i use|do you have]", "what do you [serve|offer|have on offer|have]",
    "what can i choose from", "which [ais|llms|language models|llm] [can i use|do you have|are there] here",
    "available models", "what's on the menu", "model ids please", "what's in the catalogue", "catalogue",
    "i want to see [the|all|your] models", "which model can i [use|call|choose|pick]", "what models does $house [have|offer|run|serve]",
]
COUNT = [
    "how many models [are there|do you have|do you offer|can i use|are available|does this house serve|does $house have]",
    "number of models", "how many llms do you have", "count the models",
]
PRICES = [
    "what are the prices", "[what|how much] does it cost", "how much [is it|does it cost|do the models cost|do you charge|do i pay|is a million tokens|are tokens|does a token cost]",
    "prices", "pricing", "price list", "[show|tell|give] me [the|all|your] prices", "what do [the|your] models cost", "costs",
    "how expensive [is it|are you|are the models|is this]", "what does [a|one] million tokens cost", "what do i pay per [token|million tokens]",
    "what are your rates", "how much for [1m|a million|one million] tokens", "is [it|this] expensive", "what will it cost me", "how is [it|each model] priced",
    "price of each model", "compare the prices [of the models|]", "how much money do [you|they] want", "what's the price [of the models|per token|]",
]
PRICE = [
    "how much [is|does|for|are] $m [cost|]", "what does $m cost", "[what is|what's|whats] the price [of|for] $m", "price of $m", "$m price", "$m pricing",
    "how expensive is $m", "[what|how much] do i pay for $m", "what is $m's price", "tell me [the price of|what] $m [costs|]", "cost of $m",
    "how much per [million tokens|token] [for|with|on] $m", "what do a million tokens [cost on|of] $m [cost|]", "i want to use $m, what [does it cost|will i pay|is the price]",
    "rates for $m", "how much would $m be", "what are the rates of $m", "is $m [expensive|cheap]", "pricing for $m", "what does it cost to [use|call|run] $m",
    "how much will i be charged for $m", "and $m", "what about $m",
]
INPUT = [
    "[what is|what's] the input price [of|for] $m", "how much [are|do] input tokens [of|for|on|with] $m [cost|]", "what does [input|the input|the prompt|a prompt] cost [on|with|for] $m",
    "input price $m", "price per [1m|million] input tokens [of|for|on] $m", "how much is a million input tokens [on|with] $m", "what do prompt tokens cost with $m",
]
OUTPUT = [
    "[what is|what's] the output price [of|for] $m", "how much [are|do] output tokens [of|for|on|with] $m [cost|]", "what does [output|the output|the answer|an answer] cost [on|with|for] $m",
    "output price $m", "price per [1m|million] output tokens [of|for|on] $m", "how much is a million output tokens [on|with] $m", "what do answer tokens cost with $m",
    "how much do i pay for what $m writes",
]
FREE_ONE = ["is $m free", "is $m free of charge", "do i pay for $m", "does $m cost [anything|something|money]", "can i use $m for free", "must i pay for $m"]
FREE_ANY = ["is there a free model", "which models are free", "free models", "do you have [a free model|free models|any free models]", "which model [is free|costs nothing]", "what can i use without paying", "any model that costs nothing"]
HAVE = [
    "do you [have|offer|serve|run|support] $m", "is $m available", "can i use $m [here|]", "is there $m", "does this house [have|serve|offer] $m", "i want [to use|] $m",
    "is $m in the catalogue", "have you got $m", "i'd like to use $m", "$m available", "can i call $m", "do you know $m", "where is $m", "got $m",
]
IDENT = [
    "what is the [model id|id|model name|exact id|exact name|identifier] [of|for] $m", "[model id|id] of $m", "what do i write as model for $m", "how do i [name|call|spell] $m in a request",
    "which id does $m have", "which model id do i use for $m", "what's the id for $m", "what do i put into the model field for $m",
]
CHEAP = ["which [model|one] is [the|] cheapest", "what is [the|your] cheapest model", "cheapest model", "[what|which] model costs [the|] least", "which model should i take to save money", "the cheapest [one|]", "lowest price", "i have little money, which model [should i use|is for me]"]
WHO = ["who [makes|made|built|trained|is the author of|is behind|created] $m", "author of $m", "[which|what] company makes $m", "where does $m come from"]
BEST = ["which [model|one] is [the|] [best|smartest|largest|biggest|most capable|strongest]", "which model [should|do] i [use|take|choose|pick]", "what model do you recommend", "best model", "[recommend|suggest] [me|] a model", "which model is good for [code|coding|writing|chat|summaries|translation]", "can you recommend a model"]
ABOUT = ["[tell me|what can you say] about $m", "what is $m", "describe $m", "what can $m do", "is $m [good|any good|fast|smart]", "what is special about $m", "context length of $m", "does $m [support tools|see images|do vision|have vision|read images|stream]"]
OTHER = [
    "gpt-4", "gpt-4o", "gpt-5", "chatgpt", "claude", "claude opus", "claude sonnet", "gemini", "gemini pro", "llama 3", "llama 4", "grok", "deepseek r1", "mixtral", "qwen 3",
    "gpt 4", "o3", "copilot", "mistral large", "phi 4", "gemma 3", "command r", "dall-e", "stable diffusion", "whisper", "kimi", "glm 5", "sora",
]


def ask_models(rng: random.Random, house: House | None) -> Pair:
    """A question on models or prices; for a house out of sight the answer says where to look."""
    kind = rng.choices(_KINDS, _WEIGHTS)[0]
    if house is None:
        return _unseen(rng, kind)
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


def _one(rng: random.Random, house: House, asks: list[str]) -> tuple[str, Offered]:
    model = rng.choice(house.models)
    named = _named(rng, house, model)
    return typed(rng, say(rng, rng.choice(asks), {"m": named}), names=(named,)), model


def _names(house: House) -> str:
    ids = [m.id for m in house.models]
    return ids[0] if len(ids) == 1 else ", ".join(ids[:-1]) + " and " + ids[-1]


def _cost(model: Offered) -> str:
    if model.prompt is None:
        return f"{model.id} is free in this house."
    return f"{model.id} costs ${model.prompt} per 1M input tokens and ${model.output} per 1M output tokens."


def _list(rng: random.Random, house: House) -> Pair:
    ask = typed(rng, say(rng, rng.choice(LIST)))
    if len(house.models) == 1:
        return ask, f"This house serves one model: {_names(house)}."
    return ask, rng.choice(["This house serves {}.", "You can use {}."]).format(_names(house))


_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight")


def _count(rng: random.Random, house: House) -> Pair:
    n = len(house.models)
    noun = "model" if n == 1 else "models"
    return typed(rng, say(rng, rng.choice(COUNT))), f"This house serves {_NUMBERS[n]} {noun}: {_names(house)}."


def _prices(rng: random.Random, house: House) -> Pair:
    lines = "\n".join(f"- {m.line}" for m in house.models)
    return typed(rng, say(rng, rng.choice(PRICES))), f"The prices in USD:\n{lines}"


def _price(rng: random.Random, house: House) -> Pair:
    ask, model = _one(rng, house, PRICE)
    return ask, _cost(model)


def _side(rng: random.Random, house: House) -> Pair:
    side = rng.random() < 0.5
    ask, model = _one(rng, house, INPUT if side else OUTPUT)
    if model.prompt is None:
        return ask, _cost(model)
    kind, price = ("input", model.prompt) if side else ("output", model.output)
    return ask, f"{model.id} costs ${price} per 1M {kind} tokens."


def _free_one(rng: random.Random, house: House) -> Pair:
    ask, model = _one(rng, house, FREE_ONE)
    return ask, ("Yes, " if model.prompt is None else "No, ") + _cost(model)


def _free_any(rng: random.Random, house: House) -> Pair:
    ask = typed(rng, say(rng, rng.choice(FREE_ANY)))
    free = [m.id for m in house.models if m.prompt is None]
    if not free:
        return ask, f"No model is free here. A plan may give a monthly grant: see {house.url}/pricing."
    return ask, "Free in this house: " + ", ".join(free) + "."


def _have(rng: random.Random, house: House) -> Pair:
    if rng.random() < 0.5:
        ask, model = _one(rng, house, HAVE)
        return ask, f"Yes. Its id is {model.id}."
    return _missing(rng, house, HAVE)


def _missing(rng: random.Random, house: House, asks: list[str]) -> Pair:
    named = _absent(rng, house)
    ask = typed(rng, say(rng, rng.choice(asks), {"m": named}), names=(named,))
    return ask, f"I do not see that model here. This house serves {_names(house)}."


def _absent(rng: random.Random, house: House) -> str:
    while True:
        if rng.random() < 0.4:
            other = draw_house(rng)
            model = rng.choice(other.models)
            named = _named(rng, other, model)
        else:
            named = rng.choice(OTHER)
        first = named.split("/")[-1].replace("-", " ").split()
        word = first[1] if first[0] == "the" else first[0]
        if not any(word.lower() in m.id for m in house.models):
            return named


def _absent_price(rng: random.Random, house: House) -> Pair:
    return _missing(rng, house, PRICE + IDENT)


def _ident(rng: random.Random, house: House) -> Pair:
    ask, model = _one(rng, house, IDENT)
    return ask, f"Its id is `{model.id}`. Put that into the field `model`."


def _cheap(rng: random.Random, house: House) -> Pair:
    ask = typed(rng, say(rng, rng.choice(CHEAP)))
    free = [m for m in house.models if m.prompt is None]
    if free:
        return ask, f"{free[0].id} is free, so nothing is cheaper."
    lines = "\n".join(f"- {m.line}" for m in house.models)
    best = min(house.models, key=lambda m: float(m.prompt or 0))
    return ask, f"The prices:\n{lines}\nThe lowest input price is ${best.prompt}, of {best.id}."


def _who(rng: random.Random, house: House) -> Pair:
    ask, model = _one(rng, house, WHO)
    return ask, f"{model.id} is by {model.id.split('/')[0]}: the author stands before the slash."


def _best(rng: random.Random, house: House) -> Pair:
    ask = typed(rng, say(rng, rng.choice(BEST)))
    return ask, f"I cannot judge quality. This house serves {_names(house)}; try them at {house.url}/playground."


def _about(rng: random.Random, house: House) -> Pair:
    ask, model = _one(rng, house, ABOUT)
    return ask, f"I know only its id and price: {model.line}. Its page is {house.url}/models/{model.id}."


def _unseen(rng: random.Random, kind: object) -> Pair:
    named = rng.choice([rng.choice(OTHER), rng.choice(draw_house(rng).models).id])
    asks = _ASKS.get(kind, LIST)
    ask = typed(rng, say(rng, rng.choice(asks), {"m": named}), names=(named,))
    return ask, rng.choice(
        [
            "I cannot see the models and prices of your house from here; its page /models lists them.",
            "I do not see this house's models or prices here. Look at its page /models, or GET /v1/models.",
        ]
    )


_KINDS = (_list, _count, _prices, _price, _side, _free_one, _free_any, _have, _absent_price, _ident, _cheap, _who, _best, _about)
_WEIGHTS = (3, 0.7, 2.5, 6, 2, 1.2, 1, 2.5, 1, 1.5, 1, 0.7, 1, 1)
_ASKS: dict[object, list[str]] = {
    _list: LIST, _count: COUNT, _prices: PRICES, _price: PRICE, _side: INPUT + OUTPUT,
    _free_one: FREE_ONE, _free_any: FREE_ANY, _have: HAVE, _absent_price: PRICE, _ident: IDENT,
    _cheap: CHEAP, _best: BEST,
}
