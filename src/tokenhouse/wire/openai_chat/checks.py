"""What types and ranges can't say: which roles need what, which call a result answers, names, twins.

One walk over the messages; it also takes the facts that pricing needs (images, stored files, caches).
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from tokenhouse.errors import CallerError
from tokenhouse.wire import growth
from tokenhouse.wire.body import NULL, invalid, missing
from tokenhouse.wire.openai_chat.shapes import (
    CacheControl,
    Called,
    ChatBody,
    ChatMessage,
    ContentPart,
    FunctionShape,
    NamedChoice,
    ToolShape,
)

_ROLES: Final = ("system", "developer", "user", "assistant", "tool", "function")
_NAME: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
_BRACE: Final = ord("{")
_UNBOUNDED: Final = 2**40
"""More text than any context: a document says more than its bytes."""


class Facts(Struct):
    """What one walk over a body finds out. ``input_characters``: calls' arguments, which a template may
    write longer. ``extra_bytes``: text that stands in no byte of the body;
    ``priced``: priced words that stand below the top level."""

    images: int = 0
    data_url_characters: int = 0
    input_characters: int = 0
    extra_bytes: int = 0
    has_system: bool = False
    has_opaque: bool = False
    priced: tuple[str, ...] = ()

    def note_priced(self, word: str) -> None:
        if word not in self.priced:
            self.priced += (word,)

    def note_opaque(self, part: ContentPart) -> None:
        self.has_opaque = True
        if part.file is not None and part.file.file_id is not None:
            self.note_priced("file.file_id")
        if part.type == "file":
            self.extra_bytes = _UNBOUNDED
        if part.type != "input_audio":  # its own bytes bound its tokens; a link or a PDF may grow
            self.note_priced(part.type)

    def note_call(self, called: Called) -> None:
        self.extra_bytes += growth.CALL_BYTES
        if called.arguments is not None:
            self.input_characters += len(called.arguments)
            self.extra_bytes += growth.of_json(called.arguments)

    def note_cache(self, control: CacheControl | None) -> None:
        if control is not None and control.ttl not in (None, "5m"):
            self.note_priced("cache_control.ttl")


def check(body: ChatBody) -> Facts:
    """All checks beyond types and ranges. CallerError 400 naming the field."""
    facts = Facts()
    _check_messages(body.messages, facts)
    if body.tools is not None or body.functions is not None or body.tool_choice is not None:
        _check_tools(body, facts)
    if body.response_format is not None:
        _check_format(body)
    if body.top_logprobs and not body.logprobs:
        raise invalid("top_logprobs", "'top_logprobs' needs 'logprobs': true.")
    if body.logit_bias is not None and not all(map(_is_token_id, body.logit_bias)):
        raise invalid("logit_bias", "The names in 'logit_bias' must be token ids, like \"1234\".")
    facts.note_cache(body.cache_control)
    return facts


def _check_messages(messages: list[ChatMessage], facts: Facts) -> None:
    open_calls: set[str] = set()
    open_functions: set[str] = set()
    for position, message in enumerate(messages):
        role = message.role
        content = message.content
        if type(content) is list:
            _check_parts(position, content, facts)
        if role == "user":
            if content is None:
                raise _no_content(position)
        elif role == "assistant":
            _check_assistant(position, message, facts)
            if message.tool_calls:
                open_calls.update(_call_ids(position, message, facts))
            if message.function_call is not None:
                open_functions.add(message.function_call.name)
                facts.note_call(message.function_call)
        elif role in ("system", "developer"):
            facts.has_system = True
            facts.extra_bytes += growth.REMINDER_BYTES if position else 0
            if content is None:
                raise _no_content(position)
        elif role == "tool":
            _close_call(position, message, open_calls)
            facts.extra_bytes += growth.of_result(_texts(content))
        elif role == "function":
            _close_function(position, message, open_functions)
            facts.extra_bytes += growth.of_result(_texts(content))
        else:
            raise invalid(
                f"messages[{position}].role",
                f"'messages[{position}].role' is {_quote(role)}; use one of {', '.join(_ROLES)}.",
            )


def _check_assistant(position: int, message: ChatMessage, facts: Facts) -> None:
    if message.audio is not None and message.audio.id is not None:
        facts.note_priced("audio.id")
    elif (
        message.content is None
        and not message.tool_calls
        and message.function_call is None
        and message.refusal is None
        and message.reasoning is None
        and message.reasoning_content is None
        and not bytes(message.reasoning_details)
    ):
        raise _no_content(position)


def _check_parts(position: int, parts: list[ContentPart], facts: Facts) -> None:
    if not parts:
        raise _no_content(position)
    for index, part in enumerate(parts):
        kind = part.type
        if kind == "text":
            if part.text is None:
                raise missing(f"messages[{position}].content[{index}].text")
        elif kind == "image_url":
            image = part.image_url
            if not image:
                raise missing(f"messages[{position}].content[{index}].image_url")
            url = image if isinstance(image, str) else image.url
            facts.images += 1
            if url[:5].lower() == "data:":
                facts.data_url_characters += len(url)
        elif kind == "refusal":
            if part.refusal is None:
                raise missing(f"messages[{position}].content[{index}].refusal")
        else:
            facts.note_opaque(part)
        if part.cache_control is not None:
            facts.note_cache(part.cache_control)


def _call_ids(position: int, message: ChatMessage, facts: Facts) -> set[str]:
    ids: set[str] = set()
    for index, call in enumerate(message.tool_calls or ()):
        path = f"messages[{position}].tool_calls[{index}]"
        if call.id in ids:
            raise invalid(
                f"{path}.id", f"'{path}.id' is {_quote(call.id)}, like another's; ids are unique."
            )
        if call.function is None and call.type in (None, "function"):
            raise missing(f"{path}.function")
        if call.function is not None:
            facts.note_call(call.function)
        ids.add(call.id)
    return ids


def _close_call(position: int, message: ChatMessage, open_calls: set[str]) -> None:
    param = f"messages[{position}].tool_call_id"
    if message.tool_call_id is None:
        raise missing(param, f"'{param}' is required: name the call that this is the result of.")
    if message.content is None:
        raise _no_content(position)
    if message.tool_call_id not in open_calls:
        raise invalid(
            param,
            f"'{param}' is {_quote(message.tool_call_id)}, but no assistant message before it has "
            "an unanswered tool call with that id. Put the assistant message with the call first, "
            "and answer each call once.",
        )
    open_calls.remove(message.tool_call_id)


def _close_function(position: int, message: ChatMessage, open_functions: set[str]) -> None:
    param = f"messages[{position}].name"
    if message.name is None:
        raise missing(param, f"'{param}' is required: name the function that gave this result.")
    if message.content is None:
        raise _no_content(position)
    if message.name not in open_functions:
        raise invalid(
            param,
            f"'{param}' is {_quote(message.name)}, but no assistant message before it has a "
            "function_call of that name.",
        )


def _check_tools(body: ChatBody, facts: Facts) -> None:
    names: set[str] = set()
    for index, tool in enumerate(body.tools or ()):
        _check_tool(f"tools[{index}]", tool, names, facts)
    for index, function in enumerate(body.functions or ()):
        _check_function(f"functions[{index}]", function, names)
    choice = body.tool_choice
    if isinstance(choice, str):
        if choice not in ("auto", "none", "required", "any"):
            raise invalid(
                "tool_choice",
                f"'tool_choice' is {_quote(choice)}; use auto, none, required, or name a function.",
            )
        if choice in ("required", "any") and not body.tools:
            raise invalid("tool_choice", "'tool_choice' asks for a call, but there are no 'tools'.")
    elif isinstance(choice, NamedChoice) and choice.type in (None, "function"):
        if choice.function is None:
            raise missing("tool_choice.function")
        if choice.function.name not in names:
            raise invalid(
                "tool_choice.function.name",
                f"'tool_choice.function.name' is {_quote(choice.function.name)}, not one of 'tools'.",
            )
    elif isinstance(choice, NamedChoice) and choice.type == "allowed_tools":
        _check_allowed(choice, names)


def _check_allowed(choice: NamedChoice, names: set[str]) -> None:
    path = "tool_choice.allowed_tools"
    allowed = choice.allowed_tools
    if allowed is None:
        raise missing(path)
    if allowed.mode not in ("auto", "required"):
        raise invalid(
            f"{path}.mode", f"'{path}.mode' is {_quote(allowed.mode)}; use auto, required."
        )
    for index, tool in enumerate(allowed.tools):
        at = f"{path}.tools[{index}]"
        if tool.type not in (None, "function"):
            continue  # a tool of another kind is its provider's to know
        if tool.function is None:
            raise missing(f"{at}.function")
        if tool.function.name not in names:
            name = _quote(tool.function.name)
            raise invalid(
                f"{at}.function.name", f"'{at}.function.name' is {name}, not one of 'tools'."
            )


def _check_tool(path: str, tool: ToolShape, names: set[str], facts: Facts) -> None:
    facts.note_cache(tool.cache_control)
    if tool.type not in (None, "function", "custom"):
        facts.note_priced(tool.type)
    if tool.function is not None:
        _check_function(f"{path}.function", tool.function, names)
    elif tool.type in (None, "function"):
        raise missing(f"{path}.function")


def _check_function(path: str, function: FunctionShape, names: set[str]) -> None:
    name = function.name
    if not 1 <= len(name) <= 64 or not _NAME.issuperset(name):
        raise invalid(
            f"{path}.name",
            f"'{path}.name' is {_quote(name)}; use 1 to 64 letters, digits, underscores or dashes.",
        )
    if name in names:
        raise invalid(
            f"{path}.name", f"'{path}.name' is {_quote(name)}, like another's; names are unique."
        )
    names.add(name)
    parameters = memoryview(function.parameters)
    if parameters and parameters[0] != _BRACE and bytes(parameters) != NULL:
        raise invalid(
            f"{path}.parameters",
            f"'{path}.parameters' must be an object: a JSON Schema.",
            code="invalid_type",
        )


def _check_format(body: ChatBody) -> None:
    shape = body.response_format
    if shape is None or shape.type != "json_schema":
        return
    param = "response_format.json_schema"
    if shape.json_schema is None:
        raise missing(param)
    schema = memoryview(shape.json_schema.schema)
    if not schema:
        raise missing(f"{param}.schema")
    if schema[0] != _BRACE:
        raise invalid(f"{param}.schema", f"'{param}.schema' must be an object: a JSON Schema.")


def _texts(content: str | list[ContentPart] | None) -> list[str]:
    if isinstance(content, str):
        return [content]
    return [part.text for part in content or () if part.text is not None]


def _no_content(position: int) -> CallerError:
    param = f"messages[{position}].content"
    return missing(param, f"'{param}' is required: give a text or a list of parts.")


def _is_token_id(name: str) -> bool:
    return name.isascii() and name.isdigit() and len(name) <= 10


def _quote(text: str) -> str:
    return repr(text if len(text) <= 80 else text[:80] + "…")
