"""Train the starter: `python -m training.train --out DIR`; run again to go on from DIR.

The learning rate warms up, stays, and falls over the last `--decay` of `--steps` steps, so a run
can be prolonged at will and decayed when it is to be shipped. Samples are drawn afresh at every
step from the corpus, seeded by the seed and the step.

With `--workers` above 1, processes of their own each take the next step's samples and apply their
gradient to weights in shared memory: on a machine whose cores have other work, nobody waits for
the slowest. The order of updates then depends on timing; one worker repeats to the bit.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
import torch.multiprocessing as processes

from training.batches import Batch, Packer
from training.corpus import sample, sample_short
from training.model import Shape, Starter
from training.optimiser import optimisers
from training.tokenizer import Codec, write_tekken

AVERAGE = 0.995


def main() -> None:
    args = _arguments()
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads or max(1, (os.cpu_count() or 1) // args.workers))
    args.out.mkdir(parents=True, exist_ok=True)
    tekken = args.out / "tekken.json"
    if not tekken.exists():
        write_tekken(tekken)
    run = Run(args, Codec(tekken))
    if args.workers == 1:
        run.work()
    else:
        run.share()
        fork = processes.get_context("fork")
        children = [fork.Process(target=run.work) for _ in range(args.workers)]
        for child in children:
            child.start()
        for child in children:
            child.join()
    run.save()


def _arguments() -> argparse.Namespace:
    p = argparse.ArgumentParser(prog="python -m training.train", description=__doc__)
    p.add_argument("--out", type=Path, required=True, help="folder of checkpoints and log")
    p.add_argument("--start", type=Path, help="checkpoint to start from, when OUT has none")
    p.add_argument("--averaged", action="store_true", help="start from its averaged weights")
    p.add_argument("--steps", type=int, default=4000)
    p.add_argument("--decay", type=int, default=3000, help="last steps, over which the rate falls")
    p.add_argument("--minutes", type=float, help="run for so long, whatever the step")
    p.add_argument("--decay-minutes", type=float, default=12.0, help="with --minutes: the fall")
    p.add_argument("--warmup", type=int, default=60)
    p.add_argument("--rows", type=int, default=8)
    p.add_argument("--time", type=int, default=512, help="tokens a row")
    p.add_argument("--places", type=int, default=2048, help="positions a batch that carry loss")
    p.add_argument("--matrix-lr", type=float, default=0.012)
    p.add_argument("--other-lr", type=float, default=0.0025)
    p.add_argument("--other-weight", type=float, default=0.1, help="loss weight off the answers")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--workers", type=int, default=1)
    p.add_argument("--threads", type=int, default=0, help="of each worker; 0: the cores, shared")
    p.add_argument("--save-every", type=float, default=180.0, help="seconds")
    p.add_argument("--short", type=int, default=300, help="first steps, with samples of one turn")
    p.add_argument("--mask", action="store_true", help="part a row's conversations; slower")
    p.add_argument("--no-compile", action="store_true")
    return p.parse_args()


class Run:
    """One run: weights, their average, the optimisers and the step they have reached."""

    def __init__(self, args: argparse.Namespace, codec: Codec) -> None:
        self.args = args
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.model = Starter(Shape()).to(self.device)
        self.average = {n: p.detach().clone() for n, p in self.model.named_parameters()}
        self.optimisers = optimisers(self.model, matrix_lr=args.matrix_lr, other_lr=args.other_lr)
        self.rates = [o.param_groups[0]["lr"] for o in self.optimisers]
        # Steps begun, steps done, tokens seen.
        self.counts = torch.zeros(3, dtype=torch.int64)
        self.lock: Any = nullcontext()
        self.begun = time.monotonic()
        self.checkpoint = args.out / "checkpoint.pt"
        if self.checkpoint.exists():
            self.load(self.checkpoint)
        elif args.start:
            self.load(args.start)
            if args.averaged:
                self.model.load_state_dict(self.average)
        sizes = (args.rows, args.time, args.places, args.other_weight)
        self.short = Packer(codec, sample_short, *sizes)
        self.packer = Packer(codec, sample, *sizes)

    def load(self, path: Path) -> None:
        state: dict[str, Any] = torch.load(path, map_location=self.device, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.average = state["average"]
        for optimiser, saved in zip(self.optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(saved)
        self.counts[:] = torch.tensor([state["step"], state["step"], state["tokens"]])

    def save(self) -> None:
        state = {
            "model": self.model.state_dict(),
            "average": self.average,
            "optimisers": [o.state_dict() for o in self.optimisers],
            "step": int(self.counts[1]),
            "tokens": int(self.counts[2]),
            "shape": self.model.shape.row(),
        }
        part = self.checkpoint.with_suffix(".part")
        torch.save(state, part)
        os.replace(part, self.checkpoint)

    def share(self) -> None:
        """Put all that changes into memory that forked processes have in common."""
        self.lock = processes.get_context("fork").Lock()
        self.model.share_memory()
        self.counts.share_memory_()
        for tensor in self.average.values():
            tensor.share_memory_()
        for optimiser in self.optimisers:
            for state in optimiser.state.values():
                for tensor in state.values():
                    tensor.share_memory_()

    def work(self) -> None:
        """Take steps until all are taken; save now and then."""
        own = copy.deepcopy(self.model) if self.args.workers > 1 else self.model
        forward = own if self.args.no_compile else torch.compile(own, dynamic=False)
        saved = reported = time.monotonic()
        losses: list[tuple[float, float]] = []
        while (step := self._begin()) is not None:
            if own is not self.model:
                with self.lock:
                    own.load_state_dict(self.model.state_dict())
            packer = self.short if step < self.args.short else self.packer
            batch = packer.batch(self.args.seed, step)
            losses.append(self._gradient(own, forward, batch))
            with self.lock:
                self._apply(own)
                self.counts[1] += 1
                self.counts[2] += batch.ids.size
                now = time.monotonic()
                if len(losses) == 10:
                    self._report(losses, now - reported)
                    reported, losses = now, []
                if now - saved > self.args.save_every:
                    self.save()
                    saved = now

    def _begin(self) -> int | None:
        """The next step's number, or None when the run is over."""
        with self.lock:
            step = int(self.counts[0])
            if self._left(step) <= 0:
                return None
            self.counts[0] += 1
            return step

    def _left(self, step: int) -> float:
        """What is left of the run, in units of its last part, in which the rate falls."""
        if self.args.minutes is None:
            return (self.args.steps - step) / max(1, self.args.decay)
        return (self.args.minutes - (time.monotonic() - self.begun) / 60) / self.args.decay_minutes

    def _gradient(self, own: Starter, forward: Any, batch: Batch) -> tuple[float, float]:
        """Fill `own`'s gradients; the mean loss on the assistant's words and on the rest."""
        ids, places, targets, weights, documents = (
            torch.from_numpy(a).to(self.device)
            for a in (batch.ids, batch.places, batch.targets, batch.weights, batch.documents)
        )
        own.zero_grad(set_to_none=True)
        with torch.autocast(self.device.type, torch.bfloat16):
            loss, each = forward(ids, self._mask(documents), places, targets, weights)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(own.parameters(), 1.0)
        taught = weights == 1.0
        rest = (weights > 0) & ~taught
        return each[taught].mean().item(), each[rest].mean().item() if rest.any() else 0.0

    def _apply(self, own: Starter) -> None:
        done = int(self.counts[1])
        scale = min(1.0, (done + 1) / self.args.warmup, max(self._left(done), 0.02))
        for p, q in zip(self.model.parameters(), own.parameters(), strict=True):
            p.grad = q.grad
        for optimiser, rate in zip(self.optimisers, self.rates, strict=True):
            optimiser.param_groups[0]["lr"] = rate * scale
            optimiser.step()
        with torch.no_grad():
            fresh = 1 - AVERAGE if done > 200 else 0.1
            for name, p in self.model.named_parameters():
                self.average[name].lerp_(p, fresh)

    def _mask(self, documents: torch.Tensor) -> torch.Tensor | None:
        """True where a token may see another: an earlier one of the same conversation."""
        if not self.args.mask:
            return None
        same = documents[:, :, None] == documents[:, None, :]
        return same.tril()[:, None]

    def _report(self, losses: list[tuple[float, float]], seconds: float) -> None:
        row = {
            "step": int(self.counts[1]),
            "tokens": int(self.counts[2]),
            "loss": round(sum(a for a, _ in losses) / len(losses), 4),
            "rest": round(sum(b for _, b in losses) / len(losses), 4),
            "tokens_per_s": round(len(losses) * self.args.rows * self.args.time / seconds),
        }
        with (self.args.out / "log.jsonl").open("a") as log:
            log.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
