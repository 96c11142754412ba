"""Where a schema stands in the client's body, for a refusal that names it."""

from __future__ import annotations

from collections.abc import Sequence

from tokenhouse.chat import Request
from tokenhouse.errors import CallerError
from tokenhouse.wire.anthropic_messages.request import parsed_of
from tokenhouse.wire.anthropic_messages.wording import invalid


def schema_refused(
    request: Request, reason: str, place: Sequence[str | int], tool: str | None = None
) -> CallerError:
    """A 400 naming what stands at ``place`` in the input of the client's ``tool``, or in the schema of
    the answer. ``request`` is one of this dialect."""
    path = ".".join((_base(request, tool), *map(str, place)))
    return invalid(path, f"{reason[:1].upper()}{reason[1:]}", code="invalid_schema")


def _base(request: Request, tool: str | None) -> str:
    shape = parsed_of(request).shape
    if tool is None:
        config = shape.output_config
        new = config is not None and config.format is not None
        return "output_config.format.schema" if new else "output_format.schema"
    for index, known in enumerate(shape.tools or ()):
        if known.name == tool:
            return f"tools.{index}.custom.input_schema"
    return "tools"
