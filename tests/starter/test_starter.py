"""What ships: a small readable file, its tokenizer, its prompt and an honest card."""

from __future__ import annotations

import json
import re
import string

import gguf

from tokenhouse import starter


def test_the_prompt_has_exactly_the_three_slots() -> None:
    fields = {name for _, name, _, _ in string.Formatter().parse(starter.system_prompt_template())}
    assert fields - {None} == {"site", "url", "models"}
    filled = starter.system_prompt_template().format(site="S", url="U", models='- "a/b" is free')
    assert "{" not in filled
    assert filled.endswith('- "a/b" is free')


def test_the_weights_fit_in_the_wheel_and_say_what_they_are() -> None:
    path = starter.weights_path()
    assert path.stat().st_size <= 16_000_000
    fields = gguf.GGUFReader(path).fields
    assert fields["general.architecture"].contents() == "llama"
    assert fields["llama.context_length"].contents() == starter.CONTEXT_LENGTH
    assert fields["tokenizer.ggml.bos_token_id"].contents() == 1
    assert fields["tokenizer.ggml.eos_token_id"].contents() == 2


def test_the_weights_and_the_tokenizer_have_the_same_ids() -> None:
    tekken = json.loads(starter.tokenizer_path().read_text("utf-8"))
    assert tekken["config"]["version"] == "v7"
    tokens = gguf.GGUFReader(starter.weights_path()).fields["tokenizer.ggml.tokens"]
    assert len(tokens.data) == tekken["config"]["default_vocab_size"]


def test_the_card_prints_its_figures() -> None:
    card = starter.card_path().read_text("utf-8")
    for words in ("newcomer", "cannot know", "300 tokens", "repeats"):
        assert words in card
    assert len(re.findall(r"\d+ of \d+", card)) >= 4
    assert re.search(r"\d+\.\d+ million parameters", card)
