"""The corpus: conversations with the starter, drawn from the project's own words by a seed.

`sample(rng)` draws one. The same state of `rng` gives the same conversation.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from functools import cache

from training.corpus.conversation import Conversation, Message, answered, asked, told
from training.corpus.extraction import ask_extract, ask_say
from training.corpus.follow import follow_up
from training.corpus.grammar import say
from training.corpus.heldout import is_held_out
from training.corpus.house import House, draw_house
from training.corpus.models import ask_models
from training.corpus.noise import typed
from training.corpus.phrasebook import Topic, lists, topics
from training.corpus.prompts import ask_extra, foreign_prompt, with_extras
from training.corpus.snippets import bare_snippets, snippets
from training.corpus.sums import ask_sum
from training.corpus.tools import draw_tools

__all__ = ["Conversation", "sample", "sample_short"]

Pair = tuple[str, str]
# How often each kind of question is asked. `use` and `run` are the house itself.
KINDS: Mapping[str, float] = {
    "use": 26,
    "run": 19,
    "talk": 9,
    "refuse": 11,
    "models": 24,
    "sums": 6,
    "extract": 6,
    "say": 14,
    "starters": 2,
}

# How often an answer takes its first wording: few wordings are learnt from fewer tokens.
FIRST = 0.9
TURNS = (1, 1, 1, 1, 2, 2, 3, 4, 6, 9)


def sample(rng: random.Random) -> Conversation:
    """One conversation: with a house's prompt mostly, else with a foreign one or none."""
    kind = rng.random()
    house = with_extras(rng, draw_house(rng)) if kind < 0.86 else None
    before: tuple[Message, ...] = ()
    if house is not None:
        before = (told(house.prompt()),)
    elif kind < 0.93:
        before = (told(foreign_prompt(rng)),)
    if rng.random() < 0.09:
        with_prompt = before if rng.random() < 0.35 else ()
        seen = house if with_prompt else None
        return draw_tools(rng, lambda: _question(rng, seen), with_prompt)
    messages = [*before]
    turns = rng.choice(TURNS)
    last: Pair | None = None
    for _ in range(turns):
        if last is not None and rng.random() < 0.1:
            last = follow_up(rng, last)
        else:
            last = _question(rng, house)
        messages += [asked(last[0]), answered(last[1])]
    return Conversation(tuple(messages))


def sample_short(rng: random.Random) -> Conversation:
    """One question and its answer: what a network learns first to look back at."""
    house = draw_house(rng) if rng.random() < 0.45 else None
    ask, answer = _question(rng, house)
    before = (told(house.prompt()),) if house is not None else ()
    return Conversation((*before, asked(ask), answered(answer)))


def _question(rng: random.Random, house: House | None) -> Pair:
    while True:
        pair = _any_question(rng, house)
        if not is_held_out(pair[0]):
            return pair


def _any_question(rng: random.Random, house: House | None) -> Pair:
    kind = rng.choices(tuple(KINDS), tuple(KINDS.values()))[0]
    if kind == "models":
        return ask_models(rng, house)
    if kind == "sums":
        return ask_sum(rng)
    if kind == "extract":
        return ask_extract(rng)
    if kind == "say":
        return ask_say(rng)
    if house is not None and house.extras and rng.random() < 0.2:
        return ask_extra(rng, house)
    return _of_phrases(rng, kind, house)


@cache
def _weights(file: str) -> tuple[float, ...]:
    return tuple(topic.weight**1.3 for topic in topics(file))


@cache
def _bare() -> Mapping[str, str]:
    return bare_snippets()


def _of_phrases(rng: random.Random, file: str, house: House | None) -> Pair:
    topic = rng.choices(topics(file), _weights(file))[0]
    ask = typed(rng, say(rng, rng.choice(topic.asks)))
    return ask, _answer(rng, topic, house)


def _answer(rng: random.Random, topic: Topic, house: House | None) -> str:
    facts = {"L": "[", "R": "]", "done": "[DONE]", "engine": "[engine]"}
    if house is None:
        no = rng.choice(lists()["no"]).replace("$help", rng.choice(lists()["help_alone"]))
        facts |= {"no0": no, **_bare()}
        phrases = topic.unseen or topic.seen
    else:
        model = house.models[0].id
        facts |= {
            "url": house.url,
            "site": house.site,
            "model": model,
            **snippets(house.url, model),
        }
        no = rng.choice(lists()["no"]).replace("$help", rng.choice(lists()["help"]))
        facts["no"] = no.replace("$site", house.site)
        phrases = topic.seen
    phrase = phrases[0] if rng.random() < FIRST else rng.choice(phrases)
    return say(rng, phrase, facts).replace("\\n", "\n")
