"""The corpus: conversations with the starter, drawn from the project's own words by a seed.

`sample(rng)` draws one. The same state of `rng` gives the same conversation.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from functools import cache

from training.corpus.conversation import Conversation, Message, answered, asked, told
from training.corpus.extraction import ask_extract, ask_say
from training.corpus.follow import follow_up
from training.corpus.grammar import say
from training.corpus.heldout import is_held_out
from training.corpus.house import House, draw_house
from training.corpus.models import ask_models
from training.corpus.noise import typed
from training.corpus.phrasebook import Topic, asks, lists, topics
from training.corpus.prompts import foreign_prompt, quoted, with_extras
from training.corpus.snippets import bare_snippets, snippets
from training.corpus.sums import ask_sum
from training.corpus.tools import draw_tools

__all__ = ["Conversation", "answer_of", "sample", "sample_short"]

Pair = tuple[str, str]
# How often each kind of question is asked. `use` and `run` are the house itself.
KINDS: Mapping[str, float] = {
    "use": 32,
    "run": 34,
    "talk": 18,
    "refuse": 40,
    "models": 26,
    "sums": 6,
    "extract": 8,
    "say": 8,
    "starters": 5,
}
# Conversations of nothing but what has to be computed or looked up, and is learnt by doing it often.
DRILLS: Mapping[str, float] = {"models": 7, "sums": 3, "extract": 4}
DRILL = 0.28
# Among them, what only looks like one of them: a sum that is too long, the price of gold.
BEYOND = 0.15
# What an operator's line may answer, and the topic that answers it in a house without that line.
EXTRAS: Mapping[str, str] = {
    "money.free": "free",
    "support": "support",
    "param.model": "default",
}

# How often an answer takes its first wording: few wordings are learnt from fewer tokens.
FIRST = 0.9
TURNS = (1, 1, 1, 1, 2, 2, 3, 4, 6, 9)


def sample(rng: random.Random, room: int = 0) -> Conversation:
    """One conversation: with a house's prompt mostly, else with a foreign one or none.

    It goes on until it has `room` characters, or for a drawn number of turns where `room` is 0.
    """
    if rng.random() < DRILL:
        return _drill(rng, room)
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
    while _goes_on(messages, turns, room):
        if last is not None and rng.random() < 0.1:
            last = follow_up(rng, last)
        else:
            last = _question(rng, house)
        messages += [asked(last[0]), answered(last[1])]
    return Conversation(tuple(messages))


def sample_short(rng: random.Random, room: int = 0) -> Conversation:
    """One question and its answer, whatever the room: what a network learns first to look back at."""
    del room
    house = draw_house(rng) if rng.random() < 0.45 else None
    ask, answer = _question(rng, house)
    before = (told(house.prompt()),) if house is not None else ()
    return Conversation((*before, asked(ask), answered(answer)))


def _goes_on(messages: list[Message], turns: int, room: int) -> bool:
    if room:
        return sum(len(m.text) for m in messages) < room
    return sum(m.role == "user" for m in messages) < turns


def _drill(rng: random.Random, room: int) -> Conversation:
    """Many questions of one kind; those that need no house have one in a few cases."""
    kind = rng.choices(tuple(DRILLS), tuple(DRILLS.values()))[0]
    house = draw_house(rng) if kind == "models" or rng.random() < 0.3 else None
    if kind == "models" and house is not None and len(house.models) < 3:
        house = draw_house(rng)
    messages = [told(house.prompt())] if house is not None else []
    turns = rng.randint(8, 20) if kind == "sums" else rng.randint(5, 11)
    while _goes_on(messages, turns, room):
        ask = "refuse" if rng.random() < BEYOND else kind
        pair = ask_say(rng) if ask == "extract" and rng.random() < 0.4 else _of(rng, ask, house)
        if not is_held_out(pair[0]):
            messages += [asked(pair[0]), answered(pair[1])]
    return Conversation(tuple(messages))


def _question(rng: random.Random, house: House | None) -> Pair:
    while True:
        pair = _any_question(rng, house)
        if not is_held_out(pair[0]):
            return pair


def _any_question(rng: random.Random, house: House | None) -> Pair:
    return _of(rng, rng.choices(tuple(KINDS), tuple(KINDS.values()))[0], house)


def _of(rng: random.Random, kind: str, house: House | None) -> Pair:
    if kind == "models":
        return ask_models(rng, house)
    if kind == "sums":
        return ask_sum(rng)
    if kind == "extract":
        return ask_extract(rng)
    if kind == "say":
        return ask_say(rng)
    if house is not None and rng.random() < 0.07:
        name = rng.choice(tuple(EXTRAS))
        topic = next(topic for topic in topics("run") if topic.name == name)
        return answer_of(rng, topic, house, asks("frames", f"extra.{EXTRAS[name]}"))
    return _of_phrases(rng, kind, house)


@cache
def _weights(file: str) -> tuple[float, ...]:
    return tuple(topic.weight**1.5 for topic in topics(file))


@cache
def _bare() -> Mapping[str, str]:
    return bare_snippets()


def _of_phrases(rng: random.Random, file: str, house: House | None) -> Pair:
    return answer_of(rng, rng.choices(topics(file), _weights(file))[0], house)


def answer_of(
    rng: random.Random, topic: Topic, house: House | None, wordings: Sequence[str] = ()
) -> Pair:
    """A question of `topic`, or one of `wordings`, and its answer; an operator's own line comes before
    the general words."""
    extra = EXTRAS.get(topic.name) if house is not None else None
    ask = typed(rng, say(rng, rng.choice(wordings or topic.asks)))
    if house is not None and extra in house.extras:
        return ask, quoted(house, extra)
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
