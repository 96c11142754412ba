"""Where one API of OpenAI's shape takes other words than the next; and what a request is sent to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

import msgspec
from msgspec import Struct

from tokenhouse.chat import Request
from tokenhouse.wire.openai_chat.request import parsed_of

_BOTH: Final = ("max_tokens", "max_completion_tokens")


class Quirks(Struct, frozen=True, kw_only=True):
    """``usage_option``: it takes ``stream_options``, without which it tells the usage of a stream at its
    end all the same. ``running_usage``: asked to, it tells the usage so far in every frame.

    ``limit``: the only word for the most tokens that it takes. ``renamed``: the client's word → its own.
    ``dropped``: fields it refuses that change no answer. ``refused``: fields it does not take that would
    change one; ``refusal`` finds them before anything is asked. ``one_choice``: it gives no second one.
    """

    usage_option: bool = True
    running_usage: bool = False
    limit: Literal["", "max_tokens", "max_completion_tokens"] = ""
    renamed: Mapping[str, str] = {}
    dropped: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    one_choice: bool = False

    @property
    def stream_options(self) -> dict[str, bool]:
        """What is asked of every stream, whatever its client asked."""
        return {"include_usage": True} | (
            {"continuous_usage_stats": True} if self.running_usage else {}
        )

    def refusal(self, request: Request) -> str | None:
        """The first field of ``request`` that asks for what this API does not do."""
        if self.one_choice and request.n > 1:
            return "n"
        for word in self.refused:
            if word in request.fields and not _says_nothing(request, word):
                return word
        return None

    def apply(self, fields: dict[str, msgspec.Raw] | dict[str, object]) -> None:
        """Change a request's top-level ``fields`` into the words that this API takes."""
        if self.limit:
            asked = [fields.pop(word) for word in _BOTH if word in fields]
            given = [value for value in asked if value is not None and value != _NULL]
            if given:
                fields[self.limit] = given[-1]  # pyright: ignore[reportArgumentType]
        for word, own in self.renamed.items():
            if word in fields:
                fields.setdefault(own, fields.pop(word))  # pyright: ignore[reportArgumentType]
        for word in (*self.dropped, *self.refused):
            fields.pop(word, None)
        if self.one_choice:
            fields.pop("n", None)
        if not self.usage_option:
            fields.pop("stream_options", None)


def _says_nothing(request: Request, word: str) -> bool:
    """Is the field there without a wish in it (null, false, an empty object)?"""
    if request.dialect != "openai_chat":
        return False
    return bytes(parsed_of(request).raw[word]).replace(b" ", b"") in _NO_WISH


_NULL: Final = msgspec.Raw(b"null")
_NO_WISH: Final = frozenset({b"null", b"false", b"{}"})

PLAIN: Final = Quirks()
"""An API that takes OpenAI's words as they are."""


class Target(Struct, frozen=True):
    """The provider's name for the model, the model's own sampling values for what the client left out,
    and how the provider's words differ."""

    model: str
    defaults: Mapping[str, float] | None = None
    quirks: Quirks = PLAIN
