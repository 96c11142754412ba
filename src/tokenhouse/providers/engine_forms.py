"""What a conversation asks of its answer → the engine's form of it. Pure."""

from __future__ import annotations

from tokenhouse.chat import Conversation, Request, Tool
from tokenhouse.engine import ANY_OBJECT, AnswerForm, CallForm, SchemaRefused
from tokenhouse.errors import CallerError
from tokenhouse.wire import OPENAI_NAME_MOST, anthropic_messages, openai_chat, safe_name


def answer_form(
    conversation: Conversation, *, args: int | None = None, call_id: int | None = None
) -> AnswerForm | None:
    """None: plain text, and no calls. ``args`` and ``call_id`` are control tokens of the model's format.

    A tool that is asked for by name is called once, as OpenAI and Anthropic do; ``required`` may call
    several. A schema for the answer gives way to calls that have to be made.
    """
    choice = conversation.tool_choice
    calls = tuple(
        CallForm(safe_name(tool.name, OPENAI_NAME_MOST), tool.schema, tool.strict)
        for tool in conversation.tools
        if _may_be_called(tool, conversation)
    )
    must_call = bool(calls) and choice.mode in ("required", "named")
    wanted = conversation.response_format
    schema = None if must_call else wanted.schema
    if wanted.kind == "json_object" and not must_call:
        schema = ANY_OBJECT
    if schema is None and not calls:
        return None
    return AnswerForm(
        schema,
        calls,
        must_call=must_call,
        parallel=conversation.parallel_tool_calls and choice.mode != "named",
        args=args,
        call_id=call_id,
    )


def _may_be_called(tool: Tool, conversation: Conversation) -> bool:
    choice = conversation.tool_choice
    match choice.mode:
        case "none":
            return False
        case "named":
            return tool.name == choice.name
        case _:
            return choice.allowed is None or tool.name in choice.allowed


def check_form(conversation: Conversation) -> None:
    """CallerError where an answer that has a schema is to go on from words that have none."""
    if conversation.continue_last and conversation.response_format.kind != "text":
        raise CallerError(
            "An answer that is held to a schema can't go on from the last message: leave that one or "
            "the schema out.",
            param="messages",
            code="unsupported",
        )


def schema_error(error: SchemaRefused, request: Request) -> CallerError:
    """The refusal in the client's words: which keyword, and where it wrote it."""
    tool = error.tool
    if tool is not None:
        names = (own.name for own in request.conversation().tools)
        tool = next((own for own in names if safe_name(own, OPENAI_NAME_MOST) == tool), tool)
    match request.dialect:
        case "openai_chat":
            return openai_chat.schema_refused(request, str(error), error.place, tool)
        case "anthropic_messages":
            return anthropic_messages.schema_refused(request, str(error), error.place, tool)
        case _:
            param = "response_format" if tool is None else "tools"
            return CallerError(f"{param}: {error}.", param=param, code="invalid_schema")
