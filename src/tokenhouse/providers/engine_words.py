"""The engine's words for the house's, both ways. Pure.

What the engine can't do is refused in the caller's words, what it can't do *now* is an UpstreamError
that names the mend.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import msgspec

from tokenhouse.chat import (
    CallPart,
    Conversation,
    DocumentPart,
    ImagePart,
    LogProbs,
    Message,
    OpaquePart,
    ReasoningPart,
    RedactedPart,
    ResultPart,
    Sampling,
    TextPart,
    Tool,
    ToolReferencePart,
)
from tokenhouse.engine import (
    BadConversation,
    ContextTooLong,
    EngineBusy,
    EngineDown,
    EngineError,
    EngineFault,
    Logprob,
    Picture,
    RequestRefused,
    SchemaRefused,
    ToolSpec,
    Turn,
)
from tokenhouse.engine import Call as EngineCall
from tokenhouse.engine import Conversation as EngineConversation
from tokenhouse.engine import Sampling as EngineSampling
from tokenhouse.errors import CallerError, ContextExceeded, TokenhouseError, UpstreamError
from tokenhouse.providers.base import Call
from tokenhouse.wire import OPENAI_NAME_MOST, safe_name

LEAVES: Final = frozenset({"reasoning_effort", "thinking"})
"""Fields of requests that no engine has a word for: its models don't think apart from answering."""
NO_PICTURES: Final[Mapping[str, Picture]] = MappingProxyType({})


def engine_conversation(
    conversation: Conversation,
    system: str | None,
    pictures: Mapping[str, Picture] = NO_PICTURES,
) -> EngineConversation:
    """``pictures`` by their urls. CallerError for what this engine's models don't read."""
    turns = [] if system is None else [Turn("system", system)]
    late: list[Turn] = []
    for index, message in enumerate(conversation.messages):
        turn, shown = _turn(message, index, pictures)
        if (
            shown
        ):  # a result holds text only here: what it shows goes behind all results of its turn
            late.append(Turn("user", shown))
        if turn.role == "system" and turns and turns[-1].role in ("assistant", "tool"):
            late.append(_reminder(turn))
        else:
            if late and turn.role != "tool":
                turns += late
                late.clear()
            turns.append(turn)
    turns += late
    tools = () if conversation.tool_choice.mode == "none" else conversation.tools
    continued = _continued(turns, conversation)
    return EngineConversation(tuple(turns), tuple(map(_tool, tools)), continue_last=continued)


def _continued(turns: list[Turn], conversation: Conversation) -> bool:
    """Does the answer go on from the last turn? It does from any of the assistant's that says something:
    from its end where the client wants that, else as a message of its own, which stands behind a blank
    line, as the format joins neighbours. One that says nothing is nothing to go on from."""
    last = turns[-1] if turns else None
    if last is None or last.role != "assistant" or last.calls:
        return conversation.continue_last
    text = "\n\n".join(filter(None, last.texts))
    if not text:
        turns.pop()
    elif not conversation.continue_last:
        turns[-1] = Turn("assistant", text + "\n\n")
    return bool(turns) and turns[-1].role == "assistant"


def echo_of(conversation: Conversation) -> str:
    """What the client wants back before the answer: the text that the answer goes on from."""
    if not (conversation.echo_last and conversation.continue_last):
        return ""
    parts = conversation.messages[-1].parts
    texts = (part.text for part in parts if isinstance(part, TextPart))
    return "\n\n".join(filter(None, texts)).rstrip(" ")


def _reminder(turn: Turn) -> Turn:
    """A system message where the format takes none (behind an answer or a result): the user's, marked.
    Results of calls that wait go before it. What it becomes depends on what stands before it alone, so
    that a conversation that grows keeps its prompt's beginning, and with it the cache."""
    text = "\n\n".join(filter(None, turn.texts))
    return Turn("user", f"<system-reminder>\n{text}\n</system-reminder>")


def _turn(
    message: Message, index: int, pictures: Mapping[str, Picture]
) -> tuple[Turn, tuple[Picture, ...]]:
    """The message as a turn, and the pictures that a tool's result shows."""
    texts: list[str | Picture] = []
    shown: list[Picture] = []
    calls: list[EngineCall] = []
    call_id: str | None = None
    for part in message.parts:
        match part:
            case TextPart():
                texts.append(part.text)
            case CallPart():
                name = safe_name(part.call.name, OPENAI_NAME_MOST)
                calls.append(EngineCall(part.call.id, name, part.call.arguments))
            case ImagePart() if message.role == "user":
                texts.append(pictures[part.url])
            case ResultPart():
                call_id = part.call_id
                shown += [pictures[p.url] for p in part.parts if isinstance(p, ImagePart)]
                said = (p for p in part.parts if not isinstance(p, ImagePart))
                texts += [_said(inner, index) for inner in said]
            case ReasoningPart() | RedactedPart():
                pass  # another model's thoughts are not this model's to read
            case ImagePart() | DocumentPart() | ToolReferencePart() | OpaquePart():
                texts.append(_said(part, index))
    role = "system" if message.role == "developer" else message.role
    alone = texts[0] if len(texts) == 1 else None
    text = alone if isinstance(alone, str) else tuple(texts)
    return Turn(role, text if text else "", tuple(calls), call_id), tuple(shown)


def _said(
    part: TextPart | ImagePart | DocumentPart | ToolReferencePart | OpaquePart, index: int
) -> str:
    """The part as text. CallerError for what is no text."""
    match part:
        case TextPart():
            return part.text
        case ToolReferencePart():
            return f"The tool {part.name} can be called now."
        case DocumentPart(text=str(text)):
            head = "\n".join(line for line in (part.title, part.context) if line)
            return f"{head}\n\n{text}" if head else text
        case ImagePart():
            raise CallerError(
                f"messages[{index}] holds an image, and only the user's messages and the results "
                "of tools can.",
                param=f"messages[{index}].content",
                code="unsupported_content",
            )
        case DocumentPart():
            kind = "document"
        case OpaquePart():
            kind = part.kind
    raise CallerError(
        f"This model can't read it: messages[{index}] holds a part of kind {kind}.",
        param=f"messages[{index}].content",
        code="unsupported_content",
    )


def _tool(tool: Tool) -> ToolSpec:
    try:
        parameters = msgspec.json.decode(tool.schema, type=dict[str, object])
    except (msgspec.MsgspecError, RecursionError) as error:
        raise CallerError(
            f"The parameters of the tool {tool.name!r} can't be read: {error}.",
            param="tools",
            code="invalid_schema",
        ) from error
    return ToolSpec(safe_name(tool.name, OPENAI_NAME_MOST), parameters, tool.description)


def check_sampling(asked: Sampling, vocabulary: int) -> None:
    """Refuse (CallerError naming the field) what the engine would leave out without a word.
    ``vocabulary``: the model's tokens."""
    for token, _ in asked.logit_bias:
        if token >= vocabulary:
            raise CallerError(
                f"'logit_bias' names the token {token}, and this model's tokens are 0 to "
                f"{vocabulary - 1}.",
                param="logit_bias",
            )


def sampling_of(asked: Sampling, call: Call, choice: int) -> EngineSampling:
    """What the client said, else the model's own defaults, else OpenAI's. Each choice has a seed of its
    own, which follows from the request's."""
    own = call.defaults
    seed = asked.seed
    return EngineSampling(
        temperature=_first(asked.temperature, own.temperature, 1.0),
        top_p=_first(asked.top_p, own.top_p, 1.0),
        top_k=int(_first(asked.top_k, own.top_k, 0)),
        min_p=_first(asked.min_p, own.min_p, 0.0),
        repeat_penalty=_first(asked.repetition_penalty, own.repetition_penalty, 1.0),
        presence_penalty=_first(asked.presence_penalty, own.presence_penalty, 0.0),
        frequency_penalty=_first(asked.frequency_penalty, own.frequency_penalty, 0.0),
        seed=None if seed is None else seed + choice,
        logit_bias=dict(asked.logit_bias),
    )


def _first(said: float | None, default: float | None, otherwise: float) -> float:
    if said is not None:
        return said
    return otherwise if default is None else default


def top_logprobs_of(asked: Sampling) -> int | None:
    """Alternatives per token; None: no log-probabilities at all."""
    return asked.top_logprobs if asked.logprobs else None


def logprobs_of(prob: Logprob, most: int = 20) -> LogProbs:
    """``most``: of its alternatives."""
    return LogProbs(
        _shown(prob.raw),
        prob.logprob,
        tuple(LogProbs(_shown(top.raw), top.logprob, (), top.raw) for top in prob.top[:most]),
        prob.raw,
    )


def _shown(raw: bytes) -> str:
    """A token as OpenAI writes it: its text, or its bytes where they are not whole characters."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return "bytes:" + "".join(f"\\x{byte:02x}" for byte in raw)


def fit_tokens(call: Call, prompt: int, n_ctx: int) -> int:
    """max_tokens as it fits the context beside the prompt; at least one must."""
    context = min(n_ctx, call.context_length) if n_ctx else call.context_length
    room = context - prompt
    if room < 1:
        raise ContextExceeded(prompt=prompt, max_tokens=None, context=context)
    asked = call.max_tokens
    if asked is None:  # reserving all the room would let the slots answer one after another
        asked = room if call.max_output_tokens is None else call.max_output_tokens
    return min(asked, room)


def house_error(error: EngineError) -> TokenhouseError:
    """What the engine says, by whose fault it is."""
    match error:
        case ContextTooLong():
            return ContextExceeded(
                prompt=error.prompt_tokens, max_tokens=error.max_tokens, context=error.n_ctx
            )
        case BadConversation():
            param = "messages" if error.index is None else f"messages[{error.index}]"
            return CallerError(str(error), param=param)
        case SchemaRefused():
            return CallerError(str(error), param="response_format", code="invalid_schema")
        case RequestRefused():
            return CallerError(str(error))
        case EngineBusy():
            return UpstreamError(str(error), status=503, code="engine_busy", retry_after_s=2)
        case EngineDown():
            told = without_folders(str(error))
            return UpstreamError(told, status=503, code="engine_down", retry_after_s=2)
        case EngineFault():
            return UpstreamError(str(error), code="engine_fault")
        case _:
            told = without_folders(str(error))
            return UpstreamError(told, status=503, code="model_not_ready", retry_after_s=30)


def without_folders(text: str) -> str:
    """``text`` for callers: a file is named, where it lies is the operator's affair and stands in the
    log."""
    return _FOLDERS.sub("", text)


_FOLDERS: Final = re.compile(r"(?<![\w:/.])/(?:[^/\s]+/)+")
