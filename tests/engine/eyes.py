"""Projector files: of a few bytes with a real one's metadata, and small ones that really see."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np
from PIL import Image

MEAN = [0.48145466, 0.4578275, 0.40821073]
SPREAD = [0.26862954, 0.26130258, 0.27577711]


def noise(width: int, height: int, *, seed: int = 0) -> Image.Image:
    """An RGB image of random dots, the same each time."""
    dots = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    return Image.fromarray(dots)


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


def write_pixtral(
    path: Path, *, into: int, width: int = 64, layers: int = 2, heads: int = 2, seed: int = 0
) -> Path:
    """Random weights in the shape of Mistral Small 3.1's own projector: a Pixtral tower with 2-D
    positions, patches merged 2 × 2, a token at each row's end. ``into`` is the text model's width."""
    hidden, patch, merge = 2 * width, 14, 2
    writer = gguf.GGUFWriter(str(path), "clip")
    writer.add_file_type(0)
    writer.add_clip_has_vision_encoder(True)
    writer.add_clip_projector_type(gguf.VisionProjectorType.PIXTRAL)
    writer.add_vision_projection_dim(into)
    writer.add_vision_image_size(1540)
    writer.add_vision_patch_size(patch)
    writer.add_vision_embedding_length(width)
    writer.add_vision_feed_forward_length(hidden)
    writer.add_vision_block_count(layers)
    writer.add_vision_head_count(heads)
    writer.add_vision_attention_layernorm_eps(1e-5)
    writer.add_vision_use_silu(True)
    writer.add_vision_spatial_merge_size(merge)
    writer.add_vision_image_mean(MEAN)
    writer.add_vision_image_std(SPREAD)
    draw = np.random.default_rng(seed)
    ones = np.ones(width, np.float32)

    def add(name: str, *shape: int, spread: float = 1.0) -> None:
        values = draw.standard_normal(shape, dtype=np.float32)
        writer.add_tensor(name, values * (spread * shape[-1] ** -0.5))

    add("v.patch_embd.weight", width, 3, patch, patch, spread=0.2)
    writer.add_tensor("v.pre_ln.weight", ones)
    for layer in range(layers):
        block = f"v.blk.{layer}."
        for name in ("attn_q", "attn_k", "attn_v", "attn_out"):
            add(f"{block}{name}.weight", width, width)
        writer.add_tensor(block + "ln1.weight", ones)
        writer.add_tensor(block + "ln2.weight", ones)
        add(block + "ffn_gate.weight", hidden, width)
        add(block + "ffn_up.weight", hidden, width)
        add(block + "ffn_down.weight", width, hidden)
    writer.add_tensor("mm.input_norm.weight", ones)
    add("mm.patch_merger.weight", width, width * merge * merge)
    add("mm.1.weight", into, width)
    add("mm.2.weight", into, into)
    add("v.token_embd.img_break", into, spread=into**0.5)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
