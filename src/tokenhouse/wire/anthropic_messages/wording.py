"""What is wrong with a request, in the words of Anthropic's API: clients read some of them.

``param`` and the head of each message are the path to the field, with dots: ``messages.0.content``.
"""

from __future__ import annotations

from typing import Final

from tokenhouse.errors import CallerError

_WORDS: Final = {
    "str": "a valid string",
    "int": "a valid integer",
    "float": "a valid number",
    "bool": "a valid boolean",
    "object": "a valid dictionary",
    "array": "a valid list",
    "null": "null",
}
_BOUNDS: Final = {
    ">=": "greater than or equal to",
    "<=": "less than or equal to",
    ">": "greater than",
    "<": "less than",
}


def thread_refused(*, begins: bool) -> CallerError:
    """The house keeps no conversations, so each request brings its own. Upon either code the official
    SDKs send the whole history again."""
    return CallerError(
        "thread: Threads are not supported here. Send the whole conversation in `messages`."
        if begins
        else "thread: No such thread. Send the whole conversation in `messages`.",
        param="thread",
        code="thread_unsupported_request" if begins else "thread_not_found",
    )


def invalid(param: str, problem: str, *, code: str = "invalid_value") -> CallerError:
    """A 400 for the field ``param``."""
    return CallerError(f"{param}: {problem}", param=param, code=code)


def missing(param: str) -> CallerError:
    """A 400 for a field that has to be there."""
    return invalid(param, "Field required", code="missing_required_parameter")


def extra(param: str) -> CallerError:
    """A 400 for a field that this API version does not take."""
    return invalid(param, "Extra inputs are not permitted", code="unsupported")


def unsupported(param: str, what: str) -> CallerError:
    """A 400 for what only another provider could take."""
    return invalid(param, f"This model's provider can't take {what}.", code="unsupported")


def validation_error(text: str) -> CallerError:
    """The decoder's complaint, reworded."""
    problem, _, path = text.partition(" - at `")
    path = path.removeprefix("key` in `").rstrip("`").lstrip("$").lstrip(".")
    path = path.replace("[", ".").replace("]", "")
    if problem.startswith("Object missing required field "):
        name = problem.split("`")[1]
        return missing(f"{path}.{name}" if path else name)
    if not path:
        return CallerError("The request body must be one JSON object.", code="invalid_json")
    if problem.startswith("Expected `"):
        _, expected, rest = problem.split("`", 2)
        return _unexpected(path, expected, rest)
    if problem.endswith("out of range"):
        return invalid(path, "Input should be a smaller number")
    return invalid(path, f"Input is not valid ({problem})")


def _unexpected(path: str, expected: str, rest: str) -> CallerError:
    """``rest`` is what follows the expected type: ``, got `int```, `` >= 1`` or `` of length <= 4``."""
    if rest.startswith(", got `"):
        words = [_WORDS.get(word, word) for word in expected.split(" | ") if word != "null"]
        return invalid(path, f"Input should be {' or '.join(words)}", code="invalid_type")
    if rest.startswith(" of length "):
        sign, _, bound = rest.removeprefix(" of length ").partition(" ")
        what = "character" if expected == "str" else "item"
        plural = "" if bound == "1" else "s"
        least = "at least" if sign == ">=" else "at most"
        kind = "String" if expected == "str" else "List"
        return invalid(path, f"{kind} should have {least} {bound} {what}{plural}")
    sign, _, bound = rest.strip().partition(" ")
    return invalid(path, f"Input should be {_BOUNDS.get(sign, sign)} {bound.removesuffix('.0')}")
