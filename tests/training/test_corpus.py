"""What the corpus promises: seeded, quoting only what is in sight, and blind to the held-out."""

from __future__ import annotations

import random
import re

from training.corpus import Conversation, sample
from training.corpus.grammar import say
from training.corpus.heldout import plain
from training.corpus.phrasebook import FOLDER, asks, lists, topics
from training.evaluate import questions, repeats

URL = re.compile(r"https?://[a-z0-9.-]+(?::\d+)?")
SETS = ("newcomer", "unknown")


def _drawn(seed: int, count: int) -> list[Conversation]:
    rng = random.Random(seed)
    return [sample(rng) for _ in range(count)]


def test_the_same_seed_draws_the_same_conversations() -> None:
    assert repr(_drawn(11, 40)) == repr(_drawn(11, 40))
    assert repr(_drawn(11, 5)) != repr(_drawn(12, 5))


def test_no_held_out_question_is_ever_drawn() -> None:
    held = {plain(q.ask) for name in SETS for q in questions(name)}
    drawn = {plain(m.text) for c in _drawn(1, 800) for m in c.messages if m.role == "user"}
    assert len(held) == 120
    assert not held & drawn


def test_no_held_out_question_stands_among_the_phrases() -> None:
    held = {plain(q.ask) for name in SETS for q in questions(name)}
    files = [f.stem for f in FOLDER.glob("*.txt") if f.stem != "lists"]
    assert not held & {plain(ask) for f in files for t in topics(f) for ask in t.asks}


def test_every_phrase_of_every_topic_can_be_said() -> None:
    rng = random.Random(5)
    facts: dict[str, str] = dict.fromkeys(("m", "s", "f", "p"), "x")
    for file in ("use", "run", "talk", "refuse", "starters", "models", "frames"):
        for topic in topics(file):
            assert topic.asks
            for ask in topic.asks:
                assert "$" not in say(rng, ask, facts)
    for entries in lists().values():
        assert all(entries)
    assert asks("models", "list")


def test_an_answer_names_no_address_that_is_out_of_its_sight() -> None:
    for conversation in _drawn(21, 150):
        seen = ""
        for message in conversation.messages:
            if message.taught:
                for url in URL.findall(message.text):
                    assert url.rstrip(".-") in seen
            seen += message.text + "\n"


def test_an_answer_repeats_no_sentence() -> None:
    for conversation in _drawn(31, 150):
        assert not any(repeats(m.text) for m in conversation.messages if m.taught)
