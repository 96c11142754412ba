"""``allowed_tools``: a choice among some of the tools, as OpenAI writes it and as others are told."""

from __future__ import annotations

import json
from typing import Any, Literal

import pytest

from tokenhouse.chat import ToolChoice
from tokenhouse.errors import CallerError
from tokenhouse.wire import anthropic_messages, openai_chat

TOOLS = [{"type": "function", "function": {"name": name}} for name in ("f", "g")]


def body(allowed: Any) -> bytes:
    choice = {"type": "allowed_tools", "allowed_tools": allowed}
    messages = [{"role": "user", "content": "x"}]
    asked = {"model": "m", "messages": messages, "tools": TOOLS, "tool_choice": choice}
    return json.dumps(asked).encode()


MODES: tuple[tuple[Literal["auto", "required"], str], ...] = (("auto", "auto"), ("required", "any"))


def test_allowed_tools_are_read_and_told_to_each_kind_of_provider() -> None:
    for mode, mapped in MODES:
        conversation = openai_chat.parse(body({"mode": mode, "tools": TOOLS[1:]})).conversation()
        assert conversation.tool_choice == ToolChoice(mode, allowed=("g",))
        again = openai_chat.build_upstream_body(conversation, openai_chat.Target("m"))
        assert openai_chat.parse(again).conversation().tool_choice == conversation.tool_choice
        told = json.loads(
            anthropic_messages.build_upstream_body(conversation, model="m", max_tokens=9)
        )
        assert [tool["name"] for tool in told["tools"]] == ["g"]
        assert told.get("tool_choice", {"type": "auto"}) == {"type": mapped}


@pytest.mark.parametrize(
    ("allowed", "param"),
    [
        (None, "tool_choice.allowed_tools"),
        ({"mode": "auto", "tools": []}, "tool_choice.allowed_tools.tools"),
        ({"mode": "often", "tools": TOOLS}, "tool_choice.allowed_tools.mode"),
        ({"tools": [{"type": "function"}]}, "tool_choice.allowed_tools.tools[0].function"),
        (
            {"tools": [{"type": "function", "function": {"name": "h"}}]},
            "tool_choice.allowed_tools.tools[0].function.name",
        ),
    ],
)
def test_what_is_wrong_with_them_is_named(allowed: Any, param: str) -> None:
    with pytest.raises(CallerError) as refused:
        openai_chat.parse(body(allowed))
    assert refused.value.param == param
