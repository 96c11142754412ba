"""The v7-Tekken instruct format: a conversation → pieces (control ids and texts).

Source: mistral-common's InstructTokenizerV7 with its normaliser and validator, to which the tests
hold it id by id. Texts are encoded one by one, so nothing that somebody writes becomes a control
token. Differences, all refusals: results are matched to calls by id (there: by number).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Final

from .conversation import Call, Conversation, Picture, Role, ToolSpec, Turn
from .encoder import Piece
from .errors import BadConversation, WeightsError
from .gguf import GgufHeader
from .tekken import Tekken

CONTROL: Final[Mapping[str, int]] = {
    "<s>": 1,
    "</s>": 2,
    "[INST]": 3,
    "[/INST]": 4,
    "[AVAILABLE_TOOLS]": 5,
    "[/AVAILABLE_TOOLS]": 6,
    "[TOOL_RESULTS]": 7,
    "[/TOOL_RESULTS]": 8,
    "[TOOL_CALLS]": 9,
    "[IMG]": 10,
    "[IMG_BREAK]": 12,
    "[IMG_END]": 13,
    "[SYSTEM_PROMPT]": 17,
    "[/SYSTEM_PROMPT]": 18,
    "[TOOL_CONTENT]": 19,
}
BOS, EOS, INST, END_INST, TOOLS, END_TOOLS, RESULTS, END_RESULTS, TOOL_CALLS = range(1, 10)
IMG, IMG_BREAK, IMG_END = 10, 12, 13
SYSTEM, END_SYSTEM, TOOL_CONTENT = 17, 18, 19

_JOIN: Final = "\n\n"
_NAME: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}\Z")
_CALL_ID: Final = re.compile(r"[a-zA-Z0-9]{9}\Z")
_BASE62: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_FOLLOWERS: Final[Mapping[Role, tuple[Role, ...]]] = {
    "system": ("user", "assistant", "system"),
    "user": ("assistant", "system", "user"),
    "assistant": ("assistant", "user", "tool"),
    "tool": ("assistant", "tool", "user"),
}


FORMATS: Final = ("tekken-v7",)
"""Tokenizers, as a model's row names them, whose prompts this engine writes."""


def check_v7(tekken: Tekken, header: GgufHeader | None = None) -> None:
    """Raise WeightsError unless the tokenizer is v7's, and of the size of these weights."""
    wrong = [name for name, i in CONTROL.items() if tekken.specials.get(name) != i]
    if tekken.version != "v7" or wrong:
        raise WeightsError(
            f"the tokenizer is Tekken {tekken.version}, and this engine speaks v7",
            "choose a model of the Mistral Small 3.0 / 3.1 family",
        )
    if header is not None and header.vocab_size not in (None, tekken.n_vocab):
        raise WeightsError(
            f"{header.path} has {header.vocab_size} tokens and its tokenizer {tekken.n_vocab}",
            "give the tekken.json of the model's own repository",
        )


def v7_pieces(conversation: Conversation) -> list[Piece]:
    """The prompt of a conversation.

    Raises BadConversation naming the turn's index: an unknown succession of roles, a result
    without its call or a call without its result, an assistant's turn with nothing in it, a bad
    tool name, a picture that is not the user's.
    """
    turns = conversation.turns
    _check(turns, continue_last=conversation.continue_last)
    call_ids = _CallIds()
    groups = _groups(turns)
    last_user = max((i for i, group in enumerate(groups) if group[0].role == "user"), default=-1)
    pieces: list[Piece] = [BOS]
    for i, group in enumerate(groups):
        match group[0].role:
            case "system":
                pieces += (SYSTEM, _joined(group), END_SYSTEM)
            case "user":
                if i == last_user and conversation.tools:
                    pieces += (TOOLS, _tools_json(conversation.tools), END_TOOLS)
                pieces += (INST, *_seen(group), END_INST)
            case "tool":
                call_id = call_ids.mistral(group[0].call_id or "")
                pieces += (RESULTS, call_id, TOOL_CONTENT, _joined(group), END_RESULTS)
            case "assistant":
                if text := _joined(group).rstrip(" "):
                    pieces.append(text)
                if calls := [call for turn in group for call in turn.calls]:
                    pieces += (TOOL_CALLS, _calls_json(calls, call_ids))
                if i < len(groups) - 1 or not conversation.continue_last:
                    pieces.append(EOS)
    return pieces


class _CallIds:
    """Any client's call ids → Mistral's nine alphanumerics, the same each turn, never two alike."""

    def __init__(self) -> None:
        self._by_client: dict[str, str] = {}
        self._taken: set[str] = set()

    def mistral(self, client: str) -> str:
        known = self._by_client.get(client)
        if known is not None:
            return known
        bare = client.removeprefix("call_").removeprefix("toolu_")
        made = bare if _CALL_ID.match(bare) else _digest(client)
        salt = 0
        while made in self._taken:
            salt += 1
            made = _digest(f"{client}#{salt}")
        self._taken.add(made)
        self._by_client[client] = made
        return made


def _digest(text: str) -> str:
    number = int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest())
    letters = ""
    for _ in range(9):
        number, index = divmod(number, 62)
        letters += _BASE62[index]
    return letters


def _groups(turns: tuple[Turn, ...]) -> list[list[Turn]]:
    """Neighbouring turns of the user, and of the assistant, are one; all others stand alone."""
    groups: list[list[Turn]] = []
    for turn in turns:
        if groups and turn.role in ("user", "assistant") and groups[-1][0].role == turn.role:
            groups[-1].append(turn)
        else:
            groups.append([turn])
    return groups


def _joined(group: list[Turn]) -> str:
    if len(group) == 1 and isinstance(group[0].text, str):
        return group[0].text
    return _JOIN.join(part for turn in group for part in turn.texts if part)


def _seen(group: list[Turn]) -> list[Piece]:
    """Texts and pictures as they stand; neighbouring texts are joined, and a picture that ends all
    the text comes before it."""
    if not any(turn.pictures for turn in group):
        return [_joined(group)]
    told: list[str | Picture] = []
    for turn in group:
        for part in (turn.text,) if isinstance(turn.text, str) else turn.text:
            if isinstance(part, str) and told and isinstance(told[-1], str):
                told[-1] += _JOIN + part if part else ""
            elif part:
                told.append(part)
    if len(told) == 2 and isinstance(told[0], str):
        told.reverse()
    pieces: list[Piece] = []
    for part in told:
        if isinstance(part, str):
            pieces.append(part)
        else:
            pieces += (([IMG] * part.columns + [IMG_BREAK]) * part.rows)[:-1]
            pieces.append(IMG_END)
    return pieces


def _tools_json(tools: tuple[ToolSpec, ...]) -> str:
    for tool in tools:
        if not _NAME.match(tool.name):
            raise BadConversation(f"tool name {tool.name!r} must match ^[a-zA-Z0-9_-]{{1,64}}$")
    listed = [
        {
            "type": "function",
            "function": {
                "name": tool.name,
                "description": tool.description,
                "parameters": tool.parameters,
            },
        }
        for tool in tools
    ]
    try:
        return json.dumps(listed, ensure_ascii=False)
    except RecursionError:
        raise BadConversation("a tool's schema is nested too deeply") from None


def _calls_json(calls: list[Call], call_ids: _CallIds) -> str:
    return json.dumps(
        [
            {
                "name": call.name,
                "arguments": _arguments(call.arguments),
                "id": call_ids.mistral(call.id),
            }
            for call in calls
        ],
        ensure_ascii=False,
    )


def _arguments(text: str) -> object:
    """The value that the JSON text holds; a text that is no JSON stays a text."""
    if not text:
        return {}
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _check(turns: tuple[Turn, ...], *, continue_last: bool) -> None:
    if not turns:
        raise BadConversation("a conversation needs at least one message")
    if len(turns) == 1 and turns[0].role not in ("user", "system"):
        raise BadConversation("a conversation starts with a user or system message", 0)
    open_calls: dict[str, int] = {}
    filled = False
    for i, turn in enumerate(turns):
        before = turns[i - 1].role if i else None
        if turn.role != "user" and turn.pictures:
            raise BadConversation(f"a {turn.role} message cannot hold images", i)
        if before is not None and turn.role not in _FOLLOWERS[before]:
            raise BadConversation(f"a {turn.role} message cannot follow a {before} message", i)
        if open_calls and turn.role != "tool" and not turn.role == before == "assistant":
            call_id, at = next(iter(open_calls.items()))
            raise BadConversation(f"the tool call {call_id!r} has no result", at)
        if turn.role == "tool":
            _check_result(turn, i, open_calls)
        elif turn.role == "assistant":
            filled = _check_assistant(turn, i, open_calls) or (filled and before == "assistant")
            if not filled and (i + 1 == len(turns) or turns[i + 1].role != "assistant"):
                raise BadConversation("an assistant message needs content or tool_calls", i)
    if open_calls:
        call_id, at = next(iter(open_calls.items()))
        raise BadConversation(f"the tool call {call_id!r} has no result", at)
    ends = turns[-1].role
    if (ends == "assistant") != continue_last:
        raise BadConversation(
            "only an assistant message can be continued"
            if continue_last
            else "the last message must be the user's or a tool's, unless it is to be continued",
            len(turns) - 1,
        )


def _check_result(turn: Turn, index: int, open_calls: dict[str, int]) -> None:
    if not turn.call_id:
        raise BadConversation("a tool result needs its tool_call_id", index)
    if open_calls.pop(turn.call_id, None) is None:
        raise BadConversation(f"no tool call {turn.call_id!r} waits for this result", index)


def _check_assistant(turn: Turn, index: int, open_calls: dict[str, int]) -> bool:
    """Note the calls as open; → whether the turn holds anything."""
    for call in turn.calls:
        if not _NAME.match(call.name):
            raise BadConversation(
                f"function name {call.name!r} must match ^[a-zA-Z0-9_-]{{1,64}}$", index
            )
        if not call.id or call.id in open_calls:
            raise BadConversation(f"the tool call id {call.id!r} is empty or used twice", index)
        open_calls[call.id] = index
    return bool(turn.calls) or any(turn.texts)
