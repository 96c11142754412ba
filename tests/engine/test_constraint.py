from __future__ import annotations

import pytest

from tokenhouse.engine import (
    SchemaRefused,
    ToolSpec,
    allowed_calls,
    forced_calls,
    json_object,
    json_schema,
)


def test_schemas_that_can_be_enforced_pass() -> None:
    for schema in ({"type": "object", "properties": {"a": {"type": "integer"}}}, True, {}):
        assert json_schema(schema).grammar.startswith("%llguidance {}\n")
    assert '"object"' in json_object().grammar


@pytest.mark.parametrize(
    ("schema", "keyword"),
    [
        ({"type": "array", "uniqueItems": True}, "uniqueItems"),
        ({"not": {"type": "string"}}, "not"),
        ({"if": {}, "then": {}}, "if"),
        ({"type": "string", "format": "zzz"}, "format"),
        ({"type": "nonsense"}, "type"),
        ({"$ref": "http://example.com/x.json"}, "$ref"),
        ({"$ref": "#/$defs/none"}, "$ref"),
        (False, None),
        ({"x": {1, 2}}, None),
        ({"enum": ["x" * 300_000]}, None),
    ],
)
def test_a_schema_that_cannot_be_enforced_is_refused_naming_the_keyword(
    schema: dict[str, object] | bool, keyword: str | None
) -> None:
    with pytest.raises(SchemaRefused) as caught:
        json_schema(schema)
    assert caught.value.keyword == keyword
    assert keyword is None or keyword in str(caught.value)


def test_tools_become_grammars_and_their_schemas_are_held_to_the_same_rule() -> None:
    tool = ToolSpec("f", {"type": "object", "properties": {"a": {"type": "string"}}})
    assert "<[9]> calls" in forced_calls([tool]).grammar
    assert "maxItems" in forced_calls([tool], parallel=False).grammar
    assert "TEXT (<[9]> calls)?" in allowed_calls([tool, ToolSpec("g", {})]).grammar
    with pytest.raises(SchemaRefused, match="uniqueItems"):
        forced_calls([ToolSpec("f", {"properties": {"a": {"type": "array", "uniqueItems": True}}})])
    with pytest.raises(SchemaRefused, match="'f' are no object"):
        forced_calls([ToolSpec("f", {"type": "array"})])
    with pytest.raises(SchemaRefused, match="no tool"):
        forced_calls([])


NESTED = {
    "type": "object",
    "properties": {"place": {"$ref": "#/$defs/Place"}, "inner": {"$ref": "#"}},
    "$defs": {"Place": {"type": "object", "properties": {"city": {"type": "string"}}}},
}


def test_a_tools_own_definitions_are_found_as_generators_of_schemas_write_them() -> None:
    """Pydantic, zod and every generator write nested types as references to ``#/$defs``."""
    other = {**NESTED, "$defs": {"Place": {"type": "integer"}}}
    named = {**NESTED, "$schema": "http://json-schema.org/draft-07/schema#", "$id": "http://x/y"}
    tools = [
        ToolSpec("f", NESTED),
        ToolSpec("g", other),
        ToolSpec("h", named),
        ToolSpec("i", named),
    ]
    for grammar in (forced_calls(tools), allowed_calls(tools)):
        assert "Place" in grammar.grammar
    assert "$id" not in NESTED
    missing = {**NESTED, "$defs": {}}
    with pytest.raises(SchemaRefused, match=r"\$ref"):
        forced_calls([ToolSpec("f", NESTED), ToolSpec("g", missing)])
