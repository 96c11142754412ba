"""Models of other families: their own chat template, and text in it that stays text.

llama.cpp renders the template that the weights bring (`POST /apply-template`) and turns the outcome
into ids (`POST /tokenize`), in which a control token is found wherever its name stands. So each name
that a message holds is parted behind its first letter by a mark that nobody can guess; the template is
rendered with the marks in it, and what stands between them is tokenized apart. The model reads what was
written, to the letter, and none of it is a control token.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from .conversation import Conversation, Turn
from .errors import BadConversation, EngineFault, WeightsError
from .gguf import read_header, read_vocabulary
from .succession import check_turns

TEMPLATE_PATH: Final = "/apply-template"
TOKENIZE_PATH: Final = "/tokenize"

_UNKNOWN, _CONTROL, _USER_DEFINED = 2, 3, 4  # llama.cpp's types of tokens
_LOOKS: Final = re.compile(r"<[^<>\s]{1,64}>|\[/?[A-Z_]{1,64}\]")
_JOIN: Final = "\n\n"


@dataclass(frozen=True, slots=True)
class OwnTemplate:
    """What weights say of their chat. `controls`: names of tokens that a text must not become; `marks`:
    of those that the model may write itself and its template reads again (``</think>``).
    `vocabulary`: how many tokens there are."""

    controls: Names
    marks: Names
    vocabulary: int


class Names:
    """Strings to be found in texts."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = frozenset(name for name in names if len(name) > 1)
        self._lengths: dict[str, list[int]] = {}
        for first, length in sorted({(name[0], len(name)) for name in self._names}):
            self._lengths.setdefault(first, []).append(length)
        self._first = re.compile(
            f"[{re.escape(''.join(self._lengths))}]" if self._names else r"(?!)"
        )

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def at(self, text: str) -> Iterator[int]:
        """Where a name begins, overlapping ones too."""
        for found in self._first.finditer(text):
            start = found.start()
            lengths = self._lengths[text[start]]
            if any(text[start : start + length] in self._names for length in lengths):
                yield start


def read_own_template(weights: Path) -> OwnTemplate:
    """Read what the weights say (blocking, about 0.2 s). Raises WeightsError when they bring no chat
    template."""
    template = read_header(weights).chat_template
    if not template:
        raise WeightsError(
            f"{weights} brings no chat template", "choose weights of an instruct model"
        )
    tokens, types = read_vocabulary(weights)
    controls: list[str] = []
    marks: list[str] = []
    for name, kind in zip(tokens, types, strict=False):
        if kind in (_UNKNOWN, _CONTROL):
            controls.append(name)
        elif kind == _USER_DEFINED and (name in template or name.replace("</", "<", 1) in template):
            marks.append(name)
        elif kind != _USER_DEFINED and name in template and _LOOKS.fullmatch(name):
            controls.append(name)  # llama.cpp knows some by their looks
    return OwnTemplate(Names(controls), Names(marks), len(tokens))


def template_body(
    conversation: Conversation, own: OwnTemplate, mark: str, *, fold_system: bool = False
) -> bytes:
    """JSON for `POST /apply-template`. `mark`: letters and digits that stand in no message.
    `fold_system`: for templates that take no system message, it begins the first user's.

    Raises BadConversation for tools, calls, results and pictures.
    """
    if conversation.tools:
        raise BadConversation("this model is not asked for tool calls: leave the tools out")
    turns = conversation.turns
    check_turns(turns, continue_last=conversation.continue_last)
    for index, turn in enumerate(turns):
        if turn.role == "tool" or turn.calls:
            raise BadConversation("this model takes no tool calls and results", index)
        if turn.pictures:
            raise BadConversation("this model takes text only", index)
    messages: list[dict[str, str]] = []
    for turn in turns:
        _add(
            messages, turn.role, parted(_text(turn), own, mark, own_words=turn.role == "assistant")
        )
    if fold_system:
        messages = _folded(messages)
    return _encode({"messages": messages, "add_generation_prompt": True})


def parted(text: str, own: OwnTemplate, mark: str, *, own_words: bool = False) -> str:
    """`text` with the mark inside each name of a control token. `own_words`: the model's, which may hold
    its marks."""
    places = set(own.controls.at(text))
    if not own_words:
        places.update(own.marks.at(text))
    pieces: list[str] = []
    since = 0
    for place in sorted(places):
        pieces.append(text[since : place + 1])
        since = place + 1
    return mark.join((*pieces, text[since:]))


def tokenize_body(prompt: str, mark: str) -> bytes:
    """JSON for `POST /tokenize` of a rendered template."""
    pieces = [piece for piece in prompt.split(mark) if piece]
    return _encode({"content": pieces, "add_special": True, "parse_special": True})


def read_prompt(body: bytes) -> str:
    """What `/apply-template` answered."""
    return _read(body, _Rendered).prompt


def read_tokens(body: bytes) -> list[int]:
    """What `/tokenize` answered."""
    return _read(body, _Tokens).tokens


def _text(turn: Turn) -> str:
    return _JOIN.join(filter(None, turn.texts))


def _add(messages: list[dict[str, str]], role: str, text: str) -> None:
    """Neighbours of one role are one message: many templates want the roles to alternate."""
    if messages and messages[-1]["role"] == role:
        messages[-1]["content"] += _JOIN + text
    else:
        messages.append({"role": role, "content": text})


def _folded(messages: list[dict[str, str]]) -> list[dict[str, str]]:
    told: list[dict[str, str]] = []
    for message in messages:
        _add(told, "user" if message["role"] == "system" else message["role"], message["content"])
    return told


class _Rendered(msgspec.Struct):
    prompt: str


class _Tokens(msgspec.Struct):
    tokens: list[int]


_T = TypeVar("_T", _Rendered, _Tokens)
_encode = msgspec.json.Encoder().encode


def _read(body: bytes, shape: type[_T]) -> _T:
    try:
        return msgspec.json.decode(body, type=shape)
    except msgspec.MsgspecError as error:
        raise EngineFault(f"the engine wrote what cannot be read ({error})") from error
