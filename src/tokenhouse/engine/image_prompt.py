"""Prompts with pictures: llama.cpp takes them only as text with a marker where each picture goes.

It reads control tokens out of that text, whoever wrote them. So what the user wrote is broken up
first (an invisible U+200B behind the first character of every control token's name), and then the
engine's own ids are held against ours: a prompt that would hold one control token more or less
never runs. Pure functions and values; the engine is asked elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from .conversation import Picture
from .encoder import Piece
from .errors import EngineFault
from .tekken import Tekken
from .template import BOS, IMG, IMG_BREAK, IMG_END

PROPS_PATH: Final = "/props"
BREAK: Final = "\u200b"
_PICTURE_IDS: Final = (IMG, IMG_BREAK, IMG_END)
_FILLER: Final = r"<SPECIAL_\d+>"


@dataclass(frozen=True, slots=True)
class ImagePrompt:
    """A prompt as `POST /completion` takes it: `text` with a marker for each of `pictures`."""

    text: str
    pictures: tuple[Picture, ...]

    def wire(self) -> Mapping[str, object]:
        """Its JSON value (bytes become base64)."""
        return {
            "prompt_string": self.text,
            "multimodal_data": [picture.png for picture in self.pictures],
        }


class Speller:
    """Writes pieces as text from which the engine reads the same control tokens, for one process of
    it: `marker` is that process's own, drawn at its start."""

    def __init__(self, tekken: Tekken, marker: str) -> None:
        self._names = {number: name for name, number in tekken.specials.items()}
        self._n_special = tekken.n_special
        self.marker = marker
        known = (re.escape(name) for name in (*tekken.specials, marker))
        self._control = re.compile(f"(?=({'|'.join((*known, _FILLER))}))(.)", re.DOTALL)

    def texts(self, pieces: Sequence[Piece]) -> list[str]:
        """The texts before, between and behind the pictures. The start token is left out: the
        engine puts it there itself."""
        texts: list[str] = []
        done: list[str] = []
        said: list[str] = []

        def close() -> None:
            if said:
                done.append(self.neutral("".join(said)))
                said.clear()

        for piece in pieces:
            if isinstance(piece, str):
                said.append(piece)
                continue
            close()
            if piece == IMG_END:
                texts.append("".join(done))
                done = []
            elif piece not in _PICTURE_IDS and piece != BOS:
                done.append(self._names[piece])
        close()
        return [*texts, "".join(done)]

    def neutral(self, text: str) -> str:
        """The text with every control token's name in it, and the marker, broken up."""
        # lone surrogates have no place in UTF-8: they become U+FFFD, as when they are encoded
        whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        return self._control.sub(rf"\2{BREAK}", whole)

    def prompt(self, texts: Sequence[str], pictures: Sequence[Picture]) -> ImagePrompt:
        """The whole of it. There is one text more than pictures."""
        if len(texts) != len(pictures) + 1:
            raise EngineFault(f"{len(pictures)} pictures have {len(texts)} texts around them")
        return ImagePrompt(self.marker.join(texts), tuple(pictures))

    def tokens(
        self, pieces: Sequence[Piece], found: Sequence[int], pictures: Sequence[Picture]
    ) -> int:
        """How many tokens the prompt takes in the engine, which reads the texts as the ids `found`.

        Raises EngineFault when those hold other control tokens than the pieces.
        """
        meant = [p for p in pieces if isinstance(p, int) and p not in _PICTURE_IDS]
        if meant != [number for number in found if number < self._n_special]:
            raise EngineFault(
                "the engine reads other control tokens out of this prompt than the house wrote",
                "send it without what looks like one of the model's control tokens",
            )
        return len(found) + sum(picture.tokens for picture in pictures)


def read_marker(data: bytes) -> str:
    """What stands for a picture in a prompt, out of the answer to `GET /props`. Raises EngineFault
    when the process reads no pictures."""
    try:
        props = msgspec.json.decode(data, type=_Props)
    except msgspec.MsgspecError as error:
        raise EngineFault(f"the engine wrote what cannot be read ({error})") from error
    if not props.media_marker or not props.modalities.get("vision"):
        raise EngineFault("the engine reads no images", "see its log for why the projector is out")
    return props.media_marker


class _Props(msgspec.Struct):
    media_marker: str = ""
    modalities: dict[str, bool] = {}
