"""Thirty schemas as clients send them, each of which a short answer can satisfy; and scripts to ask in."""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

WORD: Schema = {"type": "string", "maxLength": 6}
SMALL: Schema = {"type": "integer", "minimum": -9, "maximum": 9}


def thing(required: list[str] | None = None, **properties: Any) -> Schema:
    """A closed object; all its properties are required unless ``required`` names some."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties) if required is None else required,
        "additionalProperties": False,
    }


def listed(items: Schema, most: int = 2, **more: Any) -> Schema:
    return {"type": "array", "items": items, "maxItems": most, **more}


NODE: Schema = thing(v=SMALL, next={"anyOf": [{"type": "null"}, {"$ref": "#/$defs/Node"}]})

SCHEMAS: dict[str, Schema] = {
    "one word": thing(word=WORD),
    "booleans": thing(a={"type": "boolean"}, b={"type": "boolean"}),
    "integers in bounds": thing(days={"type": "integer", "minimum": 1, "maximum": 7}),
    "bounds that exclude": thing(
        n={"type": "integer", "exclusiveMinimum": 10, "exclusiveMaximum": 20}
    ),
    "numbers in bounds": thing(
        p={"type": "number", "minimum": 0, "maximum": 100, "multipleOf": 0.5}
    ),
    "multiples": thing(n={"type": "integer", "multipleOf": 5, "minimum": 0, "maximum": 100}),
    "an enum": thing(unit={"enum": ["celsius", "fahrenheit"]}),
    "an enum of kinds": thing(x={"enum": ["a", 1, None, True, 2.5]}),
    "a constant": thing(kind={"const": "answer"}, word=WORD),
    "constant objects": {"const": {"a": [1, "é", None]}},
    "nothing": {"type": "null"},
    "nullable by type": thing(name={"type": ["string", "null"], "maxLength": 6}),
    "nullable by union": thing(name={"anyOf": [WORD, {"type": "null"}]}),
    "optional properties": thing(["a"], a=SMALL, b=SMALL, c=WORD),
    "a list": thing(tags=listed(WORD, 3)),
    "a list of at least": thing(tags=listed(SMALL, 3, minItems=2)),
    "a list at the top": listed(SMALL, 3),
    "a list of objects": thing(rows=listed(thing(x=SMALL, y=SMALL))),
    "a tuple": thing(
        pair={"type": "array", "prefixItems": [WORD, SMALL], "items": False, "minItems": 2}
    ),
    "nesting": thing(a=thing(b=thing(c=thing(d=SMALL)))),
    "references": {
        **thing(a={"$ref": "#/$defs/P"}, b={"$ref": "#/$defs/P"}),
        "$defs": {"P": thing(x=SMALL)},
    },
    "old references": {**thing(a={"$ref": "#/definitions/P"}), "definitions": {"P": WORD}},
    "recursion": {"$ref": "#/$defs/Node", "$defs": {"Node": NODE}},
    "a union of objects": {
        "anyOf": [
            thing(kind={"const": "cat"}, lives={"type": "integer", "minimum": 0, "maximum": 9}),
            thing(kind={"const": "dog"}, good={"type": "boolean"}),
        ]
    },
    "one of": thing(
        x={"oneOf": [{"type": "integer", "maximum": 9, "minimum": 0}, {"type": "null"}]}
    ),
    "all of": {"allOf": [thing(None, a=SMALL) | {"additionalProperties": True}, {"type": "object"}]}
    | {"properties": {"a": SMALL}, "additionalProperties": False},
    "a date": thing(on={"type": "string", "format": "date"}),
    "an identifier": thing(id={"type": "string", "format": "uuid"}),
    "a pattern": thing(code={"type": "string", "pattern": "^[A-Z]{3}-[0-9]{2}$"}),
    "a map": {
        "type": "object",
        "properties": {"a": SMALL},
        "required": ["a"],
        "patternProperties": {"^x_[a-z]$": SMALL},
        "additionalProperties": False,
    },
    "unicode names": thing(None, **{"größe": SMALL, "名前": WORD, "naïve 🦊": SMALL}),
    "escapes": thing(q={"enum": ['"quoted"', "back\\slash", "line\nbreak", "tab\t"]}),
}

SCRIPTS: dict[str, str] = {
    "latin": "Größe und naïve Wörter",
    "greek": "Καλημέρα κόσμε",
    "cyrillic": "Здравствуй, мир",
    "armenian": "Բարեւ աշխարհ",
    "georgian": "გამარჯობა მსოფლიო",
    "hebrew": "שָׁלוֹם עוֹלָם",
    "arabic": "السَّلَامُ عَلَيْكُمْ",
    "devanagari": "नमस्ते दुनिया, कैसे हैं आप",
    "bengali": "নমস্কার বিশ্ব",
    "gurmukhi": "ਸਤਿ ਸ੍ਰੀ ਅਕਾਲ",
    "gujarati": "નમસ્તે દુનિયા",
    "tamil": "வணக்கம் உலகம்",
    "telugu": "నమస్కారం ప్రపంచం",
    "kannada": "ನಮಸ್ಕಾರ ಜಗತ್ತು",
    "thai": "สวัสดีชาวโลก ขอบคุณค่ะ",
    "burmese": "မင်္ဂလာပါ ကမ္ဘာ",
    "japanese": "こんにちは世界、カタカナ",
    "chinese": "你好，世界",
    "korean": "안녕하세요 세계",
    "emoji": "👩‍🚀🦊🏳️‍🌈 e\u0301 \u202e x",
}
