"""The tokens of an answer with their log-probabilities, those among them that a stream leaves out.

llama.cpp says nothing of a token that ends inside a character: neither its id nor its probability. But
the next one comes with the bytes of both, and with the count of tokens so far. So the bytes of what was
left out are known, hence its id; and what it was worth is asked for once the answer is finished, while
the engine still has it in its cache: the probabilities of the next token behind the text up to there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from .completion import Completion, Logprob, Sampling

LOOKED_AT = 512
"""Likeliest tokens among which one that was left out is looked for."""

MISSING_MOST = 256
"""Tokens of one answer that are asked for; bytes of further ones are told with the next."""


class Vocabulary(Protocol):
    """The tokens of a model."""

    def token_bytes(self, token: int) -> bytes:
        """Empty for control tokens."""
        ...

    def token_id(self, raw: bytes) -> int | None: ...


@dataclass(slots=True)
class _Gap:
    """`count` tokens that were left out; `raw` are their bytes together."""

    raw: bytes
    count: int


@dataclass(slots=True)
class _Waiting:
    """A token whose bytes have not been sent yet; `left_out`: tokens before it that nobody told of."""

    left_out: int
    prob: Logprob


class Drawn:
    """Feed it every piece. Without a vocabulary, what was left out is told with the next token."""

    def __init__(self, vocabulary: Vocabulary | None) -> None:
        self._vocabulary = vocabulary
        self._produced = 0
        self._ids: list[int] = []
        self._waiting: list[_Waiting] = []
        self._held: list[Logprob | _Gap] = []
        self._asked = 0

    def feed(self, produced: int, probs: Sequence[Logprob]) -> list[Logprob]:
        """Those that can be told now: none once one is missing, for they are told in order."""
        if not probs:
            return []
        left_out = produced - self._produced - len(probs)
        self._produced = produced
        for prob in probs:
            self._waiting.append(_Waiting(max(0, left_out), prob))
            left_out = 0
        told: list[Logprob] = []
        for item in self._settled():
            if self._held or isinstance(item, _Gap):
                self._held.append(item)
            else:
                told += self._tell(item)
        return told

    def missing(self) -> list[int] | None:
        """The answer's tokens before the first that is missing; None: none is, or no more is asked."""
        if not self._held or self._asked >= MISSING_MOST:
            return None
        self._asked += 1
        return self._ids

    def found(self, top: Sequence[Logprob]) -> list[Logprob]:
        """Take the likeliest tokens at that place. → What can be told now, the missing one first; nothing
        where it is not among them."""
        gap = self._held[0] if self._held else None
        if not isinstance(gap, _Gap) or self._vocabulary is None:
            return []
        by_id = {prob.id: prob for prob in top}
        ways = (
            (by_id[token], raw)
            for raw in _beginnings(gap.raw, gap.count, self._vocabulary)
            if (token := self._vocabulary.token_id(raw)) in by_id
        )
        best = max(ways, key=lambda way: way[0].logprob, default=None)
        if best is None:
            self._asked = MISSING_MOST
            return []
        prob, raw = best
        told = self._tell(replace(prob, raw=raw, top=tuple(top)))
        self._held[:1] = [_Gap(gap.raw[len(raw) :], gap.count - 1)] if gap.count > 1 else []
        while self._held and isinstance(item := self._held[0], Logprob):
            told += self._tell(item)
            self._held.pop(0)
        return told

    def rest(self) -> list[Logprob]:
        """What is still held; bytes of a token that is not known are told with the next."""
        told: list[Logprob] = []
        before = b""
        for item in self._held:
            if isinstance(item, _Gap):
                before += item.raw
            else:
                told += self._tell(replace(item, raw=before + item.raw))
                before = b""
        self._held.clear()
        return told

    def _tell(self, prob: Logprob) -> list[Logprob]:
        """A token that is no text (an end, a control token) is known, and told to nobody."""
        self._ids.append(prob.id)
        return [prob] if prob.raw or prob.text else []

    def _settled(self) -> Iterator[Logprob | _Gap]:
        """The tokens that wait, once the text has come as far as them: each with its own bytes."""
        sent = b"".join(waiting.prob.raw for waiting in self._waiting)
        vocabulary = self._vocabulary
        if vocabulary is None:
            waiting, self._waiting = self._waiting, []
            yield from (each.prob for each in waiting)
            return
        own = [vocabulary.token_bytes(each.prob.id) for each in self._waiting]
        if not sent and any(own):
            return  # a text that may be the beginning of a stop text is held back
        waiting, self._waiting = self._waiting, []
        gaps = [each for each in waiting if each.left_out]
        room = len(sent) - sum(map(len, own))
        fits = room == 0 if not gaps else len(gaps) == 1 and room >= gaps[0].left_out
        if not fits:  # a stop text has cut it, or too little is known of it
            if gaps:
                self._asked = MISSING_MOST
            yield from (each.prob for each in waiting)
            return
        at = 0
        for each, raw in zip(waiting, own, strict=True):
            if each.left_out:
                yield _Gap(sent[at : at + room], each.left_out)
                at += room
            yield replace(each.prob, raw=raw)
            at += len(raw)


def _beginnings(raw: bytes, count: int, vocabulary: Vocabulary) -> Iterator[bytes]:
    """What the first of the `count` tokens that spell `raw` can be."""
    if count == 1:
        if vocabulary.token_id(raw) is not None:
            yield raw
        return
    for size in range(1, len(raw) - count + 2):
        known = vocabulary.token_id(raw[:size]) is not None
        if known and any(_beginnings(raw[size:], count - 1, vocabulary)):
            yield raw[:size]


def look(prompt: Sequence[int], vocabulary: Vocabulary) -> Completion:
    """Asks for the likeliest next tokens behind the prompt. The token that is drawn is a letter, for of
    one that is no whole character nothing would be told."""
    letter = vocabulary.token_id(b"a")
    bias = {} if letter is None else {letter: 10_000.0}
    sampling = Sampling(temperature=0.0, logit_bias=bias)
    return Completion(prompt, 1, sampling, top_logprobs=LOOKED_AT)
