"""JSON pulled out of a sentence, and words said back: answers copied from the question."""

from __future__ import annotations

import json
import random
from typing import Any

from training.corpus.grammar import say
from training.corpus.house import draw_house, invented
from training.corpus.noise import typed
from training.corpus.phrasebook import asks
from training.corpus.vocabulary import vocabulary

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
_DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()


def ask_extract(rng: random.Random) -> Pair:
    """A sentence and the fields wanted of it; the answer is one JSON object."""
    sentence, fields = rng.choice((_person, _order, _meeting, _contact, _product))(rng)
    wanted = dict(fields)
    if rng.random() < 0.4 and len(wanted) > 2:
        wanted.pop(rng.choice(list(wanted)))
    keys = list(wanted)
    if rng.random() < 0.2:
        rng.shuffle(keys)
    listed = ", ".join(keys[:-1]) + " and " + keys[-1] if len(keys) > 1 else keys[0]
    phrase = rng.choice(asks("frames", "json"))
    ask = say(rng, phrase, {"s": sentence, "f": listed}).replace("\\n", "\n")
    answer = json.dumps({k: wanted[k] for k in keys}, ensure_ascii=False)
    return ask[:1].upper() + ask[1:], answer


def _name(rng: random.Random) -> str:
    return rng.choice(_NAMES) if rng.random() < 0.6 else invented(rng).capitalize()


def _city(rng: random.Random) -> str:
    return rng.choice(_CITIES) if rng.random() < 0.6 else invented(rng).capitalize()


def _person(rng: random.Random) -> tuple[str, dict[str, Any]]:
    name, age, city = _name(rng), rng.randint(3, 99), _city(rng)
    if rng.random() < 0.4:
        name += " " + invented(rng).capitalize()
    job = rng.choice(_JOBS)
    form = rng.randrange(5)
    if form == 0:
        return f"{name} is {age} years old and lives in {city}.", {
            "name": name,
            "age": age,
            "city": city,
        }
    if form == 1:
        return f"My name is {name}, I am {age} and I live in {city}.", {
            "name": name,
            "age": age,
            "city": city,
        }
    if form == 2:
        return f"{name}, {age}, is a {job} from {city}.", {
            "name": name,
            "age": age,
            "job": job,
            "city": city,
        }
    if form == 3:
        return f"{name} works as a {job} in {city}.", {"name": name, "job": job, "city": city}
    return f"{name} is {age} years old.", {"name": name, "age": age}


def _order(rng: random.Random) -> tuple[str, dict[str, Any]]:
    name, n, goods = _name(rng), rng.randint(2, 40), rng.choice(_GOODS)
    if rng.random() < 0.5:
        return f"{name} ordered {n} {goods} on {(day := rng.choice(_DAYS))}.", {
            "name": name,
            "quantity": n,
            "item": goods,
            "day": day,
        }
    return f"Please send {n} {goods} to {name}.", {"quantity": n, "item": goods, "name": name}


def _meeting(rng: random.Random) -> tuple[str, dict[str, Any]]:
    name, day, hour, city = (
        _name(rng),
        rng.choice(_DAYS),
        f"{rng.randint(7, 20)}:{rng.choice(('00', '15', '30', '45'))}",
        _city(rng),
    )
    return (
        f"{rng.choice(['Meeting', 'Lunch', 'A call', 'Dinner'])} with {name} on {day} at {hour} in {city}.",
        {"name": name, "day": day, "time": hour, "city": city},
    )


def _contact(rng: random.Random) -> tuple[str, dict[str, Any]]:
    name = _name(rng)
    mail = f"{name.lower()}@{invented(rng)}.{rng.choice(('com', 'org', 'net', 'example'))}"
    phone = "".join(str(rng.randint(0, 9)) for _ in range(rng.randint(6, 9)))
    form = rng.randrange(3)
    if form == 0:
        return f"Write to {name} at {mail}.", {"name": name, "email": mail}
    if form == 1:
        return f"{name}'s phone number is {phone}.", {"name": name, "phone": phone}
    return f"Contact {name} by mail ({mail}) or phone ({phone}).", {
        "name": name,
        "email": mail,
        "phone": phone,
    }


def _product(rng: random.Random) -> tuple[str, dict[str, Any]]:
    colour, thing, price = rng.choice(_COLOURS), rng.choice(_GOODS)[:-1], rng.randint(1, 400)
    return f"The {colour} {thing} costs {price} {(unit := rng.choice(['dollars', 'euros']))}.", {
        "item": thing,
        "color": colour,
        "price": price,
        "currency": unit,
    }


def ask_say(rng: random.Random) -> Pair:
    """Words, figures, addresses or ids to be said back as they are."""
    text = rng.choice((_words, _words, _figures, _address, _id))(rng)
    quoted = rng.choice([text, f'"{text}"'])
    ask = rng.choice(
        [
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
        ]
    ).format(quoted)
    return typed(rng, ask, names=(text,)) if quoted == text and text[
        -1
    ] not in ".!" and rng.random() < 0.3 else ask, text


def _words(rng: random.Random) -> str:
    drawn = (
        rng.choice(vocabulary()) if rng.random() < 0.7 else invented(rng)
        for _ in range(rng.randint(1, 6))
    )
    text = " ".join(drawn)
    return text.capitalize() + rng.choice(".!") if rng.random() < 0.3 else text


def _figures(rng: random.Random) -> str:
    number = "".join(str(rng.randint(0, 9)) for _ in range(rng.randint(2, 9)))
    return rng.choice((number, f"${rng.randint(0, 99)}.{rng.randint(0, 99):02d}"))


def _address(rng: random.Random) -> str:
    return draw_house(rng).url


def _id(rng: random.Random) -> str:
    return rng.choice(draw_house(rng).models).id
