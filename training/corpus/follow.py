"""Turns that lean on the answer before: again, shorter, why, more."""

from __future__ import annotations

import random

from training.corpus.grammar import say
from training.corpus.noise import typed

Pair = tuple[str, str]

_AGAIN = [
    "[repeat|say] that [again|once more|]", "[again|once more] please", "can you repeat [that|it]", "what did you say", "pardon", "come again",
    "i did not [catch|get|understand] that", "sorry, what", "repeat please", "say it again", "could you say that once more", "one more time",
]
_SHORT = [
    "shorter[ please|]", "[make it|in] short[er|]", "[can you|please] [shorten|summarise|summarize] [that|it|]", "too long", "tl;dr", "in one sentence",
    "in short", "briefly[ please|]", "more briefly", "can you say that in fewer words", "a shorter version please", "sum it up",
]
_FIRST_ASK = ["what did i [ask|just ask|say|write] [you|before|]", "what was my [question|last question]", "repeat my question"]


def follow_up(rng: random.Random, last: Pair) -> Pair:
    """A question about the turn `last`, and its answer."""
    question, answer = last
    kind = rng.random()
    if kind < 0.45:
        return typed(rng, say(rng, rng.choice(_AGAIN))), answer
    if kind < 0.85:
        return typed(rng, say(rng, rng.choice(_SHORT))), _first_sentence(answer)
    return typed(rng, say(rng, rng.choice(_FIRST_ASK))), f"You wrote: {question}"


def _first_sentence(answer: str) -> str:
    if answer.startswith("```") or "\n" in answer:
        return answer
    head, mark, _ = answer.partition(". ")
    return head + "." if mark else answer
