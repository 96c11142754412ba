"""What an answer must look like: JSON schemas and forced calls, as llguidance grammars.

llama.cpp runs on *without* a constraint that it cannot compile, and says nothing. So every grammar
is validated here first, and the very text that was validated is what is sent.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from .conversation import ToolSpec
from .errors import EngineMissing, SchemaRefused
from .template import TOOL_CALLS

SCHEMA_LIMIT: Final = 256 * 1024
_QUOTED: Final = re.compile(r'"([^"]+)"')
_PLACE: Final = re.compile(r"^at \d+\(\d+\): (failed to compile JSON schema: )?")
_NO_PADDING: Final = {
    "whitespace_flexible": False,
    "item_separator": ", ",
    "key_separator": ": ",
}


@dataclass(frozen=True, slots=True)
class Constraint:
    """A grammar in llguidance's Lark, known to compile."""

    grammar: str


def json_object() -> Constraint:
    """Any JSON object (`response_format: json_object`)."""
    return json_schema({"type": "object"})


def json_schema(schema: Mapping[str, object] | bool) -> Constraint:
    """JSON that satisfies the schema.

    Raises SchemaRefused naming the keyword that cannot be enforced, EngineMissing.
    """
    whole = {} if schema is True else schema
    if not isinstance(whole, Mapping):
        raise SchemaRefused("the schema allows nothing (false)")
    return _checked("%llguidance {}\nstart: %json " + _json(_compact(whole)) + "\n")


def forced_calls(tools: Sequence[ToolSpec], *, parallel: bool = True) -> Constraint:
    """Calls of these tools and nothing before them (`tool_choice` required or named).

    Raises SchemaRefused naming the keyword that cannot be enforced, EngineMissing.
    """
    return _checked(_calls_grammar("<[%d]> calls", tools, parallel=parallel))


def allowed_calls(tools: Sequence[ToolSpec], *, parallel: bool = True) -> Constraint:
    """Text, then perhaps calls whose arguments satisfy their schemas (`tool_choice` auto)."""
    return _checked(_calls_grammar("TEXT (<[%d]> calls)?", tools, parallel=parallel))


def _calls_grammar(start: str, tools: Sequence[ToolSpec], *, parallel: bool) -> str:
    if not tools:
        raise SchemaRefused("there is no tool to call")
    calls: dict[str, object] = {
        "type": "array",
        "minItems": 1,
        "items": {"anyOf": [_call_schema(place, tool) for place, tool in enumerate(tools)]},
    }
    if not parallel:
        calls["maxItems"] = 1
    text = "TEXT: /(.|\\n)*/\n" if "TEXT" in start else ""
    return (
        f"%llguidance {{}}\nstart: {start % TOOL_CALLS}\n"
        f"calls: %json {_json(_compact(calls))}\n{text}"
    )


def _call_schema(place: int, tool: ToolSpec) -> dict[str, object]:
    """The arguments are a schema with a name of its own: its references (``#/$defs/…``) point into
    it, not into the list of calls around it."""
    kind = tool.parameters.get("type", "object")
    if kind != "object":
        raise SchemaRefused(f"the parameters of {tool.name!r} are no object (type)", "type")
    arguments = {"type": "object"} | {**tool.parameters, "$id": f"urn:tokenhouse:tool:{place}"}
    return {
        "type": "object",
        "properties": {
            "name": {"const": tool.name},
            "arguments": arguments,
        },
        "required": ["name", "arguments"],
        "additionalProperties": False,
    }


def _compact(schema: Mapping[str, object]) -> dict[str, object]:
    """Without padding: a model could else write blanks for ever."""
    return {**schema, "x-guidance": _NO_PADDING}


def _json(schema: object) -> str:
    try:
        text = json.dumps(schema)
    except (RecursionError, ValueError, TypeError) as error:
        raise SchemaRefused(f"the schema cannot be written as JSON ({error})") from None
    if len(text) > SCHEMA_LIMIT:
        raise SchemaRefused(f"the schema is longer than {SCHEMA_LIMIT} bytes")
    return text


def _checked(grammar: str) -> Constraint:
    try:
        from llguidance import LLMatcher
    except ImportError as error:
        raise EngineMissing("llguidance") from error
    why = LLMatcher.validate_grammar(grammar)
    if why:
        raise _refused(why)
    return Constraint(grammar)


def _refused(why: str) -> SchemaRefused:
    first = _PLACE.sub("", why.strip().splitlines()[0])
    keyword: str | None = None
    if "Unimplemented keys" in first and (found := _QUOTED.search(first)):
        keyword = found.group(1)
    elif "Unknown format" in first:
        keyword = "format"
    elif "Invalid type" in first:
        keyword = "type"
    elif "Resource" in first or "pointer" in first.lower():
        keyword = "$ref"
    name = "" if keyword is None else f" ({keyword})"
    return SchemaRefused(f"the schema cannot be enforced{name}: {first}", keyword)
