"""The shapes that bodies are decoded into → JSON Schema (2020-12). Fields that are ``x | None`` are
optional and may be null; what a shape doesn't name passes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec import inspect

Schema = dict[str, Any]


def schemas_of(shapes: Iterable[type], place: str) -> dict[str, Schema]:
    """Name → schema of each shape and of all that they are made of; ``place`` comes before a
    reference's name. Two shapes of one name are told apart by their dialect."""
    schemas = Shapes(place)
    for shape in shapes:
        schemas.of(inspect.type_info(shape))
    return schemas.found


class Shapes:
    """The same, type by type; ``found`` has the shapes that were named on the way."""

    def __init__(self, place: str, prefix: str = "") -> None:
        self._place = place
        self._prefix = prefix
        self._named: dict[str, type] = {}
        self.found: dict[str, Schema] = {}

    def of(self, kind: inspect.Type) -> Schema:
        """The schema of one type; a shape is a reference."""
        if isinstance(kind, inspect.Metadata):
            return self._with_words(kind)
        if isinstance(kind, inspect.StructType | inspect.DataclassType):
            return self._reference(kind)
        if isinstance(kind, inspect.UnionType):
            each = [self.of(one) for one in kind.types]
            return each[0] if len(each) == 1 else {"anyOf": each}
        if isinstance(kind, inspect.ListType | inspect.VarTupleType):
            lengths = _bounds(kind, min_length="minItems", max_length="maxItems")
            return {"type": "array", "items": self.of(kind.item_type), **lengths}
        if isinstance(kind, inspect.DictType):
            return {"type": "object", "additionalProperties": self.of(kind.value_type)}
        return _plain(kind)

    def _with_words(self, kind: inspect.Metadata) -> Schema:
        """What is said of a type beside it: its description, its format."""
        schema, words = self.of(kind.type), kind.extra_json_schema or {}
        if "type" in words and "anyOf" in schema:
            return {**words}
        return {"allOf": [schema], **words} if "$ref" in schema else {**schema, **words}

    def _reference(self, kind: inspect.StructType | inspect.DataclassType) -> Schema:
        name = self._name(kind.cls)
        if name not in self.found:
            shape = self.found[name] = {"type": "object"}
            shape["properties"] = {field.encode_name: self.of(field.type) for field in kind.fields}
            required = [field.encode_name for field in kind.fields if field.required]
            if required:
                shape["required"] = required
            if isinstance(kind, inspect.StructType) and kind.forbid_unknown_fields:
                shape["additionalProperties"] = False
        return {"$ref": self._place + name}

    def _name(self, shape: type) -> str:
        name = self._prefix + shape.__name__.lstrip("_")
        if self._named.setdefault(name, shape) is not shape:
            dialect = shape.__module__.split(".")[2]
            name = "".join(word.capitalize() for word in dialect.split("_")) + name
            self._named[name] = shape
        return name


def _plain(kind: inspect.Type) -> Schema:
    numbers = {"ge": "minimum", "le": "maximum", "gt": "exclusiveMinimum", "lt": "exclusiveMaximum"}
    if isinstance(kind, inspect.IntType):
        return {"type": "integer", **_bounds(kind, **numbers)}
    if isinstance(kind, inspect.FloatType):
        return {"type": "number", **_bounds(kind, **numbers)}
    if isinstance(kind, inspect.StrType):
        words = _bounds(kind, min_length="minLength", max_length="maxLength", pattern="pattern")
        return {"type": "string", **words}
    if isinstance(kind, inspect.BoolType):
        return {"type": "boolean"}
    if isinstance(kind, inspect.NoneType):
        return {"type": "null"}
    if isinstance(kind, inspect.LiteralType):
        return {"enum": list(kind.values)}
    return {}


def _bounds(kind: inspect.Type, **named: str) -> Schema:
    given = ((word, getattr(kind, name)) for name, word in named.items())
    return {word: value for word, value in given if value is not None}
