from __future__ import annotations

import json
from typing import Any

import pytest

from tokenhouse.engine import (
    ANY_OBJECT,
    AnswerForm,
    CallForm,
    Constraint,
    Grammars,
    SchemaRefused,
    Witness,
)

TOOL_CALLS = 9


def form(schema: object = None, *tools: object, **more: Any) -> AnswerForm:
    """An answer of the schema; tools are schemas, or (schema, strict), named f, g, …"""
    calls: list[CallForm] = []
    for name, tool in zip("fghij", tools, strict=False):
        parameters, strict = tool if isinstance(tool, tuple) else (tool, False)
        calls.append(CallForm(name, json.dumps(parameters).encode(), strict))
    raw = None if schema is None else json.dumps(schema).encode()
    return AnswerForm(raw, tuple(calls), **more)


def takes(constraint: Constraint, text: str) -> bool:
    """Is this a whole answer? ``§`` stands for the control token before calls."""
    witness = constraint.witness()
    assert witness is not None
    return _reads(witness, text) and witness.complete


def _reads(witness: Witness, text: str) -> bool:
    before, mark, calls = text.partition("§")
    return witness.saw((), before) and (not mark or witness.saw((TOOL_CALLS,), calls))


X = {"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]}


async def test_an_answer_is_its_schemas_json_without_padding() -> None:
    made = await Grammars().of(form(X))
    assert takes(made, '{"x": 5}')
    for wrong in ('{"x":  5}', '{"x": "5"}', "{}", '{"x": 5} ', 'Sure: {"x": 5}', '{"x": 5'):
        assert not takes(made, wrong)
    anything = await Grammars().of(AnswerForm(ANY_OBJECT))
    assert takes(anything, '{"a": [1, {"b": "é\\n"}]}')
    assert not takes(anything, "[1]")


async def test_an_object_takes_the_properties_that_it_names_unless_it_says_more() -> None:
    assert not takes(await Grammars().of(form(X)), '{"x": 5, "y": 1}')
    assert takes(await Grammars().of(form({**X, "additionalProperties": True})), '{"x": 5, "y": 1}')
    assert takes(await Grammars().of(form({"type": "object"})), '{"y": 1}')
    joined = {"allOf": [X, {"type": "object", "properties": {"y": {"type": "null"}}}]}
    assert takes(await Grammars().of(form(joined)), '{"x": 5, "y": null}')


async def test_text_may_come_before_calls_and_nothing_before_forced_ones() -> None:
    call = '[{"name": "f", "arguments": {"x": 1}}]'
    allowed = await Grammars().of(form(None, X, {}))
    forced = await Grammars().of(form(None, X, {}, must_call=True))
    assert takes(allowed, "")
    assert takes(allowed, "ça [TOOL_CALLS] \n va")
    for text in (f"§{call}", '§[{"name": "g", "arguments": {}}]'):
        assert takes(allowed, text)
        assert takes(forced, text)
    assert takes(allowed, f"Let me see.§{call}")
    assert not takes(forced, f"Let me see.§{call}")
    assert not takes(forced, "")
    for wrong in ("§[]", '§[{"name": "h", "arguments": {}}]', '§[{"name": "f", "arguments": {}}]'):
        assert not takes(allowed, wrong)
        assert not takes(forced, wrong)


async def test_several_calls_come_only_where_they_may() -> None:
    both = '§[{"name": "f", "arguments": {"x": 1}}, {"name": "g", "arguments": {}}]'
    for must_call in (True, False):
        many = await Grammars().of(form(None, X, {}, must_call=must_call))
        one = await Grammars().of(form(None, X, {}, must_call=must_call, parallel=False))
        assert takes(many, both)
        assert not takes(one, both)


async def test_calls_may_come_instead_of_json() -> None:
    made = await Grammars().of(form({"type": "object", "properties": {"a": {"type": "null"}}}, X))
    assert takes(made, '{"a": null}')
    assert takes(made, '§[{"name": "f", "arguments": {"x": 1}}]')
    assert not takes(made, "Sure.")
    assert not takes(made, '{"a": null}§[{"name": "f", "arguments": {"x": 1}}]')


async def test_later_formats_write_a_control_token_before_each_call() -> None:
    made = await Grammars().of(form(None, X, {}, must_call=True, args=32, call_id=33))
    witness = made.witness()
    assert witness is not None
    assert witness.saw((TOOL_CALLS,), "f")
    assert witness.saw((33,), "abcdefghi")
    assert witness.saw((32,), '{"x": 1}')
    assert witness.complete
    assert witness.saw((TOOL_CALLS,), "g")
    assert witness.saw((33,), "abcdefghj")
    assert not witness.saw((32,), "[")


async def test_what_leaves_the_grammar_is_seen_at_once_and_an_unfinished_end_as_well() -> None:
    witness = (await Grammars().of(form(X))).witness()
    assert witness is not None
    assert witness.saw((), '{"x"')
    assert not witness.complete
    assert not witness.saw((), ', "y"')


def nested(inner: object) -> dict[str, Any]:
    """``inner`` behind a reference, beside harmless neighbours."""
    return {
        "$defs": {"K": {"type": "object", "properties": {"before": {}, "z": inner}}},
        "title": "T",
        "type": "object",
        "properties": {
            "uniqueItems": {"type": "string", "description": "a name, not a keyword"},
            "a": {"$ref": "#/$defs/K", "description": "q"},
            "after": {"type": "array", "items": {"type": "string"}},
        },
    }


@pytest.mark.parametrize(
    ("schema", "keyword"),
    [
        ({"type": "array", "uniqueItems": True}, "uniqueItems"),
        ({"not": {"type": "string"}}, "not"),
        ({"if": {}, "then": {}}, "if"),
        ({"type": "string", "format": "zzz"}, "format"),
        ({"type": "nonsense"}, "type"),
        ({"type": 5}, "type"),
        ({"type": "string", "pattern": "(?=a)"}, "pattern"),
        ({"type": "array", "contains": {"type": "string"}}, "contains"),
        ({"type": "object", "propertyNames": {"pattern": "a"}}, "propertyNames"),
        ({"type": "object", "dependentRequired": {"a": ["b"]}}, "dependentRequired"),
        ({"type": "object", "unevaluatedProperties": False}, "unevaluatedProperties"),
        ({"type": "object", "properties": {"a": {}}, "maxProperties": 0}, "maxProperties"),
        ({"oneOf": [{"type": "string"}, {"maxLength": 5}]}, "oneOf"),
        ({"$ref": "http://example.com/x.json"}, "$ref"),
        ({"$ref": "#/$defs/none"}, "$ref"),
        ({"$dynamicRef": "#x"}, "$dynamicRef"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_schema_that_cannot_be_enforced_is_refused_naming_the_keyword_and_its_place(
    schema: dict[str, object], keyword: str
) -> None:
    grammars = Grammars()
    for whole, place in (
        (schema, (keyword,)),
        ({"type": "object", "properties": {"x": schema}}, ("properties", "x", keyword)),
        ({"anyOf": [{"type": "null"}, schema]}, ("anyOf", 1, keyword)),
        (nested(schema), ("$defs", "K", "properties", "z", keyword)),
    ):
        for asked, tool in ((form(whole), None), (form(None, {}, (nested(schema), True)), "g")):
            with pytest.raises(SchemaRefused) as caught:
                await grammars.of(asked)
            assert caught.value.keyword == keyword
            assert keyword in str(caught.value)
            assert caught.value.tool == tool
            if tool is None:
                assert caught.value.place == place


async def test_nothing_and_what_has_no_end_is_refused() -> None:
    inside: dict[str, Any] = {"type": "object", "properties": {"r": {"$ref": "#"}}}
    for schema, keyword in (
        (False, None),
        ({"$ref": "#"}, "$ref"),
        ({**inside, "required": ["r"]}, "$ref"),
        ({"type": "integer", "minimum": 5, "maximum": 1}, "maximum"),
        ({"enum": []}, "enum"),
    ):
        with pytest.raises(SchemaRefused) as caught:
            await Grammars().of(form(schema))
        assert caught.value.keyword == keyword
    assert takes(await Grammars().of(form(inside)), '{"r": {"r": {}}}')


async def test_schemas_beyond_the_named_bounds_are_refused_and_do_not_break() -> None:
    def deep(levels: int) -> bytes:
        return b'{"items":' * levels + b"{}" + b"}" * levels

    for raw, said in (
        (deep(60), "nested"),
        (deep(5_000), "nested"),
        (deep(100_000), "nested"),
        (json.dumps({"enum": ["x" * 300_000]}).encode(), "longer than"),
        (
            b'{"type":"object","properties":{%s}}'
            % b",".join(b'"p%d":{}' % i for i in range(3000)),
            "enforced",
        ),
    ):
        with pytest.raises(SchemaRefused, match=said):
            await Grammars().of(AnswerForm(raw))
    assert takes(await Grammars().of(AnswerForm(deep(30))), "[[]]")


async def test_what_says_nothing_about_an_answer_is_not_compiled() -> None:
    said = {"title": "T", "description": "D" * 9000, "examples": [1], "default": 1, "$comment": "c"}
    schema = {**said, "type": "object", "properties": {"title": {**said, "type": "integer"}}}
    made = await Grammars().of(form({**schema, "required": ["title"]}))
    assert len(made.grammar) < 400
    assert takes(made, '{"title": 1}')


async def test_a_tool_that_may_be_called_is_held_to_what_can_be_enforced_of_its_schema() -> None:
    loose = {
        "type": "object",
        "properties": {
            "ids": {"type": "array", "items": {"type": "integer"}, "uniqueItems": True},
            "kind": {"oneOf": [{"const": "a"}, {"enum": ["a", "b"]}]},
            "at": {"type": "string", "format": "uri-reference"},
            "name": {"type": "string", "pattern": "(?=a)"},
        },
        "required": ["ids"],
        "not": {},
    }
    made = await Grammars().of(form(None, loose))
    assert takes(made, '§[{"name": "f", "arguments": {"ids": [1, 1], "kind": "a", "name": "q"}}]')
    assert not takes(made, '§[{"name": "f", "arguments": {"ids": ["1"]}}]')
    assert not takes(made, '§[{"name": "f", "arguments": {}}]')
    for hopeless in ({"type": "array"}, {"$ref": "#/$defs/none"}, {"properties": [1]}):
        made = await Grammars().of(form(None, hopeless, X))
        assert takes(made, '§[{"name": "f", "arguments": {"a": 1}}]')
        assert not takes(made, '§[{"name": "f", "arguments": [1]}]')
        assert not takes(made, '§[{"name": "g", "arguments": {"a": 1}}]')


async def test_strict_tools_and_calls_that_are_asked_for_are_enforced_whole_or_refused() -> None:
    unique = {"properties": {"a": {"type": "array", "uniqueItems": True}}}
    for asked in (form(None, (unique, True)), form(None, unique, must_call=True)):
        with pytest.raises(SchemaRefused, match="uniqueItems"):
            await Grammars().of(asked)
    with pytest.raises(SchemaRefused, match="'f' are no object"):
        await Grammars().of(form(None, {"type": "array"}, must_call=True))


NESTED = {
    "type": "object",
    "properties": {"place": {"$ref": "#/$defs/Place"}, "inner": {"$ref": "#"}},
    "$defs": {"Place": {"type": "object", "properties": {"city": {"type": "string"}}}},
}


async def test_a_tools_own_definitions_are_found_as_generators_of_schemas_write_them() -> None:
    """Pydantic, zod and every generator write nested types as references to ``#/$defs``."""
    other = {**NESTED, "$defs": {"Place": {"type": "integer"}}}
    named = {**NESTED, "$schema": "http://json-schema.org/draft-07/schema#", "$id": "http://x/y"}
    made = await Grammars().of(form(None, NESTED, other, named, named, must_call=True))
    inner = '{"place": {"city": "Oslo"}, "inner": {"place": {"city": "Rome"}}}'
    assert takes(made, f'§[{{"name": "f", "arguments": {inner}}}]')
    assert takes(made, '§[{"name": "g", "arguments": {"place": 3}}]')
    assert takes(made, f'§[{{"name": "i", "arguments": {inner}}}]')
    assert not takes(made, '§[{"name": "f", "arguments": {"place": 3}}]')
    with pytest.raises(SchemaRefused) as caught:
        await Grammars().of(form(None, NESTED, {**NESTED, "$defs": {}}, must_call=True))
    assert caught.value.tool == "g"
    assert caught.value.place == ("properties", "place", "$ref")


async def test_a_form_is_compiled_once_while_it_is_asked_for() -> None:
    grammars = Grammars()
    first = await grammars.of(form(X))
    assert await grammars.of(form(X)) is first
    for i in range(70):
        await grammars.of(form({"const": i}))
    assert await grammars.of(form(X)) is not first


@pytest.mark.parametrize(
    ("schema", "place"),
    [
        ({"type": "array", "minItems": 10**12}, ("minItems",)),
        ({"type": "object", "minProperties": 10**9}, ("minProperties",)),
        ({"$ref": "#/hidden/a", "hidden": {"a": {"minItems": 10**7}}}, ("hidden", "a", "minItems")),
        (
            {"type": "array", "prefixItems": [{"type": "array", "maxItems": 60_000}] * 2},
            ("prefixItems", 0, "maxItems"),
        ),
    ],
)
def test_a_schema_that_counts_further_than_an_engine_can_is_refused(
    schema: dict[str, Any], place: tuple[str | int, ...]
) -> None:
    with pytest.raises(SchemaRefused) as refused:
        Grammars().compile(form(schema))
    assert (refused.value.place, refused.value.keyword) == (place, place[-1])
    lenient = Grammars().compile(form(None, schema))
    assert takes(lenient, '§[{"name": "f", "arguments": {}}]')


def test_a_most_that_no_answer_reaches_is_left_out() -> None:
    made = Grammars().compile(form({"type": "array", "items": {"const": 1}, "maxItems": 10**12}))
    assert "maxItems" not in made.grammar
    assert takes(made, "[1, 1]")


@pytest.mark.parametrize("text", ["[/INST]", "</s>", "<|im_end|>", "<SPECIAL_20>", "[TOOL_CALLS]"])
def test_nothing_is_forced_where_a_value_is_spelled_like_a_control_token(text: str) -> None:
    made = Grammars().compile(form({"const": text}))
    assert "no_forcing" in made.grammar
    assert takes(made, json.dumps(text))
    assert "no_forcing" not in Grammars().compile(form({"const": "plain"})).grammar


LONG = '"yes", it said, and went on for quite a while'


@pytest.mark.parametrize(
    ("schema", "place"),
    [
        ({"const": LONG}, ("const",)),
        ({"properties": {"a": {"enum": ["b", LONG]}}}, ("properties", "a", "enum")),
        ({"const": "\x7f" + "x" * 40}, ("const",)),
        ({"const": {"a": ["first\n" + "x" * 40]}}, ("const",)),
    ],
)
def test_a_text_that_llama_cpp_would_cut_is_refused_where_it_must_be_enforced(
    schema: dict[str, Any], place: tuple[str, ...]
) -> None:
    with pytest.raises(SchemaRefused) as refused:
        Grammars().compile(form(schema))
    assert (refused.value.place, refused.value.keyword) == (place, place[-1])


def test_a_text_that_llama_cpp_would_cut_is_not_enforced_where_it_need_not_be() -> None:
    tool = {"type": "object", "properties": {"a": {"enum": ["b", LONG]}, "b": {"const": 1}}}
    made = Grammars().compile(form(None, tool))
    for said in (LONG, "b", "other"):
        assert takes(made, f'§[{{"name": "f", "arguments": {{"a": {json.dumps(said)}}}}}]')
    assert not takes(made, '§[{"name": "f", "arguments": {"b": 2}}]')
    for whole in ("plain " * 20, 'short "quoted" text', "x" * 60 + '"'):
        assert takes(Grammars().compile(form({"const": whole})), json.dumps(whole))
