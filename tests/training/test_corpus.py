"""What the corpus promises: seeded, quoting only what is in sight, and blind to the held-out."""

from __future__ import annotations

import random
import re
from dataclasses import replace

from training.corpus import Conversation, answer_of, sample
from training.corpus.grammar import say
from training.corpus.heldout import plain
from training.corpus.house import draw_house, invented
from training.corpus.models import ask_models
from training.corpus.phrasebook import FOLDER, asks, lists, topics
from training.corpus.sums import ask_sum
from training.corpus.vocabulary import pieces
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


def test_a_conversation_with_room_goes_on_until_it_is_full() -> None:
    rng = random.Random(8)
    for _ in range(60):
        conversation = sample(rng, 2500)
        if not conversation.tools:
            assert sum(len(m.text) for m in conversation.messages) >= 2500
            assert conversation.messages[-1].role == "assistant"


def test_every_step_of_a_sum_is_right() -> None:
    rng = random.Random(3)
    for _ in range(500):
        _, answer = ask_sum(rng)
        steps = re.sub(r"[a-z .]+$", "", answer).replace("×", "*").split(" = ")
        assert len({eval(step) for step in steps}) == 1, answer


def test_an_operators_line_answers_where_it_stands_and_the_house_where_it_does_not() -> None:
    rng = random.Random(4)
    house = draw_house(rng)
    free = replace(house, extras={"free": "Plan free: $5.00 a month, 30 requests per minute"})
    grants = {topic.name: topic for topic in topics("run")}["money.free"]
    for _ in range(40):
        assert answer_of(rng, grants, free)[1].startswith("The plan free gives $5.00 a month")
        assert house.url in answer_of(rng, grants, house)[1]


def test_an_id_in_a_sentence_has_a_space_before_it_as_in_the_prompt() -> None:
    rng = random.Random(6)
    for _ in range(400):
        house = draw_house(rng)
        for text in (house.prompt(), ask_models(rng, house)[1]):
            for model in house.models:
                for found in re.finditer(re.escape(model.id), text):
                    assert text[found.start() - 1] in (" ", "/")


def test_names_are_made_of_every_piece_that_the_tokenizer_has() -> None:
    rng = random.Random(7)
    names = {invented(rng) for _ in range(60_000)}
    met = {piece for piece in pieces() if any(n.startswith(piece) for n in names)}
    assert len(met) > 0.97 * len(pieces())


def test_an_answer_repeats_no_sentence() -> None:
    for conversation in _drawn(31, 150):
        assert not any(repeats(m.text) for m in conversation.messages if m.taught)


def test_an_answer_that_gives_a_model_the_house_has_not_is_not_right() -> None:
    question = next(q for q in questions("newcomer") if "Python to call this" in q.ask)
    code = 'from openai import OpenAI\nclient = OpenAI(base_url="{}/v1")\nmodel="{}"'
    url, known = question.house.url, question.house.models[0].id
    assert question.right(code.format(url, known))
    assert not question.right(code.format(url, f"h {known}"))
    assert not question.right(code.format(url, known) + "\n`humph/boreal-8b`")
    assert question.right(code.format(url, known) + f"\n`tokenhouse pull {known}`")
    assert not question.right(code.format(url, known) + "\n`tokenhouse pull h/boreal-8b`")
