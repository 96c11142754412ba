"""What an engine will take once it is loaded, from the headers of its files."""

from __future__ import annotations

from dataclasses import dataclass

from .errors import NeverFits
from .fit import Fit, fit
from .gguf import GgufHeader
from .projector import read_projector
from .settings import KV_SHARE, EngineSettings, ModelSpec, context_of


@dataclass(frozen=True, slots=True)
class Measured:
    """`n_ctx` tokens of context, and what that takes: `need` bytes in all, the prompt cache included,
    which is as large as was asked where there is room for it."""

    header: GgufHeader
    n_ctx: int
    fit: Fit
    need: int
    cache_ram_mib: int


def measure(
    spec: ModelSpec, settings: EngineSettings, header: GgufHeader, limit: int | None
) -> Measured:
    """Raises NeverFits when it takes more than `limit` bytes, WeightsError for a context that the model
    doesn't have or a projector that is none, OSError for one that can't be read."""
    n_ctx = context_of(spec, header)
    found = fit(
        header,
        None if spec.projector is None else read_projector(spec.projector),
        context=n_ctx,
        n_batch=settings.n_batch,
        available=limit,
        kv_share=KV_SHARE[settings.kv],
    )
    cache = settings.cache_ram_mib
    if limit is not None:
        if found.need > limit:
            raise NeverFits(found.need, limit, found.words(), found.context_most or 0)
        cache = min(cache, (limit - found.need) >> 20)
    return Measured(header, n_ctx, found, found.need + (cache << 20), cache)
