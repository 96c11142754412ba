"""The engine: llama.cpp in a child process behind a small door.

It knows token ids, slots, memory and time; prompts and constraints of the model's format; how a
process is kept alive. It refuses to know who asks, what it costs, and HTTP: it says on which
socket and with which key `POST /completion` is answered, which bytes to send and what the bytes
that come back mean. The steps of one request:

    await engine.wait_ready(timeout_s)
    ids = await encoder.encode(v7_pieces(conversation))
    async with engine.reserve(len(ids), max_tokens) as room:
        send completion_body(Completion(ids, max_tokens, …)) to engine.socket_path
        for each frame: read_chunk(data)      # Progress | Piece | Done
        room.finished()                       # after Done: nothing lingers
"""

from .admission import Pool, Reservation
from .completion import (
    PATH,
    Chunk,
    Completion,
    Done,
    Logprob,
    Piece,
    Progress,
    Sampling,
    completion_body,
    read_chunk,
    read_error,
)
from .constraint import Constraint, allowed_calls, forced_calls, json_object, json_schema
from .conversation import Call, Conversation, ToolSpec, Turn
from .derive import derive_tekken
from .encoder import Encoder, find_tekken, load_tekken
from .errors import (
    BadConversation,
    ContextTooLong,
    EngineBusy,
    EngineDown,
    EngineError,
    EngineFault,
    EngineMissing,
    LoadFailed,
    MemoryShort,
    RequestRefused,
    SchemaRefused,
    WeightsError,
)
from .gguf import GgufHeader, read_header
from .supervisor import Engine, EngineSettings, ModelSpec, State
from .tekken import Tekken
from .template import check_v7, v7_pieces
from .tool_calls import (
    ArgumentsDelta,
    CallEnd,
    CallEvent,
    CallStart,
    Malformed,
    TextDelta,
    ToolCallReader,
)

__all__ = [
    "ArgumentsDelta",
    "BadConversation",
    "Call",
    "CallEnd",
    "CallEvent",
    "CallStart",
    "Chunk",
    "Completion",
    "Constraint",
    "ContextTooLong",
    "Conversation",
    "Done",
    "Encoder",
    "Engine",
    "EngineBusy",
    "EngineDown",
    "EngineError",
    "EngineFault",
    "EngineMissing",
    "EngineSettings",
    "GgufHeader",
    "LoadFailed",
    "Logprob",
    "Malformed",
    "MemoryShort",
    "ModelSpec",
    "PATH",
    "Piece",
    "Pool",
    "Progress",
    "RequestRefused",
    "Reservation",
    "Sampling",
    "SchemaRefused",
    "State",
    "Tekken",
    "TextDelta",
    "ToolCallReader",
    "ToolSpec",
    "Turn",
    "WeightsError",
    "allowed_calls",
    "check_v7",
    "completion_body",
    "derive_tekken",
    "find_tekken",
    "forced_calls",
    "json_object",
    "json_schema",
    "load_tekken",
    "read_chunk",
    "read_error",
    "read_header",
    "v7_pieces",
]
