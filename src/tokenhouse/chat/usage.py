"""Usage: disjoint buckets of tokens, each with its source.

The whole prompt is ``input + cache_read + cache_write`` (image tokens are in ``input``); the whole
answer is ``output + reasoning``. OpenAI's ``prompt_tokens`` includes cached tokens and its
``completion_tokens`` includes reasoning; Anthropic's ``input_tokens`` excludes both cache buckets.
Dialects convert on their way in and out; inside, a token is in one bucket only.
"""

from __future__ import annotations

import re
from typing import Final, Literal

from msgspec import Struct

Source = Literal["reported", "counted", "estimated"]


class Usage(Struct, frozen=True, kw_only=True, gc=False):
    """Tokens per bucket; ``images`` is the number of images in the prompt, not tokens."""

    input: int = 0
    cache_read: int = 0
    cache_write: int = 0
    output: int = 0
    reasoning: int = 0
    images: int = 0
    prompt_source: Source = "reported"
    answer_source: Source = "reported"

    @property
    def prompt_tokens(self) -> int:
        """All tokens of the prompt, cached ones included."""
        return self.input + self.cache_read + self.cache_write

    @property
    def answer_tokens(self) -> int:
        """All tokens of the answer, reasoning included."""
        return self.output + self.reasoning


NO_USAGE = Usage()

_WALKED_MAX: Final = 65_536
_TOKEN: Final = re.compile(
    r"[A-Za-z]{1,6}|[0-9]{1,3}"
    r"|[\t-\r\x1c- ]{2,}"  # blanks: the first belongs to what follows
    r"|[\x00-\x08\x0e-\x1b!-/:-@\[-`{-\x7f]|[^\x00-\x7f]"
)
_LONG: Final = re.compile("[\u0800-\U0010ffff]")
"""Characters of three UTF-8 bytes and more."""


def estimate_tokens(text: str) -> int:
    """A guess for models without a tokenizer; whoever uses it flags the bucket ``estimated``.

    Walks the text as byte-pair tokenizers split it: a run of ASCII letters is one token per six
    letters begun, a run of digits one per three, a run of blanks one beyond the first, every other
    ASCII character one, every other character one per two UTF-8 bytes begun. Beyond 64 Ki characters
    the rest is taken to be like the beginning.
    """
    if len(text) > _WALKED_MAX:
        return estimate_tokens(text[:_WALKED_MAX]) * len(text) // _WALKED_MAX
    tokens = len(_TOKEN.findall(text))
    return tokens if text.isascii() else tokens + len(_LONG.findall(text))
