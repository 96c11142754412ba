"""JSON pulled out of a sentence, and words said back: answers copied from the question."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from functools import cache

from training.corpus.grammar import listed, say
from training.corpus.house import draw_house, invented
from training.corpus.noise import typed
from training.corpus.phrasebook import asks, lines
from training.corpus.vocabulary import capitals, pieces, vocabulary, words

Pair = tuple[str, str]

_NAMES = (
    "Anna Ben Clara David Emma Felix Grace Hugo Ines Jonas Kate Liam "
    "Mia Noah Olga Paul Rosa Sam Tina Uma Vera Will Yara Zoe"
).split()
_CITIES = (
    "Paris London Berlin Rome Madrid Vienna Oslo Lisbon Prague Dublin "
    "Tokyo Cairo Lima Delhi Boston Denver Porto Ghent Turin Basel"
).split()
_JOBS = (
    "baker teacher nurse driver pilot lawyer doctor painter "
    "farmer waiter plumber singer writer cook engineer clerk"
).split()
_GOODS = (
    "apples pens books chairs lamps cups shirts shoes "
    "bags cables phones keys eggs loaves tickets bottles"
).split()
_COLOURS = "red blue green black white yellow grey brown".split()
_MONTHS = (
    "January February March April May June July August September October November December"
).split()
_COUNTRIES = (
    "France Italy Spain Japan Brazil Canada India China Kenya Norway Peru Chile Egypt Poland Ireland "
    "Mexico Turkey Greece Sweden Austria"
).split()
_ANIMALS = "dog cat horse parrot rabbit hamster cow goat duck fish snake donkey sheep pig".split()
_FOODS = (
    "pizza soup bread cheese pasta salad rice curry cake apples coffee tea sushi burgers noodles"
).split()
_LANGUAGES = "English French German Spanish Italian Dutch Polish Turkish Arabic Hindi".split()
_DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()

_SAY = (
    "repeat after me: {}",
    "say {}",
    "please say {}",
    "repeat: {}",
    "repeat this: {}",
    "echo {}",
    "just answer with {}",
    "reply with only: {}",
    "Reply with exactly {}",
    "write {}",
    "say exactly: {}",
)
_AS_LIST = (
    "as a JSON list: {}",
    "make a json array of {}",
    "turn these words into a JSON list: {}",
    "{}\nWrite these words as a JSON array.",
    "json list of the words: {}",
)
_IN_QUOTES = (
    "put each word in quotes: {}",
    "quote every word: {}",
    "{}\nPut each word between quotes.",
    "write these words in quotes: {}",
)


def ask_extract(rng: random.Random) -> Pair:
    """A sentence and the fields wanted of it; the answer is one JSON object."""
    sentence, fields = _drawn(rng)
    phrase = rng.choice(asks("frames", "json"))
    ask = say(rng, phrase, {"s": sentence, "f": listed([*fields])}).replace("\\n", "\n")
    answer = ", ".join(f'"{key}": {value}' for key, value in fields.items())
    return ask[:1].upper() + ask[1:], f"{{{answer}}}"


def _drawn(rng: random.Random) -> tuple[str, dict[str, str]]:
    """A sentence of `phrases/json.txt`, and some of its fields with their values as JSON."""
    template, fields = rng.choice(_templates())
    slots = {name: draw(rng) for name, draw in _SLOTS.items() if f"{{{name}}}" in template}
    wanted: dict[str, str] = {}
    seen: set[str] = set()
    most = rng.choice((1, 2, 2, 2, 3, 3, 4))
    for key, value in rng.sample(fields, len(fields)):
        if len(wanted) < most and value not in seen and key not in wanted:
            seen.add(value)
            wanted[key] = _value(value, slots)
    if rng.random() < 0.7:  # mostly in the order in which they stand in the sentence
        order = {key: at for at, (key, _) in enumerate(fields)}
        wanted = dict(sorted(wanted.items(), key=lambda item: order[item[0]]))
    if rng.random() < 0.15:
        wanted = {key.replace("_", " "): value for key, value in wanted.items()}
    return template.format(**slots), wanted


def _value(value: str, slots: dict[str, str]) -> str:
    """A number as it stands where the value is nothing else, else a string."""
    bare = value.strip("{}")
    if bare in _NUMBERS and value == f"{{{bare}}}":
        return slots[bare]
    return json.dumps(value.strip('"').format(**slots), ensure_ascii=False)


@cache
def _templates() -> tuple[tuple[str, tuple[tuple[str, str], ...]], ...]:
    rows = (line.split(" | ") for line in lines("json") if line)
    return tuple((row[0], tuple(_field(field) for field in row[1:])) for row in rows)


def _field(text: str) -> tuple[str, str]:
    key, _, value = text.partition("=")
    return key.strip(), value.strip()


def _clock(rng: random.Random) -> str:
    return (
        f"{rng.randint(0, 23)}:{rng.choice(('00', '15', '30', '45', f'{rng.randint(0, 59):02d}'))}"
    )


def _mail(rng: random.Random) -> str:
    user = rng.choice((invented(rng), _name(rng).lower(), f"{_name(rng).lower()}.{invented(rng)}"))
    return f"{user}@{invented(rng)}.{rng.choice(('com', 'org', 'net', 'example', 'io', 'de'))}"


def _code(rng: random.Random) -> str:
    letters = "".join(rng.choice("ABCDEFGHJKLMNPQRSTUVWXYZ") for _ in range(rng.randint(1, 2)))
    return f"{letters}{rng.randint(1, 9999)}"


def _title(rng: random.Random) -> str:
    return " ".join(_word(rng).capitalize() for _ in range(rng.randint(2, 3)))


def _capital(rng: random.Random) -> str:
    """A name that could be a person's, a place's or a firm's."""
    kind = rng.random()
    if kind < 0.4:
        return rng.choice(capitals()) + rng.choice(("", rng.choice(pieces())))
    if kind < 0.6:
        return rng.choice(words()).capitalize()
    return invented(rng).capitalize()


def _noun(rng: random.Random) -> str:
    return rng.choice(_GOODS)[:-1] if rng.random() < 0.3 else rng.choice(vocabulary())


def _name(rng: random.Random) -> str:
    return rng.choice(_NAMES) if rng.random() < 0.5 else _capital(rng)


def _city(rng: random.Random) -> str:
    return rng.choice(_CITIES) if rng.random() < 0.5 else _capital(rng)


def _one_of(entries: tuple[str, ...] | list[str]) -> Callable[[random.Random], str]:
    return lambda rng: rng.choice(entries)


_NUMBERS = frozenset(("n", "m", "big", "price", "year"))
_SLOTS: Mapping[str, Callable[[random.Random], str]] = {
    "name": _name,
    "first": _name,
    "last": _capital,
    "city": _city,
    "country": lambda rng: rng.choice(_COUNTRIES) if rng.random() < 0.5 else _capital(rng),
    "n": lambda rng: str(rng.randint(1, 99)),
    "m": lambda rng: str(rng.randint(1, 99)),
    "big": lambda rng: str(rng.randint(100, 9999)),
    "price": lambda rng: (
        f"{rng.randint(1, 99)}.{rng.choice(('50', '99', f'{rng.randint(10, 99)}'))}"
    ),
    "day": _one_of(_DAYS),
    "month": _one_of(_MONTHS),
    "date": lambda rng: (
        f"20{rng.randint(10, 39)}-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}"
    ),
    "time": _clock,
    "hour": lambda rng: f"{rng.randint(1, 12)} {rng.choice(('am', 'pm'))}",
    "thing": _noun,
    "things": lambda rng: rng.choice(_GOODS) if rng.random() < 0.4 else _noun(rng) + "s",
    "color": _one_of(_COLOURS),
    "job": _one_of(_JOBS),
    "email": _mail,
    "phone": lambda rng: "".join(str(rng.randint(0, 9)) for _ in range(rng.randint(6, 10))),
    "company": lambda rng: _capital(rng) + rng.choice(("", "", " Ltd", " Inc", " GmbH", " Labs")),
    "animal": _one_of(_ANIMALS),
    "food": _one_of(_FOODS),
    "code": _code,
    "street": lambda rng: _capital(rng) + rng.choice((" Street", " Road", " Lane", " Avenue")),
    "word": lambda rng: rng.choice(vocabulary()),
    "url": lambda rng: draw_house(rng).url,
    "year": lambda rng: str(rng.randint(1900, 2039)),
    "title": _title,
    "language": _one_of(_LANGUAGES),
    "unit": _one_of(("kg", "km", "litres", "metres", "grams", "miles", "hours", "degrees")),
}


def ask_say(rng: random.Random) -> Pair:
    """Words, figures, addresses or ids to be said back as they are, or each between quotes."""
    if rng.random() < 0.4:
        return _quoted(rng)
    text = rng.choice((_words, _words, _figures, _address, _id))(rng)
    quoted = rng.choice([text, f'"{text}"'])
    ask = rng.choice(_SAY).format(quoted)
    bare = quoted == text and text[-1] not in ".!"
    return typed(rng, ask, names=(text,)) if bare and rng.random() < 0.3 else ask, text


def _quoted(rng: random.Random) -> Pair:
    """A word is other tokens behind a quote than behind a space: the pairs are learnt here."""
    some = [_word(rng) for _ in range(rng.randint(2, 9))]
    if rng.random() < 0.5:
        ask = rng.choice(_AS_LIST).format(rng.choice((" ", ", ")).join(some))
        return ask, json.dumps(some)
    ask = rng.choice(_IN_QUOTES).format(" ".join(some))
    return ask, " ".join(f'"{word}"' for word in some)


def _word(rng: random.Random) -> str:
    """A word, or what could be one, of any tokens."""
    kind = rng.random()
    if kind < 0.45:
        return rng.choice(words())
    if kind < 0.65:
        return rng.choice(capitals()) + rng.choice(("", rng.choice(pieces())))
    if kind < 0.8:
        return rng.choice(words()) + rng.choice(pieces())
    return invented(rng).capitalize() if rng.random() < 0.5 else invented(rng)


def _words(rng: random.Random) -> str:
    text = " ".join(_word(rng) for _ in range(rng.randint(1, 7)))
    return text.capitalize() + rng.choice(".!") if rng.random() < 0.3 else text


def _figures(rng: random.Random) -> str:
    number = "".join(str(rng.randint(0, 9)) for _ in range(rng.randint(2, 9)))
    return rng.choice((number, f"${rng.randint(0, 99)}.{rng.randint(0, 99):02d}"))


def _address(rng: random.Random) -> str:
    return draw_house(rng).url


def _id(rng: random.Random) -> str:
    return rng.choice(draw_house(rng).models).id
