"""What the corpus promises: seeded, quoting only what is in sight, and blind to the held-out."""

from __future__ import annotations

import json
import random
import re
from dataclasses import replace

from training.corpus import Conversation, answer_of, sample
from training.corpus.extraction import ask_extract, ask_say
from training.corpus.grammar import say
from training.corpus.heldout import plain
from training.corpus.house import House, Offered, draw_house, invented
from training.corpus.models import ask_models
from training.corpus.phrasebook import FOLDER, asks, lists, topics
from training.corpus.sums import ask_sum
from training.corpus.vocabulary import pieces
from training.evaluate import SETS, Question, questions, repeats

URL = re.compile(r"https?://[a-z0-9.-]+(?::\d+)?")
EXAMPLES = {"https://api.example.org", "https://example.com", "http://10.0.0.5:8000"}
"""Addresses that answers give as examples."""
HELD_OUT = SETS["heldout"]


def _drawn(seed: int, count: int) -> list[Conversation]:
    rng = random.Random(seed)
    return [sample(rng) for _ in range(count)]


def test_the_same_seed_draws_the_same_conversations() -> None:
    assert repr(_drawn(11, 40)) == repr(_drawn(11, 40))
    assert repr(_drawn(11, 5)) != repr(_drawn(12, 5))


def test_no_held_out_question_is_ever_drawn() -> None:
    held = {plain(q.ask) for name in HELD_OUT for q in questions(name)}
    drawn = {plain(m.text) for c in _drawn(1, 800) for m in c.messages if m.role == "user"}
    assert len(held) == 120
    assert not held & drawn


def test_no_held_out_question_stands_among_the_phrases() -> None:
    held = {plain(q.ask) for name in HELD_OUT for q in questions(name)}
    files = [f.stem for f in FOLDER.glob("*.txt") if f.stem not in ("lists", "json", "sums")]
    assert not held & {plain(ask) for f in files for t in topics(f) for ask in t.asks}


def test_every_phrase_of_every_topic_can_be_said() -> None:
    rng = random.Random(5)
    facts: dict[str, str] = dict.fromkeys(("m", "n", "s", "f", "p"), "x")
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
                    assert url.rstrip(".-") in seen or url in EXAMPLES
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
    for _ in range(3000):
        _, answer = ask_sum(rng)
        if compared := re.fullmatch(r"(\d+) is (more|less) than (\d+)(?: [a-z]+)?\.", answer):
            one, than, other = int(compared[1]), compared[2], int(compared[3])
            assert one > other if than == "more" else one < other
            continue
        worked = re.fullmatch(r"(?:That is )?([\d ×+*/=-]*\d)(?: [a-z ]+)?\.", answer)
        assert worked, answer
        assert len({eval(step.replace("×", "*")) for step in worked[1].split(" = ")}) == 1, answer


def test_json_pulled_from_a_sentence_holds_nothing_but_what_stands_in_it() -> None:
    rng = random.Random(9)
    for _ in range(2000):
        ask, answer = ask_extract(rng)
        for key, value in json.loads(answer, parse_float=str).items():
            assert key.lower() in ask.lower()
            assert str(value) in ask or str(value).capitalize() in ask, (ask, answer)


def test_words_said_between_quotes_are_the_ones_that_were_given() -> None:
    rng = random.Random(10)
    for _ in range(500):
        ask, answer = ask_say(rng)
        if answer.startswith("["):
            assert all(word in ask for word in json.loads(answer))


def test_an_operators_line_answers_where_it_stands_and_the_house_where_it_does_not() -> None:
    rng = random.Random(4)
    house = draw_house(rng)
    free = replace(house, extras={"free": "Plan free: $5.00 a month, 30 requests per minute"})
    grants = {topic.name: topic for topic in topics("run")}["money.free"]
    for _ in range(40):
        assert answer_of(rng, grants, free)[1].startswith("The plan free gives $5.00 a month")
        assert house.url in answer_of(rng, grants, house)[1]


def test_an_id_stands_in_quotes_in_a_sentence_and_in_code_as_in_the_prompt() -> None:
    rng = random.Random(6)
    for _ in range(600):
        house = draw_house(rng)
        for text in (house.lines, ask_models(rng, house)[1]):
            for model in house.models:
                for found in re.finditer(rf"(?<![\w.-]){re.escape(model.id)}(?![\w.-])", text):
                    before = text[: found.start()]
                    assert before.endswith(('"', "/models/")), text


def test_names_are_made_of_every_piece_that_the_tokenizer_has() -> None:
    rng = random.Random(7)
    names = {invented(rng) for _ in range(60_000)}
    met = {piece for piece in pieces() if any(n.startswith(piece) for n in names)}
    assert len(met) > 0.97 * len(pieces())


def test_an_answer_repeats_no_sentence() -> None:
    for conversation in _drawn(31, 150):
        assert not any(repeats(m.text) for m in conversation.messages if m.taught)


def test_an_answer_that_gives_a_model_the_house_has_not_is_not_right() -> None:
    known = "acme/walrus-3-70b-chat"
    house = House("Kelvin Lab", "http://10.20.0.7:9123", (Offered(known, "1.20", "4.75"),))
    question = Question("some Python to call this", house, ("OpenAI", house.url))
    code = f'from openai import OpenAI\nclient = OpenAI(base_url="{house.url}/v1")\nmodel="{{}}"'
    assert question.right(code.format(known))
    assert not question.right(code.format(f"h {known}"))
    assert not question.right(code.format(known) + "\n`humph/boreal-8b`")
    assert not question.right(
        code.format(known) + '\nPut "humph/boreal-8b" into the field `model`.'
    )
    assert not question.right(code.format(known) + '\n- "h acme/walrus-3-70b-chat" is free')
    assert question.right(code.format(known) + '\n"Content-Type": "application/json"')
    assert question.right(code.format(known) + f'\nHere "{known}" is free.')
    assert question.right(code.format(known) + f"\n`tokenhouse pull {known}`")
    assert not question.right(code.format(known) + "\n`tokenhouse pull h/boreal-8b`")


def test_each_set_of_questions_has_houses_of_its_own_and_patterns_that_compile() -> None:
    for newcomer, unknown in SETS.values():
        for question in (*questions(newcomer), *questions(unknown)):
            assert question.declines or question.want
            for pattern in (*question.want, *question.avoid):
                re.compile(pattern)
                assert "{" not in re.sub(r"\\.|\{\d", "", pattern)
