from __future__ import annotations

from pathlib import Path

import gguf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.tiny import tekken as described
from tokenhouse.engine import (
    Tekken,
    WeightsError,
    derive_tekken,
    format_of,
    load_tekken,
    read_header,
)
from tokenhouse.engine.derive import PATTERN


@pytest.fixture(scope="session")
def derived(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Tekken:
    return load_tekken(derive_tekken(weights, tmp_path_factory.mktemp("derived") / "t.json"))


def test_the_pattern_is_that_of_mistrals_own_file() -> None:
    assert described()["config"]["pattern"] == PATTERN


def test_the_weights_own_vocabulary_is_the_tokenizer(
    derived: Tekken, tekken: Tekken, weights: Path
) -> None:
    format_of(derived, read_header(weights))
    assert (derived.n_vocab, derived.n_special) == (tekken.n_vocab, tekken.n_special)


@settings(max_examples=200, deadline=None)
@given(text=st.text(max_size=60))
def test_it_gives_every_text_the_same_ids(text: str, derived: Tekken, tekken: Tekken) -> None:
    assert derived.encode(text) == tekken.encode(text)


def test_weights_of_another_family_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.gguf"
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_block_count(1)
    writer.add_embedding_length(8)
    writer.add_head_count(1)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with pytest.raises(WeightsError, match="is qwen2, and this engine speaks Tekken"):
        derive_tekken(path, tmp_path / "t.json")
    assert not (tmp_path / "t.json").exists()
