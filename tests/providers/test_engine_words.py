"""A conversation in the house's words → the engine's, where the format has no place for what was said."""

from __future__ import annotations

import pytest

from tokenhouse.chat import (
    Call,
    CallPart,
    Conversation,
    Message,
    ResultPart,
    Role,
    TextPart,
    Tool,
    ToolChoice,
)
from tokenhouse.engine import v7_pieces
from tokenhouse.providers.engine_words import constraint_of, engine_conversation

REMINDER = "<system-reminder>\nlate\n</system-reminder>"


def said(role: Role, text: str) -> Message:
    return Message(role, (TextPart(text),))


CALLED = Message("assistant", (CallPart(Call("call_1", "look", "{}")),))
RESULT = Message("tool", (ResultPart("call_1", (TextPart("seen"),)),))


def turns(*messages: Message) -> list[tuple[str, object]]:
    made = engine_conversation(Conversation(messages=messages), None)
    v7_pieces(made)  # the format takes it
    return [(turn.role, turn.text) for turn in made.turns]


def test_a_late_system_message_stays_where_the_format_takes_one() -> None:
    assert turns(said("user", "hi"), said("system", "late"), said("user", "go")) == [
        ("user", "hi"),
        ("system", "late"),
        ("user", "go"),
    ]


@pytest.mark.parametrize("before", [said("assistant", "well"), RESULT], ids=["answer", "result"])
def test_behind_an_answer_or_a_result_it_becomes_the_users(before: Message) -> None:
    first = [said("user", "hi"), CALLED] if before is RESULT else [said("user", "hi")]
    told = turns(*first, before, said("system", "late"), said("user", "go"))
    assert told[-2:] == [("user", REMINDER), ("user", "go")]
    assert turns(*first, before, said("system", "late"))[-1] == ("user", REMINDER)


def test_results_of_waiting_calls_come_before_it() -> None:
    told = turns(said("user", "hi"), CALLED, said("system", "late"), RESULT, said("user", "go"))
    assert [role for role, _ in told] == ["user", "assistant", "tool", "user", "user"]
    assert told[3] == ("user", REMINDER)


def test_a_conversation_that_grows_keeps_its_prompts_beginning() -> None:
    messages = (said("user", "hi"), said("assistant", "well"), said("system", "late"))
    longer = (*messages, said("user", "go"), said("assistant", "yes"), said("user", "on"))
    assert turns(*longer)[: len(messages)] == turns(*messages)


def test_a_tool_that_is_named_is_called_once_and_a_required_one_as_often_as_wanted() -> None:
    for choice, parallel, once in (
        (ToolChoice("named", "f"), True, True),
        (ToolChoice("required"), True, False),
        (ToolChoice("required"), False, True),
    ):
        conversation = Conversation(
            messages=(said("user", "hi"),),
            tools=(Tool("f"), Tool("g")),
            tool_choice=choice,
            parallel_tool_calls=parallel,
        )
        made = constraint_of(conversation)
        assert made is not None
        assert ("maxItems" in made.grammar) is once
