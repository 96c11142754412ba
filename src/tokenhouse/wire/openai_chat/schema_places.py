"""Where a schema stands in the client's body, for a refusal that names it."""

from __future__ import annotations

from collections.abc import Sequence

from tokenhouse.chat import Request
from tokenhouse.errors import CallerError
from tokenhouse.wire.body import invalid
from tokenhouse.wire.openai_chat.request import parsed_of


def schema_refused(
    request: Request, reason: str, place: Sequence[str | int], tool: str | None = None
) -> CallerError:
    """A 400 naming what stands at ``place`` in the parameters of the client's ``tool``, or in the schema
    of the answer. ``request`` is one of this dialect."""
    param = "response_format.json_schema.schema" if tool is None else _tool(request, tool)
    for step in place:
        param += f"[{step}]" if isinstance(step, int) else f".{step}"
    return invalid(param, f"'{param}': {reason}.", code="invalid_schema")


def _tool(request: Request, name: str) -> str:
    shape = parsed_of(request).shape
    for index, tool in enumerate(shape.tools or ()):
        if tool.function is not None and tool.function.name == name:
            return f"tools[{index}].function.parameters"
    for index, function in enumerate(shape.functions or ()):
        if function.name == name:
            return f"functions[{index}].parameters"
    return "tools"
