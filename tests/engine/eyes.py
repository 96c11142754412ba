"""Projector files of a few bytes: their metadata is what a real one's is."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np


def write_projector(
    path: Path, *, gelu: bool | None = None, silu: bool | None = None, kind: str = "pixtral"
) -> Path:
    """Of Mistral Small 3.1's shape by its metadata; one tensor of 4 numbers."""
    writer = gguf.GGUFWriter(str(path), "clip")
    writer.add_string("clip.projector_type", kind)
    writer.add_uint32("clip.vision.image_size", 1540)
    writer.add_uint32("clip.vision.patch_size", 14)
    writer.add_uint32("clip.vision.attention.head_count", 16)
    if gelu is not None:
        writer.add_bool("clip.use_gelu", gelu)
    if silu is not None:
        writer.add_bool("clip.use_silu", silu)
    writer.add_tensor("v.class_embd", np.ones(4, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
