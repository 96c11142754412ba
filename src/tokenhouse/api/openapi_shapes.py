"""The shapes that bodies are decoded into → JSON Schema (2020-12). Fields that are ``x | None`` are
optional and may be null; what a shape doesn't name passes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec import inspect

Schema = dict[str, Any]


def schemas_of(shapes: Iterable[type], place: str) -> dict[str, Schema]:
    """Name → schema of each shape and of all that they are made of; ``place`` comes before a
    reference's name."""
    found: dict[str, Schema] = {}
    for shape in shapes:
        _schema(inspect.type_info(shape), place, found)
    return found


def _schema(kind: inspect.Type, place: str, found: dict[str, Schema]) -> Schema:
    if isinstance(kind, inspect.StructType):
        return _reference(kind, place, found)
    if isinstance(kind, inspect.UnionType):
        each = [_schema(one, place, found) for one in kind.types]
        return each[0] if len(each) == 1 else {"anyOf": each}
    if isinstance(kind, inspect.ListType | inspect.VarTupleType):
        items = _schema(kind.item_type, place, found)
        lengths = _bounds(kind, min_length="minItems", max_length="maxItems")
        return {"type": "array", "items": items, **lengths}
    if isinstance(kind, inspect.DictType):
        values = _schema(kind.value_type, place, found)
        return {"type": "object", "additionalProperties": values}
    return _plain(kind)


def _plain(kind: inspect.Type) -> Schema:
    numbers = {"ge": "minimum", "le": "maximum", "gt": "exclusiveMinimum", "lt": "exclusiveMaximum"}
    if isinstance(kind, inspect.IntType):
        return {"type": "integer", **_bounds(kind, **numbers)}
    if isinstance(kind, inspect.FloatType):
        return {"type": "number", **_bounds(kind, **numbers)}
    if isinstance(kind, inspect.StrType):
        return {"type": "string", **_bounds(kind, min_length="minLength", max_length="maxLength")}
    if isinstance(kind, inspect.BoolType):
        return {"type": "boolean"}
    if isinstance(kind, inspect.NoneType):
        return {"type": "null"}
    if isinstance(kind, inspect.LiteralType):
        return {"enum": list(kind.values)}
    return {}


def _reference(kind: inspect.StructType, place: str, found: dict[str, Schema]) -> Schema:
    name = kind.cls.__name__.lstrip("_")
    if name not in found:
        shape = found[name] = {"type": "object"}
        shape["properties"] = {
            field.encode_name: _schema(field.type, place, found) for field in kind.fields
        }
        required = [field.encode_name for field in kind.fields if field.required]
        if required:
            shape["required"] = required
    return {"$ref": place + name}


def _bounds(kind: inspect.Type, **named: str) -> Schema:
    given = ((word, getattr(kind, name)) for name, word in named.items())
    return {word: value for word, value in given if value is not None}
