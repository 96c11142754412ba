"""System prompts: extra lines of an operator, and prompts that are not a house's at all."""

from __future__ import annotations

import random
from dataclasses import replace

from training.corpus.grammar import say
from training.corpus.house import House, invented
from training.corpus.phrasebook import asks


def foreign_prompt(rng: random.Random) -> str:
    return say(rng, rng.choice(asks("frames", "foreign"))).strip()


def with_extras(rng: random.Random, house: House) -> House:
    """`house`, now and then with lines that its operator has added to the prompt."""
    if rng.random() > 0.2:
        return house
    lines: dict[str, str] = {}
    if rng.random() < 0.5:
        lines["support"] = (
            f"Support: https://{invented(rng)}.{rng.choice(('example', 'com', 'org'))}/help"
        )
    if rng.random() < 0.5:
        lines["default"] = f'Default model: "{rng.choice(house.models).id}"'
    if rng.random() < 0.5:
        grant, rate, same = (
            f"{rng.randint(0, 9)}.{rng.choice(('00', '50'))}",
            rng.choice((5, 10, 20, 30, 60, 100, 120, 300)),
            rng.randint(1, 20),
        )
        lines["free"] = f"Plan free: ${grant} a month, {rate} requests per minute, {same} at once"
    return replace(house, extras=lines)


def quoted(house: House, kind: str) -> str:
    """What the operator's line of `kind` says, in a sentence."""
    value = house.extras[kind].partition(": ")[2]
    words = {
        "support": "Support is at {}.",
        "default": "The default model is {}.",
        "free": "The plan free gives {}.",
    }
    return words[kind].format(value)
