"""Request bodies: bytes → typed shapes, with every fault as a CallerError that names field and mend.

Shared by all dialects. ``param`` is the path as OpenAI writes it (``messages[0].content``) unless a
dialect brings words of its own, or None where the body as a whole is wrong (``invalid_json``).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, TypeVar

import msgspec

from tokenhouse.errors import CallerError

T = TypeVar("T")

RawFields = dict[str, msgspec.Raw]
"""A JSON object's top level: names → values as they stand."""

DefaultModel = Callable[[], str]
"""Gives the model of a request that names none; "" where there is none. Only then is it asked."""

NULL: Final = b"null"

_WORDS: Final = {
    "str": "a string",
    "int": "an integer",
    "float": "a number",
    "bool": "true or false",
    "object": "an object",
    "array": "an array",
    "null": "null",
}
_BOUNDS: Final = {">=": "at least", "<=": "at most", ">": "more than", "<": "less than"}


class _KeyBody(msgspec.Struct):
    key: str | None = None


_HALF_PAIR: Final = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])"
    rb"|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F][0-9a-fA-F]{2}"
)
"""An escape of half a UTF-16 pair, which is no character: what cutting a text in the middle leaves."""

_RAW: Final = msgspec.json.Decoder(RawFields)
_KEY: Final = msgspec.json.Decoder(_KeyBody)


def decode(
    decoder: msgspec.json.Decoder[T],
    body: bytes,
    refusal: Callable[[str], CallerError] | None = None,
) -> T:
    """``body`` as ``decoder``'s type. CallerError 400 for whatever is wrong with it.

    ``refusal`` makes the error of what the decoder says of a field; default: as OpenAI words it.
    """
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise (refusal or wrong_field)(str(error)) from None
    except RecursionError:
        raise _invalid_json("it is nested too deeply") from None
    except UnicodeDecodeError:
        raise _invalid_json("it is not valid UTF-8") from None
    except ValueError as error:
        half = _HALF_PAIR.search(body)
        told = str(error) if half is None else f"{half[0].decode()} is half of a character"
        raise _invalid_json(told) from None


def no_default() -> str:
    """No model answers a request that names none."""
    return ""


def raw_fields(body: bytes) -> RawFields:
    """The top-level names and raw values; of a repeated name the last counts. CallerError 400."""
    if not body.isascii():
        try:
            body.decode()
        except UnicodeDecodeError:
            raise _invalid_json("it is not valid UTF-8") from None
    return decode(_RAW, body)


def body_key(body: bytes) -> str | None:
    """The field ``key`` of a JSON body, read without building anything else; None when there is none."""
    try:
        return _KEY.decode(body).key or None
    except (ValueError, RecursionError):
        return None


def invalid(param: str, message: str, *, code: str = "invalid_value") -> CallerError:
    """A 400 for the field ``param``."""
    return CallerError(message, param=param, code=code)


def missing(param: str, message: str | None = None) -> CallerError:
    """A 400 for a field that has to be there."""
    return invalid(
        param, message or f"'{param}' is required: add it.", code="missing_required_parameter"
    )


def _invalid_json(detail: str) -> CallerError:
    detail = detail.removeprefix("JSON is malformed: ")
    return CallerError(
        f"The request body is not valid JSON ({detail}). Send one JSON object.", code="invalid_json"
    )


def wrong_field(text: str) -> CallerError:
    """What msgspec says of a value (``Expected `int`, got `str` - at `$.n` ``) in a caller's words: 400."""
    problem, _, path = text.partition(" - at `")
    path = path.removeprefix("key` in `").rstrip("`").lstrip("$").lstrip(".")
    if problem.startswith("Object missing required field "):
        name = problem.split("`")[1]
        return missing(f"{path}.{name}" if path else name)
    if not path:
        return CallerError("The request body must be one JSON object.", code="invalid_json")
    if problem.startswith("Expected `"):
        _, expected, rest = problem.split("`", 2)
        return _unexpected(path, expected, rest)
    if problem.endswith("out of range"):
        return invalid(path, f"'{path}' is too large a number: lower it.")
    return invalid(path, f"'{path}' is not valid: {problem}.")


def _unexpected(path: str, expected: str, rest: str) -> CallerError:
    """``rest`` is what follows the expected type: ``, got `int```, `` >= 1`` or `` of length <= 4``."""
    if rest.startswith(", got `"):
        wanted = " or ".join(_WORDS.get(word, word) for word in expected.split(" | "))
        given = _WORDS.get(rest.split("`")[1], "something else")
        return invalid(path, f"'{path}' must be {wanted}, not {given}.", code="invalid_type")
    if rest.startswith(" of length "):
        sign, _, bound = rest.removeprefix(" of length ").partition(" ")
        unit = "characters" if expected == "str" else "items"
        return invalid(path, f"'{path}' must have {_BOUNDS.get(sign, sign)} {bound} {unit}.")
    sign, _, bound = rest.strip().partition(" ")
    bound = bound.removesuffix(".0")
    return invalid(path, f"'{path}' must be {_BOUNDS.get(sign, sign)} {bound}.")
