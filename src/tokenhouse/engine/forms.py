"""The form of an answer → its grammar's text. Pure.

Without padding between values: a model could else write blanks for ever. Calls are written as the
model's own format has them: one JSON list behind control token 9, or (from v11 on) one behind each.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Final, cast

import msgspec

from .errors import SchemaRefused
from .schema import Schema, prepared
from .template import TOOL_CALLS

CALLS_MOST: Final = 32
"""Calls in one answer: a small model could else call for ever."""

_NO_PADDING: Final = {
    "whitespace_flexible": False,
    "item_separator": ", ",
    "key_separator": ": ",
}

_MAYBE_CONTROL: Final = re.compile(r"\[[/A-Z]|<[/|a-zA-Z]")


@dataclass(frozen=True, slots=True)
class CallForm:
    """A tool that may be called. `schema`: its parameters, raw JSON. `strict`: held to it or refused."""

    name: str
    schema: bytes
    strict: bool = False


@dataclass(frozen=True, slots=True)
class AnswerForm:
    """`schema` is raw JSON; None: the answer is text. `calls`: what may be called instead (behind text:
    as well); `must_call`: has to be. `parallel`: more than once.

    `args` and `call_id` are the control tokens of formats in which each call has its own token 9.
    """

    schema: bytes | None = None
    calls: tuple[CallForm, ...] = ()
    must_call: bool = False
    parallel: bool = True
    args: int | None = None
    call_id: int | None = None

    @property
    def bytes(self) -> int:
        """Of its schemas together."""
        return len(self.schema or b"") + sum(len(call.schema) for call in self.calls)

    def exact(self, call: CallForm) -> bool:
        """Are the arguments held to all of their schema, or refused?"""
        return self.must_call or call.strict


ANY_OBJECT: Final = b'{"type":"object"}'


def schema_of(raw: bytes) -> Schema:
    """SchemaRefused for what is no schema, or allows nothing."""
    try:
        value = cast(object, msgspec.json.decode(raw))
    except RecursionError:
        raise SchemaRefused("the schema is nested too deeply") from None
    except msgspec.MsgspecError as error:
        raise SchemaRefused(f"the schema is no JSON ({error})") from None
    if value is True:
        return {}
    if not isinstance(value, dict):
        raise SchemaRefused("the schema allows nothing (false)")
    return cast(Schema, value)


def arguments_schema(call: CallForm, exact: bool) -> Schema:
    """The schema of a call's arguments, which are always an object."""
    schema = schema_of(call.schema)
    kind = schema.get("type", "object")
    if kind != "object" and not (isinstance(kind, list) and "object" in kind):
        raise SchemaRefused(
            f"the parameters of {call.name!r} are no object (type)",
            "type",
            place=("type",),
            tool=call.name,
        )
    try:
        return prepared({**schema, "type": "object"}, relaxed=not exact)
    except SchemaRefused as error:
        raise SchemaRefused(str(error), error.keyword, place=error.place, tool=call.name) from None


def grammar(form: AnswerForm, answer: Schema | None, arguments: list[Schema]) -> str:
    """llguidance's Lark for the form; `arguments` are the schemas of its calls."""
    lines = [f"start: {_start(form, answer)}"]
    if answer is not None and not form.must_call:
        lines.append(f"answer: %json {_json(answer)}")
    if form.calls:
        lines.append(f"calls: {_calls(form)}")
        lines.append("call: " + "\n  | ".join(_call(form, i) for i in range(len(form.calls))))
        lines += (f"arguments_{i}: %json {_json(schema)}" for i, schema in enumerate(arguments))
    if "TEXT" in lines[0]:
        lines.append("TEXT: /(.|\\n)*/")
    if form.call_id is not None:
        lines.append("ID: /[a-zA-Z0-9]{9}/")
    return _headed("\n".join(lines))


def lone_grammar(schema: Schema) -> str:
    """JSON of that schema and nothing else."""
    return _headed(f"start: %json {_json(schema)}")


def _headed(text: str) -> str:
    """Where only one text can come next, llama.cpp reads that text as tokens, and what is spelled like a
    control token as that token, which the grammar then refuses. Nothing is forced where that could be."""
    options = '{"no_forcing": true}' if _MAYBE_CONTROL.search(text) else "{}"
    return f"%llguidance {options}\n{text}\n"


def _start(form: AnswerForm, answer: Schema | None) -> str:
    if form.must_call:
        return "calls"
    if answer is not None:
        return "answer | calls" if form.calls else "answer"
    return "TEXT calls?" if form.calls else "TEXT"


def _calls(form: AnswerForm) -> str:
    more = CALLS_MOST - 1 if form.parallel else 0
    if form.args is not None:
        one = f"<[{TOOL_CALLS}]> call"
        return f"({one}){{1,{more + 1}}}"
    rest = f' (", " call){{0,{more}}}' if more else ""
    return f'<[{TOOL_CALLS}]> "[" call{rest} "]"'


def _call(form: AnswerForm, place: int) -> str:
    name = form.calls[place].name
    if form.args is None:
        head = '{"name": ' + json.dumps(name) + ', "arguments": '
        return f'{json.dumps(head)} arguments_{place} "}}"'
    call_id = "" if form.call_id is None else f" <[{form.call_id}]> ID"
    return f"{json.dumps(name)}{call_id} <[{form.args}]> arguments_{place}"


def _json(schema: Schema) -> str:
    return json.dumps({**schema, "x-guidance": _NO_PADDING})
