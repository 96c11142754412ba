"""Mistral's instruct formats over Tekken: a conversation → pieces (control ids and texts).

Source: mistral-common's InstructTokenizer V3, V7, V11 and V13 with their normalisers and validators,
to which the tests hold each id by id. Texts are encoded one by one, so nothing that somebody writes
becomes a control token. Differences: results are matched to calls by id (v3 and v7 there: by number),
else refused; v3, which has no place for it, takes an assistant's text before its calls as v7 does.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal, cast

from .call_ids import CallIds
from .conversation import Call, Conversation, Picture, ToolSpec, Turn
from .encoder import Piece
from .errors import BadConversation, WeightsError
from .gguf import GgufHeader
from .succession import NAME, check_turns
from .tekken import Tekken

BOS, EOS, INST, END_INST, TOOLS, END_TOOLS, RESULTS, END_RESULTS, TOOL_CALLS = range(1, 10)
IMG, IMG_BREAK, IMG_END = 10, 12, 13
SYSTEM, END_SYSTEM, TOOL_CONTENT = 17, 18, 19
_OLD: Final[Mapping[str, int]] = {
    "<s>": BOS,
    "</s>": EOS,
    "[INST]": INST,
    "[/INST]": END_INST,
    "[AVAILABLE_TOOLS]": TOOLS,
    "[/AVAILABLE_TOOLS]": END_TOOLS,
    "[TOOL_RESULTS]": RESULTS,
    "[/TOOL_RESULTS]": END_RESULTS,
    "[TOOL_CALLS]": TOOL_CALLS,
    "[IMG]": IMG,
    "[IMG_BREAK]": IMG_BREAK,
    "[IMG_END]": IMG_END,
}
_NEW: Final[Mapping[str, int]] = {
    **_OLD,
    "[SYSTEM_PROMPT]": SYSTEM,
    "[/SYSTEM_PROMPT]": END_SYSTEM,
    "[TOOL_CONTENT]": TOOL_CONTENT,
}

Version = Literal["v3", "v7", "v11", "v13"]
_CONTROL: Final[Mapping[str, Mapping[str, int]]] = {
    "v3": _OLD,
    "v7": _NEW,
    "v11": _NEW,
    "v13": {name: i for name, i in _NEW.items() if i != TOOL_CONTENT},
}
"""Version → the control tokens that it writes, and their ids, which are the same in every file."""

_JOIN: Final = "\n\n"


FORMATS: Final = tuple(f"tekken-{version}" for version in _CONTROL)
"""Tokenizers, as a model's row names them, whose prompts this engine writes."""


@dataclass(frozen=True, slots=True)
class Format:
    """One version of the format. ``args`` and ``call_id``: ids of the control tokens that stand in a
    call from v11 on, which each tokenizer numbers itself; None where the version writes none.

    v3 puts what the system says before the last user's text, v7 in messages of its own. Tools stand
    before the last user message, from v13 on before the first. A call is one of a JSON list; from v11
    on each has a control token of its own; from v13 on ids are not written.
    """

    version: Version
    args: int | None = None
    call_id: int | None = None

    def pieces(self, conversation: Conversation) -> list[Piece]:
        """The prompt of a conversation.

        Raises BadConversation naming the turn's index: an unknown succession of roles, a result
        without its call or a call without its result, an assistant's turn with nothing in it, a bad
        tool name, a picture that is not the user's.
        """
        check_turns(conversation.turns, continue_last=conversation.continue_last)
        return _Writer(self, conversation).pieces()


V7: Final = Format("v7")


def format_of(
    tekken: Tekken, header: GgufHeader | None = None, version: str | None = None
) -> Format:
    """The format of prompts in this tokenizer: ``version``'s, else the one that it says it is made for.

    WeightsError unless it has that format's control tokens, and is of the size of these weights.
    """
    version = tekken.version if version is None else version
    control = _CONTROL.get(version)
    if control is None:
        raise WeightsError(
            f"the tokenizer is Tekken {version}, and this engine speaks {', '.join(_CONTROL)}",
            "choose one of the models that `tokenhouse models` lists",
        )
    wrong = [name for name, i in control.items() if tekken.specials.get(name) != i]
    args, call_id = tekken.specials.get("[ARGS]"), tekken.specials.get("[CALL_ID]")
    if version in ("v11", "v13") and args is None:
        wrong.append("[ARGS]")
    if version == "v11" and call_id is None:
        wrong.append("[CALL_ID]")
    if wrong:
        raise WeightsError(
            f"the tokenizer is no Tekken {version}: it has no {', '.join(wrong)} where that has it",
            "give the tekken.json of the model's own repository",
        )
    if header is not None and header.vocab_size not in (None, tekken.n_vocab):
        raise WeightsError(
            f"{header.path} has {header.vocab_size} tokens and its tokenizer {tekken.n_vocab}",
            "give the tekken.json of the model's own repository",
        )
    match version:
        case "v11":
            return Format("v11", args, call_id)
        case "v13":
            return Format("v13", args)
        case _:
            return Format(cast(Version, version))


def v7_pieces(conversation: Conversation) -> list[Piece]:
    """The prompt in v7, whose control tokens every tokenizer numbers alike; see `Format.pieces`."""
    return V7.pieces(conversation)


class _Writer:
    """One prompt, group by group (turns that are one message)."""

    def __init__(self, form: Format, conversation: Conversation) -> None:
        self._form = form
        self._tools = conversation.tools
        self._continued = conversation.continue_last
        self._call_ids = CallIds()
        groups = _groups(conversation.turns)
        self._system = ""
        if form.version == "v3":
            said = [group for group in groups if group[0].role == "system" and group[0].text]
            self._system = _JOIN.join(map(_joined, said))
            groups = [group for group in groups if group[0].role != "system"]
            if not groups or groups[0][0].role != "user":
                groups.insert(0, [Turn("user")])
        elif form.version != "v7":
            groups = _in_order_of_calls(groups)
        self._groups = groups
        users = [i for i, group in enumerate(groups) if group[0].role == "user"]
        self._last_user = users[-1] if users else -1
        self._tools_at = users[0] if users and form.version == "v13" else self._last_user

    def pieces(self) -> list[Piece]:
        pieces: list[Piece] = [BOS]
        for i, group in enumerate(self._groups):
            match group[0].role:
                case "system":
                    pieces += (SYSTEM, _joined(group), END_SYSTEM)
                case "user":
                    pieces += self._user(i, group)
                case "tool":
                    pieces += self._result(group)
                case "assistant":
                    if text := _joined(group).rstrip(" "):
                        pieces.append(text)
                    if calls := [call for turn in group for call in turn.calls]:
                        pieces += self._calls(calls)
                    if i < len(self._groups) - 1 or not self._continued:
                        pieces.append(EOS)
        return pieces

    def _user(self, place: int, group: list[Turn]) -> Iterable[Piece]:
        if place == self._tools_at and self._tools:
            yield from (TOOLS, _tools_json(self._tools), END_TOOLS)
        yield INST
        seen = _seen(group)
        if place == self._last_user and self._system:
            system = self._system + _JOIN
            if len(seen) == 1 and isinstance(seen[0], str):
                seen[0] = system + seen[0]
            else:
                yield system
        yield from seen
        yield END_INST

    def _result(self, group: list[Turn]) -> Iterable[Piece]:
        call_id, text = self._call_ids.mistral(group[0].call_id or ""), _joined(group)
        match self._form.version:
            case "v3":
                told = {"content": _arguments(text), "call_id": call_id}
                return (RESULTS, json.dumps(told, ensure_ascii=False), END_RESULTS)
            case "v7" | "v11":
                return (RESULTS, call_id, TOOL_CONTENT, text, END_RESULTS)
            case "v13":
                return (RESULTS, text, END_RESULTS)

    def _calls(self, calls: list[Call]) -> Iterable[Piece]:
        args = self._form.args
        if args is None:
            yield from (TOOL_CALLS, _calls_json(calls, self._call_ids))
            return
        for call in calls:
            yield from (TOOL_CALLS, call.name)
            if self._form.call_id is not None:
                yield from (self._form.call_id, self._call_ids.mistral(call.id))
            yield from (args, json.dumps(_arguments(call.arguments), ensure_ascii=False))


def _groups(turns: tuple[Turn, ...]) -> list[list[Turn]]:
    """Neighbouring turns of the user, and of the assistant, are one; all others stand alone."""
    groups: list[list[Turn]] = []
    for turn in turns:
        if groups and turn.role in ("user", "assistant") and groups[-1][0].role == turn.role:
            groups[-1].append(turn)
        else:
            groups.append([turn])
    return groups


def _in_order_of_calls(groups: list[list[Turn]]) -> list[list[Turn]]:
    """Results that stand together, in the order in which they were called for."""
    ordered: list[list[Turn]] = []
    place: dict[str | None, int] = {}
    since = 0
    for group in (*groups, None):
        if group is not None and group[0].role == "tool":
            ordered.append(group)
            continue
        ordered[since:] = sorted(ordered[since:], key=lambda result: place[result[0].call_id])
        if group is not None:
            calls = (call for turn in group for call in turn.calls)
            place = {call.id: i for i, call in enumerate(calls)}
            ordered.append(group)
            since = len(ordered)
    return ordered


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
        if not NAME.match(tool.name):
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


def _calls_json(calls: list[Call], call_ids: CallIds) -> str:
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
