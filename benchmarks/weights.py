"""Mistral-shaped weights that were never trained: the speed of a model without the model.

Weights are drawn as 4-bit blocks, tensor by tensor, so that a gigabyte of parameters is made in
seconds and never lies in memory as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import gguf
import numpy as np
import numpy.typing as npt
from tests.engine.tiny import (
    Shape,
    _write_facts,  # pyright: ignore[reportPrivateUsage]
    _write_vocabulary,  # pyright: ignore[reportPrivateUsage]
    control,
    tekken,
    write_gguf,
    write_tekken,
)

BILLION = Shape(width=2048, layers=20, heads=16, kv_heads=4, hidden=6144, context=4096)
VOCABULARY = 32_768
JUDGED = "billion"
"""The weights whose tokens per second the target is about: a tiny model's take no time at all."""
_BLOCK = 32
_BLOCK_BYTES = 18
_SPREAD = 4.61
"""Standard deviation of a nibble drawn evenly from −8…7, in steps of the block's scale."""


def billion(directory: Path) -> Path:
    """1.1 B parameters in Q4_0 (620 MB) with their tokenizer beside them, made once; the weights."""
    path = directory / f"{JUDGED}.gguf"
    if not path.exists():
        directory.mkdir(parents=True, exist_ok=True)
        write_tekken(directory / f"{JUDGED}.tekken.json", VOCABULARY)
        half = path.with_suffix(".part")
        write_random(half, BILLION, VOCABULARY)
        half.replace(path)
    return path


def tiny(directory: Path) -> Path:
    """1.6 M parameters, for a look at whether all of it runs."""
    path = directory / "tiny.gguf"
    if not path.exists():
        directory.mkdir(parents=True, exist_ok=True)
        write_tekken(directory / "tiny.tekken.json")
        half = path.with_suffix(".part")
        write_gguf(half)
        half.replace(path)
    return path


def parameters(shape: Shape, vocabulary: int) -> int:
    """Weights in all matrices."""
    return sum(rows * columns for _, rows, columns in _matrices(shape, vocabulary))


def write_random(path: Path, shape: Shape, vocabulary: int, *, seed: int = 0) -> None:
    """Random weights of this shape in Q4_0."""
    writer = gguf.GGUFWriter(str(path), "llama")
    _write_facts(writer, shape)
    _write_vocabulary(writer, tekken(vocabulary), control("v7"))
    quantised = gguf.GGMLQuantizationType.Q4_0
    ones = np.ones(shape.width, np.float32)
    norms = ["output_norm.weight"]
    for layer in range(shape.layers):
        norms += [f"blk.{layer}.attn_norm.weight", f"blk.{layer}.ffn_norm.weight"]
    for name in norms:
        writer.add_tensor_info(name, ones.shape, ones.dtype, ones.nbytes)
    for name, rows, columns in _matrices(shape, vocabulary):
        row_bytes = columns // _BLOCK * _BLOCK_BYTES
        writer.add_tensor_info(
            name, (rows, row_bytes), np.dtype(np.uint8), rows * row_bytes, quantised
        )
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    draw = np.random.default_rng(seed)
    for _ in norms:
        writer.write_tensor_data(ones)
    for name, rows, columns in _matrices(shape, vocabulary):
        # the embedding is drawn with spread 1; elsewhere a row keeps the size of what it reads
        spread = 1.0 if name.startswith("token_embd") else columns**-0.5
        writer.write_tensor_data(_blocks(draw, rows * columns // _BLOCK, spread))
    writer.close()


def _blocks(draw: np.random.Generator, count: int, spread: float) -> npt.NDArray[np.uint8]:
    """Q4_0: a scale of 16 bits and 32 nibbles, each block."""
    blocks = np.empty((count, _BLOCK_BYTES), np.uint8)
    blocks[:, :2] = np.frombuffer(np.float16(spread / _SPREAD).tobytes(), np.uint8)
    blocks[:, 2:] = np.frombuffer(draw.bytes(count * 16), np.uint8).reshape(count, 16)
    return blocks.reshape(-1)


def _matrices(shape: Shape, vocabulary: int) -> Iterator[tuple[str, int, int]]:
    """(name, rows, columns) of each, in the order of the file."""
    width, keys = shape.width, shape.width // shape.heads * shape.kv_heads
    yield "token_embd.weight", vocabulary, width
    for layer in range(shape.layers):
        block = f"blk.{layer}."
        yield block + "attn_q.weight", width, width
        yield block + "attn_k.weight", keys, width
        yield block + "attn_v.weight", keys, width
        yield block + "attn_output.weight", width, width
        yield block + "ffn_gate.weight", shape.hidden, width
        yield block + "ffn_up.weight", shape.hidden, width
        yield block + "ffn_down.weight", width, shape.hidden
    yield "output.weight", vocabulary, width
