"""OpenAI's sampling fields → chat, as both of its text routes write them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from tokenhouse.chat import Sampling


class Sampled(Protocol):
    """A decoded body with OpenAI's sampling fields; None is not said."""

    @property
    def temperature(self) -> float | None: ...
    @property
    def top_p(self) -> float | None: ...
    @property
    def top_k(self) -> int | None: ...
    @property
    def min_p(self) -> float | None: ...
    @property
    def presence_penalty(self) -> float | None: ...
    @property
    def frequency_penalty(self) -> float | None: ...
    @property
    def repetition_penalty(self) -> float | None: ...
    @property
    def seed(self) -> int | None: ...
    @property
    def stop(self) -> str | Sequence[str] | None: ...
    @property
    def logit_bias(self) -> Mapping[str, float] | None: ...


def sampling_of(body: Sampled, *, logprobs: bool = False, top_logprobs: int = 0) -> Sampling:
    """The sampling that ``body`` asks for; empty stop texts are dropped."""
    stop = body.stop
    stops = () if stop is None else (stop,) if isinstance(stop, str) else tuple(stop)
    bias = body.logit_bias or {}
    return Sampling(
        temperature=body.temperature,
        top_p=body.top_p,
        top_k=body.top_k,
        min_p=body.min_p,
        presence_penalty=body.presence_penalty,
        frequency_penalty=body.frequency_penalty,
        repetition_penalty=body.repetition_penalty,
        seed=body.seed,
        stop=tuple(text for text in stops if text),
        logit_bias=tuple((int(token), value) for token, value in bias.items()),
        logprobs=logprobs,
        top_logprobs=top_logprobs,
    )
