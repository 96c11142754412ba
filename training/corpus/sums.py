"""Small arithmetic, worked where a step helps."""

from __future__ import annotations

import random

from training.corpus.grammar import say
from training.corpus.noise import typed
from training.corpus.phrasebook import asks

Pair = tuple[str, str]

_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen twenty"
).split()


def ask_sum(rng: random.Random) -> Pair:
    """A sum, difference or product of small numbers, in figures or words."""
    kind = rng.random()
    if kind < 0.45:
        return _plus(rng)
    if kind < 0.7:
        return _minus(rng)
    if kind < 0.93:
        return _times(rng)
    return _story(rng)


def _figure(rng: random.Random, n: int, words: bool) -> str:
    return _ONES[n] if words and n <= 20 else str(n)


def _asked(rng: random.Random, a: int, b: int, signs: list[str]) -> str:
    words = rng.random() < 0.12 and a <= 20 and b <= 20
    sign = rng.choice(signs)
    if sign.isalpha() or " " in sign:
        sign = f" {sign} "
    elif rng.random() < 0.7:
        sign = f" {sign} "
    if words and not sign.strip()[0].isalpha():
        sign = f" {signs[1]} "
    text = f"{_figure(rng, a, words)}{sign}{_figure(rng, b, words)}"
    return typed(rng, say(rng, rng.choice(asks("frames", "sum")), {"s": text}), names=(text,))


def _plus(rng: random.Random) -> Pair:
    top = rng.choice((10, 20, 50, 99, 99))
    a, b = rng.randint(0, top), rng.randint(0, top)
    ask = _asked(rng, a, b, ["+", "plus", "+", "plus"])
    if rng.random() < 0.15:
        ask = typed(
            rng,
            rng.choice(
                [
                    f"add {a} and {b}",
                    f"add {a} to {b}",
                    f"sum of {a} and {b}",
                    f"what is the sum of {a} and {b}",
                ]
            ),
            names=(str(a), str(b)),
        )
    return ask, f"{a} + {b} = {_by_tens(a, b)}{a + b}."


def _by_tens(a: int, b: int) -> str:
    """The step between: tens and ones added for themselves, where both numbers have both."""
    tens, ones = a // 10 * 10 + b // 10 * 10, a % 10 + b % 10
    return f"{tens} + {ones} = " if min(a, b) >= 10 and a % 10 and b % 10 else ""


def _minus(rng: random.Random) -> Pair:
    top = rng.choice((10, 20, 50, 99))
    a, b = rng.randint(0, top), rng.randint(0, top)
    a, b = max(a, b), min(a, b)
    ask = _asked(rng, a, b, ["-", "minus", "-", "minus", "take away"])
    if rng.random() < 0.1:
        ask = typed(
            rng,
            rng.choice([f"subtract {b} from {a}", f"what is {b} less than {a}"]),
            names=(str(a), str(b)),
        )
    step = f"{a - b // 10 * 10} - {b % 10} = " if b > 10 and b % 10 else ""
    return ask, f"{a} - {b} = {step}{a - b}."


def _times(rng: random.Random) -> Pair:
    a, b = rng.randint(0, 12), rng.randint(0, 12)
    if rng.random() < 0.2:
        a = rng.choice((15, 20, 25, 30, 50, 100))
    ask = _asked(rng, a, b, ["*", "times", "x", "times", "multiplied by"])
    if rng.random() < 0.1:
        ask = typed(
            rng,
            rng.choice(
                [f"multiply {a} by {b}", f"multiply {a} and {b}", f"product of {a} and {b}"]
            ),
            names=(str(a), str(b)),
        )
    return ask, f"{a} × {b} = {a * b}."


_THINGS = "apples tokens keys coins cats books eggs cars pens cards requests stamps".split()


def _story(rng: random.Random) -> Pair:
    thing = rng.choice(_THINGS)
    a, b = rng.randint(2, 20), rng.randint(1, 15)
    if rng.random() < 0.5:
        more = f"i have {a} {thing} and [get|buy|find] {b} more, how many"
        ask = more + f" [do i have|{thing} do i have|are there] [now|]"
        return typed(rng, say(rng, ask), names=(thing,)), f"{a} + {b} = {a + b} {thing}."
    a, b = max(a, b), min(a, b)
    ask = f"i have {a} {thing} and [lose|give away|sell|use] {b}, how many [are left|do i have left|remain]"
    return typed(rng, say(rng, ask), names=(thing,)), f"{a} - {b} = {a - b} {thing}."
