"""The starter's network: Mistral's architecture in small, in the layout GGUF calls `llama`.

RMSNorm before each block, grouped-query attention with interleaved rotary positions, SwiGLU,
tied embeddings. Rotary pairs are neighbours (x0, x1), so that weights are exported unpermuted.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of a network."""

    vocabulary: int = 8192
    width: int = 256
    layers: int = 6
    heads: int = 8
    kv_heads: int = 4
    head_width: int = 32
    hidden: int = 768
    rope_theta: float = 10_000.0
    norm_eps: float = 1e-5
    context: int = 4096

    def row(self) -> dict[str, float]:
        return asdict(self)


class Norm(nn.Module):
    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, (x.shape[-1],), self.weight, self.eps)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn neighbouring pairs of x [batch, heads, time, head width] by their positions."""
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), -1).flatten(-2)


class Block(nn.Module):
    def __init__(self, s: Shape) -> None:
        super().__init__()
        self.shape = s
        self.attn_norm = Norm(s.width, s.norm_eps)
        self.ffn_norm = Norm(s.width, s.norm_eps)
        self.attn_q = nn.Linear(s.width, s.heads * s.head_width, bias=False)
        self.attn_k = nn.Linear(s.width, s.kv_heads * s.head_width, bias=False)
        self.attn_v = nn.Linear(s.width, s.kv_heads * s.head_width, bias=False)
        self.attn_output = nn.Linear(s.heads * s.head_width, s.width, bias=False)
        self.ffn_gate = nn.Linear(s.width, s.hidden, bias=False)
        self.ffn_up = nn.Linear(s.width, s.hidden, bias=False)
        self.ffn_down = nn.Linear(s.hidden, s.width, bias=False)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, mask: Tensor | None) -> Tensor:
        s = self.shape
        batch, time, _ = x.shape
        h = self.attn_norm(x)
        q = self.attn_q(h).view(batch, time, s.heads, s.head_width).transpose(1, 2)
        k = self.attn_k(h).view(batch, time, s.kv_heads, s.head_width).transpose(1, 2)
        v = self.attn_v(h).view(batch, time, s.kv_heads, s.head_width).transpose(1, 2)
        q = rotate(q, cos, sin).to(v.dtype)
        k = rotate(k, cos, sin).to(v.dtype).repeat_interleave(s.heads // s.kv_heads, 1)
        v = v.repeat_interleave(s.heads // s.kv_heads, 1)
        if mask is None:
            a = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        else:
            a = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        x = x + self.attn_output(a.transpose(1, 2).reshape(batch, time, -1))
        h = self.ffn_norm(x)
        return x + self.ffn_down(F.silu(self.ffn_gate(h)) * self.ffn_up(h))


class Starter(nn.Module):
    """Token ids [batch, time] in; scores over the vocabulary out, at the places asked for."""

    cos: Tensor
    sin: Tensor

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.token_embd = nn.Embedding(shape.vocabulary, shape.width)
        self.blk = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.output_norm = Norm(shape.width, shape.norm_eps)
        pair = torch.arange(0, shape.head_width, 2).double() / shape.head_width
        turn = torch.arange(shape.context).double()[:, None] * shape.rope_theta**-pair
        self.register_buffer("cos", turn.cos().float(), persistent=False)
        self.register_buffer("sin", turn.sin().float(), persistent=False)
        small = 0.02 / math.sqrt(2 * shape.layers)
        for name, p in self.named_parameters():
            if p.dim() > 1:
                out = name.endswith(("attn_output.weight", "ffn_down.weight"))
                nn.init.normal_(p, 0.0, small if out else 0.02)

    def hidden(self, ids: Tensor, mask: Tensor | None = None) -> Tensor:
        """Normed states [batch, time, width]; `mask` is true where a query may see a key."""
        time = ids.shape[1]
        cos, sin = self.cos[:time], self.sin[:time]
        h = self.token_embd(ids)
        for block in self.blk:
            h = block(h, cos, sin, mask)
        return self.output_norm(h)

    def scores(self, h: Tensor) -> Tensor:
        return F.linear(h, self.token_embd.weight)

    def forward(
        self, ids: Tensor, mask: Tensor | None, places: Tensor, targets: Tensor, weights: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Weighted mean loss at flat `places`, and each place's loss (natural log)."""
        h = self.hidden(ids, mask).flatten(0, 1)[places]
        each = F.cross_entropy(self.scores(h).float(), targets, reduction="none")
        return (each * weights).sum() / weights.sum().clamp(min=1.0), each.detach()
