"""Two optimisers side by side: Muon for the matrices inside blocks, Adam for the rest.

Muon orthogonalises the momentum of a matrix by a Newton-Schulz iteration before it steps
(K. Jordan and others, 2024); at this size it needs far fewer tokens than Adam alone. Both keep
all their state in tensors made at the start, so that it can lie in memory that processes share.
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

    def __init__(self, matrices: Iterable[nn.Parameter], *, lr: float) -> None:
        super().__init__(list(matrices), {"lr": lr, "momentum": 0.95, "decay": 0.05})
        for p in self.param_groups[0]["params"]:
            self.state[p]["momentum"] = torch.zeros_like(p)

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:
        for group in self.param_groups:
            for p in group["params"]:
                m: Tensor = self.state[p]["momentum"]
                m.lerp_(p.grad, 1 - group["momentum"])
                turn = orthogonal(p.grad.lerp(m, group["momentum"]))
                p.mul_(1 - group["lr"] * group["decay"])
                p.add_(turn, alpha=-group["lr"] * max(1.0, p.shape[0] / p.shape[1]) ** 0.5)


class Adam(torch.optim.Optimizer):
    """Adam without weight decay (D. Kingma, J. Ba, 2014)."""

    def __init__(self, parameters: Iterable[nn.Parameter], *, lr: float) -> None:
        super().__init__(list(parameters), {"lr": lr, "betas": (0.9, 0.95), "eps": 1e-8})
        for p in self.param_groups[0]["params"]:
            self.state[p]["step"] = torch.zeros(())
            self.state[p]["exp_avg"] = torch.zeros_like(p)
            self.state[p]["exp_avg_sq"] = torch.zeros_like(p)

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:
        for group in self.param_groups:
            one, two = group["betas"]
            for p in group["params"]:
                state = self.state[p]
                state["step"] += 1
                t = state["step"].item()
                state["exp_avg"].lerp_(p.grad, 1 - one)
                state["exp_avg_sq"].mul_(two).addcmul_(p.grad, p.grad, value=1 - two)
                root = (state["exp_avg_sq"] / (1 - two**t)).sqrt_().add_(group["eps"])
                p.addcdiv_(state["exp_avg"], root, value=-group["lr"] / (1 - one**t))


def optimisers(model: nn.Module, *, matrix_lr: float, other_lr: float) -> tuple[Muon, Adam]:
    """Muon for the two-dimensional weights of blocks, Adam for embeddings and norms."""
    matrices = [p for n, p in model.named_parameters() if p.dim() == 2 and n.startswith("blk.")]
    held = {id(p) for p in matrices}
    others = [p for p in model.parameters() if id(p) not in held]
    return Muon(matrices, lr=matrix_lr), Adam(others, lr=other_lr)
