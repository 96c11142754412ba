"""What a conversation asks of its answer, as the engine's form of it; and refusals in a client's words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tokenhouse.chat import Conversation, Message, ResponseFormat, TextPart, Tool, ToolChoice
from tokenhouse.engine import ANY_OBJECT, AnswerForm, SchemaRefused
from tokenhouse.errors import CallerError
from tokenhouse.providers.engine_forms import answer_form, check_form, schema_error
from tokenhouse.wire import anthropic_messages, openai_chat

TOOLS = (Tool("f"), Tool("g", strict=True), Tool("bad name"))
SCHEMA = ResponseFormat("json_schema", b'{"type":"null"}')


def asked(choice: ToolChoice, **more: Any) -> AnswerForm | None:
    messages = (Message("user", (TextPart("hi"),)),)
    return answer_form(Conversation(messages=messages, tools=TOOLS, tool_choice=choice, **more))


def names(form: AnswerForm | None) -> list[str]:
    return [] if form is None else [call.name for call in form.calls]


def test_each_choice_of_tools_has_its_form() -> None:
    made = asked(ToolChoice())
    assert made is not None
    assert names(made)[:2] == ["f", "g"]
    assert names(made)[2].startswith("bad_name_")
    assert [call.strict for call in made.calls] == [False, True, False]
    assert (made.must_call, made.parallel) == (False, True)
    assert asked(ToolChoice("none")) is None
    assert names(asked(ToolChoice(allowed=("g",)))) == ["g"]
    for choice, parallel, once in (
        (ToolChoice("named", "f"), True, True),
        (ToolChoice("required"), True, False),
        (ToolChoice("required"), False, True),
        (ToolChoice("required", allowed=("f", "g")), True, False),
        (ToolChoice(), False, True),
    ):
        made = asked(choice, parallel_tool_calls=parallel)
        assert made is not None
        assert made.must_call is (choice.mode != "auto")
        assert made.parallel is not once
    assert names(asked(ToolChoice("named", "f"))) == ["f"]


def test_a_schema_stands_beside_calls_that_may_be_made_and_behind_those_that_must() -> None:
    for choice, schema in (
        (ToolChoice(), True),
        (ToolChoice("none"), True),
        (ToolChoice("required"), False),
    ):
        made = asked(choice, response_format=SCHEMA)
        assert made is not None
        assert made.schema == (SCHEMA.schema if schema else None)
    made = asked(ToolChoice("none"), response_format=ResponseFormat("json_object"))
    assert made == AnswerForm(ANY_OBJECT)


def test_an_answer_with_a_schema_cannot_go_on_from_words_without_one() -> None:
    messages = (Message("user", (TextPart("hi"),)), Message("assistant", (TextPart("{"),)))
    check_form(Conversation(messages=messages, continue_last=True))
    with pytest.raises(CallerError) as refused:
        check_form(Conversation(messages=messages, continue_last=True, response_format=SCHEMA))
    assert refused.value.param == "messages"


PLACE = ("properties", "x", "anyOf", 1, "not")
REFUSED = SchemaRefused("'not' cannot be enforced", "not", place=PLACE)


def body(**fields: Any) -> bytes:
    base = {"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}]}
    return json.dumps({**base, **fields}).encode()


def test_a_refusal_names_the_place_as_the_client_wrote_it() -> None:
    functions = [{"name": name, "parameters": {}} for name in ("a", "b")]
    tools = [{"type": "function", "function": function} for function in functions]
    of_b = SchemaRefused("no", "not", place=PLACE, tool="b")
    for request, error, param in (
        (openai_chat.parse(body()), REFUSED, "response_format.json_schema.schema"),
        (openai_chat.parse(body(tools=tools)), of_b, "tools[1].function.parameters"),
        (openai_chat.parse(body(functions=functions)), of_b, "functions[1].parameters"),
    ):
        made = schema_error(error, request)
        assert made.param == f"{param}.properties.x.anyOf[1].not"
        assert made.param is not None
        assert made.param in made.message
        assert made.code == "invalid_schema"
    schema = {"format": {"type": "json_schema", "schema": {}}}
    inputs = [{"name": name, "input_schema": {}} for name in ("a", "b")]
    for request, error, param in (
        (
            anthropic_messages.parse(body(output_config=schema)),
            REFUSED,
            "output_config.format.schema",
        ),
        (
            anthropic_messages.parse(body(output_format=schema["format"])),
            REFUSED,
            "output_format.schema",
        ),
        (anthropic_messages.parse(body(tools=inputs)), of_b, "tools.1.custom.input_schema"),
    ):
        made = schema_error(error, request)
        assert made.param == f"{param}.properties.x.anyOf.1.not"
        assert made.message.startswith(f"{made.param}: ")
