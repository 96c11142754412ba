"""Train the starter: `python -m training.train --out DIR`; run again to go on from DIR.

The learning rate warms up, stays, and falls over the last `--decay` of `--steps` steps, so a run
can be prolonged at will and decayed when it is to be shipped. Samples are drawn afresh at every
step from the corpus, seeded by the seed and the step.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

import torch

from training.batches import Batch, Packer
from training.corpus import sample
from training.model import Shape, Starter
from training.optimiser import optimisers
from training.tokenizer import Codec, write_tekken

AVERAGE = 0.995


def main() -> None:
    args = _arguments()
    torch.manual_seed(args.seed)
    if args.threads:
        torch.set_num_threads(args.threads)
    args.out.mkdir(parents=True, exist_ok=True)
    tekken = args.out / "tekken.json"
    if not tekken.exists():
        write_tekken(tekken)
    Run(args, Codec(tekken)).go()


def _arguments() -> argparse.Namespace:
    p = argparse.ArgumentParser(prog="python -m training.train", description=__doc__)
    p.add_argument("--out", type=Path, required=True, help="folder of checkpoints and log")
    p.add_argument("--start", type=Path, help="checkpoint to start from, when OUT has none")
    p.add_argument("--steps", type=int, default=3000)
    p.add_argument("--decay", type=int, default=500, help="last steps, over which the rate falls")
    p.add_argument("--warmup", type=int, default=60)
    p.add_argument("--rows", type=int, default=8)
    p.add_argument("--time", type=int, default=1024, help="tokens a row")
    p.add_argument("--places", type=int, default=5120, help="positions a batch that carry loss")
    p.add_argument("--matrix-lr", type=float, default=0.02)
    p.add_argument("--other-lr", type=float, default=0.004)
    p.add_argument("--other-weight", type=float, default=0.1, help="loss weight off the answers")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--threads", type=int, default=0)
    p.add_argument("--save-every", type=float, default=240.0, help="seconds")
    p.add_argument("--mask", action="store_true", help="no attention across conversations; slower")
    p.add_argument("--no-compile", action="store_true")
    return p.parse_args()


class Run:
    """One run: model, averaged weights, optimisers and the step they have reached."""

    def __init__(self, args: argparse.Namespace, codec: Codec) -> None:
        self.args = args
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.model = Starter(Shape()).to(self.device)
        self.average = {n: p.detach().clone() for n, p in self.model.named_parameters()}
        self.optimisers = optimisers(self.model, matrix_lr=args.matrix_lr, other_lr=args.other_lr)
        self.rates = [[g["lr"] for g in o.param_groups] for o in self.optimisers]
        self.step = 0
        self.tokens = 0
        self.checkpoint = args.out / "checkpoint.pt"
        if self.checkpoint.exists():
            self.load(self.checkpoint)
        elif args.start:
            self.load(args.start)
        self.packer = Packer(codec, sample, args.rows, args.time, args.places, args.other_weight)

    def load(self, path: Path) -> None:
        state: dict[str, Any] = torch.load(path, map_location=self.device, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.average = state["average"]
        for optimiser, saved in zip(self.optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(saved)
        self.step, self.tokens = state["step"], state["tokens"]

    def save(self) -> None:
        state = {
            "model": self.model.state_dict(),
            "average": self.average,
            "optimisers": [o.state_dict() for o in self.optimisers],
            "step": self.step,
            "tokens": self.tokens,
            "shape": self.model.shape.row(),
        }
        part = self.checkpoint.with_suffix(".part")
        torch.save(state, part)
        os.replace(part, self.checkpoint)

    def go(self) -> None:
        forward = self.model if self.args.no_compile else torch.compile(self.model, dynamic=False)
        saved = reported = time.monotonic()
        losses: list[tuple[float, float]] = []
        while self.step < self.args.steps:
            batch = self.packer.batch(self.args.seed, self.step)
            losses.append(self._learn(forward, batch))
            self.step += 1
            self.tokens += batch.ids.size
            now = time.monotonic()
            if len(losses) == 10:
                self._report(losses, now - reported)
                reported, losses = now, []
            if now - saved > self.args.save_every:
                self.save()
                saved = now
        self.save()

    def _learn(self, forward: Any, batch: Batch) -> tuple[float, float]:
        """One step; the mean loss on the assistant's words and on the rest."""
        self._set_rate()
        ids, places, targets, weights, documents = (
            torch.from_numpy(a).to(self.device)
            for a in (batch.ids, batch.places, batch.targets, batch.weights, batch.documents)
        )
        with torch.autocast(self.device.type, torch.bfloat16):
            loss, each = forward(ids, self._mask(documents), places, targets, weights)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimiser in self.optimisers:
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
        with torch.no_grad():
            fresh = min(1 - AVERAGE, 1.0) if self.step > 200 else 0.1
            for name, p in self.model.named_parameters():
                self.average[name].lerp_(p, fresh)
        own = weights == 1.0
        rest = (weights > 0) & ~own
        return each[own].mean().item(), each[rest].mean().item() if rest.any() else 0.0

    def _mask(self, documents: torch.Tensor) -> torch.Tensor | None:
        """True where a token may see another: an earlier one of the same conversation."""
        if not self.args.mask:
            return None
        same = documents[:, :, None] == documents[:, None, :]
        return same.tril()[:, None]

    def _set_rate(self) -> None:
        left = (self.args.steps - self.step) / max(1, self.args.decay)
        scale = min(1.0, (self.step + 1) / self.args.warmup, max(left, 0.02))
        for optimiser, rates in zip(self.optimisers, self.rates, strict=True):
            for group, rate in zip(optimiser.param_groups, rates, strict=True):
                group["lr"] = rate * scale

    def _report(self, losses: list[tuple[float, float]], seconds: float) -> None:
        row = {
            "step": self.step,
            "tokens": self.tokens,
            "loss": round(sum(a for a, _ in losses) / len(losses), 4),
            "rest": round(sum(b for _, b in losses) / len(losses), 4),
            "tokens_per_s": round(len(losses) * self.args.rows * self.args.time / seconds),
        }
        with (self.args.out / "log.jsonl").open("a") as log:
            log.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
