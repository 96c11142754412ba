"""The benchmark's random weights are a file that the engine takes."""

from __future__ import annotations

from pathlib import Path

import gguf
from benchmarks.weights import BILLION, VOCABULARY, parameters, write_random

from tests.engine.tiny import Shape
from tokenhouse.engine import read_header


def test_random_weights_have_the_shapes_they_promise(tmp_path: Path) -> None:
    shape = Shape(width=64, layers=2, heads=4, kv_heads=2, hidden=96, context=512)
    path = tmp_path / "random.gguf"
    write_random(path, shape, 2048)
    assert read_header(path).context_length == 512
    tensors = {tensor.name: tensor for tensor in gguf.GGUFReader(path).tensors}
    matrices = [t for t in tensors.values() if t.tensor_type == gguf.GGMLQuantizationType.Q4_0]
    assert sum(int(tensor.n_elements) for tensor in matrices) == parameters(shape, 2048)
    assert len(matrices) == 2 + 7 * 2
    spread = gguf.quants.dequantize(
        tensors["blk.0.ffn_up.weight"].data, gguf.GGMLQuantizationType.Q4_0
    ).std()
    assert abs(spread / 64**-0.5 - 1) < 0.1


def test_the_large_ones_have_a_billion_parameters() -> None:
    assert parameters(BILLION, VOCABULARY) > 1_000_000_000
