from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.tiny import Shape, write_gguf
from tokenhouse.engine import WeightsError, read_header


def test_a_header_says_what_the_model_is(weights: Path) -> None:
    header = read_header(weights)
    assert (header.architecture, header.name) == ("llama", "tiny")
    assert (header.context_length, header.block_count, header.vocab_size) == (32_768, 2, 8192)
    assert (header.tokenizer_model, header.tokenizer_pre) == ("gpt2", "tekken")
    assert header.file_bytes == weights.stat().st_size
    shape = Shape()
    head = shape.width // shape.heads
    # layers × key/value heads × (key + value) × two bytes
    assert header.kv_bytes_per_token == 2 * shape.kv_heads * 2 * head * 2
    assert header.chat_template is None


@settings(max_examples=200, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_a_broken_header_is_an_error_and_never_a_crash_or_a_flood(
    seed: int, weights: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    draw = random.Random(seed)
    head = bytearray(weights.read_bytes()[:60_000])
    for _ in range(draw.randint(1, 20)):
        head[draw.randrange(4, 2000)] = draw.randrange(256)
    path = tmp_path_factory.getbasetemp() / "broken.gguf"
    path.write_bytes(bytes(head))
    with pytest.raises(WeightsError):
        read_header(path)


def test_a_file_that_is_no_gguf_says_so(tmp_path: Path) -> None:
    path = tmp_path / "x.gguf"
    path.write_bytes(b"<!DOCTYPE html>")
    with pytest.raises(WeightsError, match="is not a GGUF file"):
        read_header(path)


def test_a_directory_is_an_error_with_its_cause(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="cannot be read"):
        read_header(tmp_path)


def test_parts_of_a_split_model_are_counted_and_a_missing_one_is_named(tmp_path: Path) -> None:
    import gguf

    names = [tmp_path / f"big-{i:05d}-of-00002.gguf" for i in (1, 2)]
    whole = write_gguf(tmp_path / "whole.gguf")
    reader = gguf.GGUFReader(str(whole))
    writer = gguf.GGUFWriter(str(names[0]), "llama")
    for name in ("block_count", "embedding_length", "attention.head_count"):
        field = reader.get_field(f"llama.{name}")
        assert field is not None
        writer.add_uint32(f"llama.{name}", int(field.contents()))
    writer.add_uint16("split.count", 2)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with pytest.raises(WeightsError, match="part 2 of 2"):
        read_header(names[0])
    names[1].write_bytes(b"x" * 1000)
    assert read_header(names[0]).file_bytes == names[0].stat().st_size + 1000
