"""Which turn may follow which, and which result answers which call."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from .conversation import Role, Turn
from .errors import BadConversation

NAME: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}\Z")
"""How a tool may be called (mistral-common's rule)."""

_FOLLOWERS: Final[Mapping[Role, tuple[Role, ...]]] = {
    "system": ("user", "assistant", "system"),
    "user": ("assistant", "system", "user"),
    "assistant": ("assistant", "user", "tool"),
    "tool": ("assistant", "tool", "user"),
}


def check_turns(turns: tuple[Turn, ...], *, continue_last: bool) -> None:
    """Raises BadConversation naming the first turn that can't stand where it does."""
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
        if not NAME.match(call.name):
            raise BadConversation(
                f"function name {call.name!r} must match ^[a-zA-Z0-9_-]{{1,64}}$", index
            )
        if not call.id or call.id in open_calls:
            raise BadConversation(f"the tool call id {call.id!r} is empty or used twice", index)
        open_calls[call.id] = index
    return bool(turn.calls) or any(turn.texts)
