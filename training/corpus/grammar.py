"""A small grammar of phrases: `[a|b|]` chooses, `$name` fills a slot; both nest.

A slot's value is a literal when it comes from the sample (a price, a snippet of code), drawn when
it stands in `DRAWN`, and a phrase to expand when it comes from the word lists.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping
from functools import cache

from training.corpus.house import invented
from training.corpus.phrasebook import lists
from training.corpus.vocabulary import vocabulary

_PIECE = re.compile(r"\$[LR]|\$[a-z_]+0?|[\[\]|]|[^$\[\]|]+|\$")

Node = str | tuple[str, tuple["Sequence", ...]]
Sequence = tuple[Node, ...]


def say(rng: random.Random, phrase: str, facts: Mapping[str, str] | None = None) -> str:
    """One wording of `phrase`; raises KeyError for a slot that neither side knows."""
    return _expand(rng, _parse(phrase), facts or {})


def listed(names: list[str]) -> str:
    """One name or more as a sentence lists them: ``a, b and c``."""
    return " and ".join((", ".join(names[:-1]), names[-1])) if len(names) > 1 else names[0]


def _expand(rng: random.Random, sequence: Sequence, facts: Mapping[str, str]) -> str:
    out: list[str] = []
    for node in sequence:
        if not isinstance(node, str):
            out.append(_expand(rng, rng.choice(node[1]), facts))
        elif node.startswith("$") and len(node) > 1:
            out.append(_slot(rng, node[1:], facts))
        else:
            out.append(node)
    return "".join(out)


def _slot(rng: random.Random, name: str, facts: Mapping[str, str]) -> str:
    if name in facts:
        return facts[name]
    if name in DRAWN:
        return DRAWN[name](rng)
    return _expand(rng, _parse(rng.choice(lists()[name])), facts)


@cache
def _parse(phrase: str) -> Sequence:
    pieces = _PIECE.findall(phrase)
    sequence, at = _sequence(pieces, 0, phrase)
    if at != len(pieces):
        raise ValueError(f"a bracket too many in {phrase!r}")
    return sequence


def _sequence(pieces: list[str], at: int, phrase: str) -> tuple[Sequence, int]:
    nodes: list[Node] = []
    while at < len(pieces) and pieces[at] not in ("|", "]"):
        if pieces[at] != "[":
            nodes.append(pieces[at])
            at += 1
            continue
        choices: list[Sequence] = []
        while True:
            choice, at = _sequence(pieces, at + 1, phrase)
            choices.append(choice)
            if at >= len(pieces):
                raise ValueError(f"a bracket is open in {phrase!r}")
            if pieces[at] == "]":
                break
        nodes.append(("choice", tuple(choices)))
        at += 1
    return tuple(nodes), at


def _odd(rng: random.Random) -> str:
    """A word that could be anything: one of the vocabulary, or an invented one."""
    return rng.choice(vocabulary()) if rng.random() < 0.7 else invented(rng)


def _gibberish(rng: random.Random) -> str:
    letters = "abcdefghijklmnopqrstuvwxyz"
    return "".join(rng.choice(letters) for _ in range(rng.randint(3, 9)))


def _big(rng: random.Random) -> str:
    number = rng.randint(1000, 10 ** rng.randint(4, 9))
    return f"{number:,}" if rng.random() < 0.2 else str(number)


DRAWN: dict[str, Callable[[random.Random], str]] = {
    "odd": _odd,
    "gibberish": _gibberish,
    "bignumber": _big,
}
