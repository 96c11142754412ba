"""Small arithmetic, worked where a step helps."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from training.corpus.grammar import say
from training.corpus.noise import typed
from training.corpus.phrasebook import asks, lines

Pair = tuple[str, str]

_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen twenty"
).split()


def ask_sum(rng: random.Random) -> Pair:
    """A sum, difference or product of small numbers, in figures or words."""
    kind = rng.random()
    if kind < 0.28:
        return _plus(rng)
    if kind < 0.44:
        return _minus(rng)
    if kind < 0.6:
        return _times(rng)
    return _worded(rng)


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


@dataclass(frozen=True, slots=True)
class Worded:
    """A line of `phrases/sums.txt`: a question with {a} {b} {c}, what is to be computed of them, a unit."""

    ask: str
    terms: tuple[str, ...]
    unit: str


@cache
def _worded_sums() -> tuple[Worded, ...]:
    rows = (line.split(" | ") for line in lines("sums") if line)
    return tuple(Worded(r[0], tuple(r[1].split()), r[2] if len(r) > 2 else "") for r in rows)


def _worded(rng: random.Random) -> Pair:
    """A sum in words: of pens and dollars, of halves and hours."""
    sum_ = rng.choice(_worded_sums())
    while (made := _worked(rng, sum_.terms)) is None:
        continue
    figures, answer = made
    ask = say(rng, sum_.ask.format(**figures))
    unit = f" {sum_.unit}" if sum_.unit else ""
    return typed(rng, ask, names=tuple(figures.values())), f"{answer}{unit}."


def _worked(rng: random.Random, terms: tuple[str, ...]) -> tuple[dict[str, str], str] | None:
    """Figures for the letters, and the sum worked with them; None where these do not come out whole."""
    times = "*" in terms or "/" in terms
    drawn = {x: rng.randint(2, 12 if times else rng.choice((9, 20, 60))) for x in "abc"}
    if "/" in terms and terms[0] in drawn:
        drawn[terms[0]] = rng.randint(2, 12) * rng.randint(2, 12)
    figures = {name: str(n) for name, n in drawn.items()}
    if terms[0] in ("max", "min"):
        a, b = drawn["a"], drawn["b"]
        most = terms[0] == "max"
        said = f"{(max if most else min)(a, b)} is {'more' if most else 'less'} than "
        return (figures, said + str((min if most else max)(a, b))) if a != b else None
    numbers = [drawn[t] if t in drawn else int(t) for t in terms[::2]]
    value, steps = numbers[0], [" ".join(_signs(terms[1::2], numbers))]
    if len(numbers) == 1:
        return figures, f"That is {value}"
    signs = list(terms[1::2])
    if len(signs) == 2 and signs[0] in "+-" and signs[1] in "*/":
        return None
    while signs:
        value = _step(value, signs.pop(0), numbers.pop(1))
        if value is None or not 0 <= value < 100_000:
            return None
        steps.append(" ".join(_signs(signs, [value, *numbers[1:]])))
    return figures, " = ".join(steps)


def _signs(signs: Sequence[str], numbers: list[int]) -> Iterator[str]:
    yield str(numbers[0])
    for sign, number in zip(signs, numbers[1:], strict=True):
        yield from ("×" if sign == "*" else sign, str(number))


def _step(a: int, sign: str, b: int) -> int | None:
    if sign == "/":
        return a // b if b and a % b == 0 else None
    return {"+": a + b, "-": a - b, "*": a * b}[sign]
