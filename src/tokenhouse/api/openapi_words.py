"""The words of the API's description: what each route takes and answers, and what its fields are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tokenhouse.billing import PAGE_MAX

TAGS: Final = ("Inference", "Models", "Receipts", "Account", "Operation", "More")

_PAID: Final = {
    "400": "The request is wrong; `param` names the field.",
    "401": "No key, or one that is not known here.",
    "402": "Not enough credit; the message says what can be afforded.",
    "404": "There is no such model.",
    "413": "The body is too large.",
    "429": "Over a limit; `Retry-After` says how long to wait.",
    "502": "The provider failed; nothing was charged.",
    "503": "The model can't answer now.",
}


@dataclass(frozen=True, slots=True)
class Described:
    """What a route takes and answers, by names of schemas; ``parameters`` stand in the query."""

    tag: str
    about: str = "As asked."
    answer: str = "Anything"
    body: str | None = None
    error: str = "Error"
    errors: Mapping[str, str] = field(default_factory=dict[str, str])
    parameters: tuple[Mapping[str, Any], ...] = ()
    required: tuple[str, ...] = ()
    streams: bool = False
    key: bool = False
    media: str = "application/json"


_ASKED: Final = {
    "400": "A field of the query is wrong.",
    "401": "No key, or one that is not known here.",
}


_TIME: Final = {
    "anyOf": [{"type": "string", "format": "date"}, {"type": "string", "format": "date-time"}]
}
_LIMIT: Final = {
    "name": "limit",
    "about": "How many at most.",
    "schema": {"type": "integer", "minimum": 1, "maximum": PAGE_MAX},
}
_SINCE: Final = {"name": "since", "about": "From this UTC day or moment on.", "schema": _TIME}
_UNTIL: Final = {
    "name": "until",
    "about": "Up to this UTC day or moment, which is excluded.",
    "schema": _TIME,
}
_DATE: Final = {"name": "date", "about": "One UTC day, as 2026-11-22.", "schema": _TIME}
_AFTER: Final = {"name": "after", "about": "The cursor of the page before."}
_ORDER: Final = {
    "name": "order",
    "about": "`desc`, newest first, or `asc`.",
    "schema": {"enum": ["desc", "asc"]},
}
_FORMAT: Final = {
    "name": "format",
    "about": "`json`, `ndjson` or `csv`; the last two give all.",
    "schema": {"enum": ["json", "ndjson", "csv"]},
}
_RANGE: Final = (_LIMIT, _AFTER, _SINCE, _UNTIL, _ORDER, _FORMAT)
_DAYS: Final = (_DATE, _SINCE, _UNTIL)

DESCRIBED: Final[Mapping[str, Described]] = {
    "chat": Described(
        "Inference",
        "The answer; a stream of server-sent events when `stream` is true.",
        "ChatCompletion",
        "ChatBody",
        errors=_PAID,
        streams=True,
        key=True,
    ),
    "completions": Described(
        "Inference",
        "The answer; a stream of server-sent events when `stream` is true.",
        "TextCompletion",
        "CompletionBody",
        errors=_PAID,
        streams=True,
        key=True,
    ),
    "messages": Described(
        "Inference",
        "The answer; a stream of server-sent events when `stream` is true.",
        "Message",
        "MessagesBody",
        "AnthropicError",
        errors=_PAID,
        streams=True,
        key=True,
    ),
    "count_tokens": Described(
        "Inference",
        "How many tokens the prompt is; free.",
        "TokenCount",
        "MessagesBody",
        "AnthropicError",
        errors={status: _PAID[status] for status in ("400", "401", "404", "413", "429")},
        key=True,
    ),
    "models": Described("Models", "Every model that can answer, with its prices.", "ModelList"),
    "model": Described("Models", "The model.", "Model", errors={"404": "There is no such model."}),
    "generation": Described(
        "Receipts",
        "The receipt.",
        "Receipt",
        errors={
            "400": "No id was given.",
            "401": "No key, or one that is not known here.",
            "404": "No request of this account has that id.",
        },
        parameters=({"name": "id", "about": "The x-request-id of a request, or its answer's id."},),
        required=("id",),
        key=True,
    ),
    "generations": Described(
        "Receipts", "A page of receipts.", "Page", errors=_ASKED, parameters=_RANGE, key=True
    ),
    "postings": Described(
        "Receipts", "A page of postings.", "Page", errors=_ASKED, parameters=_RANGE, key=True
    ),
    "activity": Described(
        "Receipts",
        "Usage by day and model.",
        "Page",
        errors=_ASKED,
        parameters=_DAYS,
        key=True,
    ),
    "key": Described("Account", "The key.", errors=_ASKED, key=True),
    "credits": Described("Account", "Credit, usage and balance.", errors=_ASKED, key=True),
    "sign_in": Described(
        "Account",
        "The key that the code stood for.",
        body="CodeBody",
        errors={
            "400": "The body is wrong.",
            "401": "The code is not known, was used, or has ended.",
            "429": "Too many wrong codes from this address.",
        },
    ),
    "visit": Described(
        "Account",
        "The key, when it ends and what it may spend.",
        errors={
            "403": "A page of another site asked.",
            "404": "This house lends visitors no keys.",
            "429": "Too many visitors today.",
        },
    ),
    "redeem": Described(
        "Account",
        "The credit that it became.",
        body="VoucherBody",
        errors={
            **_ASKED,
            "404": "There is no such voucher.",
            "409": "It was redeemed before, or has ended.",
            "429": "Too many wrong codes from this address.",
        },
        key=True,
    ),
    "health": Described("Operation", "The process answers."),
    "ready": Described(
        "Operation", "Requests can be served and paid.", errors={"503": "They can't; says why."}
    ),
    "metrics": Described("Operation", "Prometheus's text format.", "Text", media="text/plain"),
    "openapi": Described("Operation", "This description."),
    "control_openapi": Described("Operation", "This description."),
}
"""By the route's name; a route that is not here is still listed, under the last tag."""

FIELDS: Final = {
    "messages": "The conversation so far, oldest first.",
    "prompt": "The text to go on from.",
    "model": "`author/slug`, its hyphenated form, or an alias; absent: the house's default.",
    "model_id": "Another name for `model`.",
    "stream": "Send the answer as server-sent events while it is written.",
    "streaming": "Another name for `stream`.",
    "stream_options": "`include_usage`: a last chunk with the usage and its cost.",
    "max_tokens": "Longest answer in tokens; more than fits is lowered to what fits.",
    "max_completion_tokens": "The newer name of `max_tokens`.",
    "n": "Answers to give; each is paid.",
    "temperature": "0 is greedy. Absent: the model's own default.",
    "top_p": "Only the likeliest tokens that make up this share.",
    "top_k": "Only this many of the likeliest tokens.",
    "min_p": "Only tokens at least this likely against the likeliest.",
    "presence_penalty": "Against tokens that were there.",
    "frequency_penalty": "Against tokens by how often they were there.",
    "repetition_penalty": "Against tokens that were there, by division.",
    "seed": "The same seed and request give the same answer, where the model allows it.",
    "stop": "Texts that end the answer; they are not returned.",
    "logit_bias": "Token id → what is added to its logit.",
    "logprobs": "Return log probabilities.",
    "top_logprobs": "How many likeliest tokens to return for each place.",
    "response_format": "`text`, `json_object`, or `json_schema` with a schema.",
    "tools": "Functions that the model may call.",
    "tool_choice": "`none`, `auto`, `required`, or one function by name.",
    "parallel_tool_calls": "May the model call several functions at once?",
    "reasoning_effort": "How long to think, for models that do.",
    "user": "Your own name for the end user.",
}

_STRING: Final = {"type": "string"}
_WHOLE: Final = {"type": "integer", "minimum": 0}
_USAGE: Final = {
    "type": "object",
    "properties": {
        "prompt_tokens": _WHOLE,
        "completion_tokens": _WHOLE,
        "total_tokens": _WHOLE,
        "cost": {"type": "number", "description": "US dollars, exact."},
    },
}


ANSWERS: Final[Mapping[str, Any]] = {
    "Anything": {},
    "Text": {"type": "string"},
    "Error": {
        "type": "object",
        "required": ["error", "status", "message"],
        "properties": {
            "error": {
                "type": "object",
                "required": ["message", "type", "code", "param"],
                "properties": {
                    "message": _STRING,
                    "type": _STRING,
                    "code": {"type": ["string", "null"]},
                    "param": {"type": ["string", "null"]},
                },
            },
            "status": {"const": "error"},
            "message": _STRING,
            "retry_after": _WHOLE,
            "request_id": _STRING,
        },
    },
    "AnthropicError": {
        "type": "object",
        "required": ["type", "error"],
        "properties": {
            "type": {"const": "error"},
            "error": {
                "type": "object",
                "required": ["type", "message"],
                "properties": {"type": _STRING, "message": _STRING},
            },
            "request_id": {"type": ["string", "null"]},
        },
    },
    "ChatCompletion": {
        "type": "object",
        "required": ["id", "object", "created", "model", "choices", "usage"],
        "properties": {
            "id": _STRING,
            "object": {"const": "chat.completion"},
            "created": _WHOLE,
            "model": _STRING,
            "choices": {"type": "array", "items": {"type": "object"}},
            "usage": _USAGE,
        },
    },
    "TextCompletion": {
        "type": "object",
        "required": ["id", "object", "created", "model", "choices", "usage"],
        "properties": {
            "id": _STRING,
            "object": {"const": "text_completion"},
            "created": _WHOLE,
            "model": _STRING,
            "choices": {"type": "array", "items": {"type": "object"}},
            "usage": _USAGE,
        },
    },
    "CodeBody": {
        "type": "object",
        "required": ["code"],
        "properties": {"code": {"type": "string", "description": "The code that `serve` printed."}},
    },
    "VoucherBody": {
        "type": "object",
        "required": ["code"],
        "properties": {"code": {"type": "string", "description": "The voucher, TH-…"}},
    },
    "Message": {
        "type": "object",
        "required": ["id", "type", "role", "content", "model", "usage"],
        "properties": {
            "id": _STRING,
            "type": {"const": "message"},
            "role": {"const": "assistant"},
            "content": {"type": "array", "items": {"type": "object"}},
            "model": _STRING,
            "stop_reason": {"type": ["string", "null"]},
            "usage": {"type": "object"},
        },
    },
    "TokenCount": {
        "type": "object",
        "required": ["input_tokens"],
        "properties": {"input_tokens": _WHOLE},
    },
    "Page": {
        "type": "object",
        "required": ["data"],
        "properties": {"data": {"type": "array", "items": {"type": "object"}}},
    },
    "Model": {
        "type": "object",
        "required": ["id", "object", "created", "owned_by"],
        "properties": {
            "id": _STRING,
            "object": {"const": "model"},
            "created": _WHOLE,
            "owned_by": _STRING,
            "name": _STRING,
            "description": _STRING,
            "context_length": _WHOLE,
            "pricing": {
                "type": "object",
                "description": "USD per token (or per image, per request), as exact text.",
            },
            "supported_parameters": {"type": "array", "items": _STRING},
            "default_parameters": {"type": "object"},
        },
    },
    "ModelList": {
        "type": "object",
        "required": ["object", "data"],
        "properties": {
            "object": {"const": "list"},
            "data": {"type": "array", "items": {"$ref": "#/components/schemas/Model"}},
        },
    },
    "Receipt": {
        "type": "object",
        "required": ["data"],
        "properties": {
            "data": {
                "type": "object",
                "required": ["id", "model", "total_cost", "outcome", "usage"],
                "properties": {
                    "id": _STRING,
                    "model": _STRING,
                    "created_at": {"type": "string", "format": "date-time"},
                    "total_cost": {"type": "number", "description": "US dollars, exact."},
                    "tokens_prompt": _WHOLE,
                    "tokens_completion": _WHOLE,
                    "outcome": {"enum": ["finished", "cancelled", "failed", "crashed"]},
                    "usage": {"type": "object"},
                    "price_version": _STRING,
                    "attempts": {"type": "array", "items": {"type": "object"}},
                },
            }
        },
    },
}
