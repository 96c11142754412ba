"""The engine: llama.cpp in a child process behind a small door.

It knows token ids, slots, memory and time; prompts and constraints of the model's format; how a
process is kept alive; where weights come from, and whether they fit. It refuses to know who asks,
what it costs, and HTTP for answers: it says on which socket and with which key `POST /completion`
is answered, which bytes to send and what the bytes that come back mean. The steps of one request:

    ids = await encoder.encode(form.pieces(conversation))
    use = await engine.use(timeout_s)             # loads it, and keeps it loaded until use.end()
    async with engine.reserve(len(ids), max_tokens, share) as room:
        send completion_body(Completion(ids, max_tokens, …)) to engine.socket_path
        for each frame: read_chunk(data)      # Progress | Piece | Done
        room.finished()                       # after Done: nothing lingers
    use.end()
"""

from .admission import Pool, Reservation
from .budget import Budget, Counts
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
from .constraint import Constraint, Grammars, Witness
from .conversation import Call, Conversation, Picture, ToolSpec, Turn
from .derive import derive_tekken
from .drawn import Drawn, look
from .encoder import Encoder, find_tekken, load_tekken
from .errors import (
    BadConversation,
    BinaryRefused,
    ContextTooLong,
    DiskShort,
    EngineBusy,
    EngineDown,
    EngineError,
    EngineFault,
    EngineMissing,
    HubRefused,
    HubUnreachable,
    ImageRefused,
    LoadFailed,
    MemoryShort,
    NeverFits,
    NotOnHub,
    PullError,
    RequestRefused,
    SchemaRefused,
    WeightsError,
    WrongHash,
    gib,
)
from .fetch import FetchProgress, check_disk
from .fit import Fit, fit, memory_bandwidth, tokens_per_second
from .forms import ANY_OBJECT, AnswerForm, CallForm
from .gguf import GgufHeader, read_header
from .hub import HUB, Hub, RemoteFile
from .image_prompt import PROPS_PATH, ImagePrompt, Speller, read_marker
from .memory import bytes_available, bytes_of_machine
from .own_template import (
    TEMPLATE_PATH,
    TOKENIZE_PATH,
    OwnTemplate,
    read_own_template,
    read_prompt,
    read_tokens,
    template_body,
    tokenize_body,
)
from .pictures import PICTURE_TOKENS_MAX, PIXELS_MAX, Pictures, grid, read_picture
from .projector import Projector, mend_activation, read_projector
from .pull import Item, Plan, Wanted, carry_out, plan_pull, smaller
from .repetition import LoopGuard
from .settings import KV_SHARE, EngineSettings, KvType, ModelSpec, threads_of
from .stops import StopScanner
from .supervisor import Engine, State
from .tagged_calls import TaggedCallReader, call_reader
from .tekken import Tekken
from .template import FORMATS, TOOL_CALLS, V7, Format, format_of, v7_pieces
from .tool_calls import (
    ArgumentsDelta,
    CallEnd,
    CallEvent,
    CallStart,
    Malformed,
    TextDelta,
    ToolCallReader,
)
from .uses import Use
from .weights import Pulled, find_projector, find_weights, read_pulled, write_pulled

__all__ = [
    "ANY_OBJECT",
    "AnswerForm",
    "ArgumentsDelta",
    "BadConversation",
    "BinaryRefused",
    "Budget",
    "Call",
    "CallEnd",
    "CallEvent",
    "CallForm",
    "CallStart",
    "Chunk",
    "Completion",
    "Constraint",
    "ContextTooLong",
    "Conversation",
    "Counts",
    "DiskShort",
    "Done",
    "Drawn",
    "Encoder",
    "Engine",
    "EngineBusy",
    "EngineDown",
    "EngineError",
    "EngineFault",
    "EngineMissing",
    "EngineSettings",
    "FORMATS",
    "FetchProgress",
    "Fit",
    "Format",
    "GgufHeader",
    "Grammars",
    "HUB",
    "Hub",
    "HubRefused",
    "HubUnreachable",
    "ImagePrompt",
    "ImageRefused",
    "Item",
    "KV_SHARE",
    "KvType",
    "LoadFailed",
    "Logprob",
    "LoopGuard",
    "Malformed",
    "MemoryShort",
    "ModelSpec",
    "NeverFits",
    "NotOnHub",
    "OwnTemplate",
    "PATH",
    "PICTURE_TOKENS_MAX",
    "PIXELS_MAX",
    "PROPS_PATH",
    "Picture",
    "Pictures",
    "Piece",
    "Plan",
    "Pool",
    "Progress",
    "Projector",
    "PullError",
    "Pulled",
    "RemoteFile",
    "RequestRefused",
    "Reservation",
    "Sampling",
    "SchemaRefused",
    "Speller",
    "State",
    "StopScanner",
    "TEMPLATE_PATH",
    "TOKENIZE_PATH",
    "TOOL_CALLS",
    "TaggedCallReader",
    "Tekken",
    "TextDelta",
    "ToolCallReader",
    "ToolSpec",
    "Turn",
    "Use",
    "V7",
    "Wanted",
    "WeightsError",
    "Witness",
    "WrongHash",
    "bytes_available",
    "bytes_of_machine",
    "call_reader",
    "carry_out",
    "check_disk",
    "completion_body",
    "derive_tekken",
    "find_projector",
    "find_tekken",
    "find_weights",
    "fit",
    "format_of",
    "gib",
    "grid",
    "load_tekken",
    "look",
    "memory_bandwidth",
    "mend_activation",
    "plan_pull",
    "read_chunk",
    "read_error",
    "read_header",
    "read_marker",
    "read_own_template",
    "read_picture",
    "read_projector",
    "read_prompt",
    "read_pulled",
    "read_tokens",
    "smaller",
    "template_body",
    "threads_of",
    "tokenize_body",
    "tokens_per_second",
    "v7_pieces",
    "write_pulled",
]
