"""Turns that lean on the answer before: again, shorter, why, more."""

from __future__ import annotations

import random

from training.corpus.grammar import say
from training.corpus.noise import typed
from training.corpus.phrasebook import asks

Pair = tuple[str, str]


def follow_up(rng: random.Random, last: Pair) -> Pair:
    """A question about the turn `last`, and its answer."""
    question, answer = last
    kind = rng.random()
    if kind < 0.45:
        return typed(rng, say(rng, rng.choice(asks("frames", "again")))), answer
    if kind < 0.85:
        return typed(rng, say(rng, rng.choice(asks("frames", "shorter")))), _first_sentence(answer)
    return typed(rng, say(rng, rng.choice(asks("frames", "asked")))), f"You wrote: {question}"


def _first_sentence(answer: str) -> str:
    if answer.startswith("```") or "\n" in answer:
        return answer
    head, mark, _ = answer.partition(". ")
    return head + "." if mark else answer
