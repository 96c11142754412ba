"""One completion: the body that asks for it, and the chunks of its answer. Pure functions.

The wire is llama.cpp's own `POST /completion`, always streamed (only a stream notices that its
reader has left). Frames are cut elsewhere; `read_chunk` takes the JSON of one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from .constraint import Constraint
from .errors import ContextTooLong, EngineDown, EngineError, EngineFault, RequestRefused
from .image_prompt import ImagePrompt

PATH: Final = "/completion"
_UNSEEDED: Final = 0xFFFF_FFFF  # llama.cpp draws a seed itself
# The temperature comes before what is cut off, as Mistral's own code and vLLM have it; llama.cpp's last
_SAMPLERS: Final = ("penalties", "temperature", "top_k", "typ_p", "top_p", "min_p")
_CACHED: Final = "timings/cache_n"
_LAST_FIELDS: Final = (
    "content", "tokens", "stop", "stop_type", "stopping_word", "tokens_predicted",
    "tokens_evaluated", "tokens_cached", "truncated", "completion_probabilities", _CACHED,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are drawn. The defaults are OpenAI's, not llama.cpp's: nothing is cut off.

    `temperature` 0 takes the likeliest token. `top_k` 0, `top_p` 1 and `min_p` 0 are off;
    `repeat_penalty` 1 is off. Any integer is a seed; None draws one.
    """

    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    repeat_penalty: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    seed: int | None = None
    logit_bias: Mapping[int, float] = field(default_factory=dict[int, float])


@dataclass(frozen=True, slots=True)
class Completion:
    """What is asked of the engine. `max_tokens` ≥ 1; `top_logprobs` None asks for none. `forbidden`
    tokens are never drawn. `prompt` is token ids, or text where there are pictures in it."""

    prompt: Sequence[int] | ImagePrompt
    max_tokens: int
    sampling: Sampling = Sampling()
    stop: Sequence[str] = ()
    top_logprobs: int | None = None
    constraint: Constraint | None = None
    forbidden: Sequence[int] = ()


def completion_body(asked: Completion) -> bytes:
    """JSON for `POST /completion`. Every default is spelt out."""
    if asked.max_tokens < 1:
        raise RequestRefused(f"max_tokens is {asked.max_tokens} and must be at least 1")
    prompt = asked.prompt
    if not prompt:
        raise RequestRefused("the prompt is empty")
    s = asked.sampling
    body: dict[str, object] = {
        "prompt": prompt.wire() if isinstance(prompt, ImagePrompt) else prompt,
        "n_predict": asked.max_tokens,
        "stream": True,
        "return_tokens": True,
        "return_progress": True,
        "cache_prompt": True,
        "response_fields": _LAST_FIELDS,
        "samplers": _SAMPLERS,
        "temperature": s.temperature,
        "top_p": s.top_p,
        "top_k": s.top_k,
        "min_p": s.min_p,
        "typical_p": 1.0,
        "repeat_penalty": s.repeat_penalty,
        "repeat_last_n": 256,
        "presence_penalty": s.presence_penalty,
        "frequency_penalty": s.frequency_penalty,
        "dry_multiplier": 0.0,
        "xtc_probability": 0.0,
        "dynatemp_range": 0.0,
        "mirostat": 0,
        "ignore_eos": False,
        "seed": _UNSEEDED if s.seed is None else s.seed % _UNSEEDED,
        "stop": asked.stop,
        # llama.cpp lists the drawn token among its top ones only by chance: ask for one at least
        "n_probs": 0 if asked.top_logprobs is None else max(1, asked.top_logprobs),
        "post_sampling_probs": False,
    }
    if s.logit_bias or asked.forbidden:
        never = ((token, False) for token in asked.forbidden)
        body["logit_bias"] = [*s.logit_bias.items(), *never]
    if asked.constraint is not None:
        body["grammar"] = asked.constraint.grammar
    return _encode(body)


@dataclass(frozen=True, slots=True)
class Logprob:
    """A token's natural logarithm of probability, before any sampling setting.

    `raw` are its bytes (a token may end inside a character).
    """

    id: int
    text: str
    raw: bytes
    logprob: float
    top: tuple[Logprob, ...] = ()


@dataclass(frozen=True, slots=True)
class Progress:
    """The prompt is being read: `processed` of `total` tokens, `cached` of them found cached."""

    processed: int
    total: int
    cached: int


@dataclass(frozen=True, slots=True)
class Piece:
    """New text and its token ids. Control tokens have ids and no text.

    Ids (and log-probabilities) of tokens that end inside a character are left out by llama.cpp:
    count by `produced`, the tokens drawn so far.
    """

    text: str
    tokens: tuple[int, ...]
    produced: int
    logprobs: tuple[Logprob, ...] = ()


@dataclass(frozen=True, slots=True)
class Done:
    """The end. `stop_type`: eos | limit | word (then `stopping_word` says which).

    `tokens_evaluated` is the whole prompt, of which `cached` tokens were not computed again;
    `tokens_cached` is what the slot keeps. `text` is what was held back until the end.
    """

    stop_type: str
    stopping_word: str
    tokens_predicted: int
    tokens_evaluated: int
    tokens_cached: int
    truncated: bool
    cached: int
    text: str = ""
    logprobs: tuple[Logprob, ...] = ()


Chunk = Progress | Piece | Done


def read_chunk(data: bytes) -> Chunk:
    """One frame's JSON → its meaning. Raises the EngineError that it carries, or EngineFault."""
    try:
        chunk = _decode_chunk(data)
    except msgspec.MsgspecError as error:
        raise EngineFault(f"the engine wrote a chunk that cannot be read ({error})") from error
    if chunk.error is not None:
        raise _engine_error(chunk.error)
    if chunk.prompt_progress is not None:
        p = chunk.prompt_progress
        return Progress(p.processed, p.total, p.cache)
    logprobs = tuple(map(_logprob, chunk.completion_probabilities))
    if not chunk.stop:
        return Piece(chunk.content, chunk.tokens, chunk.tokens_predicted, logprobs)
    return Done(
        stop_type=chunk.stop_type,
        stopping_word=chunk.stopping_word,
        tokens_predicted=chunk.tokens_predicted,
        tokens_evaluated=chunk.tokens_evaluated,
        tokens_cached=chunk.tokens_cached,
        truncated=chunk.truncated,
        cached=chunk.cached,
        text=chunk.content,
        logprobs=logprobs,
    )


def read_error(status: int, body: bytes) -> EngineError:
    """The meaning of an answer whose status is not 200."""
    try:
        error = _decode_chunk(body).error
    except msgspec.MsgspecError:
        error = None
    if error is None:
        return EngineFault(f"the engine answered with status {status}")
    return _engine_error(error)


class _Error(msgspec.Struct):
    message: str = ""
    type: str = ""
    code: int = 500
    n_prompt_tokens: int = 0
    n_ctx: int = 0


class _Progress(msgspec.Struct):
    total: int
    processed: int
    cache: int = 0


class _Prob(msgspec.Struct):
    id: int
    token: str = ""
    bytes: list[int] = []
    logprob: float | None = None
    top_logprobs: list[_Prob] = []


class _Chunk(msgspec.Struct):
    content: str = ""
    tokens: tuple[int, ...] = ()
    stop: bool = False
    prompt_progress: _Progress | None = None
    completion_probabilities: list[_Prob] = []
    tokens_predicted: int = 0
    tokens_evaluated: int = 0
    tokens_cached: int = 0
    stop_type: str = ""
    stopping_word: str = ""
    truncated: bool = False
    cached: int = msgspec.field(name=_CACHED, default=0)
    error: _Error | None = None


_encode = msgspec.json.Encoder().encode
_decode_chunk = msgspec.json.Decoder(_Chunk).decode
_NEVER: Final = -9999.0  # JSON has no minus infinity; OpenAI writes this


def _logprob(p: _Prob) -> Logprob:
    return Logprob(
        id=p.id,
        text=p.token,
        raw=bytes(p.bytes),
        logprob=_NEVER if p.logprob is None else p.logprob,
        top=tuple(map(_logprob, p.top_logprobs)),
    )


def _engine_error(error: _Error) -> EngineError:
    if error.type == "exceed_context_size_error":
        return ContextTooLong(error.n_prompt_tokens, 1, error.n_ctx)
    if error.code in (400, 404, 501):
        return RequestRefused(error.message)
    if error.code == 503:
        return EngineDown(error.message, "try again")
    return EngineFault(error.message)
