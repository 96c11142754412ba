"""Whether weights fit, how fast they read, and whether their eyes see as they were trained."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.engine.eyes import write_projector
from tests.engine.tiny import write_gguf
from tokenhouse.engine import (
    GgufHeader,
    WeightsError,
    fit,
    memory_bandwidth,
    mend_activation,
    read_header,
    read_projector,
    tokens_per_second,
)
from tokenhouse.engine.gguf import peek

GIB = 2**30

SMALL_31 = GgufHeader(
    path=Path("small.gguf"), file_bytes=14_333_910_496, architecture="llama", name=None,
    context_length=131_072, block_count=40, embedding_length=5120, kv_heads=(8,) * 40,
    key_length=128, value_length=128, vocab_size=131_072, tokenizer_model="gpt2",
    tokenizer_pre="tekken", chat_template=None,
)  # fmt: skip


@pytest.mark.parametrize(("context", "gib"), [(4096, 0.625), (32_768, 5), (131_072, 20)])
def test_the_cache_of_mistral_small_is_as_computed(context: int, gib: float) -> None:
    found = fit(SMALL_31, context=context, n_batch=256, available=None)
    assert found.kv == gib * GIB
    assert found.fits is None
    assert not found.hopeless


def test_what_fits_is_told_to_the_token(tmp_path: Path) -> None:
    eyes = read_projector(write_projector(tmp_path / "eyes.gguf", silu=True))
    assert eyes.image_bytes == pytest.approx(8.73 * GIB, rel=0.01)
    found = fit(SMALL_31, eyes, context=131_072, n_batch=256, available=32 * GIB)
    assert found.fits is False
    assert not found.hopeless
    assert found.context_most is not None
    fits = fit(SMALL_31, eyes, context=found.context_most, n_batch=256, available=32 * GIB)
    more = fit(SMALL_31, eyes, context=found.context_most + 1024, n_batch=256, available=32 * GIB)
    assert (fits.fits, more.fits) == (True, False)
    assert fit(SMALL_31, eyes, context=8192, n_batch=256, available=8 * GIB).hopeless
    words = fit(SMALL_31, eyes, context=8192, n_batch=256, available=None).words()
    assert "1.2 GiB for 8192 tokens" in words
    assert "8.7 GiB while an image is read" in words


def test_a_small_model_with_a_small_context_is_not_hopeless() -> None:
    small = replace(SMALL_31, file_bytes=1000, kv_heads=(), context_length=512)
    found = fit(small, context=512, n_batch=1, available=GIB)
    assert (found.fits, found.hopeless, found.context_most) == (True, False, 512)


def test_speed_is_bandwidth_over_weights() -> None:
    assert tokens_per_second(14_333_910_496, 52_800_000_000) == pytest.approx(2.5, rel=0.01)
    assert memory_bandwidth(1 << 16) > 0


def test_the_start_of_a_file_tells_what_the_whole_tells(tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "tiny.gguf")
    whole, octets = read_header(path), path.read_bytes()
    facts = peek(octets[:4096], path)
    assert not facts.whole
    early = facts.header(path, len(octets))
    assert early.kv_bytes_per_token == whole.kv_bytes_per_token
    assert early.vocab_size in (None, whole.vocab_size)
    assert peek(octets, path).header(path, len(octets)) == whole
    with pytest.raises(WeightsError, match="not supported"):
        peek(b"GGUF\x09" + octets[5:], path)


@pytest.mark.parametrize(
    ("gelu", "silu", "activation"),
    [
        (True, None, "gelu"),
        (True, False, "gelu"),
        (None, False, "gelu_quick"),
        (False, None, "gelu_quick"),
    ],
)
def test_a_wrong_activation_is_seen_and_turned(
    tmp_path: Path, gelu: bool | None, silu: bool | None, activation: str
) -> None:
    path = write_projector(tmp_path / "eyes.gguf", gelu=gelu, silu=silu)
    before = path.read_bytes()
    assert (read_projector(path).activation, read_projector(path).suspect) == (activation, True)
    assert mend_activation(path)
    after = path.read_bytes()
    assert (read_projector(path).activation, read_projector(path).suspect) == ("silu", False)
    assert len(after) == len(before)
    assert sum(a != b for a, b in zip(after, before, strict=True)) <= 4
    assert not mend_activation(path)
    assert [each.name for each in tmp_path.iterdir()] == ["eyes.gguf"]


def test_a_right_projector_and_one_of_another_kind_are_left_alone(tmp_path: Path) -> None:
    right = write_projector(tmp_path / "right.gguf", silu=True)
    other = write_projector(tmp_path / "other.gguf", gelu=True, kind="gemma3")
    assert not read_projector(right).suspect
    assert not mend_activation(right)
    assert not mend_activation(other)
    nothing = write_projector(tmp_path / "nothing.gguf")
    with pytest.raises(WeightsError, match="names no activation"):
        mend_activation(nothing)
    with pytest.raises(WeightsError, match="no projector"):
        read_projector(write_gguf(tmp_path / "tiny.gguf"))
