"""Whether weights fit, in words and as JSON: what ``pull`` and ``models`` both say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tokenhouse.catalogue import STARTER, Model
from tokenhouse.config import Config, EngineProviderConfig, tuned
from tokenhouse.starter import weights_path

if TYPE_CHECKING:  # --help comes at once
    from tokenhouse.engine import Fit, GgufHeader, Plan, Projector

_SHORT_COMMIT: Final = 12
_DEFAULT_CONTEXT: Final = 32768


def fit_of(
    config: Config,
    row: Model | None,
    header: GgufHeader,
    eyes: Projector | None,
    available: int | None,
) -> Fit:
    """Whether these weights would fit into ``available`` bytes, run as these settings say."""
    from tokenhouse.engine import KV_SHARE, fit

    provider = _provider(config, row)
    return fit(
        header,
        eyes,
        context=_context(provider, row, header),
        n_batch=provider.batch,
        available=available,
        kv_share=KV_SHARE[provider.kv],
    )


def _context(provider: EngineProviderConfig, row: Model | None, header: GgufHeader) -> int:
    context = provider.context
    if not context:
        context = row.context_length if row is not None else _DEFAULT_CONTEXT
    if header.context_length is not None:
        context = min(context, header.context_length)
    return context


def fit_here(
    config: Config, row: Model, *, served: bool = False
) -> tuple[Path, int, Fit | None] | None:
    """→ (the weights' file, bytes with its projector, whether they fit: None when the file is broken);
    None when the weights aren't here. ``served``: the house runs, so that what is short now may be what
    its idle models will give back; else what is free now bounds it too."""
    from tokenhouse.engine import (
        Budget,
        EngineError,
        bytes_available,
        find_projector,
        find_weights,
        read_header,
        read_projector,
    )

    if row.weights == STARTER:
        weights: Path | None = weights_path()
    else:
        weights = find_weights(Path(config.engine.weights_dir), row.weights, row.id)
    if weights is None:
        return None
    try:
        header = read_header(weights)
        file = find_projector(weights) if "image" in row.input_modalities else None
        eyes = None if file is None else read_projector(file)
    except EngineError:
        return weights, weights.stat().st_size, None
    bounds = [Budget(config.engine.memory or None).limit, None if served else bytes_available()]
    available = min((bound for bound in bounds if bound is not None), default=None)
    found = fit_of(config, row, header, eyes, available)
    return weights, found.weights + found.projector, found


def plan_rows(plan: Plan, directory: Path) -> Iterator[str]:
    """What will be fetched, line by line."""
    from tokenhouse.engine import gib

    where = plan.wanted.repo or plan.wanted.url or str(plan.wanted.path)
    at = f" at {plan.revision[:_SHORT_COMMIT]}" if plan.revision else ""
    yield f"From {where}{at}"
    for item in plan.items:
        size = "?" if item.file.size is None else gib(item.file.size)
        state = "here" if item.here else f"{gib(item.kept)} of it here" if item.kept else "to fetch"
        what = "projector" if item is plan.projector else "weights"
        yield f"  {what:9}  {item.file.name}  {size}  ({state})"
    yield f"To fetch: {gib(plan.missing)} into {directory}"


def fit_lines(found: Fit, speed: float) -> Iterator[str]:
    """The verdict, its mend, and about how fast."""
    from tokenhouse.engine import gib

    there = "what this machine has is not known"
    if found.available is not None:
        there = f"{gib(found.available)} are available"
    yield f"Memory: {gib(found.need)} needed ({found.words()}); {there}."
    if found.fits is False and not found.hopeless:
        yield (
            f"It does not fit like that. It does with context = {found.context_most} in "
            "[providers.local]."
        )
    yield (
        f"Speed: about {speed:.1f} tokens/s for one answer on the CPU (an estimate from the memory "
        "bandwidth measured just now: each token reads all weights once; a GPU is faster)."
    )


def fit_rows(found: Fit) -> dict[str, object]:
    """The same as JSON; bytes and tokens."""
    return {
        "fits": found.fits,
        "need": found.need,
        "available": found.available,
        "weights": found.weights,
        "projector": found.projector,
        "images": found.images,
        "kv": found.kv,
        "buffers": found.buffers,
        "context": found.context,
        "context_most": found.context_most,
    }


def refusal(plan: Plan, found: Fit) -> str:
    """Why it is not fetched, and what would fit."""
    from tokenhouse.engine import gib, smaller

    available = 0 if found.available is None else found.available
    other = smaller(plan, found)
    mend = "take a smaller model"
    if other is not None:
        mend = f"take {plan.wanted.repo}:{other.name} ({gib(other.size or 0)})"
    return (
        f"this machine can't run it: {found.words()} are more than the {gib(available)} of memory "
        f"available; {mend}, free some memory, or fetch it all the same with --force"
    )


def _provider(config: Config, row: Model | None) -> EngineProviderConfig:
    named = {route.provider for route in row.routes} if row is not None else set[str]()
    engines = [p for p in config.providers if isinstance(p, EngineProviderConfig)]
    for provider in engines:
        if row is not None and provider.name in named:
            return tuned(provider, row.engine)
    return engines[0] if engines else EngineProviderConfig(name="local")
