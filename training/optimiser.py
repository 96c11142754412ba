"""Two optimisers side by side: Muon for the matrices inside blocks, Adam for the rest.

Muon orthogonalises the momentum of a matrix by a Newton-Schulz iteration before it steps
(K. Jordan and others, 2024); at this size it needs far fewer tokens than Adam alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

# Coefficients of the quintic iteration, chosen for a steep slope at zero.
QUINTIC = (3.4445, -4.7750, 2.0315)


def orthogonal(g: Tensor, steps: int = 5) -> Tensor:
    """About U V^T of g's singular value decomposition, in bfloat16."""
    a, b, c = QUINTIC
    x = g.bfloat16()
    tall = x.shape[0] > x.shape[1]
    if tall:
        x = x.T
    x = x / (x.norm() + 1e-7)
    for _ in range(steps):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return (x.T if tall else x).to(g.dtype)


class Muon(torch.optim.Optimizer):
    """Nesterov momentum, orthogonalised; decoupled weight decay."""

    def __init__(
        self,
        matrices: Iterable[nn.Parameter],
        *,
        lr: float,
        momentum: float = 0.95,
        decay: float = 0.05,
    ) -> None:
        super().__init__(list(matrices), {"lr": lr, "momentum": momentum, "decay": decay})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                if not state:
                    state["momentum"] = torch.zeros_like(p)
                m: Tensor = state["momentum"]
                m.lerp_(p.grad, 1 - group["momentum"])
                turn = orthogonal(p.grad.lerp(m, group["momentum"]))
                p.mul_(1 - group["lr"] * group["decay"])
                p.add_(turn, alpha=-group["lr"] * max(1.0, p.shape[0] / p.shape[1]) ** 0.5)


def optimisers(model: nn.Module, *, matrix_lr: float, other_lr: float) -> list[Any]:
    """Muon for the two-dimensional weights of blocks, Adam for embeddings and norms."""
    matrices = [p for n, p in model.named_parameters() if p.dim() == 2 and n.startswith("blk.")]
    held = {id(p) for p in matrices}
    others = [p for p in model.parameters() if id(p) not in held]
    adam = torch.optim.AdamW(others, lr=other_lr, betas=(0.9, 0.95), weight_decay=0.0)
    return [Muon(matrices, lr=matrix_lr), adam]
